"""The only path goes down and the association is given up: SCTP_COMM_LOST without an ABORT from the peer."""

from sctpinspect.journal.structures import AssocInfo, Events, RtoInfo
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology()


def prepare(sock):
    sock.setsockopt(RtoInfo(srto_initial=200, srto_min=100, srto_max=200))
    sock.setsockopt(AssocInfo(sasoc_asocmaxrxt=2))
    sock.setsockopt(Events(sctp_association_event=1))


def server(host):
    with host.one_to_many() as sock:
        prepare(sock)
        sock.bind(host.addresses[0], 5000)
        sock.listen()
        host.signal("listening")
        assert sock.sctp_recvmsg().notification.state == "SCTP_COMM_UP"
        assert sock.sctp_recvmsg().data == b"one"
        host.wait_for("given up")


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        prepare(sock)
        sock.connect(host.peer.addresses[0], 5000)
        sock.sctp_sendmsg(b"one")
        host.signal("sent")
        host.wait_for("path 0 is down")
        sock.sctp_sendmsg(b"two")
        while sock.sctp_recvmsg().notification.state != "SCTP_COMM_LOST":
            pass
    host.signal("given up")


def wire(net):
    net.wait_for("sent")
    net.path(0).down()
    net.signal("path 0 is down")
