"""RFC 6458 §8.1: options in general."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import causes_no_packet, succeeded

LOCAL = [
    "SCTP_EVENTS",
    "SCTP_EVENT",
    "SCTP_RECVRCVINFO",
    "SCTP_RECVNXTINFO",
    "SCTP_CONTEXT",
    "SCTP_FRAGMENT_INTERLEAVE",
    "SCTP_PARTIAL_DELIVERY_POINT",
    "SCTP_I_WANT_MAPPED_V4_ADDR",
    "SCTP_RTOINFO",
    "SCTP_ASSOCINFO",
    "SCTP_INITMSG",
    "SCTP_NODELAY",
    "SCTP_MAXSEG",
    "SCTP_DISABLE_FRAGMENTS",
    "SCTP_DELAYED_SACK",
    "SCTP_MAX_BURST",
    "SCTP_DEFAULT_SNDINFO",
    "SCTP_DEFAULT_SEND_PARAM",
    "SCTP_DEFAULT_PRINFO",
    "SCTP_PRIMARY_ADDR",
    "SCTP_PEER_ADDR_PARAMS",
    "SCTP_PEER_ADDR_THLDS",
    "SCTP_PEER_ADDR_THLDS_V2",
    "SCTP_EXPOSE_POTENTIALLY_FAILED_STATE",
    "SCTP_ADAPTATION_LAYER",
    "SCTP_HMAC_IDENT",
    "SCTP_AUTH_CHUNK",
    "SCTP_AUTH_KEY",
    "SCTP_AUTH_ACTIVE_KEY",
    "SCTP_AUTH_DEACTIVATE_KEY",
    "SCTP_AUTH_DELETE_KEY",
    "SCTP_ENABLE_STREAM_RESET",
    "SCTP_STREAM_SCHEDULER",
    "SCTP_STREAM_SCHEDULER_VALUE",
    "SCTP_PR_SUPPORTED",
    "SCTP_RECONFIG_SUPPORTED",
    "SCTP_ASCONF_SUPPORTED",
    "SCTP_AUTH_SUPPORTED",
    "SCTP_ECN_SUPPORTED",
    "SCTP_INTERLEAVING_SUPPORTED",
    "SCTP_REUSE_PORT",
    "SO_REUSEADDR",
    "SO_RCVBUF",
    "SO_SNDBUF",
    "SO_LINGER",
]
READS = ["getsockopt", "sctp_opt_info", "sctp_getpaddrs", "sctp_getladdrs", "getsockname", "getpeername"]


@rule(
    "rfc6458/8.1/local-only-options",
    level=Level.MUST,
    cites=["RFC 6458 §8.1", "RFC 6458 §8.2", "RFC 6458 §8.3"],
    needs=[Need.COUNTERS],
)
def local_only_options(t: View) -> Judgement:
    """Setting a local option, or reading one, causes no packet.

    What it checks: that no association begins or ends, and no address or stream is changed, while such a call
    runs and no other call of its host does that could be the cause.
    Why it matters: notifications, timers, buffers and defaults are nobody else's business, and what an option
    changes of later packets is seen in these.
    What the capture must contain: the journal, and no drops.
    Known exceptions: none.
    References: RFC 6458 §8.1; RFC 6458 §8.2; RFC 6458 §8.3.
    """
    written = succeeded(t, "setsockopt").filter(pl.col("option").is_in(LOCAL))
    return causes_no_packet(t, pl.concat([written, succeeded(t, *READS)]))
