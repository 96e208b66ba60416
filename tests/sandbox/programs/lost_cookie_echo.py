"""The first COOKIE ECHO is lost on the wire; the second one arrives."""

from sctpinspect.journal.structures import RtoInfo
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology(paths=2)


def server(host):
    with host.one_to_many() as sock:
        sock.bindx(host.addresses, 5000)
        sock.listen()
        host.signal("listening")
        assert sock.sctp_recvmsg().data == b"hello"


def client(host):
    host.wait_for("listening")
    host.wait_for("will lose")
    with host.one_to_one() as sock:
        sock.setsockopt(RtoInfo(srto_initial=200, srto_min=100, srto_max=400))
        sock.connectx(host.peer.addresses, 5000)
        sock.sctp_sendmsg(b"hello")


def wire(net):
    net.drop("COOKIE_ECHO", sender="a", occurrences=[1])
    net.signal("will lose")
