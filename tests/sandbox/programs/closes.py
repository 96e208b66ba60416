"""A server with five associations and four of their clients close at once, the fifth finds it gone."""

from sctpinspect.journal.structures import Events
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology(paths=2)


def server(host):
    with host.one_to_many() as sock:
        sock.setsockopt(Events(sctp_association_event=1, sctp_data_io_event=1, sctp_shutdown_event=1))
        sock.bindx(host.addresses, 5000)
        sock.listen()
        host.signal("listening")
        answered = 0
        while answered < 5:
            message = sock.recvmsg()
            if message.notification is None:
                sock.sctp_sendmsg(b"OK", message.address, message.port)
                answered += 1
        host.wait_for("all answered")


def client(host):
    host.wait_for("listening")
    socks = [host.one_to_one() for _ in range(5)]
    for number, sock in enumerate(socks):
        sock.connectx(host.peer.addresses, 5000)
        sock.sctp_sendmsg(b"number %d" % number)
    for sock in socks:
        assert sock.recv() == b"OK"
    host.signal("all answered")
    for sock in socks[:4]:
        sock.close()
    assert socks[4].recv() == b""
    socks[4].close()
