"""RFC 9260 §6.5: DATA on a stream that does not exist."""

import polars as pl

from sctpinspect.protocol import CauseCode, ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import USER_DATA, beside_own, found, moved_numbers, unanswered
from sctpinspect.tables.associations import is_type


@rule(
    "rfc9260/6.5/invalid-sid-reported",
    level=Level.SHOULD,
    cites=["RFC 9260 §6.5"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def invalid_sid_reported(t: View) -> Judgement:
    """DATA on an invalid stream is answered with an ERROR that says so.

    What it checks: that the peer sends an ERROR with the cause Invalid Stream Identifier, or an ABORT, after
    DATA whose stream identifier is not below the number of streams agreed.
    Why it matters: the message is lost; its sender is at fault and has to know.
    What the capture must contain: the handshake and such DATA, and half a second after it. A violation counts
    only in a capture of the sandbox without drops and impairment.
    Known exceptions: associations with RE_CONFIG, which may have added streams, and those with FORWARD_TSN
    are left out.
    References: RFC 9260 §6.5.
    """
    data = t.chunks.filter(is_type(*USER_DATA) & pl.col("association").is_not_null()).join(
        moved_numbers(t), on="association", how="anti", maintain_order="left"
    )
    invalid = beside_own(data, t.endpoints, streams="negotiated_streams").filter(
        pl.col("stream") >= pl.col("streams")
    )
    told = t.causes.filter(pl.col("code") == CauseCode.INVALID_STREAM_IDENTIFIER).select("packet", "chunk")
    errors = t.chunks.filter(is_type(ChunkType.ERROR)).join(told, on=["packet", "chunk"], how="semi")
    answers = pl.concat([errors, t.chunks.filter(is_type(ChunkType.ABORT))])
    asked, silent, unclear = unanswered(t, invalid.drop("streams"), answers)
    actual = pl.format("no answer to TSN {} on stream {}", "tsn", "stream")
    return Judgement(asked, found(silent, "an ERROR", actual), unclear)
