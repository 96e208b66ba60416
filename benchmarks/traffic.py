"""A million packets of real kernel traffic, recorded in a UML guest as the sandbox records a scenario.

Hosts a and b are joined by two paths. Client processes on a hold several associations each with servers on b:
multi-homed on both sides, on one, or on none. In random order they send messages

    60 %  of 50 to 300 bytes
    30 %  of 900 to 1100 bytes
    10 %  of 8 to 64 KB (their logarithm is uniform)

on ten streams, some unordered; every second association has SCTP_NODELAY. The servers answer one message in
four with a small one. Most associations end with close(), one in sixteen by ABORT. Meanwhile the paths lose
packets now and then (`wire`). Sockets are used directly: the calls are not in the journal.
"""

import math
import os
import random
import select
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from sctpinspect.sandbox import network
from sctpinspect.sandbox.host import Host
from sctpinspect.sandbox.wire import Wire
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology(paths=2)
PROCESSES = 4  # clients
ASSOCIATIONS, OPEN_AT_ONCE = 72, 8  # of each client
MESSAGES = 1000  # of an association, on average (exponential distribution)
BURST = 16  # messages that a client sends before it looks at its other associations
LOSSES = ((0, 0.5), (1, 1.0)) * 2  # path and percent, for so long:
PHASE_S = 4.0  # and none for as long after it
LIMIT_S = 600.0

MULTI_HOMED, SINGLE_HOMED = ("0.0.0.0", 5001), ("10.0.0.2", 5002)  # the servers
HOMES = (  # what a client binds ("0.0.0.0": all its addresses), and where it connects
    ("0.0.0.0", ("10.0.0.2", 5001)),
    ("0.0.0.0", ("10.0.1.2", 5001)),
    ("10.0.1.1", ("10.0.1.2", 5001)),
    ("10.0.0.1", SINGLE_HOMED),
)
SYSCTLS = {
    "rto_min": 100,
    "rto_initial": 500,
    "hb_interval": 1000,
}  # ms; losses cost less time, idle paths show

IPPROTO_SCTP, SCTP_SNDINFO, SCTP_NODELAY, SCTP_UNORDERED = 132, 2, 3, 1
NOISE = random.Random(0).randbytes(1 << 17)


def record(out: Path) -> str:
    """Run it in a guest and write the capture to `out`; says what is in it."""
    from sctpinspect import kernels
    from sctpinspect.recorder.assemble import assemble

    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        outcome = kernels.choose("uml").run([sys.executable, __file__], Path(folder), LIMIT_S)
        if outcome.status:
            raise RuntimeError(outcome.log)
        return f"{outcome.log.strip()}\n{assemble(Path(folder), out)}"


def act_as_guest() -> int:
    """The run, as `python -m sctpinspect.sandbox` does it; gives the exit status."""
    from sctpinspect.sandbox import run

    run.LIMIT_S = LIMIT_S
    failures = run.run(sys.modules["__main__"], "benchmark/traffic", "", "uml", Path.cwd())
    print(*failures.items(), sep="\n")
    return len(failures)


# ---- the scenario


def client(host: Host) -> None:
    set_up()
    host.wait_for("servers listen")
    begin = time.monotonic()
    for process in [fork(talk, number) for number in range(PROCESSES)]:
        process.join()
        if process.exitcode:
            raise RuntimeError("a client failed")
    host.print(f"{PROCESSES * ASSOCIATIONS} associations in {time.monotonic() - begin:.0f} s")
    host.signal("clients are done")


def server(host: Host) -> None:
    set_up()
    listeners = [listen(address) for address in (MULTI_HOMED, SINGLE_HOMED)]
    processes = [fork(serve, listener) for listener in listeners]
    host.signal("servers listen")
    host.wait_for("clients are done", LIMIT_S)
    for process in processes:
        process.terminate()


def wire(net: Wire) -> None:
    for path, percent in LOSSES:
        net.path(path).impair(loss_percent=percent)
        time.sleep(PHASE_S)
        net.path(path).impair(loss_percent=0)
        time.sleep(PHASE_S)


def set_up() -> None:
    for name, value in SYSCTLS.items():
        network.set_sysctl(f"net/sctp/{name}", value)


def fork(act, argument) -> BaseProcess:
    process = get_context("fork").Process(target=act, args=(argument,), daemon=True)
    process.start()
    return process


# ---- the clients


def talk(client: int) -> None:
    """A client process: some associations at once, until all have been."""
    chance = random.Random(client)
    coming = iter(range(ASSOCIATIONS))
    poll, current = select.poll(), {}
    while True:
        while len(current) < OPEN_AT_ONCE and (number := next(coming, None)) is not None:
            sock = connect(chance, *HOMES[number % len(HOMES)], at_once=number // len(HOMES) % 2 == 0)
            poll.register(sock, select.POLLIN | select.POLLOUT)
            messages = math.ceil(chance.expovariate(1 / MESSAGES))
            current[sock.fileno()] = sock, send(sock, chance, messages), number
        if not current:
            return
        for descriptor, events in poll.poll():
            sock, sending, number = current[descriptor]
            if events & select.POLLIN:
                sock.recv(1 << 16)
            if events & select.POLLOUT and next(sending, "done") == "done":
                poll.unregister(sock)
                del current[descriptor]
                end(sock, by_abort=number % 16 == 15)


def connect(chance: random.Random, local: str, peer: tuple[str, int], *, at_once: bool) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP)
    sock.setsockopt(IPPROTO_SCTP, SCTP_NODELAY, at_once)
    sock.bind((local, 0))
    sock.connect(peer)
    sock.setblocking(False)
    return sock


def send(sock: socket.socket, chance: random.Random, messages: int) -> Iterator[None]:
    """Send as many messages as there is room for, at most BURST, each time it is asked."""
    for number in range(1, messages + 1):
        data = message(chance)
        information = struct.pack("=HHIII", chance.randrange(10), chance.random() < 0.1, 0, 0, 0)
        while True:
            try:
                sock.sendmsg([data], [(IPPROTO_SCTP, SCTP_SNDINFO, information)])
                break
            except BlockingIOError:
                yield
        if number % BURST == 0:
            yield


def message(chance: random.Random) -> memoryview:
    kind = chance.random()
    if kind < 0.6:
        size = chance.randint(50, 300)
    elif kind < 0.9:
        size = chance.randint(900, 1100)
    else:
        size = int(8000 * 8 ** chance.random())
    begin = chance.randrange(len(NOISE) - size)
    return memoryview(NOISE)[begin : begin + size]


def end(sock: socket.socket, *, by_abort: bool) -> None:
    if by_abort:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# ---- the servers


def listen(address: tuple[str, int]) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP)
    sock.bind(address)
    sock.listen(PROCESSES * OPEN_AT_ONCE)
    return sock


def serve(listener: socket.socket) -> None:
    """Receive from all, and answer now and then; what has no room is not sent."""
    chance = random.Random(1)
    poll, accepted = select.poll(), {}
    poll.register(listener, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == listener.fileno():
                sock, _ = listener.accept()
                sock.setblocking(False)
                poll.register(sock, select.POLLIN)
                accepted[sock.fileno()] = sock
            elif not answer(accepted[descriptor], chance):
                poll.unregister(descriptor)
                accepted.pop(descriptor).close()


def answer(sock: socket.socket, chance: random.Random) -> bool:
    """Whether the association still lasts."""
    try:
        if not sock.recv(1 << 16):
            return False
        if chance.random() < 0.25:
            sock.send(NOISE[: chance.randint(50, 300)])
    except BlockingIOError:
        pass
    except OSError:  # ended by ABORT
        return False
    return True


if __name__ == "__main__":
    os._exit(act_as_guest())
