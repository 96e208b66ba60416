"""SCTP_NODELAY: small messages are sent at once, though one before them is not acknowledged yet.

In variant `off` Nagle's algorithm holds the later messages back, until the first one is acknowledged.
"""

from sctpinspect.journal.structures import NoDelay
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()
VARIANTS = {"off": TOPOLOGY}

PORT = 4444
MESSAGES = 5


def server(host):
    with host.one_to_one() as listener:
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            for number in range(MESSAGES):
                assert sock.recv() == b"DATA %d" % number
            assert sock.recv() == b""


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        sock.setsockopt(NoDelay(value=0 if host.variant == "off" else 1))
        sock.connect(host.peer.addresses[0], PORT)
        for number in range(MESSAGES):
            sock.send(b"DATA %d" % number)
