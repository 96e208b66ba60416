"""In a guest kernel: host a sends frames to host b over an impaired path, and b tells what it got."""

import json
import os
import socket
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from sctpinspect.recorder import spool
from sctpinspect.sandbox import network
from sctpinspect.scenarios import Impairment, Topology

ETHERTYPE = 0x88B5
SO_RCVBUFFORCE = 33
IMPAIRMENT = Impairment(delay_ms=20, jitter_ms=10, loss_percent=20, duplicate_percent=10)
sockets: list[socket.socket] = []


def open_socket(host: str) -> None:
    network.configure(host, TOPOLOGY)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    sock.bind(("path0", ETHERTYPE))
    sockets.append(sock)


def send(receiver: str, sender: str) -> None:
    head = bytes.fromhex((receiver + sender).replace(":", "")) + ETHERTYPE.to_bytes(2, "big")
    for number in range(500):
        frame = head + number.to_bytes(4, "big") + bytes(100)
        sockets[0].send(frame)
        if number % 5 == 0:  # the same bytes again, at once
            sockets[0].send(frame)
        time.sleep(0.002)
        if number % 7 == 0:  # and later
            sockets[0].send(frame)


def received() -> dict[int, int]:
    numbers: Counter[int] = Counter()
    sockets[0].setblocking(False)
    try:
        while True:
            numbers[int.from_bytes(sockets[0].recv(2000)[14:18], "big")] += 1
    except BlockingIOError:
        return dict(numbers)


TOPOLOGY = Topology(impairment=IMPAIRMENT)
in_namespace = {"mp_context": get_context("fork"), "initializer": network.enter_new_namespace}
with ProcessPoolExecutor(1, **in_namespace) as a, ProcessPoolExecutor(1, **in_namespace) as b:
    pids = {"a": a.submit(os.getpid).result(), "b": b.submit(os.getpid).result()}
    network.enter_new_namespace()
    interfaces = network.lay_paths(TOPOLOGY, pids)
    recipe = {"sctpinspect": "0", "interfaces": interfaces, "impaired": True}
    Path("recipe.json").write_text(json.dumps(recipe))
    with spool.recording(Path.cwd(), outgoing=True):
        a.submit(open_socket, "a").result()
        b.submit(open_socket, "b").result()
        a.submit(send, interfaces[1]["mac"], interfaces[0]["mac"]).result()
        time.sleep(0.5)
        Path("received.json").write_text(json.dumps(b.submit(received).result()))
