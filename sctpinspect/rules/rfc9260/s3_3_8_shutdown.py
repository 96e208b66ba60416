"""RFC 9260 §3.3.8 and further sections: chunks of one length."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import is_type

LENGTHS = {
    ChunkType.SHUTDOWN: 8,
    ChunkType.SHUTDOWN_ACK: 4,
    ChunkType.COOKIE_ACK: 4,
    ChunkType.SHUTDOWN_COMPLETE: 4,
}


@rule(
    "rfc9260/3.3.8/fixed-chunk-lengths",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.8", "RFC 9260 §3.3.9", "RFC 9260 §3.3.12", "RFC 9260 §3.3.13"],
)
def fixed_chunk_lengths(t: View) -> Judgement:
    """SHUTDOWN is 8 bytes long; SHUTDOWN ACK, COOKIE ACK and SHUTDOWN COMPLETE are 4.

    What it checks: the length fields of these chunks.
    Why it matters: they have no variable part; a receiver may refuse any other length.
    What the capture must contain: one of these chunks.
    Known exceptions: none.
    References: RFC 9260 §3.3.8; RFC 9260 §3.3.9; RFC 9260 §3.3.12; RFC 9260 §3.3.13.
    """
    right = {int(type): length for type, length in LENGTHS.items()}
    subjects = t.chunks.filter(is_type(*LENGTHS)).with_columns(
        right=pl.col("type").replace_strict(right, return_dtype=pl.UInt16)
    )
    violations = subjects.filter(pl.col("length") != pl.col("right"))
    return Judgement(
        subjects, found(violations, pl.format("length {}", "right"), pl.format("length {}", "length"))
    )
