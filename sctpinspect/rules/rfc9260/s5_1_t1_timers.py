"""RFC 9260 §5.1: the timers T1-init and T1-cookie, which send INIT and COOKIE ECHO again."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import MILLISECOND, TICKS_NS, TIMER_SLACK, awake_for, chunk_name, found
from sctpinspect.rules.repeats import COPY, limits, repeats


@rule(
    "rfc9260/5.1/t1-backoff",
    level=Level.SHOULD,
    cites=["RFC 9260 §5.1", "RFC 9260 §5.1.6", "RFC 9260 §6.3"],
    to_fail=[Need.NO_LOSS],
)
def t1_backoff(t: View) -> Judgement:
    """INIT and COOKIE ECHO are sent again at intervals that double.

    What it checks: from the second repeat to an address on, that the interval is twice the one before, or the
    longest that RTO.Max or the socket options allow. Where that is not known, that it is not shorter than
    the one before.
    Why it matters: what is lost because the network or the peer is overloaded must not come ever faster.
    What the capture must contain: two repeats to the same address. A violation counts only where the capture
    states that it dropped nothing.
    Known exceptions: timers may run late by an eighth; attempts that a Stale Cookie error began anew are not
    judged.
    References: RFC 9260 §5.1; RFC 9260 §5.1.6; RFC 9260 §6.3.
    """
    interval = pl.col("time_ns").diff().over(COPY)
    longest = (pl.col("longest_ms") * MILLISECOND).cast(pl.Int64)
    doubled = pl.min_horizontal(2 * pl.col("before"), longest)
    due = pl.when(longest.is_not_null()).then(doubled).otherwise("before")
    judged = (
        repeats(t)
        .join(limits(t), on=["association", "side"], how="left", maintain_order="left")
        .with_columns(interval=interval)
        .with_columns(before=awake_for(t, pl.col("time_ns"), pl.col("interval")).shift().over(COPY))
        .filter(pl.col("before").is_not_null())
        .with_columns(due=due)
    )
    violations = judged.filter(pl.col("interval") < pl.col("due") / TIMER_SLACK - TICKS_NS)
    return Judgement(
        judged,
        found(
            violations,
            pl.format("an interval of {} ms or more", pl.col("due") // MILLISECOND),
            pl.format("{} again after {} ms", chunk_name(), pl.col("interval") // MILLISECOND),
        ),
    )
