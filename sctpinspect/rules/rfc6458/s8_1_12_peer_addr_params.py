"""RFC 6458 §8.1.12: SCTP_PEER_ADDR_PARAMS."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, number, of_associations, settings, succeeded
from sctpinspect.rules.idle import heartbeat_spacings, pauses_of_paths
from sctpinspect.rules.queries import MILLISECOND, PATH, TICKS_NS, TIMER_SLACK, found
from sctpinspect.tables.associations import ENDPOINT

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
    Known exceptions: addresses not confirmed yet are probed sooner, and so are those that failed or may have
    (RFC 7829): spacing counts from an answered HEARTBEAT, of sides that retransmit nothing. Any packet to the
    address counts as activity, but for HEARTBEAT ACK. A time in which the machine ran nothing, as the sandbox
    tells it, does not count. Where the option is set again later nothing is judged.
    References: RFC 6458 §8.1.12; RFC 9260 §8.3.
    """
    interval = number(argument("value.spp_hbinterval"))
    return _spaced(t, _limits(t, interval, interval > 0))


@rule(
    "rfc6458/8.1.12/hb-time-zero",
    level=Level.SHOULD,
    cites=["RFC 6458 §8.1.12", "RFC 9260 §8.3"],
    needs=[Need.HANDSHAKE, Need.COUNTERS, Need.AT_SENDER],
)
def hb_time_zero(t: View) -> Judgement:
    """With SPP_HB_TIME_IS_ZERO each confirmed idle address gets a HEARTBEAT per RTO.

    What it checks: that a HEARTBEAT follows the one before, on the same path, no sooner than half of RTO.Min,
    and anything sent there no later than one and a half times RTO.Max (SCTP_RTOINFO, else the system's
    values); 12 % and two clock ticks more for late timers.
    Why it matters: the program wants to know of a dead path as soon as can be.
    What the capture must contain: the journal with the option set before the association, and an idle path
    for longer than the latest time. Only captures of the sandbox without drops are judged.
    Known exceptions: those of rfc6458/8.1.12/hb-interval-option.
    References: RFC 6458 §8.1.12; RFC 9260 §8.3.
    """
    is_zero = pl.col("arguments").str.contains('"SPP_HB_TIME_IS_ZERO"', literal=True)
    return _spaced(t, _limits(t, pl.lit(0), is_zero))


def _spaced(t: View, limits: pl.LazyFrame) -> Judgement:
    """Judges that HEARTBEATs come no sooner, and anything no later, than the limits say."""
    spacings = heartbeat_spacings(t).join(limits, on=ENDPOINT, maintain_order="left")
    pauses = pauses_of_paths(t).join(limits, on=ENDPOINT, maintain_order="left")
    expected = pl.format(
        "a HEARTBEAT to {} every {} to {} ms",
        "destination",
        pl.col("soonest") // MILLISECOND,
        pl.col("latest") // MILLISECOND,
    )
    early = spacings.filter(pl.col("spacing") < pl.col("soonest"))
    late = pauses.filter(pl.col("pause") > pl.col("latest"))
    too_soon = pl.format("{} ms after the one before", pl.col("spacing") // MILLISECOND)
    too_late = pl.format("nothing for {} ms", pl.col("pause") // MILLISECOND)
    columns = [*ENDPOINT, "frame", "call", "expected", "actual"]
    violations = pl.concat(
        [found(early, expected, too_soon).select(columns), found(late, expected, too_late).select(columns)]
    )
    idle = pauses.filter(pl.col("pause") > pl.col("soonest"))
    judged = [*PATH, "call"]
    return Judgement(pl.concat([spacings.select(judged), idle.select(judged)]).unique(), violations)


def _limits(t: View, interval: pl.Expr, which: pl.Expr) -> pl.LazyFrame:
    """`soonest` and `latest` time between HEARTBEATs, ns, of sides that have set the interval once.

    interval: ms, in the calls that set it; which: what these calls have in common.
    """
    sysctls = t.recipe.get("sysctls")
    stated = sysctls if isinstance(sysctls, dict) else {}
    option = pl.col("option") == "SCTP_PEER_ADDR_PARAMS"
    enables = pl.col("arguments").str.contains('"SPP_HB_ENABLE"', literal=True)
    changes = of_associations(t, succeeded(t, "setsockopt").filter(option)).filter(
        pl.col("end_ns") > pl.col("first_ns")
    )
    of_all = argument("value.spp_address").is_null() | (argument("value.spp_address") == "null")
    rto = settings(t, "SCTP_RTOINFO").select(
        *ENDPOINT, rto_min=number(argument("value.srto_min")), rto_max=number(argument("value.srto_max"))
    )
    defaults = {
        name: int(stated[name]) if str(stated.get(name)).isdecimal() else value
        for name, value in RTO_MS.items()
    }
    bounds = [
        pl.when(pl.col(name) > 0).then(name).otherwise(default).cast(pl.Float64)
        for name, default in defaults.items()
    ]
    half_min, more_than_max = 0.5 * bounds[0], 1.5 * bounds[1]
    return (
        settings(t, "SCTP_PEER_ADDR_PARAMS", enables)
        .filter(of_all & which)
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
