"""Path 0 loses what a sends while it is down; path 1 carries on, and path 0 comes back."""

from sctpinspect.journal.structures import RtoInfo
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology(paths=2)


def server(host):
    with host.one_to_many() as sock:
        sock.bindx(host.addresses, 5000)
        sock.listen()
        host.signal("listening")
        assert [sock.sctp_recvmsg().data for _ in range(3)] == [b"before", b"while", b"after"]
        host.signal("received")


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        sock.setsockopt(RtoInfo(srto_initial=200, srto_min=100, srto_max=400))
        sock.connectx(host.peer.addresses, 5000)
        sock.sctp_sendmsg(b"before")
        host.signal("sent before")
        host.wait_for("path 0 is down")
        sock.sctp_sendmsg(b"while")
        host.signal("sent while")
        host.wait_for("path 0 is up")
        sock.sctp_sendmsg(b"after")
        host.wait_for("received")


def wire(net):
    net.wait_for("sent before")
    net.path(0).down(sender="a")
    net.signal("path 0 is down")
    net.wait_for("sent while")
    net.path(0).up()
    net.signal("path 0 is up")
