"""RFC 9260 §3.3.10: ERROR and the error causes."""

import polars as pl

from sctpinspect.protocol import CauseCode, ChunkType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import WHOLE, found
from sctpinspect.tables.associations import is_type

LENGTHS = {
    CauseCode.INVALID_STREAM_IDENTIFIER: 8,
    CauseCode.STALE_COOKIE: 8,
    CauseCode.OUT_OF_RESOURCE: 4,
    CauseCode.INVALID_MANDATORY_PARAMETER: 4,
    CauseCode.NO_USER_DATA: 8,
    CauseCode.COOKIE_RECEIVED_WHILE_SHUTTING_DOWN: 4,
}
"""Length fields of the error causes that have but one."""


@rule("rfc9260/3.3.10/error-cause-format", level=Level.MUST, cites=["RFC 9260 §3.3.10"])
def error_cause_format(t: View) -> Judgement:
    """Error causes have the length that their code demands.

    What it checks: the length field of causes of fixed size, and of Missing Mandatory Parameter, which says
    how many types it lists.
    Why it matters: the peer cannot read what is wrong.
    What the capture must contain: an ERROR or ABORT with such a cause.
    Known exceptions: causes that are cut, or of which param-length-valid complains, are not judged.
    References: RFC 9260 §3.3.10.
    """
    causes = t.causes.filter(pl.col("defect").is_null() | (pl.col("defect") == "cause_value_short"))
    lengths = {int(code): length for code, length in LENGTHS.items()}
    fixed = pl.col("code").replace_strict(lengths, default=None, return_dtype=pl.Int64)
    missing = pl.col("value").bin.slice(0, 4).bin.reinterpret(dtype=pl.UInt32, endianness="big")
    listing = (
        pl.when(pl.col("value").bin.size() >= 4).then(8 + 2 * missing.cast(pl.Int64)).otherwise(pl.lit(8))
    )
    is_listing = pl.col("code") == CauseCode.MISSING_MANDATORY_PARAMETER
    subjects = causes.with_columns(right=pl.when(is_listing).then(listing).otherwise(fixed)).filter(
        pl.col("right").is_not_null()
    )
    violations = subjects.filter(pl.col("length") != pl.col("right"))
    name = pl.col("code_name").str.replace_all("_", " ")
    return Judgement(
        subjects,
        found(violations, pl.format("length {}", "right"), pl.format("{} of length {}", name, "length")),
    )


@rule("rfc9260/3.3.10/error-chunk-has-cause", level=Level.MUST, cites=["RFC 9260 §3.3.10"])
def error_chunk_has_cause(t: View) -> Judgement:
    """An ERROR chunk holds an error cause.

    What it checks: that every ERROR has at least one. An ABORT may have none.
    Why it matters: without a cause it says nothing.
    What the capture must contain: an ERROR, in a packet that is not cut.
    Known exceptions: none.
    References: RFC 9260 §3.3.10.
    """
    subjects = t.chunks.filter(is_type(ChunkType.ERROR) & WHOLE)
    violations = subjects.join(
        t.causes.select("packet", "chunk"), on=["packet", "chunk"], how="anti", maintain_order="left"
    )
    return Judgement(subjects, found(violations, "an error cause", "none"))
