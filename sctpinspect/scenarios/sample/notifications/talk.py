"""What the variants have in common: asking for notifications and reading them; and the undisturbed talk."""

from contextlib import contextmanager

from sctpinspect.journal.layout import LINUX
from sctpinspect.journal.linux import SPP_HB_ENABLE
from sctpinspect.journal.structures import (
    NOTIFICATIONS,
    AdaptationLayer,
    AuthChunk,
    AuthKey,
    EnableStreamReset,
    Events,
    EventSubscription,
    PeerAddrParams,
    RtoInfo,
)
from sctpinspect.protocol import ChunkType

PORT = 4444
MESSAGES = 5
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


def asking(host):
    """Five messages, each answered and acknowledged."""
    with associated(host) as sock:
        for number in range(MESSAGES):
            sock.send(f"DATA {number}".encode())
            read_until(host, sock, b"OK", "SCTP_SENDER_DRY_EVENT")
        host.wait_for("b SCTP_ADDR_CONFIRMED")
