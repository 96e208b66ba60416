"""RFC 6458 §8.1.8: SCTP_AUTOCLOSE."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, flagged, lasting, number, of_associations, succeeded
from sctpinspect.rules.queries import MILLISECOND, SECOND, TICKS_NS, TIMER_SLACK, USER_DATA, awake, found
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc6458/8.1.8/autoclose",
    level=Level.MUST,
    cites=["RFC 6458 §8.1.8"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS, Need.AT_SENDER],
)
def autoclose(t: View) -> Judgement:
    """An association without user data for the time of SCTP_AUTOCLOSE is shut down, and not before.

    What it checks: the time from the last DATA of either side to the SHUTDOWN of the side that set the
    option; 12 % and a quarter of a second more for late timers.
    Why it matters: a server frees so what its clients forgot.
    What the capture must contain: the journal with the option set before the association, and user data.
    Known exceptions: an association that a call or the peer ends is not judged, nor one whose timer the
    system bounds (net.sctp.max_autoclose).
    References: RFC 6458 §8.1.8.
    """
    seconds = number(argument("value.value"))
    idle = lasting(t, "SCTP_AUTOCLOSE").select(*ENDPOINT, "call", limit=seconds * SECOND)
    told = of_associations(t, succeeded(t, "close", "shutdown"))
    by_send = t.calls.filter(flagged("SCTP_EOF") | flagged("SCTP_ABORT"))
    by_call = (
        pl.concat([told.select(*ENDPOINT, "start_ns"), by_send.select(*ENDPOINT, "start_ns")])
        .group_by(ENDPOINT)
        .agg(told_ns=pl.col("start_ns").min())
    )
    own = t.chunks.filter(pl.col("association").is_not_null())
    last = own.filter(is_type(*USER_DATA)).group_by("association").agg(last_ns=pl.col("time_ns").max())
    ends = own.filter(is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK, ChunkType.ABORT))
    first = ends.sort("time_ns", maintain_order=True).unique("association", keep="first", maintain_order=True)
    end = first.select("association", "frame", "type", end_ns="time_ns", end_side="side")
    ended = pl.min_horizontal(pl.coalesce("end_ns", pl.lit(t.end_ns)), "told_ns")
    watched = (
        idle.filter(pl.col("limit") > 0)
        .join(last, on="association", maintain_order="left")
        .join(end, on="association", how="left", maintain_order="left")
        .join(by_call, on=ENDPOINT, how="left", maintain_order="left")
        .with_columns(
            idle=ended - pl.col("last_ns"),
            awake=awake(t, ended) - awake(t, pl.col("last_ns")),
            by_timer=(pl.col("end_side") == pl.col("side"))
            & (pl.col("type") == ChunkType.SHUTDOWN)
            & (pl.col("told_ns") > pl.col("end_ns")).fill_null(True),
            latest=(pl.col("limit") * TIMER_SLACK).cast(pl.Int64) + 250 * MILLISECOND,
        )
        .with_columns(pl.col("by_timer").fill_null(False))
    )
    too_late = pl.col("awake") > pl.col("latest")
    subjects = watched.filter(pl.col("by_timer") | too_late)
    too_soon = pl.col("by_timer") & (pl.col("idle") < pl.col("limit") - TICKS_NS)
    violations = subjects.filter(too_soon | too_late)
    return Judgement(
        subjects,
        found(
            violations,
            pl.format("SHUTDOWN after {} s without user data", pl.col("limit") // SECOND),
            pl.format("{} ms without it", pl.col("idle") // MILLISECOND),
        ),
    )
