"""SCTP_ASSOCINFO: how many retransmissions a silent peer is granted, and what is known of that peer.

Before the outage SCTP_ASSOCINFO tells how many addresses the peer has and how much room. Then nothing passes
any more: after sasoc_asocmaxrxt retransmissions the association is given up.
"""

from sctpinspect.journal.structures import AssocInfo, Events, RtoInfo
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()

PORT = 4444
RETRANSMISSIONS = 3


def server(host):
    with host.one_to_one() as listener:
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            assert sock.recv() == b"one"
            sock.send(b"OK")
            host.signal("answered")
            host.wait_for("given up")
    host.signal("closed")


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        sock.setsockopt(RtoInfo(srto_initial=300, srto_min=300, srto_max=600))
        sock.setsockopt(AssocInfo(sasoc_asocmaxrxt=RETRANSMISSIONS))
        sock.setsockopt(Events(sctp_association_event=1))
        sock.connect(host.peer.addresses[0], PORT)
        assert sock.recvmsg().notification.state == "SCTP_COMM_UP"
        sock.send(b"one")
        assert sock.recv() == b"OK"
        host.wait_for("path is down")
        known = sock.getsockopt(AssocInfo())
        assert (known.sasoc_asocmaxrxt, known.sasoc_number_peer_destinations) == (RETRANSMISSIONS, 1)
        sock.send(b"two")
        while sock.recvmsg().notification.state != "SCTP_COMM_LOST":
            pass
        host.signal("given up")
        host.wait_for("closed")


def wire(net):
    net.wait_for("answered")
    net.path(0).down()
    net.signal("path is down")
