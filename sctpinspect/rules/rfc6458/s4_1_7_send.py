"""RFC 6458 §4.1.7: sending after shutdown()."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.calls import succeeded
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT, is_type
from sctpinspect.tables.calls import SENDS


@rule("rfc6458/4.1.7/snd-after-shutdown", level=Level.MUST, cites=["RFC 6458 §4.1.7", "RFC 9260 §9.2"])
def snd_after_shutdown(t: View) -> Judgement:
    """A send fails once the own SHUTDOWN is on the wire.

    What it checks: that no send succeeds that begins after the side sent SHUTDOWN or SHUTDOWN ACK and before
    the association ends; sends that fail then are judged too.
    Why it matters: the program would take a message for sent that never leaves.
    What the capture must contain: the journal of the sender, and the end of the association.
    Known exceptions: a send that names an address may begin another association once this one has ended.
    References: RFC 6458 §4.1.7; RFC 9260 §9.2.
    """
    closing = (
        t.chunks.filter(
            is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK) & pl.col("association").is_not_null()
        )
        .unique(ENDPOINT, keep="first", maintain_order=True)
        .select(*ENDPOINT, closing_ns="time_ns", closing_frame="frame")
    )
    ends = t.associations.select("association", association_end_ns="end_ns")
    calls = (
        t.calls.filter(pl.col("name").is_in(SENDS) & pl.col("association").is_not_null())
        .join(closing, on=ENDPOINT, maintain_order="left")
        .join(ends, on="association", maintain_order="left")
        .filter(pl.col("start_ns") > pl.col("closing_ns"))
    )
    late = calls.filter((pl.col("end_ns") < pl.col("association_end_ns")).fill_null(False))
    violations = late.filter(pl.col("errno").is_null()).join(
        succeeded(t, *SENDS).select("call"), on="call", how="semi", maintain_order="left"
    )
    frames = pl.concat_list("closing_frame", "frame")
    return Judgement(
        pl.concat([late, calls.filter(pl.col("errno").is_not_null())]).unique("call"),
        found(violations.with_columns(frames=frames), "the call to fail", "it succeeded after the SHUTDOWN"),
    )
