"""RFC 9260 §9.2: SHUTDOWN and what it answers."""

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.answers import AT_RECEIVER, unmoved
from sctpinspect.rules.rfc9260.s3_3_4_acknowledged import inexact
from sctpinspect.tables.associations import is_type


@rule(
    "rfc9260/9.2/shutdown-cum-tsn-current",
    level=Level.MUST,
    cites=["RFC 9260 §9.2", "RFC 9260 §3.3.8"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_RECEIVER,
)
def shutdown_cum_tsn_current(t: View) -> Judgement:
    """SHUTDOWN has the last TSN of the unbroken run that was received, each time it is sent.

    What it checks: the cumulative TSN ack of each SHUTDOWN against what had arrived before.
    Why it matters: the peer waits with its SHUTDOWN ACK until all its DATA is acknowledged.
    What the capture must contain: the handshake and a SHUTDOWN. A violation counts only in a capture of the
    sandbox without drops, which knows what arrived at the receiver and when.
    Known exceptions: DATA that came within two clock ticks before it may be left out, and so may what the
    receiver had little room for. Associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §9.2; RFC 9260 §3.3.8.
    """
    return inexact(t, unmoved(t, t.acks).filter(is_type(ChunkType.SHUTDOWN)))
