"""RFC 6458 §8.1.19: SCTP_DELAYED_SACK."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, lasting, number
from sctpinspect.rules.queries import MILLISECOND, TICKS_NS, TIMER_SLACK, acknowledged, found
from sctpinspect.tables.associations import ENDPOINT, peer

CITES = ["RFC 6458 §8.1.19", "RFC 9260 §6.2"]


def _set(t: View, field: str) -> pl.LazyFrame:
    """A field of SCTP_DELAYED_SACK where it is not 0, beside the sender of the DATA: the peer."""
    return (
        lasting(t, "SCTP_DELAYED_SACK")
        .select("association", peer(), "call", wanted=number(argument(f"value.{field}")))
        .filter(pl.col("wanted") > 0)
    )


@rule(
    "rfc6458/8.1.19/sack-delay-option",
    level=Level.MUST,
    cites=CITES,
    to_fail=[Need.NO_LOSS, Need.AT_SENDER],
)
def sack_delay_option(t: View) -> Judgement:
    """DATA is acknowledged within the sack_delay that was set.

    What it checks: the time from the arrival of each DATA to the first acknowledgement of it, with 12 % and
    two clock ticks more for late timers.
    Why it matters: the program chose how long its peer waits.
    What the capture must contain: the journal of the receiver with the option set before the association. A
    violation counts only in a capture of the sandbox without drops.
    Known exceptions: the value 0 leaves the delay as it is. Where the option is set again later nothing is
    judged.
    References: RFC 6458 §8.1.19; RFC 9260 §6.2.
    """
    judged = acknowledged(t).join(_set(t, "sack_delay"), on=ENDPOINT, maintain_order="left")
    limit = (pl.col("wanted") * MILLISECOND * TIMER_SLACK).cast(pl.Int64) + TICKS_NS
    return _late(judged, limit, pl.format("acknowledged within {} ms", "wanted"))


@rule(
    "rfc6458/8.1.19/sack-freq-option",
    level=Level.MUST,
    cites=CITES,
    to_fail=[Need.NO_LOSS, Need.AT_SENDER],
)
def sack_freq_option(t: View) -> Judgement:
    """Of as many packets with DATA as sack_freq says, the last is acknowledged at once.

    What it checks: that each DATA is acknowledged within 50 ms after the arrival of the packet that is, with
    it, the sack_freq-th with DATA.
    Why it matters: the program chose how much its peer sends without an answer.
    What the capture must contain: the journal of the receiver with the option set before the association. A
    violation counts only in a capture of the sandbox without drops.
    Known exceptions: the value 0 leaves the frequency as it is. Where the option is set again later nothing
    is judged.
    References: RFC 6458 §8.1.19; RFC 9260 §6.2.
    """
    ours = acknowledged(t).join(_set(t, "sack_freq"), on=ENDPOINT, maintain_order="left")
    packets = (
        ours.unique("packet", keep="first", maintain_order=True)
        .sort("arrived_ns")
        .select(*ENDPOINT, "packet", "arrived_ns", "wanted", turn=pl.int_range(pl.len()).over(ENDPOINT))
    )
    ends = packets.select(*ENDPOINT, ends_turn="turn", ends_ns="arrived_ns")
    due = (
        packets.with_columns(ends_turn=pl.col("turn") + pl.col("wanted") - 1)
        .join(ends, on=[*ENDPOINT, "ends_turn"], maintain_order="left")
        .select("packet", "ends_ns")
    )
    judged = ours.join(due, on="packet", maintain_order="left").with_columns(
        waited=pl.col("acked_ns") - pl.col("ends_ns")
    )
    return _late(judged, pl.lit(50 * MILLISECOND), pl.format("acknowledged with packet {} of DATA", "wanted"))


def _late(judged: pl.LazyFrame, limit: pl.Expr, expected: pl.Expr) -> Judgement:
    actual = pl.format("TSN {} acknowledged after {} ms", "tsn", pl.col("waited") // MILLISECOND)
    late = judged.filter(pl.col("waited") > limit).with_columns(
        frames=pl.concat_list("frame", "acked_frame"), side=peer()
    )
    return Judgement(judged.with_columns(side=peer()), found(late, expected, actual))
