"""Implicit set-up by sendmsg; SCTP_INIT overrides SCTP_INITMSG; stream, PPID and flags by SCTP_SNDINFO."""

from sctpinspect.journal.linux import SCTP_UNORDERED
from sctpinspect.journal.structures import Events, Init, InitMsg, RecvRcvInfo, SndInfo
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology(paths=2)
VARIANTS = {"ipv6": Topology(paths=2, families=("ipv6",))}


def server(host):
    with host.one_to_many() as sock:
        sock.setsockopt(RecvRcvInfo(value=1))
        sock.setsockopt(Events(sctp_association_event=1))
        sock.bindx(host.addresses, 5000)
        sock.listen()
        host.signal("listening")
        while (
            notification := sock.recvmsg().notification
        ) is None or notification.state != "SCTP_SHUTDOWN_COMP":
            pass


def client(host):
    host.wait_for("listening")
    with host.one_to_many() as sock:
        sock.setsockopt(InitMsg(sinit_num_ostreams=5, sinit_max_instreams=6))
        control = [
            Init(sinit_num_ostreams=20, sinit_max_instreams=30),
            SndInfo(snd_sid=4, snd_ppid=0x8090A0B0),
        ]
        sock.sendmsg(b"hello", host.peer.addresses[1], 5000, control=control)
        for stream in range(4):
            control = [SndInfo(snd_sid=stream, snd_ppid=300, snd_flags=SCTP_UNORDERED)]
            sock.sendmsg(b"x" * 5000, host.peer.addresses[1], 5000, control=control)
