"""RFC 9260 §5.1.1: the stream parameters."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import (
    USER_DATA,
    beside_own,
    certain_without,
    found,
    moved_numbers,
    with_moved_numbers,
)
from sctpinspect.tables.associations import is_type


@rule(
    "rfc9260/5.1.1/data-sid-in-range",
    level=Level.MUST,
    cites=["RFC 9260 §5.1.1", "RFC 9260 §6.5"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def data_sid_in_range(t: View) -> Judgement:
    """DATA uses only streams that both sides agreed on.

    What it checks: that the stream identifier is below the smaller of the sender's OS and the receiver's MIS.
    Why it matters: the receiver cannot deliver it; it answers with ERROR "Invalid Stream Identifier".
    What the capture must contain: the handshake and DATA. A violation counts only where the capture states
    that it dropped nothing, or where the handshake rules out RE_CONFIG.
    Known exceptions: associations with RE_CONFIG, which may add streams, are left out.
    References: RFC 9260 §5.1.1; RFC 9260 §6.5.
    """
    user_data = t.chunks.filter(is_type(*USER_DATA) & pl.col("stream").is_not_null()).join(
        moved_numbers(t), on="association", how="anti", maintain_order="left"
    )
    subjects = beside_own(user_data, t.endpoints, streams="negotiated_streams").filter(
        pl.col("streams").is_not_null()
    )
    outside = subjects.filter(pl.col("stream") >= pl.col("streams"))
    violations = certain_without(t, ChunkType.RE_CONFIG, outside)
    expected = pl.format("a stream below {}", "streams")
    return with_moved_numbers(t, subjects, found(violations, expected, pl.format("stream {}", "stream")))
