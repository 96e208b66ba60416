"""Linux: SCTP_GET_ASSOC_STATS, which no RFC describes."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import number, result, succeeded
from sctpinspect.rules.queries import TICKS_NS, USER_DATA, either, found
from sctpinspect.tables.associations import ENDPOINT, is_type

IS_DATA, IS_SACK = is_type(*USER_DATA), is_type(ChunkType.SACK)
IS_UNORDERED = pl.col("unordered").fill_null(False)

COUNTERS = {
    "packets": pl.col("chunk") == 0,
    "sacks": IS_SACK,
    "ctrlchunks": ~IS_DATA,
    "odchunks": IS_DATA & ~IS_UNORDERED & pl.col("is_new"),
    "uodchunks": IS_DATA & IS_UNORDERED & pl.col("is_new"),
}
"""Of struct sctp_assoc_stats, behind sas_o for what was sent and sas_i for what was received: what counts."""


@rule(
    "linux/options/assoc-stats",
    level=Level.MUST,
    cites=["Linux options"],
    to_fail=[Need.NO_LOSS, Need.AT_SENDER],
)
def assoc_stats(t: View) -> Judgement:
    """SCTP_GET_ASSOC_STATS counts the packets and chunks of the association.

    What it checks: how much larger, from one call of a side to the next, the counters of packets, SACKs,
    control chunks, ordered and unordered DATA have become, sent and received, and that of chunks sent again.
    The wire shows as many.
    Why it matters: who watches associations by these counters sees what happens.
    What the capture must contain: the journal with two such calls, and no packet of the association within
    20 ms of either. A violation counts only in a capture of the sandbox without drops.
    Known exceptions: an association with AUTH chunks, of which not all are counted, is not judged.
    References: Linux options.
    """
    fields = {
        **{f"sas_o{name}": pl.col("own") & which for name, which in COUNTERS.items()},
        **{f"sas_i{name}": ~pl.col("own") & which for name, which in COUNTERS.items()},
        "sas_rtxchunks": pl.col("own") & IS_DATA & ~pl.col("is_new"),
    }
    authenticated = t.chunks.filter(is_type(ChunkType.AUTH)).select("association").drop_nulls()
    counted = {name: number(result(f"value.{name}")).fill_null(0) for name in fields}  # 0 is left out
    looks = (
        succeeded(t, "getsockopt", "sctp_opt_info")
        .filter((pl.col("option") == "SCTP_GET_ASSOC_STATS") & pl.col("association").is_not_null())
        .join(authenticated, on="association", how="anti", maintain_order="left")
        .sort("start_ns")
        .select(
            *[*ENDPOINT, "call", "frame", "start_ns", "end_ns"],
            since_ns=pl.col("end_ns").shift(1).over(ENDPOINT),
            **{name: value - value.shift(1).over(ENDPOINT) for name, value in counted.items()},
        )
        .filter(pl.col("since_ns").is_not_null())
    )
    pairs = (
        looks.join(_counted(t), on="association", maintain_order="left")
        .with_columns(own=pl.col("sender") == pl.col("side"))
        .filter(pl.col("own") == pl.col("is_sent"))
    )
    moment = pl.col("moment_ns")
    is_between = moment.is_between("since_ns", "start_ns")
    races = (moment - pl.col("since_ns")).abs().le(TICKS_NS) | moment.is_between(
        pl.col("start_ns") - TICKS_NS, pl.col("end_ns") + TICKS_NS
    )
    shown = pairs.group_by(*ENDPOINT, "call", "frame", maintain_order=True).agg(
        races.any().alias("races"),
        *(pl.col(name).first() for name in fields),
        **{f"shown_{name}": (is_between & which).sum() for name, which in fields.items()},
    )
    subjects = shown.filter(~pl.col("races"))
    wrong = [
        found(
            subjects.filter(pl.col(name) != pl.col(f"shown_{name}")),
            pl.format("{} more in {}", f"shown_{name}", pl.lit(name)),
            pl.format("{} more", name),
        )
        for name in fields
    ]
    reason = pl.lit("packets were under way at a call")
    return Judgement(subjects, either(*wrong), shown.filter("races").select("association", reason=reason))


def _counted(t: View) -> pl.LazyFrame:
    """Chunks twice: as sent (`is_sent`), and as received; `is_new`: a TSN that this end has not had."""
    arrivals = t.packets.select("packet", arrived_ns=pl.coalesce("delivered_ns", "time_ns"))
    chunks = t.chunks.filter(pl.col("association").is_not_null()).join(
        arrivals, on="packet", maintain_order="left"
    )
    what = ["association", "chunk", "type", "unordered"]
    is_new = pl.int_range(pl.len()).over("association", "side", "tsn", "type") == 0
    sent = chunks.select(
        *what, sender="side", moment_ns="time_ns", is_sent=True, is_new=~pl.col("is_retransmission")
    )
    received = (
        chunks.filter((pl.col("delivery") != "lost").fill_null(True))
        .sort("arrived_ns", maintain_order=True)
        .select(*what, sender="side", moment_ns="arrived_ns", is_sent=False, is_new=is_new)
    )
    return pl.concat([sent, received])
