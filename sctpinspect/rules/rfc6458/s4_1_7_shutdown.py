"""RFC 6458 §4.1.7: shutdown()."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, causes_no_packet, ending, left_over, succeeded
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT


@rule(
    "rfc6458/4.1.7/shutdown-wr",
    level=Level.MUST,
    cites=["RFC 6458 §4.1.7", "RFC 9260 §9.2"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def shutdown_wr(t: View) -> Judgement:
    """shutdown(SHUT_WR) and shutdown(SHUT_RDWR) begin the shutdown sequence.

    What it checks: that after the call the side sends SHUTDOWN, or SHUTDOWN ACK where the peer was first, and
    no ABORT before it.
    Why it matters: the peer learns so that no more data comes.
    What the capture must contain: the journal, and the end of the association; that nothing is sent can be
    told only in a whole recording of the sandbox without impairment.
    Known exceptions: where the side leaves data unread or its own was never acknowledged, where it also sends
    with SCTP_ABORT or closes with a linger time, and after the peer's SHUTDOWN or ABORT nothing is judged.
    References: RFC 6458 §4.1.7; RFC 9260 §9.2.
    """
    calls = succeeded(t, "shutdown").filter(argument("how").is_in(["SHUT_WR", "SHUT_RDWR"]))
    subjects = ending(t, calls).join(left_over(t), on=ENDPOINT, how="anti", maintain_order="left")
    violations = subjects.filter(pl.col("said").is_in(["ABORT", "nothing"]))
    return Judgement(subjects, found(violations, "SHUTDOWN", pl.format("{} after shutdown()", "said")))


@rule(
    "rfc6458/4.1.7/shutdown-rd-no-packet", level=Level.MUST, cites=["RFC 6458 §4.1.7"], needs=[Need.COUNTERS]
)
def shutdown_rd_no_packet(t: View) -> Judgement:
    """shutdown(SHUT_RD) causes no packet.

    What it checks: that no association ends while the call runs and no other call of its host does that could
    be the cause.
    Why it matters: it concerns the reader alone; the peer need not know.
    What the capture must contain: the journal, and no drops.
    Known exceptions: none.
    References: RFC 6458 §4.1.7.
    """
    return causes_no_packet(t, succeeded(t, "shutdown").filter(argument("how") == "SHUT_RD"))
