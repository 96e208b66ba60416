"""Both directions of the only path take 30 ms."""

from sctpinspect.scenarios import Impairment, Topology

TOPOLOGY = Topology(impairment=Impairment(delay_ms=30))


def server(host):
    with host.one_to_many() as sock:
        sock.bind(host.addresses[0], 5000)
        sock.listen()
        host.signal("listening")
        assert sock.sctp_recvmsg().data == b"hello"


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        sock.connect(host.peer.addresses[0], 5000)
        sock.sctp_sendmsg(b"hello")
