"""A one-to-many server peels off the associations of two clients and serves each on a socket of its own."""

from sctpinspect.journal.structures import Events, RecvRcvInfo, SndInfo, Status
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology(paths=2)


def server(host):
    with host.one_to_many() as sock:
        sock.setsockopt(Events(sctp_association_event=1, sctp_shutdown_event=1))
        sock.setsockopt(RecvRcvInfo(value=1))
        sock.bindx(host.addresses, 5000)
        sock.listen()
        host.signal("listening")
        peeled = []
        while len(peeled) < 2:
            up = sock.recvmsg().notification
            if up is not None and up.state == "SCTP_COMM_UP":
                sock.opt_info(up.association_id, Status())
                sock.getpaddrs(up.association_id)
                peeled.append(sock.peeloff(up.association_id))
        for own in peeled:
            with own:
                message = own.recvmsg()
                own.sendmsg(message.data, control=[SndInfo(snd_sid=message.stream, snd_ppid=7)])
                assert own.recvmsg().notification.NAME == "SCTP_SHUTDOWN_EVENT"
                assert own.recvmsg().notification.state == "SCTP_SHUTDOWN_COMP"


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as first, host.one_to_one() as second:
        for number, sock in enumerate((first, second)):
            sock.bind(host.addresses[number])
            sock.connect(host.peer.addresses[0], 5000)
        for number, sock in enumerate((first, second)):
            sock.sctp_sendmsg(b"number %d" % number, stream=3 + number, ppid=9)
            assert sock.recv() == b"number %d" % number
            sock.shutdown()
