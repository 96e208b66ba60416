"""Two associations one after the other between the same ports, on one socket of the server."""

from sctpinspect.journal.structures import Events
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology(paths=2)


def notified(sock):
    sock.setsockopt(Events(sctp_data_io_event=1, sctp_association_event=1, sctp_shutdown_event=1))


def server(host):
    with host.one_to_many() as sock:
        notified(sock)
        sock.bindx(host.addresses, 5000)
        sock.listen()
        host.signal("listening")
        ended = 0
        while ended < 2:
            message = sock.sctp_recvmsg()
            if message.notification is None:
                sock.sctp_sendmsg(b"OK " + message.data, message.address, message.port)
            ended += message.notification is not None and message.notification.state == "SCTP_SHUTDOWN_COMP"


def client(host):
    host.wait_for("listening")
    for _ in range(2):
        with host.one_to_one() as sock:
            notified(sock)
            sock.bindx(host.addresses, 6000)
            sock.connectx(host.peer.addresses, 5000)
            sock.sctp_sendmsg(b"hi")
            while sock.sctp_recvmsg().notification:
                pass
