"""SCTP_INITMSG: the streams that INIT asks for and allows, how often it is sent, and how fast.

A server that allows three inbound streams gets a client that asks for five: each side has what both agree on,
as SCTP_STATUS tells. Then the client calls while nothing passes any more: INIT is repeated three times, at
intervals that do not grow beyond sinit_max_init_timeo, before connect() fails and SCTP_CANT_STR_ASSOC comes.
"""

from sctpinspect.journal.structures import Events, InitMsg, RtoInfo, Status
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()

PORT = 4444


def server(host):
    with host.one_to_one() as listener:
        listener.setsockopt(InitMsg(sinit_num_ostreams=4, sinit_max_instreams=3))
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            status = sock.getsockopt(Status())
            assert (status.sstat_outstrms, status.sstat_instrms) == (4, 3)
            host.signal("looked")
            while sock.recv():
                pass


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        sock.setsockopt(InitMsg(sinit_num_ostreams=5, sinit_max_instreams=6))
        sock.connect(host.peer.addresses[0], PORT)
        status = sock.getsockopt(Status())
        assert (status.sstat_outstrms, status.sstat_instrms) == (3, 4)
        sock.sctp_sendmsg(b"on the last stream", stream=2)
        host.wait_for("looked")
    host.signal("over")
    host.wait_for("path is down")
    with host.one_to_one() as sock:
        sock.setsockopt(RtoInfo(srto_initial=200, srto_min=200, srto_max=2000))
        sock.setsockopt(InitMsg(sinit_max_attempts=3, sinit_max_init_timeo=300))
        sock.setsockopt(Events(sctp_association_event=1))
        try:
            sock.connect(host.peer.addresses[0], PORT)
        except TimeoutError:
            assert sock.recvmsg().notification.state == "SCTP_CANT_STR_ASSOC"


def wire(net):
    net.wait_for("over")
    net.path(0).down()
    net.signal("path is down")
