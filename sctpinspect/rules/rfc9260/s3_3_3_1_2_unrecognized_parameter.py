"""RFC 9260 §3.3.3.1.2: the parameter that returns an unrecognized one."""

import polars as pl

from sctpinspect.protocol import CauseCode, ParameterType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import found
from sctpinspect.rules.unrecognized import whole_parameters
from sctpinspect.tables.associations import ENDPOINT


@rule(
    "rfc9260/3.3.3.1.2/unrecognized-tlv-copied-verbatim",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.3.1.2", "RFC 9260 §3.3.10.8"],
    to_fail=[Need.NO_LOSS],
)
def unrecognized_tlv_copied_verbatim(t: View) -> Judgement:
    """A parameter that is reported as unrecognized is returned as it came.

    What it checks: that what an Unrecognized Parameter of an INIT ACK, or an error cause Unrecognized
    Parameters, holds begins with type, length and value of a parameter of the peer's INIT or INIT ACK.
    Why it matters: the peer finds out by it which of its parameters was not understood.
    What the capture must contain: the report, and what it is about. A violation counts only where the capture
    states that it dropped nothing.
    Known exceptions: none.
    References: RFC 9260 §3.3.3.1.2; RFC 9260 §3.3.10.8.
    """
    columns = ["packet", "frame", "chunk", *ENDPOINT, "value"]
    told = pl.concat(
        [
            t.parameters.filter(pl.col("type") == ParameterType.UNRECOGNIZED_PARAMETER).select(columns),
            t.causes.filter(pl.col("code") == CauseCode.UNRECOGNIZED_PARAMETERS).select(columns),
        ]
    ).filter(pl.col("value").is_not_null() & pl.col("association").is_not_null())
    given = whole_parameters(t).group_by(ENDPOINT).agg("tlv")
    hex_value = pl.col("value").bin.encode("hex")
    subjects = told.join(given, on=ENDPOINT, maintain_order="left").filter(
        pl.col("tlv").list.eval(pl.element().is_not_null()).list.all()
    )
    violations = (
        subjects.with_row_index("row")
        .with_columns(told=hex_value)
        .explode("tlv")
        .group_by("row", maintain_order=True)
        .agg(
            pl.all().exclude("tlv").first(),
            is_copy=pl.col("told").str.starts_with(pl.col("tlv")).any(),
        )
        .filter(~pl.col("is_copy"))
    )
    return Judgement(subjects, found(violations, "type, length and value of a parameter", "something else"))
