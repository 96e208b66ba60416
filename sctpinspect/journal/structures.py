"""The structures of the socket API (RFC 6458): options, control messages, notifications.

Each is a class with a line per field, under RFC 6458's names and in the order of Linux' structure:

    RtoInfo(srto_initial=100, srto_min=100).pack()      the bytes for setsockopt()
    RtoInfo.unpack(data).srto_min                       a field, as a number, an address or bytes
    decode_option(IPPROTO_SCTP, SCTP_RTOINFO, data)     as JSON: flags by name, addresses as text

The numbers behind the names are a mapping, by default that of Linux; another system's is another
mapping.
"""

from typing import Annotated, Any, ClassVar

from sctpinspect.journal.addresses import BYTE_ORDER, Address
from sctpinspect.journal.layout import (
    LINUX,
    Inet,
    Integer,
    Integers,
    Json,
    Layouts,
    Nested,
    Numbers,
    Octets,
    Storage,
    Structure,
    WideCause,
)

# --- fields that occur often -------------------------------------------------------------------------------

U8 = Annotated[int, Integer(1)]
U16 = Annotated[int, Integer(2)]
U32 = Annotated[int, Integer(4)]
U64 = Annotated[int, Integer(8)]
S32 = Annotated[int, Integer(4, signed=True)]
AssocId = Annotated[int, Integer(4, signed=True)]
PPID = Annotated[int, Integer(4, network=True)]
"""In host byte order here; the API passes the four bytes of the wire."""
CauseCode = Annotated[int, Integer(2, network=True)]
"""In host byte order here; Linux passes the two bytes of the wire."""
SockAddr = Annotated[Address | None, Storage()]
Rest = Annotated[bytes, Octets()]
U16s = Annotated[tuple[int, ...], Integers(Integer(2))]
AssocIds = Annotated[tuple[int, ...], Integers(Integer(4, signed=True))]

MESSAGE_FLAGS = (
    "SCTP_UNORDERED",
    "SCTP_ADDR_OVER",
    "SCTP_ABORT",
    "SCTP_SACK_IMMEDIATELY",
    "SCTP_EOF",
    "SCTP_SENDALL",
    "SCTP_PR_SCTP_ALL",
    "SCTP_NOTIFICATION",
    "SCTP_COMPLETE",
    # PRIO is both bits of the policy, so it comes first
    "SCTP_PR_SCTP_PRIO",
    "SCTP_PR_SCTP_RTX",
    "SCTP_PR_SCTP_TTL",
)
# which part of a failed message is given back; NOT_FRAG is both bits
FRAGMENT_FLAGS = (
    "SCTP_DATA_NOT_FRAG",
    "SCTP_DATA_FIRST_FRAG",
    "SCTP_DATA_LAST_FRAG",
    "SCTP_DATA_UNORDERED",
    "SCTP_DATA_SACK_IMM",
)
CALL_FLAGS = (
    "MSG_EOR",
    "MSG_NOTIFICATION",
    "MSG_TRUNC",
    "MSG_CTRUNC",
    "MSG_PEEK",
    "MSG_DONTWAIT",
    "MSG_WAITALL",
    "MSG_NOSIGNAL",
)
POLICIES = ("SCTP_PR_SCTP_NONE", "SCTP_PR_SCTP_TTL", "SCTP_PR_SCTP_RTX", "SCTP_PR_SCTP_PRIO")

MessageFlags = Annotated[int, Integer(2, *MESSAGE_FLAGS, flags=True)]
FragmentFlags = Annotated[int, Integer(2, *FRAGMENT_FLAGS, flags=True)]
Policy = Annotated[int, Integer(2, *POLICIES)]


# --- control messages (RFC 6458 §5.3) ----------------------------------------------------------------------


class Control(Structure):
    """A control message of sendmsg() or recvmsg()."""

    NAME: ClassVar[str] = ""

    def __init_subclass__(cls, name: str = "", **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if name:
            cls.NAME, CONTROLS[name] = name, cls


CONTROLS: dict[str, type[Control]] = {}


class _InitMsg(Structure):
    sinit_num_ostreams: U16 = 0
    sinit_max_instreams: U16 = 0
    sinit_max_attempts: U16 = 0
    sinit_max_init_timeo: U16 = 0


class _SndRcvInfo(Structure):
    sinfo_stream: U16 = 0
    sinfo_ssn: U16 = 0
    sinfo_flags: MessageFlags = 0
    sinfo_ppid: PPID = 0
    sinfo_context: U32 = 0
    sinfo_timetolive: U32 = 0
    sinfo_tsn: U32 = 0
    sinfo_cumtsn: U32 = 0
    sinfo_assoc_id: AssocId = 0


class _SndInfo(Structure):
    snd_sid: U16 = 0
    snd_flags: MessageFlags = 0
    snd_ppid: PPID = 0
    snd_context: U32 = 0
    snd_assoc_id: AssocId = 0


class Init(_InitMsg, Control, name="SCTP_INIT"):
    """RFC 6458 §5.3.1: how to set up the association that sendmsg() begins. Times in ms."""


class SndRcvInfo(_SndRcvInfo, Control, name="SCTP_SNDRCV"):
    """RFC 6458 §5.3.2 (deprecated): of a message to send or received. Lifetime in ms."""


class SndInfo(_SndInfo, Control, name="SCTP_SNDINFO"):
    """RFC 6458 §5.3.4: of a message to send."""


class RcvInfo(Control, name="SCTP_RCVINFO"):
    """RFC 6458 §5.3.5: of a received message."""

    rcv_sid: U16 = 0
    rcv_ssn: U16 = 0
    rcv_flags: MessageFlags = 0
    rcv_ppid: PPID = 0
    rcv_tsn: U32 = 0
    rcv_cumtsn: U32 = 0
    rcv_context: U32 = 0
    rcv_assoc_id: AssocId = 0


class NxtInfo(Control, name="SCTP_NXTINFO"):
    """RFC 6458 §5.3.6: of the message that the next call will receive."""

    nxt_sid: U16 = 0
    nxt_flags: MessageFlags = 0
    nxt_ppid: PPID = 0
    nxt_length: U32 = 0
    nxt_assoc_id: AssocId = 0


class PrInfo(Control, name="SCTP_PRINFO"):
    """RFC 6458 §5.3.7: partial reliability of a message; the value is ms, retransmissions or a priority."""

    pr_policy: Policy = 0
    pr_value: U32 = 0


class AuthInfo(Control, name="SCTP_AUTHINFO"):
    """RFC 6458 §5.3.8: the key that authenticates a message."""

    auth_keynumber: U16 = 0


class DstAddrV4(Control, name="SCTP_DSTADDRV4"):
    """RFC 6458 §5.3.9: a destination address, besides that of the call."""

    address: Annotated[str, Inet(4)] = "0.0.0.0"


class DstAddrV6(Control, name="SCTP_DSTADDRV6"):
    """RFC 6458 §5.3.10: a destination address, besides that of the call."""

    address: Annotated[str, Inet(16)] = "::"


# --- notifications (RFC 6458 §6.1, RFC 6525 §6.1) ----------------------------------------------------------


class Notification(Structure):
    """What the kernel tells in place of a message."""

    NAME: ClassVar[str] = ""
    STATE: ClassVar[str] = ""
    numbers: Numbers = LINUX
    """Of the system that told it."""

    def __init_subclass__(cls, name: str = "", state: str = "", **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if name:
            cls.NAME, cls.STATE, NOTIFICATIONS[name] = name, state, cls

    @property
    def state(self) -> str | int | None:
        """What happened, by name: SCTP_COMM_UP, SCTP_ADDR_CONFIRMED, ...; None if the type says it all."""
        return self.show(self.numbers)[self.STATE] if self.STATE else None

    @property
    def association_id(self) -> int | None:
        """The association that it is about; None if that was cut off."""
        return next((getattr(self, name) for name in self.FIELDS if name.endswith("assoc_id")), 0) or None

    @property
    def address(self) -> str | None:
        """The peer's address that it is about."""
        address: Address | None = getattr(self, "spc_aaddr", None)
        return address[0] if address else None


NOTIFICATIONS: dict[str, type[Notification]] = {}


class UnknownNotification(Notification):
    """A notification of a type that has no name here."""

    sn_type: U16 = 0
    sn_flags: U16 = 0
    sn_length: U32 = 0
    sn_data: Rest = b""


class AssocChange(Notification, name="SCTP_ASSOC_CHANGE", state="sac_state"):
    """RFC 6458 §6.1.1: an association came up, ended, restarted, or could not be set up."""

    sac_type: U16 = 0
    sac_flags: U16 = 0
    sac_length: U32 = 0
    sac_state: Annotated[
        int,
        Integer(
            2, "SCTP_COMM_UP", "SCTP_COMM_LOST", "SCTP_RESTART", "SCTP_SHUTDOWN_COMP", "SCTP_CANT_STR_ASSOC"
        ),
    ] = 0
    sac_error: CauseCode = 0
    sac_outbound_streams: U16 = 0
    sac_inbound_streams: U16 = 0
    sac_assoc_id: AssocId = 0
    sac_info: Rest = b""


class PeerAddrChange(Notification, name="SCTP_PEER_ADDR_CHANGE", state="spc_state", packed=True):
    """RFC 6458 §6.1.2: something changed about an address of the peer."""

    spc_type: U16 = 0
    spc_flags: U16 = 0
    spc_length: U32 = 0
    spc_aaddr: SockAddr = None
    spc_state: Annotated[
        int,
        Integer(
            4,
            "SCTP_ADDR_AVAILABLE",
            "SCTP_ADDR_UNREACHABLE",
            "SCTP_ADDR_REMOVED",
            "SCTP_ADDR_ADDED",
            "SCTP_ADDR_MADE_PRIM",
            "SCTP_ADDR_CONFIRMED",
            "SCTP_ADDR_POTENTIALLY_FAILED",
            signed=True,
        ),
    ] = 0
    spc_error: S32 = 0
    spc_assoc_id: AssocId = 0


class RemoteError(Notification, name="SCTP_REMOTE_ERROR"):
    """RFC 6458 §6.1.3: the peer sent an ERROR chunk; sre_data is the error cause."""

    sre_type: U16 = 0
    sre_flags: U16 = 0
    sre_length: U32 = 0
    sre_error: CauseCode = 0
    sre_assoc_id: AssocId = 0
    sre_data: Rest = b""


class _FailedSndRcvInfo(_SndRcvInfo):
    sinfo_flags: FragmentFlags = 0


class _FailedSndInfo(_SndInfo):
    snd_flags: FragmentFlags = 0


SentOrNot = Annotated[int, Integer(2, "SCTP_DATA_UNSENT", "SCTP_DATA_SENT")]


class SendFailed(Notification, name="SCTP_SEND_FAILED", state="ssf_flags"):
    """RFC 6458 §6.1.4 (deprecated): a message was not delivered; ssf_data is the message."""

    ssf_type: U16 = 0
    ssf_flags: SentOrNot = 0
    ssf_length: U32 = 0
    ssf_error: Annotated[int, WideCause()] = 0
    ssf_info: Annotated[_FailedSndRcvInfo | None, Nested(_FailedSndRcvInfo)] = None
    ssf_assoc_id: AssocId = 0
    ssf_data: Rest = b""


class SendFailedEvent(Notification, name="SCTP_SEND_FAILED_EVENT", state="ssf_flags"):
    """RFC 6458 §6.1.11: a message was not delivered; ssf_data is the message."""

    ssf_type: U16 = 0
    ssf_flags: SentOrNot = 0
    ssf_length: U32 = 0
    ssf_error: Annotated[int, WideCause()] = 0
    ssfe_info: Annotated[_FailedSndInfo | None, Nested(_FailedSndInfo)] = None
    ssf_assoc_id: AssocId = 0
    ssf_data: Rest = b""


class ShutdownEvent(Notification, name="SCTP_SHUTDOWN_EVENT"):
    """RFC 6458 §6.1.5: the peer sent a SHUTDOWN."""

    sse_type: U16 = 0
    sse_flags: U16 = 0
    sse_length: U32 = 0
    sse_assoc_id: AssocId = 0


class AdaptationEvent(Notification, name="SCTP_ADAPTATION_INDICATION"):
    """RFC 6458 §6.1.6: the peer's adaptation layer indication."""

    sai_type: U16 = 0
    sai_flags: U16 = 0
    sai_length: U32 = 0
    sai_adaptation_ind: U32 = 0
    sai_assoc_id: AssocId = 0


class PartialDeliveryEvent(Notification, name="SCTP_PARTIAL_DELIVERY_EVENT", state="pdapi_indication"):
    """RFC 6458 §6.1.7: a message that was delivered in part will not be completed."""

    pdapi_type: U16 = 0
    pdapi_flags: U16 = 0
    pdapi_length: U32 = 0
    pdapi_indication: Annotated[int, Integer(4, "SCTP_PARTIAL_DELIVERY_ABORTED")] = 0
    pdapi_assoc_id: AssocId = 0
    pdapi_stream: U32 = 0
    pdapi_seq: U32 = 0


class AuthenticationEvent(Notification, name="SCTP_AUTHENTICATION_EVENT", state="auth_indication"):
    """RFC 6458 §6.1.8: a key came into use or out of use, or the peer does not authenticate."""

    auth_type: U16 = 0
    auth_flags: U16 = 0
    auth_length: U32 = 0
    auth_keynumber: U16 = 0
    auth_altkeynumber: U16 = 0
    auth_indication: Annotated[
        int, Integer(4, "SCTP_AUTH_NEW_KEY", "SCTP_AUTH_FREE_KEY", "SCTP_AUTH_NO_AUTH")
    ] = 0
    auth_assoc_id: AssocId = 0


class SenderDryEvent(Notification, name="SCTP_SENDER_DRY_EVENT"):
    """RFC 6458 §6.1.9: nothing is left to send or to be acknowledged."""

    sender_dry_type: U16 = 0
    sender_dry_flags: U16 = 0
    sender_dry_length: U32 = 0
    sender_dry_assoc_id: AssocId = 0


class StreamResetEvent(Notification, name="SCTP_STREAM_RESET_EVENT"):
    """RFC 6525 §6.1.1: streams were reset, or the peer refused; an empty list means all of them."""

    strreset_type: U16 = 0
    strreset_flags: Annotated[
        int,
        Integer(
            2,
            "SCTP_STREAM_RESET_INCOMING_SSN",
            "SCTP_STREAM_RESET_OUTGOING_SSN",
            "SCTP_STREAM_RESET_DENIED",
            "SCTP_STREAM_RESET_FAILED",
            flags=True,
        ),
    ] = 0
    strreset_length: U32 = 0
    strreset_assoc_id: AssocId = 0
    strreset_stream_list: U16s = ()


class AssocResetEvent(Notification, name="SCTP_ASSOC_RESET_EVENT"):
    """RFC 6525 §6.1.2: the TSNs and all streams were reset, or the peer refused."""

    assocreset_type: U16 = 0
    assocreset_flags: Annotated[
        int, Integer(2, "SCTP_ASSOC_RESET_DENIED", "SCTP_ASSOC_RESET_FAILED", flags=True)
    ] = 0
    assocreset_length: U32 = 0
    assocreset_assoc_id: AssocId = 0
    assocreset_local_tsn: U32 = 0
    assocreset_remote_tsn: U32 = 0


class StreamChangeEvent(Notification, name="SCTP_STREAM_CHANGE_EVENT"):
    """RFC 6525 §6.1.3: streams were added, or the peer refused."""

    strchange_type: U16 = 0
    strchange_flags: Annotated[
        int, Integer(2, "SCTP_STREAM_CHANGE_DENIED", "SCTP_STREAM_CHANGE_FAILED", flags=True)
    ] = 0
    strchange_length: U32 = 0
    strchange_assoc_id: AssocId = 0
    strchange_instrms: U16 = 0
    strchange_outstrms: U16 = 0


# --- socket options (RFC 6458 §8 and the RFCs of the extensions) -------------------------------------------


class Option(Structure):
    """A socket option."""

    NAME: ClassVar[str] = ""
    LEVEL: ClassVar[str] = ""

    def __init_subclass__(cls, name: str = "", level: str = "IPPROTO_SCTP", **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if name:
            cls.NAME, cls.LEVEL, OPTIONS[name] = name, level, cls


OPTIONS: dict[str, type[Option]] = {}


class _Int(Structure):
    value: S32 = 0


class _AssocValue(Structure):
    assoc_id: AssocId = 0
    assoc_value: U32 = 0


class RtoInfo(Option, name="SCTP_RTOINFO"):
    """RFC 6458 §8.1.1: retransmission timeout, ms."""

    srto_assoc_id: AssocId = 0
    srto_initial: U32 = 0
    srto_max: U32 = 0
    srto_min: U32 = 0


class AssocInfo(Option, name="SCTP_ASSOCINFO"):
    """RFC 6458 §8.1.2: Association.Max.Retrans, windows in bytes, life of the cookie in ms."""

    sasoc_assoc_id: AssocId = 0
    sasoc_asocmaxrxt: U16 = 0
    sasoc_number_peer_destinations: U16 = 0
    sasoc_peer_rwnd: U32 = 0
    sasoc_local_rwnd: U32 = 0
    sasoc_cookie_life: U32 = 0


class InitMsg(_InitMsg, Option, name="SCTP_INITMSG"):
    """RFC 6458 §8.1.3: numbers of streams, attempts and longest timeout (ms) of association setup."""


class Linger(Option, name="SO_LINGER", level="SOL_SOCKET"):
    """RFC 6458 §8.1.4: what close() does about unsent data; seconds."""

    l_onoff: S32 = 0
    l_linger: S32 = 0


class NoDelay(_Int, Option, name="SCTP_NODELAY"):
    """RFC 6458 §8.1.5: 1 turns Nagle's algorithm off."""


class RcvBuf(_Int, Option, name="SO_RCVBUF", level="SOL_SOCKET"):
    """RFC 6458 §8.1.6: receive buffer, bytes."""


class SndBuf(_Int, Option, name="SO_SNDBUF", level="SOL_SOCKET"):
    """RFC 6458 §8.1.7: send buffer, bytes."""


class ReuseAddr(_Int, Option, name="SO_REUSEADDR", level="SOL_SOCKET"):
    """Allow a port that another socket used a moment ago."""


class AutoClose(_Int, Option, name="SCTP_AUTOCLOSE"):
    """RFC 6458 §8.1.8: seconds after which idle associations are closed; 0: never."""


class PrimaryAddr(Option, name="SCTP_PRIMARY_ADDR", packed=True):
    """RFC 6458 §8.1.9: the peer's address that data is sent to."""

    ssp_assoc_id: AssocId = 0
    ssp_addr: SockAddr = None


class AdaptationLayer(Option, name="SCTP_ADAPTATION_LAYER"):
    """RFC 6458 §8.1.10: the adaptation layer indication of later associations."""

    ssb_adaptation_ind: U32 = 0


class DisableFragments(_Int, Option, name="SCTP_DISABLE_FRAGMENTS"):
    """RFC 6458 §8.1.11: 1 refuses messages that do not fit a packet."""


class PeerAddrParams(Option, name="SCTP_PEER_ADDR_PARAMS", packed=True):
    """RFC 6458 §8.1.12: heartbeats, path MTU, SACK delay of one peer address or of all; times in ms."""

    spp_assoc_id: AssocId = 0
    spp_address: SockAddr = None
    spp_hbinterval: U32 = 0
    spp_pathmaxrxt: U16 = 0
    spp_pathmtu: U32 = 0
    spp_sackdelay: U32 = 0
    spp_flags: Annotated[
        int,
        Integer(
            4,
            "SPP_HB_ENABLE",
            "SPP_HB_DISABLE",
            "SPP_HB_DEMAND",
            "SPP_PMTUD_ENABLE",
            "SPP_PMTUD_DISABLE",
            "SPP_SACKDELAY_ENABLE",
            "SPP_SACKDELAY_DISABLE",
            "SPP_HB_TIME_IS_ZERO",
            "SPP_IPV6_FLOWLABEL",
            "SPP_DSCP",
            flags=True,
        ),
    ] = 0
    spp_ipv6_flowlabel: U32 = 0
    spp_dscp: U8 = 0


class DefaultSendParam(_SndRcvInfo, Option, name="SCTP_DEFAULT_SEND_PARAM"):
    """RFC 6458 §8.1.13 (deprecated): what holds for messages sent without SCTP_SNDRCV."""


class Events(Option, name="SCTP_EVENTS"):
    """RFC 6458 §6.2.1 (deprecated): the notifications to be delivered, one byte each."""

    sctp_data_io_event: U8 = 0
    sctp_association_event: U8 = 0
    sctp_address_event: U8 = 0
    sctp_send_failure_event: U8 = 0
    sctp_peer_error_event: U8 = 0
    sctp_shutdown_event: U8 = 0
    sctp_partial_delivery_event: U8 = 0
    sctp_adaptation_layer_event: U8 = 0
    sctp_authentication_event: U8 = 0
    sctp_sender_dry_event: U8 = 0
    sctp_stream_reset_event: U8 = 0
    sctp_assoc_reset_event: U8 = 0
    sctp_stream_change_event: U8 = 0
    sctp_send_failure_event_event: U8 = 0


class WantMappedV4Addr(_Int, Option, name="SCTP_I_WANT_MAPPED_V4_ADDR"):
    """RFC 6458 §8.1.15: 1 gives IPv4 addresses of an IPv6 socket in their mapped form."""


class MaxSeg(_AssocValue, Option, name="SCTP_MAXSEG"):
    """RFC 6458 §8.1.16: the most user data in a chunk, bytes; 0: as the path MTU allows."""


class HmacIdent(Option, name="SCTP_HMAC_IDENT"):
    """RFC 6458 §8.1.17: HMAC algorithms that the peer may use, in order of preference."""

    shmac_num_idents: U32 = 0
    shmac_idents: U16s = ()


class _AuthKeyId(Structure):
    scact_assoc_id: AssocId = 0
    scact_keynumber: U16 = 0


class AuthActiveKey(_AuthKeyId, Option, name="SCTP_AUTH_ACTIVE_KEY"):
    """RFC 6458 §8.1.18: the shared key in use."""


class DelayedSack(Option, name="SCTP_DELAYED_SACK"):
    """RFC 6458 §8.1.19: SACK delay in ms, and after how many packets a SACK is sent anyway."""

    sack_assoc_id: AssocId = 0
    sack_delay: U32 = 0
    sack_freq: U32 = 0


class FragmentInterleave(_Int, Option, name="SCTP_FRAGMENT_INTERLEAVE"):
    """RFC 6458 §8.1.20: whether parts of different messages may be received in turn."""


class PartialDeliveryPoint(Option, name="SCTP_PARTIAL_DELIVERY_POINT"):
    """RFC 6458 §8.1.21: from how many bytes a message may be delivered in parts."""

    value: U32 = 0


class AutoAsconf(_Int, Option, name="SCTP_AUTO_ASCONF"):
    """RFC 6458 §8.1.23: 1 announces local address changes to the peer."""


class MaxBurst(_AssocValue, Option, name="SCTP_MAX_BURST"):
    """RFC 6458 §8.1.24: the most packets sent at a time; 0: no limit."""


class Context(_AssocValue, Option, name="SCTP_CONTEXT"):
    """RFC 6458 §8.1.25: the context given with received messages."""


class ReusePort(_Int, Option, name="SCTP_REUSE_PORT"):
    """RFC 6458 §8.1.27: 1 lets several one-to-one sockets share a port."""


class EventSubscription(Option, name="SCTP_EVENT"):
    """RFC 6458 §6.2.2: 1 turns a notification on for an association, 0 off."""

    se_assoc_id: AssocId = 0
    se_type: Annotated[int, Integer(2, *NOTIFICATIONS)] = 0
    se_on: U8 = 0


class RecvRcvInfo(_Int, Option, name="SCTP_RECVRCVINFO"):
    """RFC 6458 §8.1.29: 1 gives SCTP_RCVINFO with each message."""


class RecvNxtInfo(_Int, Option, name="SCTP_RECVNXTINFO"):
    """RFC 6458 §8.1.30: 1 gives SCTP_NXTINFO with a message when the next one is there."""


class DefaultSndInfo(_SndInfo, Option, name="SCTP_DEFAULT_SNDINFO"):
    """RFC 6458 §8.1.31: what holds for messages sent without SCTP_SNDINFO."""


class DefaultPrInfo(Option, name="SCTP_DEFAULT_PRINFO"):
    """RFC 6458 §8.1.32: partial reliability of messages sent without SCTP_PRINFO."""

    pr_assoc_id: AssocId = 0
    pr_value: U32 = 0
    pr_policy: Policy = 0


class _PAddrInfo(Structure, packed=True):
    spinfo_assoc_id: AssocId = 0
    spinfo_address: SockAddr = None
    spinfo_state: Annotated[
        int,
        Integer(
            4,
            "SCTP_INACTIVE",
            "SCTP_POTENTIALLY_FAILED",
            "SCTP_ACTIVE",
            "SCTP_UNCONFIRMED",
            "SCTP_UNKNOWN",
            signed=True,
        ),
    ] = 0
    spinfo_cwnd: U32 = 0
    spinfo_srtt: U32 = 0
    spinfo_rto: U32 = 0
    spinfo_mtu: U32 = 0


class Status(Option, name="SCTP_STATUS"):
    """RFC 6458 §8.2.1 (read only): the state of an association."""

    sstat_assoc_id: AssocId = 0
    sstat_state: Annotated[
        int,
        Integer(
            4,
            "SCTP_EMPTY",
            "SCTP_CLOSED",
            "SCTP_COOKIE_WAIT",
            "SCTP_COOKIE_ECHOED",
            "SCTP_ESTABLISHED",
            "SCTP_SHUTDOWN_PENDING",
            "SCTP_SHUTDOWN_SENT",
            "SCTP_SHUTDOWN_RECEIVED",
            "SCTP_SHUTDOWN_ACK_SENT",
            signed=True,
        ),
    ] = 0
    sstat_rwnd: U32 = 0
    sstat_unackdata: U16 = 0
    sstat_penddata: U16 = 0
    sstat_instrms: U16 = 0
    sstat_outstrms: U16 = 0
    sstat_fragmentation_point: U32 = 0
    sstat_primary: Annotated[_PAddrInfo | None, Nested(_PAddrInfo)] = None


class GetPeerAddrInfo(_PAddrInfo, Option, name="SCTP_GET_PEER_ADDR_INFO", packed=True):
    """RFC 6458 §8.2.2 (read only): the state of a peer's address; times in ms, cwnd and MTU in bytes."""


class _AuthChunks(Structure):
    gauth_assoc_id: AssocId = 0
    gauth_number_of_chunks: U32 = 0
    gauth_chunks: Rest = b""


class PeerAuthChunks(_AuthChunks, Option, name="SCTP_PEER_AUTH_CHUNKS"):
    """RFC 6458 §8.2.3 (read only): chunk types that the peer requires to be authenticated."""


class LocalAuthChunks(_AuthChunks, Option, name="SCTP_LOCAL_AUTH_CHUNKS"):
    """RFC 6458 §8.2.4 (read only): chunk types that this endpoint requires to be authenticated."""


class GetAssocNumber(Option, name="SCTP_GET_ASSOC_NUMBER"):
    """RFC 6458 §8.2.5 (read only): how many associations a one-to-many socket has."""

    value: U32 = 0


class GetAssocIdList(Option, name="SCTP_GET_ASSOC_ID_LIST"):
    """RFC 6458 §8.2.6 (read only): the associations of a one-to-many socket."""

    gaids_number_of_ids: U32 = 0
    gaids_assoc_id: AssocIds = ()


class SetPeerPrimaryAddr(Option, name="SCTP_SET_PEER_PRIMARY_ADDR", packed=True):
    """RFC 6458 §8.3.1: ask the peer to send to this address."""

    sspp_assoc_id: AssocId = 0
    sspp_addr: SockAddr = None


class AuthChunk(Option, name="SCTP_AUTH_CHUNK"):
    """RFC 6458 §8.3.2: require a chunk type to be authenticated."""

    sauth_chunk: U8 = 0


class AuthKey(Option, name="SCTP_AUTH_KEY"):
    """RFC 6458 §8.3.3: a shared key."""

    sca_assoc_id: AssocId = 0
    sca_keynumber: U16 = 0
    sca_keylength: U16 = 0
    sca_key: Rest = b""


class AuthDeactivateKey(_AuthKeyId, Option, name="SCTP_AUTH_DEACTIVATE_KEY"):
    """RFC 6458 §8.3.4: use a shared key no longer for sending."""


class AuthDeleteKey(_AuthKeyId, Option, name="SCTP_AUTH_DELETE_KEY"):
    """RFC 6458 §8.3.5: forget a shared key."""


class _PAddrThresholds(Structure):
    spt_assoc_id: AssocId = 0
    spt_address: SockAddr = None
    spt_pathmaxrxt: U16 = 0
    spt_pathpfthld: U16 = 0


class PeerAddrThresholds(_PAddrThresholds, Option, name="SCTP_PEER_ADDR_THLDS"):
    """RFC 7829 §7.2: errors after which an address is potentially failed, and failed."""


class PeerAddrThresholdsV2(_PAddrThresholds, Option, name="SCTP_PEER_ADDR_THLDS_V2"):
    """RFC 7829 §7.2, with the threshold of a permanent switch to another primary path."""

    spt_pathcpthld: U16 = 0


class ExposePotentiallyFailedState(_AssocValue, Option, name="SCTP_EXPOSE_POTENTIALLY_FAILED_STATE"):
    """RFC 7829 §7.3: whether the potentially failed state is shown."""


class GetAssocStats(Option, name="SCTP_GET_ASSOC_STATS"):
    """Counters of an association (Linux, read only); RTO in ms."""

    sas_assoc_id: AssocId = 0
    sas_obs_rto_ipaddr: SockAddr = None
    sas_maxrto: U64 = 0
    sas_isacks: U64 = 0
    sas_osacks: U64 = 0
    sas_opackets: U64 = 0
    sas_ipackets: U64 = 0
    sas_rtxchunks: U64 = 0
    sas_outofseqtsns: U64 = 0
    sas_idupchunks: U64 = 0
    sas_gapcnt: U64 = 0
    sas_ouodchunks: U64 = 0
    sas_iuodchunks: U64 = 0
    sas_oodchunks: U64 = 0
    sas_iodchunks: U64 = 0
    sas_octrlchunks: U64 = 0
    sas_ictrlchunks: U64 = 0


class PrSupported(_AssocValue, Option, name="SCTP_PR_SUPPORTED"):
    """RFC 7496 §4.5: whether partial reliability is offered."""


class _PrStatus(Structure):
    sprstat_assoc_id: AssocId = 0
    sprstat_sid: U16 = 0
    sprstat_policy: Policy = 0
    sprstat_abandoned_unsent: U64 = 0
    sprstat_abandoned_sent: U64 = 0


class PrStreamStatus(_PrStatus, Option, name="SCTP_PR_STREAM_STATUS"):
    """RFC 7496 §4.3 (read only): messages of a stream that were given up."""


class PrAssocStatus(_PrStatus, Option, name="SCTP_PR_ASSOC_STATUS"):
    """RFC 7496 §4.4 (read only): messages of an association that were given up."""


class ReconfigSupported(_AssocValue, Option, name="SCTP_RECONFIG_SUPPORTED"):
    """Whether stream reconfiguration (RFC 6525) is offered."""


class EnableStreamReset(Option, name="SCTP_ENABLE_STREAM_RESET"):
    """RFC 6525 §6.3.1: which requests to reconfigure streams are allowed."""

    assoc_id: AssocId = 0
    assoc_value: Annotated[
        int,
        Integer(
            4,
            "SCTP_ENABLE_RESET_STREAM_REQ",
            "SCTP_ENABLE_RESET_ASSOC_REQ",
            "SCTP_ENABLE_CHANGE_ASSOC_REQ",
            flags=True,
        ),
    ] = 0


class ResetStreams(Option, name="SCTP_RESET_STREAMS"):
    """RFC 6525 §6.3.2: reset streams; an empty list means all of them."""

    srs_assoc_id: AssocId = 0
    srs_flags: Annotated[
        int, Integer(2, "SCTP_STREAM_RESET_INCOMING", "SCTP_STREAM_RESET_OUTGOING", flags=True)
    ] = 0
    srs_number_streams: U16 = 0
    srs_stream_list: U16s = ()


class ResetAssoc(Option, name="SCTP_RESET_ASSOC"):
    """RFC 6525 §6.3.3: reset the TSNs and all streams of an association."""

    assoc_id: AssocId = 0


class AddStreams(Option, name="SCTP_ADD_STREAMS"):
    """RFC 6525 §6.3.4: add streams to an association."""

    sas_assoc_id: AssocId = 0
    sas_instrms: U16 = 0
    sas_outstrms: U16 = 0


class StreamScheduler(Option, name="SCTP_STREAM_SCHEDULER"):
    """RFC 8260 §4.3.2: the order in which streams are served."""

    assoc_id: AssocId = 0
    assoc_value: Annotated[int, Integer(4, "SCTP_SS_FCFS", "SCTP_SS_PRIO", "SCTP_SS_RR")] = 0


class StreamSchedulerValue(Option, name="SCTP_STREAM_SCHEDULER_VALUE"):
    """RFC 8260 §4.3.3: what the scheduler is told about a stream."""

    assoc_id: AssocId = 0
    stream_id: U16 = 0
    stream_value: U16 = 0


class InterleavingSupported(_AssocValue, Option, name="SCTP_INTERLEAVING_SUPPORTED"):
    """RFC 8260 §4.3.1: whether user message interleaving is offered."""


class AsconfSupported(_AssocValue, Option, name="SCTP_ASCONF_SUPPORTED"):
    """Whether dynamic address reconfiguration (RFC 5061) is offered."""


class AuthSupported(_AssocValue, Option, name="SCTP_AUTH_SUPPORTED"):
    """Whether authentication (RFC 4895) is offered."""


class EcnSupported(_AssocValue, Option, name="SCTP_ECN_SUPPORTED"):
    """Whether ECN (RFC 9260 Appendix A) is offered."""


class RemoteUdpEncapsPort(Option, name="SCTP_REMOTE_UDP_ENCAPS_PORT"):
    """RFC 6951 §6.1: the peer's port of UDP encapsulation."""

    sue_assoc_id: AssocId = 0
    sue_address: SockAddr = None
    sue_port: Annotated[int, Integer(2, network=True)] = 0


class PlpmtudProbeInterval(Option, name="SCTP_PLPMTUD_PROBE_INTERVAL"):
    """Linux: time between the path MTU probes of RFC 8899, ms; 0: none."""

    spi_assoc_id: AssocId = 0
    spi_address: SockAddr = None
    spi_interval: U32 = 0


class IpTos(_Int, Option, name="IP_TOS", level="IPPROTO_IP"):
    """The type of service of IPv4 packets."""


class Ipv6Only(_Int, Option, name="IPV6_V6ONLY", level="IPPROTO_IPV6"):
    """1 leaves IPv4 out of an IPv6 socket."""


class Ipv6TClass(_Int, Option, name="IPV6_TCLASS", level="IPPROTO_IPV6"):
    """The traffic class of IPv6 packets."""


# older programs give these options as a plain int, which Linux accepts
_PLAIN = {"SCTP_MAXSEG", "SCTP_MAX_BURST", "SCTP_CONTEXT"}


# --- bytes to structures -----------------------------------------------------------------------------------


def decode_option(level: int, number: int, data: bytes, numbers: Numbers = LINUX) -> Json:
    """{"level", "option", "value"} of a socket option's bytes. Never raises; what has no name is a number."""
    for name, option in OPTIONS.items():
        if (numbers.get(option.LEVEL), numbers.get(name)) == (level, number):
            structure = _Int if name in _PLAIN and len(data) == _Int.SIZE else option
            return {"level": option.LEVEL, "option": name, "value": structure.decode(data, numbers)}
    return {"level": level, "option": number, "value": {"raw": data.hex()}}


def parse_control(number: int, data: bytes, numbers: Numbers = LINUX) -> Control | None:
    """The control message of the level IPPROTO_SCTP; None if it is unknown or cut."""
    for name, control in CONTROLS.items():
        if numbers.get(name) == number and len(data) >= control.SIZE:
            return control.unpack(data)
    return None


def decode_control(number: int, data: bytes, numbers: Numbers = LINUX) -> Json:
    """{"type", fields...} of a control message of the level IPPROTO_SCTP. Never raises."""
    for name, control in CONTROLS.items():
        if numbers.get(name) == number:
            return {"type": name, **control.decode(data, numbers)}
    return {"type": number, "raw": data.hex()}


def parse_notification(data: bytes, numbers: Numbers = LINUX, layouts: Layouts | None = None) -> Notification:
    """The notification in what recvmsg() gave with MSG_NOTIFICATION; fields beyond its end are zero."""
    number = int.from_bytes(data[:2], BYTE_ORDER)
    kinds = (kind for name, kind in NOTIFICATIONS.items() if numbers.get(name) == number)
    kind = next(kinds, UnknownNotification)
    notification = (layouts or {}).get(kind, kind).unpack(data)
    assert isinstance(notification, Notification)
    notification.numbers = numbers
    return notification


def show_notification(notification: Notification) -> Json:
    """{"type", "state", "address", "association_id", fields...}; state and address where there are any."""
    numbers = notification.numbers
    fields = notification.given(numbers)
    common = {
        "type": notification.NAME or notification.show(numbers)["sn_type"],
        "state": fields.get(notification.STATE),
        "address": notification.address,
        "association_id": notification.association_id,
    }
    return {**{name: value for name, value in common.items() if value is not None}, **fields}


def decode_notification(data: bytes, numbers: Numbers = LINUX) -> Json:
    """The same from bytes; with "raw" if they end within a field. Never raises."""
    notification = parse_notification(data, numbers)
    cut = {"raw": data.hex()} if "raw" in notification.decode(data, numbers) else {}
    return {**show_notification(notification), **cut}
