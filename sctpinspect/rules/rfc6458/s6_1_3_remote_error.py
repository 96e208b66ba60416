"""RFC 6458 §6.1.3: SCTP_REMOTE_ERROR."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import number, result
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT, peer


@rule(
    "rfc6458/6.1.3/notify-remote-error",
    level=Level.MUST,
    cites=["RFC 6458 §6.1.3", "RFC 9260 §3.3.10"],
    to_fail=[Need.NO_LOSS],
)
def notify_remote_error(t: View) -> Judgement:
    """SCTP_REMOTE_ERROR tells an error cause that the peer sent in an ERROR.

    What it checks: that an ERROR with the cause sre_error, one for each notification, is on the wire before
    the call returned.
    Why it matters: the program learns what the peer could not make sense of.
    What the capture must contain: the journal with notifications.
    Known exceptions: sre_data is not compared: it is the ERROR chunk by the RFC, what is in the cause by
    Linux.
    References: RFC 6458 §6.1.3; RFC 9260 §3.3.10.
    """
    of = [*ENDPOINT, "code"]
    told = (
        t.calls.filter((pl.col("notification") == "SCTP_REMOTE_ERROR") & pl.col("association").is_not_null())
        .select(
            *ENDPOINT, "call", "end_ns", call_frame="frame", code=number(result("notification.sre_error"))
        )
        .with_columns(turn=pl.int_range(pl.len()).over(of))
    )
    sent = (
        t.causes.filter((pl.col("chunk_type") == ChunkType.ERROR) & pl.col("association").is_not_null())
        .join(t.packets.select("packet", "time_ns"), on="packet", maintain_order="left")
        .select("association", peer(), "frame", "chunk", "time_ns", pl.col("code").cast(pl.Int64))
        .with_columns(turn=pl.int_range(pl.len()).over(of))
    )
    subjects = told.join(sent, on=[*of, "turn"], how="left", maintain_order="left").with_columns(
        pl.coalesce("frame", "call_frame").alias("frame")
    )
    violations = subjects.filter((pl.col("time_ns") >= pl.col("end_ns")).fill_null(True))
    expected = pl.format("an ERROR with cause {} before it", "code")
    return Judgement(subjects, found(violations, expected, "no such ERROR before it"))
