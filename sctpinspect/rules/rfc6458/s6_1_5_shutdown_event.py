"""RFC 6458 §6.1.5: SCTP_SHUTDOWN_EVENT."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


@rule(
    "rfc6458/6.1.5/notify-shutdown-event",
    level=Level.MUST,
    cites=["RFC 6458 §6.1.5", "RFC 9260 §9.2"],
    to_fail=[Need.NO_LOSS],
)
def notify_shutdown_event(t: View) -> Judgement:
    """SCTP_SHUTDOWN_EVENT comes once the peer has sent SHUTDOWN.

    What it checks: that a SHUTDOWN of the peer is on the wire before the call returned.
    Why it matters: the program stops sending.
    What the capture must contain: the journal with notifications.
    Known exceptions: none.
    References: RFC 6458 §6.1.5; RFC 9260 §9.2.
    """
    shutdowns = (
        t.chunks.filter(is_type(ChunkType.SHUTDOWN) & pl.col("association").is_not_null())
        .group_by("association", side=peer())
        .agg(pl.col("frame", "time_ns").first())
    )
    calls = t.calls.filter(
        (pl.col("notification") == "SCTP_SHUTDOWN_EVENT") & pl.col("association").is_not_null()
    ).select(*ENDPOINT, "call", "end_ns", call_frame="frame")
    subjects = calls.join(shutdowns, on=ENDPOINT, how="left", maintain_order="left").with_columns(
        pl.coalesce("frame", "call_frame").alias("frame")
    )
    violations = subjects.filter((pl.col("time_ns") >= pl.col("end_ns")).fill_null(True))
    return Judgement(subjects, found(violations, "a SHUTDOWN of the peer before it", "no SHUTDOWN before it"))
