"""Notifications: each is asked for, provoked and received.

After the lesson on notifications of the Linux SCTP tutorials. By default all are asked for with SCTP_EVENTS,
and those of an undisturbed association come: change of association, peer address, adaptation, sender dry,
shutdown. In variant `event` SCTP_EVENT asks for them one by one; the others are named after what they
provoke.
"""

import struct
from contextlib import contextmanager
from socket import MSG_EOR

from sctpinspect.journal.layout import LINUX
from sctpinspect.journal.linux import SCTP_STREAM_RESET_OUTGOING, SPP_HB_ENABLE
from sctpinspect.journal.structures import (
    NOTIFICATIONS,
    AdaptationLayer,
    AddStreams,
    AuthActiveKey,
    AuthChunk,
    AuthDeactivateKey,
    AuthKey,
    EnableStreamReset,
    Events,
    EventSubscription,
    Linger,
    PartialDeliveryPoint,
    PeerAddrParams,
    RcvBuf,
    ResetAssoc,
    ResetStreams,
    RtoInfo,
)
from sctpinspect.protocol import CauseCode, ChunkType, ParameterType
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology(paths=2)
VARIANTS = {
    "event": TOPOLOGY,
    "send-failed": Topology(),
    "partial-delivery": Topology(),
    "remote-error": Topology(raw=("b",)),
    "authentication": Topology(sysctls={"auth_enable": 1}),
    "stream-reset": Topology(sysctls={"reconf_enable": 1}),
}

PORT = 4444
MESSAGES = 5
IN_VAIN = 12
KEY = 1
HEARTBEAT_INTERVAL_MS = 200
ALL_REQUESTS = 7  # to reset streams, to reset the association, to add streams


def ask_for_all(host, sock):
    """Ask for all notifications; which of them come depends on what happens."""
    if host.variant == "event":
        for name in NOTIFICATIONS:
            sock.setsockopt(EventSubscription(se_type=LINUX[name], se_on=1))
    else:
        sock.setsockopt(Events(**dict.fromkeys(Events.FIELDS, 1)))


def tell(host, notification):
    """Say what has come, to people and to the other host."""
    host.print(f"{notification.NAME} {notification.state or ''}".rstrip())
    host.signal(f"{host.name} {notification.state or notification.NAME}")


def read_until(host, sock, *wanted):
    """Read until all of these have come: data, types or states of notifications."""
    missing = set(wanted)
    while missing:
        message = sock.recvmsg()
        if notification := message.notification:
            tell(host, notification)
            missing -= {notification.NAME, notification.state}
        missing.discard(message.data)


def prepare(host, sock):
    """Ask for notifications, and set what has to be before the association is set up."""
    ask_for_all(host, sock)
    match host.variant:
        case "authentication":
            sock.setsockopt(AuthChunk(sauth_chunk=ChunkType.DATA))
            sock.setsockopt(AuthKey(sca_keynumber=KEY, sca_keylength=6, sca_key=b"secret"))
        case "stream-reset":
            sock.setsockopt(EnableStreamReset(assoc_value=ALL_REQUESTS))
        case "" | "event":
            sock.setsockopt(RtoInfo(srto_initial=300, srto_min=300, srto_max=600))
            sock.setsockopt(PeerAddrParams(spp_hbinterval=HEARTBEAT_INTERVAL_MS, spp_flags=SPP_HB_ENABLE))
            sock.setsockopt(AdaptationLayer(ssb_adaptation_ind=0xADA7))


def server(host):
    programs = {"send-failed": unread, "partial-delivery": half_read, "remote-error": erring}
    programs.get(host.variant, answering)(host)


def client(host):
    programs = {
        "send-failed": sending_in_vain,
        "partial-delivery": aborting,
        "remote-error": told_of_error,
        "authentication": authenticating,
        "stream-reset": resetting,
    }
    programs.get(host.variant, talking)(host)


def answering(host):
    """A server that answers each message, until its client has gone."""
    with host.one_to_many() as sock:
        prepare(host, sock)
        sock.bindx(host.addresses, PORT)
        sock.listen()
        host.signal("listening")
        state = None
        while state not in ("SCTP_SHUTDOWN_COMP", "SCTP_COMM_LOST"):
            message = sock.recvmsg()
            if notification := message.notification:
                tell(host, notification)
                state = notification.state
            else:
                sock.sctp_sendmsg(b"OK", message.address, message.port)


@contextmanager
def associated(host):
    """The client's socket, with an association."""
    host.wait_for("listening")
    with host.one_to_one() as sock:
        prepare(host, sock)
        sock.connectx(host.peer.addresses, PORT)
        read_until(host, sock, "SCTP_COMM_UP")
        yield sock


def talking(host):
    """Five messages, each answered and acknowledged."""
    with associated(host) as sock:
        for number in range(MESSAGES):
            sock.send(f"DATA {number}".encode())
            read_until(host, sock, b"OK", "SCTP_SENDER_DRY_EVENT")
        host.wait_for("b SCTP_ADDR_CONFIRMED")


def authenticating(host):
    """DATA is authenticated with another key than before, then with the old one again, and the other goes."""
    with associated(host) as sock:
        sock.setsockopt(AuthActiveKey(scact_keynumber=KEY))
        sock.send(b"DATA 0")
        read_until(host, sock, b"OK")
        sock.setsockopt(AuthActiveKey(scact_keynumber=0))
        sock.setsockopt(AuthDeactivateKey(scact_keynumber=KEY))
        sock.send(b"DATA 1")
        read_until(host, sock, b"OK", "SCTP_AUTH_FREE_KEY")


def resetting(host):
    """A stream starts again at 0, streams are added, all of the association starts again."""
    with associated(host) as sock:
        sock.send(b"DATA 0")
        read_until(host, sock, b"OK", "SCTP_SENDER_DRY_EVENT")
        sock.setsockopt(
            ResetStreams(srs_flags=SCTP_STREAM_RESET_OUTGOING, srs_number_streams=1, srs_stream_list=(0,))
        )
        read_until(host, sock, "SCTP_STREAM_RESET_EVENT")
        sock.setsockopt(AddStreams(sas_outstrms=2))
        read_until(host, sock, "SCTP_STREAM_CHANGE_EVENT")
        sock.setsockopt(ResetAssoc())
        read_until(host, sock, "SCTP_ASSOC_RESET_EVENT")
        sock.send(b"DATA 1")
        read_until(host, sock, b"OK")


def unread(host):
    """A server that does not read, and closes: Linux then aborts."""
    with host.one_to_one() as listener:
        listener.setsockopt(RcvBuf(value=4000))
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept():
            host.wait_for("sent")


def sending_in_vain(host):
    """More than the server has room for: some messages are sent and not read, others are never sent."""
    with associated(host) as sock:
        for number in range(IN_VAIN):
            sock.send(b"DATA %02d" % number * 80)
        host.signal("sent")
        last = None
        while last != ("SCTP_SEND_FAILED_EVENT", b"DATA %02d" % (IN_VAIN - 1) * 80):
            failed = sock.recvmsg().notification
            tell(host, failed)
            last = (failed.NAME, getattr(failed, "ssf_data", None))


def half_read(host):
    """A server that is given the beginning of a message, and learns that no more of it will come."""
    with host.one_to_many() as sock:
        prepare(host, sock)
        sock.setsockopt(RcvBuf(value=8000))
        sock.setsockopt(PartialDeliveryPoint(value=1000))
        sock.bind(host.addresses[0], PORT)
        sock.listen()
        host.signal("listening")
        while (message := sock.recvmsg()).notification:
            tell(host, message.notification)
        assert not message.flags & MSG_EOR
        host.signal("half read")
        host.wait_for("gone")
        read_until(host, sock, "SCTP_PARTIAL_DELIVERY_EVENT", "SCTP_COMM_LOST")


def aborting(host):
    """A client that goes while its message is under way."""
    with associated(host) as sock:
        sock.setsockopt(Linger(l_onoff=1, l_linger=0))
        sock.send(bytes(60_000))
        host.wait_for("half read")
    host.signal("gone")


def erring(host):
    """A server made by hand, which reports an error."""
    with host.path(0) as path:
        host.signal("listening")
        init = path.receive()
        tag = int.from_bytes(init[36:40], "big")  # behind the headers of IP, SCTP and the chunk
        fields = struct.pack("!IIHHI", 0xB0B, 65536, 10, 10, 1)  # tag, a_rwnd, streams out and in, TSN
        path.answer(
            init,
            tag,
            chunk(
                ChunkType.INIT_ACK, fields + struct.pack("!HH8s", ParameterType.STATE_COOKIE, 12, b"a cookie")
            ),
        )
        echo = path.receive()
        error = chunk(ChunkType.ERROR, struct.pack("!HH", CauseCode.OUT_OF_RESOURCE, 4))
        path.answer(echo, tag, chunk(ChunkType.COOKIE_ACK), error)
        path.answer(path.receive(), tag, chunk(ChunkType.SHUTDOWN_ACK))
        path.receive()


def chunk(type, value=b""):
    return struct.pack("!BBH", type, 0, 4 + len(value)) + value


def told_of_error(host):
    with associated(host) as sock:
        read_until(host, sock, "SCTP_REMOTE_ERROR")
