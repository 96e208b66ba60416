"""RFC 9260 §8.3: when HEARTBEATs are sent."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import of_associations, succeeded
from sctpinspect.rules.idle import heartbeat_spacings, pauses_of_paths
from sctpinspect.rules.queries import MILLISECOND, PATH, TICKS_NS, TIMER_SLACK, either, found
from sctpinspect.rules.timers import known, parameter
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc9260/8.3/hb-interval",
    level=Level.SHOULD,
    cites=["RFC 9260 §8.3"],
    needs=[Need.HANDSHAKE, Need.COUNTERS, Need.AT_SENDER, Need.JOURNAL],
)
def hb_interval(t: View) -> Judgement:
    """An idle address gets a HEARTBEAT every HB.interval plus RTO, give or take half of that RTO.

    What it checks: that a HEARTBEAT follows the one before, on the same path, no sooner than HB.interval plus
    half of RTO.Min, and anything sent there no later than HB.interval plus one and a half times RTO.Max; 12 %
    and two clock ticks more for late timers.
    Why it matters: too many cost, too few let a dead path go unnoticed.
    What the capture must contain: a confirmed address idle for longer than the latest time, or two
    HEARTBEATs; and HB.interval: the journal or the recipe of a sandbox without drops. Others are not judged.
    Known exceptions: where a program asks for a HEARTBEAT, or turns them off, nothing is judged. Addresses
    not confirmed yet are probed sooner, and so are those that failed or may have (RFC 7829): spacing counts
    from an answered HEARTBEAT, of sides that retransmit nothing.
    References: RFC 9260 §8.3.
    """
    limits = (
        parameter(t, "hb_interval")
        .join(parameter(t, "rto_min").select(*ENDPOINT, rto_min="least"), on=ENDPOINT)
        .join(parameter(t, "rto_max").select(*ENDPOINT, rto_max="most"), on=ENDPOINT)
        .with_columns(
            least=pl.col("least") + pl.col("rto_min") // 2 - TICKS_NS,
            most=((pl.col("most") + 1.5 * pl.col("rto_max")) * TIMER_SLACK).cast(pl.Int64) + TICKS_NS,
        )
    )
    demands = pl.col("arguments").str.contains("SPP_HB_D", literal=True)  # ISABLE, EMAND
    switched = of_associations(
        t, succeeded(t, "setsockopt").filter((pl.col("option") == "SCTP_PEER_ADDR_PARAMS") & demands)
    ).select(ENDPOINT)
    spaced, unknown = known(heartbeat_spacings(t), limits, "HB.interval")
    paused, _ = known(pauses_of_paths(t), limits, "HB.interval")
    spaced, paused = (
        rows.join(switched, on=ENDPOINT, how="anti", maintain_order="left") for rows in (spaced, paused)
    )
    expected = pl.format(
        "a HEARTBEAT to {} every {} to {} ms",
        "destination",
        pl.col("least") // MILLISECOND,
        pl.col("most") // MILLISECOND,
    )
    early = spaced.filter(pl.col("spacing") < pl.col("least"))
    late = paused.filter(pl.col("pause") > pl.col("most"))
    violations = either(
        found(early, expected, pl.format("{} ms after the one before", pl.col("spacing") // MILLISECOND)),
        found(late, expected, pl.format("nothing for {} ms", pl.col("pause") // MILLISECOND)),
    )
    idle = paused.filter(pl.col("pause") > pl.col("most"))
    return Judgement(pl.concat([spaced.select(PATH), idle.select(PATH)]), violations, unknown)


@rule(
    "rfc9260/8.3/hb-state",
    level=Level.INFO,
    cites=["RFC 9260 §8.3"],
    to_fail=[Need.AT_SENDER, Need.COUNTERS],
)
def hb_state(t: View) -> Judgement:
    """HEARTBEATs are sent from COOKIE ECHO or COOKIE ACK on, until the own SHUTDOWN or SHUTDOWN ACK.

    What it checks: that no HEARTBEAT of a side comes before its first COOKIE ECHO or COOKIE ACK or after its
    first SHUTDOWN or SHUTDOWN ACK.
    Why it matters: before, the peer knows of no association; after, it need not answer.
    What the capture must contain: a HEARTBEAT. A violation counts only in a capture of the sandbox without
    drops: elsewhere packets may have changed places on the way.
    Known exceptions: that it comes too early is judged only where the side's COOKIE ECHO or COOKIE ACK is in
    the capture.
    References: RFC 9260 §8.3.
    """
    first = (
        t.chunks.filter(pl.col("association").is_not_null())
        .group_by(ENDPOINT)
        .agg(
            begun=pl.col("packet").filter(is_type(ChunkType.COOKIE_ECHO, ChunkType.COOKIE_ACK)).min(),
            closing=pl.col("packet").filter(is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK)).min(),
        )
    )
    subjects = t.heartbeats.join(first, on=ENDPOINT, how="left", maintain_order="left")
    is_early = (pl.col("packet") < pl.col("begun")).fill_null(False)
    is_late = (pl.col("packet") > pl.col("closing")).fill_null(False)
    when = pl.when(is_late).then(pl.lit("after the own SHUTDOWN")).otherwise(pl.lit("before COOKIE ECHO"))
    violations = subjects.filter(is_early | is_late)
    actual = pl.format("a HEARTBEAT to {} {}", "destination", when)
    return Judgement(subjects, found(violations, "HEARTBEATs of an established association", actual))
