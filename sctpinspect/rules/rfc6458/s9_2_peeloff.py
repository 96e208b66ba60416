"""RFC 6458 §9.2: sctp_peeloff()."""

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import causes_no_packet, succeeded


@rule("rfc6458/9.2/peeloff-no-packet", level=Level.MUST, cites=["RFC 6458 §9.2"], needs=[Need.COUNTERS])
def peeloff_no_packet(t: View) -> Judgement:
    """sctp_peeloff() causes no packet.

    What it checks: that no association begins or ends, and no address or stream is changed, while the call
    runs and no other call of its host does that could be the cause.
    Why it matters: the association goes on with the same tags and ports; only its socket is another.
    What the capture must contain: the journal, and no drops.
    Known exceptions: none.
    References: RFC 6458 §9.2.
    """
    return causes_no_packet(t, succeeded(t, "sctp_peeloff"))
