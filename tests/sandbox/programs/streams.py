"""A one-to-many client without connect(): streams and defaults by SCTP_SNDINFO, notifications, autoclose."""

from sctpinspect.journal.structures import (
    AutoClose,
    DefaultSndInfo,
    Events,
    InitMsg,
    RecvRcvInfo,
    RtoInfo,
    SndInfo,
)
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology(paths=2)
ALL = Events(
    sctp_data_io_event=1,
    sctp_association_event=1,
    sctp_address_event=1,
    sctp_send_failure_event=1,
    sctp_peer_error_event=1,
    sctp_shutdown_event=1,
    sctp_sender_dry_event=1,
)


def server(host):
    with host.one_to_many() as sock:
        sock.setsockopt(InitMsg(sinit_num_ostreams=4, sinit_max_instreams=6))
        sock.setsockopt(ALL)
        sock.bindx(host.addresses, 5000)
        sock.listen()
        host.signal("listening")
        serve(sock)


def serve(sock):
    """Answer messages until the association has ended."""
    while True:
        message = sock.recvmsg()
        if message.notification is None:
            sock.sctp_sendmsg(b"OK", message.address, message.port, stream=message.stream % 4)
        elif message.notification.state == "SCTP_SHUTDOWN_COMP":
            return


def client(host):
    host.wait_for("listening")
    with host.one_to_many() as sock:
        sock.setsockopt(ALL)
        sock.setsockopt(RecvRcvInfo(value=1))
        sock.setsockopt(RtoInfo(srto_initial=500, srto_min=200, srto_max=1000))
        sock.setsockopt(AutoClose(value=1))
        sock.setsockopt(DefaultSndInfo(snd_sid=5, snd_ppid=77))
        address = host.peer.addresses[0]
        sock.sendmsg(b"by default", address, 5000)
        for stream in range(4):
            sock.sendmsg(b"stream %d" % stream, address, 5000, [SndInfo(snd_sid=stream, snd_ppid=stream)])
        while True:
            notification = sock.recvmsg().notification
            if notification is not None and notification.state == "SCTP_SHUTDOWN_COMP":
                break
