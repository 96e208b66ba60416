"""RFC 9260 §6.3.1: the retransmission timeout and its bounds."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import MILLISECOND, TICKS_NS, TIMER_SLACK, awake_for, found
from sctpinspect.rules.timers import AT_SENDER, expiries, known, parameter
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc9260/6.3.1/rto-min",
    level=Level.SHOULD,
    cites=["RFC 9260 §6.3.1", "RFC 9260 §16"],
    to_fail=AT_SENDER,
)
def rto_min(t: View) -> Judgement:
    """No time-out comes sooner than RTO.Min after the DATA was sent.

    What it checks: DATA that is sent again because T3-rtx has run out: the earliest outstanding TSN, which no
    SACK reports missing. The time since it was sent last is RTO.Min or more.
    Why it matters: a shorter timer retransmits what is only late.
    What the capture must contain: a time-out, and RTO.Min: the journal or the recipe of a sandbox. A
    violation counts only in a capture of the sandbox without drops.
    Known exceptions: DATA that was sent together with what timed out may follow sooner. Where addresses were
    added or removed, or an ICMP message told of a smaller path MTU, nothing is judged.
    References: RFC 9260 §6.3.1; RFC 9260 §16.
    """
    subjects, unknown = known(expiries(t), parameter(t, "rto_min"), "RTO.Min")
    is_early = pl.col("since_sent") < pl.col("least") - TICKS_NS
    violations = subjects.filter(is_early & (pl.col("misses") == 0))
    expected = pl.format("{} ms or more", pl.col("least") // MILLISECOND)
    actual = pl.format("TSN {} sent again after {} ms", "tsn", pl.col("since_sent") // MILLISECOND)
    return Judgement(subjects, found(violations, expected, actual), unknown)


@rule(
    "rfc9260/6.3.1/rto-max",
    level=Level.INFO,
    cites=["RFC 9260 §6.3.1", "RFC 9260 §16"],
    to_fail=AT_SENDER,
)
def rto_max(t: View) -> Judgement:
    """No time-out takes longer than RTO.Max.

    What it checks: DATA that is sent again because T3-rtx has run out: the time since it was sent last, since
    the Cumulative TSN Ack Point advanced, or since an acknowledgement came, whichever is the shortest, is
    RTO.Max or less, with 12 % and two clock ticks more for late timers.
    Why it matters: an association that could go on stands still.
    What the capture must contain: a time-out, and RTO.Max: the journal or the recipe of a sandbox. A
    violation counts only in a capture of the sandbox without drops.
    Known exceptions: where addresses were added or removed, or an ICMP message told of a smaller path MTU,
    nothing is judged.
    References: RFC 9260 §6.3.1; RFC 9260 §16.
    """
    subjects, unknown = known(expiries(t), parameter(t, "rto_max"), "RTO.Max")
    latest = (pl.col("most") * TIMER_SLACK).cast(pl.Int64) + TICKS_NS
    violations = subjects.filter(awake_for(t, pl.col("time_ns"), pl.col("waited")) > latest)
    expected = pl.format("{} ms or less", pl.col("most") // MILLISECOND)
    actual = pl.format("TSN {} sent again after {} ms", "tsn", pl.col("waited") // MILLISECOND)
    return Judgement(subjects, found(violations, expected, actual), unknown)


@rule(
    "rfc9260/6.3.1/rto-initial",
    level=Level.INFO,
    cites=["RFC 9260 §6.3.1", "RFC 9260 §16"],
    to_fail=[Need.AT_SENDER, Need.COUNTERS, Need.JOURNAL, Need.DELIVERY],
)
def rto_initial(t: View) -> Judgement:
    """The first INIT is repeated after RTO.Initial.

    What it checks: the time between the first and the second INIT of a side, with 12 % and two clock ticks
    more for late timers.
    Why it matters: nothing is known of the path yet; this value decides how long set-up takes after a loss.
    What the capture must contain: an INIT that was repeated, and RTO.Initial: the journal or the recipe of a
    sandbox. A violation counts only in a capture of the sandbox without drops and losses: an INIT waits for
    the answer to ARP or neighbour solicitation before it is on the wire.
    Known exceptions: an INIT behind the COOKIE ECHO was not sent by this timer.
    References: RFC 9260 §6.3.1; RFC 9260 §16.
    """
    packet, is_init = pl.col("packet"), is_type(ChunkType.INIT)
    opening = t.chunks.filter(
        is_type(ChunkType.INIT, ChunkType.COOKIE_ECHO) & pl.col("association").is_not_null()
    ).filter(is_init & (packet < packet.filter(~is_init).min().over(ENDPOINT)).fill_null(True))
    repeats = opening.with_columns(
        number=pl.int_range(pl.len()).over(ENDPOINT), waited=pl.col("time_ns").diff().over(ENDPOINT)
    ).filter(pl.col("number") == 1)
    subjects, unknown = known(repeats, parameter(t, "rto_initial"), "RTO.Initial")
    is_early = pl.col("waited") < pl.col("least") - TICKS_NS
    latest = (pl.col("most") * TIMER_SLACK).cast(pl.Int64) + TICKS_NS
    is_late = awake_for(t, pl.col("time_ns"), pl.col("waited")) > latest
    expected = pl.format("INIT after {} ms", pl.col("least") // MILLISECOND)
    actual = pl.format("after {} ms", pl.col("waited") // MILLISECOND)
    return Judgement(subjects, found(subjects.filter(is_early | is_late), expected, actual), unknown)
