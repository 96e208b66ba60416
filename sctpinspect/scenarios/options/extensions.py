"""Linux' options that switch extensions on and off: what INIT and INIT ACK announce.

The client switches off what the system has on (partial reliability, ECN) and on what it has off (AUTH,
ASCONF, RE-CONFIG). The server does so with AUTH and RE-CONFIG alone: it announces only what both have.
"""

from sctpinspect.journal.structures import (
    AsconfSupported,
    AuthSupported,
    EcnSupported,
    PrSupported,
    ReconfigSupported,
)
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()

PORT = 4444


def prepare(sock, **switched):
    options = {
        "pr": PrSupported,
        "ecn": EcnSupported,
        "auth": AuthSupported,
        "asconf": AsconfSupported,
        "reconfig": ReconfigSupported,
    }
    for name, value in switched.items():
        sock.setsockopt(options[name](assoc_value=value))
        assert sock.getsockopt(options[name]()).assoc_value == value


def server(host):
    with host.one_to_one() as listener:
        prepare(listener, auth=1, reconfig=1)
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            while data := sock.recv():
                sock.send(data)


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        prepare(sock, pr=0, ecn=0, auth=1, asconf=1, reconfig=1)
        sock.connect(host.peer.addresses[0], PORT)
        sock.send(b"hello")
        assert sock.recv() == b"hello"
