"""Control messages: what sendmsg is told of a message, and what recvmsg tells of it and of the next one.

After the lesson on ancillary data of the Linux SCTP tutorials: SCTP_INIT sets up the association,
SCTP_SNDINFO gives each message its stream, SCTP_RCVINFO and SCTP_NXTINFO come with what is received. All
messages are sent before the first is read, so there is a next one. The variants have the other control
messages of RFC 6458 §5.3.
"""

from sctpinspect.journal.linux import SCTP_PR_SCTP_RTX
from sctpinspect.journal.structures import (
    AuthChunk,
    AuthInfo,
    AuthKey,
    DstAddrV4,
    DstAddrV6,
    Events,
    Init,
    NoDelay,
    NxtInfo,
    PrInfo,
    RecvNxtInfo,
    RecvRcvInfo,
    SndInfo,
    SndRcvInfo,
)
from sctpinspect.protocol import ChunkType
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()
VARIANTS = {
    "ipv6": Topology(families=("ipv6",)),
    "sndrcv": TOPOLOGY,
    "prinfo": TOPOLOGY,
    "authinfo": Topology(sysctls={"auth_enable": 1}),
    "dstaddrv4": Topology(paths=2),
    "dstaddrv6": Topology(paths=2, families=("ipv6",)),
}

PORT = 4444
MESSAGES = 5
PPID = 77
KEY = 1


def prepare(host, sock):
    """Ask for what is told of received messages; in one variant make the key that DATA needs."""
    sock.setsockopt(NoDelay(value=1))  # each message is there before the next is sent
    if host.variant == "sndrcv":
        sock.setsockopt(Events(sctp_data_io_event=1))
    else:
        sock.setsockopt(RecvRcvInfo(value=1))
        sock.setsockopt(RecvNxtInfo(value=1))
    if host.variant == "authinfo":
        sock.setsockopt(AuthChunk(sauth_chunk=ChunkType.DATA))
        sock.setsockopt(AuthKey(sca_keynumber=KEY, sca_keylength=6, sca_key=b"secret"))


def control(host, stream):
    """What goes with a message."""
    match host.variant:
        case "sndrcv":
            return [SndRcvInfo(sinfo_stream=stream, sinfo_ppid=PPID)]
        case "prinfo":
            # not SCTP_PR_SCTP_TTL: Linux 6.1 drops what is sent with that before the association is set up
            return [SndInfo(snd_sid=stream, snd_ppid=PPID), PrInfo(pr_policy=SCTP_PR_SCTP_RTX, pr_value=3)]
        case "authinfo":
            return [SndInfo(snd_sid=stream, snd_ppid=PPID), AuthInfo(auth_keynumber=KEY)]
    return [SndInfo(snd_sid=stream, snd_ppid=PPID)]


def set_up(host):
    """What goes with the first message besides: streams, and in two variants the peer's other addresses."""
    kind = {"dstaddrv4": DstAddrV4, "dstaddrv6": DstAddrV6}.get(host.variant)
    others = [kind(address=address) for address in host.peer.addresses[1:]] if kind else []
    return [Init(sinit_num_ostreams=MESSAGES, sinit_max_instreams=MESSAGES), *others]


def check(host, message, number, data):
    """A message is on the stream that it was given, and tells of the next one."""
    assert (message.data, message.stream, message.ppid) == (data, number, PPID)
    following = [item.nxt_sid for item in message.control if isinstance(item, NxtInfo)]
    is_told = host.variant != "sndrcv" and number < MESSAGES - 1
    assert following == ([number + 1] if is_told else [])


def server(host):
    with host.one_to_many() as sock:
        prepare(host, sock)
        sock.bind(host.any_address, PORT)
        sock.listen()
        host.signal("listening")
        host.wait_for("sent")
        for number in range(MESSAGES):
            message = sock.recvmsg()
            check(host, message, number, f"DATA {number}".encode())
            sock.sendmsg(b"OK", message.address, message.port, control(host, number))
        host.signal("answered")
        host.wait_for("closed")


def client(host):
    host.wait_for("listening")
    with host.one_to_many() as sock:
        prepare(host, sock)
        for number in range(MESSAGES):
            first = set_up(host) if number == 0 else []
            data = f"DATA {number}".encode()
            sock.sendmsg(data, host.peer.addresses[0], PORT, [*first, *control(host, number)])
        host.signal("sent")
        host.wait_for("answered")
        for number in range(MESSAGES):
            check(host, sock.recvmsg(), number, b"OK")
    host.signal("closed")
