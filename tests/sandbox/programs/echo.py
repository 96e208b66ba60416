"""An echo server with a thread for each client; the clients do not wait for connect()."""

import select
import threading

from sctpinspect.journal.structures import NoDelay
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology()


def echo(sock):
    with sock:
        while data := sock.recv():
            sock.send(data)


def server(host):
    with host.one_to_one() as sock:
        sock.bind("0.0.0.0", 5000)
        sock.listen(5)
        host.signal("listening")
        threads = [threading.Thread(target=echo, args=[sock.accept()]) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def client(host):
    host.wait_for("listening")
    socks = [host.one_to_one() for _ in range(3)]
    for sock in socks:
        sock.settimeout(0)
        try:
            sock.connect(host.peer.addresses[0], 5000)
        except BlockingIOError:
            host.print("in progress")
    for sock in socks:
        select.select([], [sock], [])
        sock.settimeout(None)
        sock.setsockopt(NoDelay(value=1))
    for number in range(4):
        for sock in socks:
            sock.send(b"hello %d" % number)
        for sock in socks:
            assert sock.recv() == b"hello %d" % number
    for sock in socks:
        sock.shutdown()
        sock.getsockname()
        sock.close()
