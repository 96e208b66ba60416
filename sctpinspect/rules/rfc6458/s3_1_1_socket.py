"""RFC 6458 §3.1.1: socket()."""

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import causes_no_packet, succeeded


@rule(
    "rfc6458/3.1.1/socket-no-packet",
    level=Level.MUST,
    cites=["RFC 6458 §3.1.1", "RFC 6458 §4.1.1"],
    needs=[Need.COUNTERS],
)
def socket_no_packet(t: View) -> Judgement:
    """socket() causes no packet.

    What it checks: that no association begins or ends, and no address or stream is changed, while the call
    runs and no other call of its host does that could be the cause.
    Why it matters: a socket alone is nothing to anybody else.
    What the capture must contain: the journal, and no drops.
    Known exceptions: none.
    References: RFC 6458 §3.1.1; RFC 6458 §4.1.1.
    """
    return causes_no_packet(t, succeeded(t, "socket"))
