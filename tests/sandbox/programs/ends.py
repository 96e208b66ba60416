"""Associations ended one by one: by SCTP_EOF, by SCTP_ABORT with a reason, by a linger time of 0."""

from sctpinspect.journal.linux import SCTP_ABORT, SCTP_EOF
from sctpinspect.journal.structures import Events, Linger
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology()


def server(host):
    with host.one_to_many() as sock:
        sock.setsockopt(Events(sctp_data_io_event=1, sctp_association_event=1, sctp_shutdown_event=1))
        sock.bind(host.addresses[0], 5000)
        sock.listen()
        host.signal("listening")
        ended = 0
        while ended < 3:
            message = sock.sctp_recvmsg()
            ended += message.notification is not None and message.notification.state in (
                "SCTP_SHUTDOWN_COMP",
                "SCTP_COMM_LOST",
            )


def client(host):
    host.wait_for("listening")
    address = host.peer.addresses[0]
    for flag, reason in ((SCTP_EOF, b""), (SCTP_ABORT, b"enough of this")):
        with host.one_to_many() as sock:
            sock.setsockopt(Events(sctp_association_event=1))
            sock.sctp_sendmsg(b"hello", address, 5000)
            assert sock.sctp_recvmsg().notification.state == "SCTP_COMM_UP"
            sock.sctp_sendmsg(reason, address, 5000, flags=flag)
            if flag == SCTP_EOF:
                assert sock.sctp_recvmsg().notification.state == "SCTP_SHUTDOWN_COMP"
    with host.one_to_one() as sock:
        sock.setsockopt(Linger(l_onoff=1, l_linger=0))
        sock.connect(address, 5000)
        sock.send(b"hello")
