"""RFC 9260 §6.5: stream identifier and stream sequence number."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import certain_without, first_transmissions, found, with_moved_numbers

_STREAM = ["association", "side", "stream"]


@rule(
    "rfc9260/6.5/ssn-starts-at-zero",
    level=Level.MUST,
    cites=["RFC 9260 §6.5"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_SIGN_OF_LOSS],
)
def ssn_starts_at_zero(t: View) -> Judgement:
    """The first ordered message of each stream has SSN 0.

    What it checks: the SSN of the ordered message with the lowest TSN on each stream.
    Why it matters: the receiver waits for SSN 0 before it delivers anything of the stream.
    What the capture must contain: the handshake and ordered DATA.
    Known exceptions: a stream with a missing TSN before its first message is not judged, nor are I_DATA and
    associations with RE_CONFIG or FORWARD_TSN.
    References: RFC 9260 §6.5.
    """
    # run 0: no TSN is missing since the initial one
    subjects = _ordered(t).unique(_STREAM, keep="first", maintain_order=True).filter(pl.col("run") == 0)
    violations = subjects.filter(pl.col("ssn") != 0)
    actual = pl.format("SSN {} first on stream {}", "ssn", "stream")
    return with_moved_numbers(t, subjects, found(violations, "SSN 0", actual))


@rule("rfc9260/6.5/ssn-increments", level=Level.MUST, cites=["RFC 9260 §6.5"], to_fail=[Need.NO_LOSS])
def ssn_increments(t: View) -> Judgement:
    """The SSN grows by one with each ordered message of a stream.

    What it checks: the SSNs of the ordered messages of each stream in order of TSN, modulo 65536. Unordered
    messages take no part.
    Why it matters: the receiver waits for a missing SSN, and takes a repeated one for a duplicate.
    What the capture must contain: two ordered messages on a stream, and all TSNs between them. That an SSN is
    0 too early counts only where the capture states that it dropped nothing, or where the handshake rules out
    RE_CONFIG: one not seen may have reset it.
    Known exceptions: I_DATA and associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §6.5.
    """
    before = pl.col("ssn").shift(1).over(_STREAM)
    subjects = (
        _ordered(t)
        .with_columns(
            right=(before.cast(pl.Int32) + 1) % (1 << 16), run_before=pl.col("run").shift(1).over(_STREAM)
        )
        .filter(pl.col("run") == pl.col("run_before"))
    )
    wrong = subjects.filter(pl.col("ssn") != pl.col("right"))
    violations = certain_without(t, ChunkType.RE_CONFIG, wrong).with_columns(
        certain=pl.col("certain") | (pl.col("ssn") != 0)
    )
    actual = pl.format("SSN {} on stream {}", "ssn", "stream")
    return with_moved_numbers(t, subjects, found(violations, pl.format("SSN {}", "right"), actual))


def _ordered(t: View) -> pl.LazyFrame:
    """First fragments of ordered messages, in order of TSN."""
    return first_transmissions(t, ChunkType.DATA).filter(~pl.col("unordered") & pl.col("beginning"))
