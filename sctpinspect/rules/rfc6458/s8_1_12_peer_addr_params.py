"""RFC 6458 §8.1.12: SCTP_PEER_ADDR_PARAMS."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, number, of_associations, settings, succeeded
from sctpinspect.rules.queries import MILLISECOND, TICKS_NS, TIMER_SLACK, found
from sctpinspect.tables.associations import ENDPOINT, is_type

PATH = [*ENDPOINT, "path"]
RTO_MS = {"rto_min": 1000, "rto_max": 60_000}
"""RTO.Min and RTO.Max of RFC 9260 §16, where neither option nor recipe says otherwise."""


@rule(
    "rfc6458/8.1.12/hb-interval-option",
    level=Level.SHOULD,
    cites=["RFC 6458 §8.1.12", "RFC 9260 §8.3"],
    needs=[Need.HANDSHAKE, Need.COUNTERS, Need.AT_SENDER],
)
def hb_interval_option(t: View) -> Judgement:
    """Each confirmed idle address gets HEARTBEATs at the interval set.

    What it checks: that a HEARTBEAT follows the one before, on the same path, no sooner than spp_hbinterval
    plus half of RTO.Min, and anything sent there no later than spp_hbinterval plus one and a half times
    RTO.Max (SCTP_RTOINFO, else the system's values); 12 % and two clock ticks more for late timers.
    Why it matters: the interval decides how soon a dead path is noticed.
    What the capture must contain: the journal with the option set before the association, and an idle path
    for longer than the latest time. Only captures of the sandbox without drops are judged.
    Known exceptions: addresses not confirmed yet are probed sooner, as are those with HEARTBEATs on demand;
    any packet to the address counts as activity. Where the option is set again later nothing is judged.
    References: RFC 6458 §8.1.12; RFC 9260 §8.3.
    """
    limits = _limits(t)
    capture_end = t.packets.select(capture_end=pl.col("time_ns").max())
    closing = (
        t.chunks.filter(
            is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK, ChunkType.ABORT)
            & pl.col("association").is_not_null()
        )
        .group_by("association")
        .agg(closing=pl.col("time_ns").min())
    )
    confirmed = t.paths.select(*PATH, "destination", "confirmed_ns").drop_nulls()
    up = t.associations.select("association", "established_ns").drop_nulls()
    activity = (
        t.chunks.filter(pl.col("association").is_not_null())
        .group_by("packet", "frame", "time_ns", *PATH, maintain_order=True)
        .agg(beats=is_type(ChunkType.HEARTBEAT).any() & ~is_type(ChunkType.PAD).any())
        .join(limits, on=ENDPOINT, maintain_order="left")
        .join(confirmed, on=PATH, maintain_order="left")
        .join(up, on="association", maintain_order="left")
        .join(closing, on="association", how="left", maintain_order="left")
        .join(capture_end, how="cross", maintain_order="left")
        .with_columns(end=pl.coalesce("closing", "capture_end"))
        .filter(pl.col("time_ns").is_between(pl.max_horizontal("confirmed_ns", "established_ns"), "end"))
        .with_columns(
            next_ns=pl.col("time_ns").shift(-1).over(PATH),
            beat_before=pl.when("beats").then("time_ns").forward_fill().shift(1).over(PATH),
        )
        .with_columns(
            pause=pl.coalesce("next_ns", "end") - pl.col("time_ns"),
            spacing=pl.when("beats").then(pl.col("time_ns") - pl.col("beat_before")),
        )
    )
    early = activity.filter(pl.col("spacing") < pl.col("soonest"))
    late = activity.filter(pl.col("pause") > pl.col("latest"))
    columns = [*ENDPOINT, "frame", "call", "expected", "actual"]
    between = pl.format(
        "a HEARTBEAT to {} every {} to {} ms",
        "destination",
        pl.col("soonest") // MILLISECOND,
        pl.col("latest") // MILLISECOND,
    )
    violations = pl.concat(
        [
            found(
                early, between, pl.format("{} ms after the one before", pl.col("spacing") // MILLISECOND)
            ).select(columns),
            found(late, between, pl.format("nothing for {} ms", pl.col("pause") // MILLISECOND)).select(
                columns
            ),
        ]
    )
    judged = (
        activity.group_by(PATH)
        .agg(pl.col("spacing").count(), idle=(pl.col("pause") > pl.col("soonest")).any())
        .filter((pl.col("spacing") > 0) | pl.col("idle"))
    )
    return Judgement(judged, violations)


def _limits(t: View) -> pl.LazyFrame:
    """`soonest` and `latest` time between HEARTBEATs, ns, of sides that have set the interval once."""
    sysctls = t.recipe.get("sysctls", {})
    option = pl.col("option") == "SCTP_PEER_ADDR_PARAMS"
    enables = pl.col("arguments").str.contains('"SPP_HB_ENABLE"', literal=True)
    changes = of_associations(t, succeeded(t, "setsockopt").filter(option)).filter(
        pl.col("end_ns") > pl.col("first_ns")
    )
    interval = number(argument("value.spp_hbinterval"))
    of_all = argument("value.spp_address").is_null() | (argument("value.spp_address") == "null")
    rto = settings(t, "SCTP_RTOINFO").select(
        *ENDPOINT, rto_min=number(argument("value.srto_min")), rto_max=number(argument("value.srto_max"))
    )
    defaults = {name: int(sysctls.get(name, value)) for name, value in RTO_MS.items()}
    bounds = [
        pl.when(pl.col(name) > 0).then(name).otherwise(default).cast(pl.Float64)
        for name, default in defaults.items()
    ]
    half_min, more_than_max = 0.5 * bounds[0], 1.5 * bounds[1]
    return (
        settings(t, "SCTP_PEER_ADDR_PARAMS", enables)
        .filter(of_all & (interval > 0))
        .join(changes, on=ENDPOINT, how="anti", maintain_order="left")
        .select(*ENDPOINT, "call", interval=interval)
        .join(rto, on=ENDPOINT, how="left", maintain_order="left")
        .select(
            *ENDPOINT,
            "call",
            soonest=((pl.col("interval") + half_min) * MILLISECOND).cast(pl.Int64) - TICKS_NS,
            latest=((pl.col("interval") + more_than_max) * MILLISECOND * TIMER_SLACK).cast(pl.Int64)
            + TICKS_NS,
        )
    )
