"""RFC 9260 §6.7: gaps in received DATA."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.answers import AT_RECEIVER, at_once, left_out, unmoved
from sctpinspect.rules.queries import MILLISECOND, TICKS_NS, found


@rule(
    "rfc9260/6.7/gap-reported-immediately",
    level=Level.SHOULD,
    cites=["RFC 9260 §6.7", "RFC 9260 §7.2.4"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_RECEIVER,
)
def gap_reported_immediately(t: View) -> Judgement:
    """While TSNs are missing, every packet with DATA is answered with a SACK at once.

    What it checks: that a SACK, SHUTDOWN or ABORT follows each packet with DATA that arrives while a TSN
    below the highest one received is missing, within 100 ms.
    Why it matters: three such reports let the sender retransmit without waiting for its timer.
    What the capture must contain: the handshake and DATA that arrives with a gap. A violation counts only in
    a capture of the sandbox without drops, which knows what arrived at the receiver and when.
    Known exceptions: the packet that fills the last gap. Associations with RE_CONFIG or FORWARD_TSN, and DATA
    that the receiver may have had no room for, are left out.
    References: RFC 9260 §6.7; RFC 9260 §7.2.4.
    """
    return at_once(t, t.arrivals.filter("has_gap"), "DATA with a gap before it")


@rule(
    "rfc9260/6.7/no-retransmission-of-acked-data",
    level=Level.MUST,
    cites=["RFC 9260 §6.7"],
    to_fail=[Need.AT_SENDER],
)
def no_retransmission_of_acked_data(t: View) -> Judgement:
    """What a cumulative TSN ack covers is never sent again.

    What it checks: that no DATA is sent again two clock ticks or more after a SACK or SHUTDOWN arrived whose
    cumulative TSN ack covers it.
    Why it matters: it is of no use, and takes room from new data.
    What the capture must contain: DATA that was sent again. A violation counts only in a capture of the
    sandbox: elsewhere the acknowledgement may not have arrived, or later.
    Known exceptions: associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §6.7.
    """
    subjects = unmoved(t, t.transmissions).filter("is_retransmission")
    violations = subjects.filter(pl.col("since_acked") > TICKS_NS)
    actual = pl.format(
        "TSN {} again, {} ms after its acknowledgement arrived", "tsn", pl.col("since_acked") // MILLISECOND
    )
    return Judgement(subjects, found(violations, "silence about what is acknowledged", actual), left_out(t))
