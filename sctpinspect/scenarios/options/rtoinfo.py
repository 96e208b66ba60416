"""SCTP_RTOINFO: the first timeout, the shortest and the longest.

The server's first COOKIE ACK is lost, so COOKIE ECHO is sent again after srto_initial. Later all that the
client sends is lost for a while: DATA is sent again after srto_min, then at intervals that double up to
srto_max.
"""

import time

from sctpinspect.journal.structures import RtoInfo
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()

PORT = 4444
OUTAGE_S = 4


def server(host):
    with host.one_to_one() as listener:
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            while data := sock.recv():
                sock.send(data)


def client(host):
    host.wait_for("listening")
    host.wait_for("COOKIE ACK will be lost")
    with host.one_to_one() as sock:
        sock.setsockopt(RtoInfo(srto_initial=500, srto_min=300, srto_max=800))
        sock.connect(host.peer.addresses[0], PORT)
        assert sock.getsockopt(RtoInfo()).srto_max == 800
        for text in (b"one", b"two"):
            sock.send(text)
            assert sock.recv() == text
        host.signal("talked")
        host.wait_for("path is down")
        sock.send(b"three")
        assert sock.recv() == b"three"


def wire(net):
    net.drop("COOKIE_ACK", sender="b", occurrences=[1])
    net.signal("COOKIE ACK will be lost")
    net.wait_for("talked")
    net.path(0).down("a")
    net.signal("path is down")
    time.sleep(OUTAGE_S)
    net.path(0).up("a")
