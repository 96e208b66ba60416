"""RFC 9260 §6.5: unordered messages among ordered ones."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import first_transmissions, found, with_moved_numbers

_STREAM = ["association", "side", "stream"]


@rule(
    "rfc9260/6.5/unordered-does-not-use-ssn",
    level=Level.MUST,
    cites=["RFC 9260 §6.5", "RFC 9260 §6.6"],
    to_fail=[Need.NO_LOSS],
)
def unordered_does_not_use_ssn(t: View) -> Judgement:
    """Unordered messages leave the SSNs of the ordered ones on their stream as they are.

    What it checks: the SSN of each ordered message that follows unordered ones against that of the ordered
    message before them, plus 1 modulo 65536.
    Why it matters: the receiver waits for an SSN that never comes, and delivers nothing more of the stream.
    What the capture must contain: an unordered message between two ordered ones of its stream, and all TSNs
    between these.
    Known exceptions: what SSN an unordered message itself has does not matter. I_DATA and associations with
    RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §6.5; RFC 9260 §6.6.
    """
    begun = (
        first_transmissions(t, ChunkType.DATA)
        .filter("beginning")
        .with_columns(unordered_so_far=pl.col("unordered").cast(pl.Int64).cum_sum().over(_STREAM))
        .filter(~pl.col("unordered"))
    )
    subjects = begun.with_columns(
        right=(pl.col("ssn").shift(1).over(_STREAM).cast(pl.Int32) + 1) % (1 << 16),
        run_before=pl.col("run").shift(1).over(_STREAM),
        between=pl.col("unordered_so_far").diff().over(_STREAM),
    ).filter((pl.col("run") == pl.col("run_before")) & (pl.col("between") > 0))
    violations = subjects.filter((pl.col("ssn") != pl.col("right")) & (pl.col("ssn") != 0))
    actual = pl.format("SSN {} on stream {} after {} unordered messages", "ssn", "stream", "between")
    return with_moved_numbers(t, subjects, found(violations, pl.format("SSN {}", "right"), actual))
