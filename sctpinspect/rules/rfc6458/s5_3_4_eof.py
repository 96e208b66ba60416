"""RFC 6458 §5.3.4: SCTP_EOF."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import ending, flagged, left_over
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT


@rule(
    "rfc6458/5.3.4/snd-eof",
    level=Level.MUST,
    cites=["RFC 6458 §5.3.4", "RFC 6458 §3.1.5", "RFC 9260 §9.2"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def snd_eof(t: View) -> Judgement:
    """A send with SCTP_EOF ends the association with SHUTDOWN.

    What it checks: that after the call the side sends SHUTDOWN, or SHUTDOWN ACK where the peer was first, and
    no ABORT before it.
    Why it matters: a one-to-many socket has no other way to end one association and deliver all its data.
    What the capture must contain: the journal, and the end of the association; that nothing is sent can be
    told only in a whole recording of the sandbox without impairment.
    Known exceptions: where the side leaves data unread or its own was never acknowledged, where it also sends
    with SCTP_ABORT or closes with a linger time, and after the peer's SHUTDOWN or ABORT nothing is judged.
    References: RFC 6458 §5.3.4; RFC 6458 §3.1.5; RFC 9260 §9.2.
    """
    ends = t.calls.filter(flagged("SCTP_EOF") & pl.col("errno").is_null())
    subjects = ending(t, ends).join(left_over(t), on=ENDPOINT, how="anti", maintain_order="left")
    violations = subjects.filter(pl.col("said").is_in(["ABORT", "nothing"]))
    return Judgement(subjects, found(violations, "SHUTDOWN", pl.format("{} after SCTP_EOF", "said")))
