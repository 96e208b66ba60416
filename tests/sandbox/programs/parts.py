"""A message read in parts with SCTP_RCVINFO, one that is fragmented too, and the end of file after them."""

from sctpinspect.journal.structures import RecvRcvInfo
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology()


def server(host):
    with host.one_to_one() as sock:
        sock.bind(host.addresses[0], 5000)
        sock.listen()
        host.signal("listening")
        with sock.accept() as accepted:
            accepted.setsockopt(RecvRcvInfo(value=1))
            while accepted.recvmsg(700).data:
                pass


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        sock.connect(host.peer.addresses[0], 5000)
        for length in (1000, 300, 5000):
            sock.sctp_sendmsg(bytes(length), stream=1)
