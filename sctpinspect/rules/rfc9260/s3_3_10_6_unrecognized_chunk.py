"""RFC 9260 §3.3.10.6: the error cause that returns an unrecognized chunk."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import found
from sctpinspect.rules.unrecognized import reported_chunks
from sctpinspect.tables.associations import peer


@rule(
    "rfc9260/3.3.10.6/unrecognized-chunk-copied",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.10.6"],
    to_fail=[Need.NO_LOSS],
)
def unrecognized_chunk_copied(t: View) -> Judgement:
    """A chunk that is reported as unrecognized is returned as it came.

    What it checks: that the error cause Unrecognized Chunk Type begins with type, flags and length of a chunk
    that the peer sent before.
    Why it matters: the peer finds out by it which of its chunks was not understood.
    What the capture must contain: the report, and a chunk of that type. A violation counts only where the
    capture states that it dropped nothing.
    Known exceptions: a long chunk may be cut to fit.
    References: RFC 9260 §3.3.10.6.
    """
    reports = t.chunks.select("packet", "chunk", "frame", "association", "side").join(
        reported_chunks(t), on=["packet", "chunk"], maintain_order="left"
    )
    sent = t.chunks.filter(pl.col("association").is_not_null()).join(
        reports.select("association", peer(), type="reported_type"),
        on=["association", "side", "type"],
        how="semi",
    )
    head = (
        pl.col("type").cast(pl.UInt32) * 0x1000000
        + pl.col("flags").cast(pl.UInt32) * 0x10000
        + pl.col("length")
    )
    heads = (
        sent.select("association", peer(), reported_type="type", head=head)
        .group_by("association", "side", "reported_type")
        .agg("head")
    )
    told = pl.col("value").bin.slice(0, 4).bin.reinterpret(dtype=pl.UInt32, endianness="big")
    subjects = reports.join(heads, on=["association", "side", "reported_type"], maintain_order="left")
    violations = subjects.filter(~pl.col("head").list.contains(told))
    expected = pl.format("a copy of the chunk of type {}", "reported_type")
    return Judgement(subjects, found(violations, expected, "another chunk header"))
