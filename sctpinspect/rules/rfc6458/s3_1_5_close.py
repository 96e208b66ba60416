"""RFC 6458 §3.1.5: close()."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import (
    begun_before,
    causes_no_packet,
    ending,
    left_over,
    number,
    result,
    succeeded,
)
from sctpinspect.rules.queries import either, found
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc6458/3.1.5/close-graceful",
    level=Level.MUST,
    cites=["RFC 6458 §3.1.5", "RFC 6458 §4.1.6", "RFC 9260 §9.2"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def close_graceful(t: View) -> Judgement:
    """close() ends the associations of the socket with SHUTDOWN.

    What it checks: that after close() the side sends SHUTDOWN, or SHUTDOWN ACK where the peer was first, and
    no ABORT before it; of a side that may have to send ABORT, that it sends one of these.
    Why it matters: only so all data still on its way is delivered.
    What the capture must contain: the journal, and the end of the association; that nothing is sent can be
    told only in a whole recording of the sandbox without impairment.
    Known exceptions: with SO_LINGER or SCTP_ABORT, with data that was received and not read (Linux then
    aborts) and with own data that was never acknowledged (the peer may be gone) ABORT is right too, and
    silence is not judged; after the peer's SHUTDOWN or ABORT nothing is.
    References: RFC 6458 §3.1.5; RFC 6458 §4.1.6; RFC 9260 §9.2.
    """
    closes = ending(t, succeeded(t, "close"))
    forced = closes.join(left_over(t), on=ENDPOINT, how="semi", maintain_order="left")
    free = closes.join(left_over(t), on=ENDPOINT, how="anti", maintain_order="left")
    violations = free.filter(pl.col("said").is_in(["ABORT", "nothing"]))
    return Judgement(
        either(free, forced.filter(pl.col("said") != "nothing")),
        found(violations, "SHUTDOWN", pl.format("{} after close()", "said")),
    )


@rule(
    "rfc6458/3.1.5/close-no-packet",
    level=Level.MUST,
    cites=["RFC 6458 §3.1.5", "RFC 6458 §4.1.6"],
    needs=[Need.COUNTERS],
    to_fail=[Need.DELIVERY],
)
def close_no_packet(t: View) -> Judgement:
    """close() of a socket whose associations are over causes no packet.

    What it checks: that no association begins or ends while such a call runs and no other call of its host
    does that could be the cause. An association is over for a side that has sent SHUTDOWN ACK.
    Why it matters: what has ended, or never began, is nobody's business any more.
    What the capture must contain: the journal, no drops, and the end of each association that the socket had.
    A violation counts only where nothing was lost on the way: the host may not know yet of that end.
    Known exceptions: while an association of the socket lives nothing is judged, nor while one of its port
    does that accept() or sctp_peeloff() has not handed over: it may be its own. An association no longer
    lives when the side has sent SHUTDOWN, SHUTDOWN ACK or ABORT, nor when its program was told that it
    could not be set up.
    References: RFC 6458 §3.1.5; RFC 6458 §4.1.6.
    """
    lives = _lives(t)
    handed = succeeded(t, "accept", "sctp_peeloff").select(*ENDPOINT, "host", given=number(result("socket")))
    closes = succeeded(t, "close").with_columns(given=pl.col("socket").cast(pl.Int64))
    on_given = closes.drop(ENDPOINT).join(handed, on=["host", "given"], maintain_order="left")
    own = on_given.join(lives.select(*ENDPOINT, latest_end_ns="end_ns"), on=ENDPOINT)
    others = begun_before(
        closes.join(handed, on=["host", "given"], how="anti", maintain_order="left").select(
            "host", "local_port", "start_ns", "end_ns", of="call"
        ),
        lives.join(handed, on=ENDPOINT, how="anti", maintain_order="left"),
        "end_ns",
        ["host", "local_port"],
    )
    lived = pl.col("latest_end_ns") > pl.col("start_ns")
    alive = pl.concat([own.filter(lived).select("call"), others.filter(lived).select(call="of")])
    return causes_no_packet(t, closes.join(alive, on="call", how="anti", maintain_order="left"))


def _lives(t: View) -> pl.LazyFrame:
    """Of each association and side when it began, and when it was over, or the side closed it or was told."""
    closing = t.chunks.filter(is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK, ChunkType.ABORT))
    own = closing.drop_nulls("association").group_by(ENDPOINT).agg(said_ns=pl.col("time_ns").min())
    is_told = (pl.col("errno") == "ETIMEDOUT") | (pl.col("state") == "SCTP_CANT_STR_ASSOC")
    failed = t.calls.filter(is_told).drop_nulls("association")
    told = failed.group_by(ENDPOINT).agg(told_ns=pl.col("end_ns").min())
    never = pl.lit((1 << 63) - 1, pl.Int64)
    return (
        t.endpoints.select(*ENDPOINT, "host", local_port="port")
        .drop_nulls("host")
        .join(t.associations.select("association", "first_ns", "end_ns"), on="association")
        .join(own, on=ENDPOINT, how="left")
        .join(told, on=ENDPOINT, how="left")
        .select(
            *ENDPOINT,
            "host",
            "local_port",
            start_ns="first_ns",
            end_ns=pl.min_horizontal("end_ns", "said_ns", "told_ns").fill_null(never),
            call="association",
        )
    )
