"""RFC 9260 §6.9: fragmentation and retransmission of the same fragments."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import (
    USER_DATA,
    certain_without,
    first_transmissions,
    found,
    moved_numbers,
    with_moved_numbers,
)
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc9260/6.9/fragment-be-pattern",
    level=Level.MUST,
    cites=["RFC 9260 §6.9", "RFC 9260 §3.3.1"],
    to_fail=[Need.NO_LOSS],
)
def fragment_be_pattern(t: View) -> Judgement:
    """A message is one DATA with B and E, or consecutive TSNs from B to E.

    What it checks: in order of TSN, that a DATA with the B bit follows one with the E bit, and one without B
    one without E.
    Why it matters: the receiver reassembles by these bits and by consecutive TSNs alone.
    What the capture must contain: two DATA with consecutive TSNs. A new message before the end of another one
    counts only where the capture states that it dropped nothing, or where the handshake rules out
    FORWARD_TSN: one not seen may have given up the rest.
    Known exceptions: I_DATA, whose fragments may mix, and associations with RE_CONFIG or FORWARD_TSN are left
    out.
    References: RFC 9260 §6.9; RFC 9260 §3.3.1.
    """
    subjects = _neighbours(t)
    wrong = subjects.filter(pl.col("beginning") != pl.col("ending_before"))
    violations = certain_without(t, ChunkType.FORWARD_TSN, wrong).with_columns(
        certain=pl.col("certain") | ~pl.col("beginning")
    )
    expected = (
        pl.when("ending_before").then(pl.lit("B set: a new message")).otherwise(pl.lit("B clear: a fragment"))
    )
    actual = pl.format(
        "TSN {} with B {}", "tsn", pl.when("beginning").then(pl.lit("set")).otherwise(pl.lit("clear"))
    )
    return with_moved_numbers(t, subjects, found(violations, expected, actual))


@rule(
    "rfc9260/6.9/fragment-same-ssn-sid",
    level=Level.MUST,
    cites=["RFC 9260 §6.9", "RFC 9260 §3.3.1"],
    to_fail=[Need.NO_SIGN_OF_LOSS],
)
def fragment_same_ssn_sid(t: View) -> Judgement:
    """All fragments of a message have the same stream identifier and, if ordered, the same SSN.

    What it checks: each fragment against the one before.
    Why it matters: the receiver cannot put the message together, or delivers it on the wrong stream.
    What the capture must contain: a fragmented message.
    Known exceptions: I_DATA and associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §6.9; RFC 9260 §3.3.1.
    """
    subjects = _neighbours(t).filter(~pl.col("beginning") & ~pl.col("ending_before"))
    violations = subjects.filter(
        (pl.col("stream") != pl.col("stream_before"))
        | (~pl.col("unordered") & (pl.col("ssn") != pl.col("ssn_before")))
    )
    expected = pl.format("stream {}, SSN {}", "stream_before", "ssn_before")
    return with_moved_numbers(
        t, subjects, found(violations, expected, pl.format("stream {}, SSN {}", "stream", "ssn"))
    )


@rule(
    "rfc9260/6.9/fragment-same-u-bit",
    level=Level.MUST,
    cites=["RFC 9260 §6.9", "RFC 9260 §3.3.1"],
    to_fail=[Need.NO_SIGN_OF_LOSS],
)
def fragment_same_u_bit(t: View) -> Judgement:
    """The U bit is the same in all fragments of a message.

    What it checks: each fragment against the one before.
    Why it matters: a message is ordered or unordered as a whole.
    What the capture must contain: a fragmented message.
    Known exceptions: I_DATA and associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §6.9; RFC 9260 §3.3.1.
    """
    subjects = _neighbours(t).filter(~pl.col("beginning") & ~pl.col("ending_before"))
    violations = subjects.filter(pl.col("unordered") != pl.col("unordered_before"))
    return with_moved_numbers(
        t, subjects, found(violations, "the U bit of the fragment before", "another U bit")
    )


def _neighbours(t: View) -> pl.LazyFrame:
    """DATA whose TSN follows that of another one, with `*_before` of that other one."""
    columns = ["run", "stream", "ssn", "unordered", "ending"]
    return (
        first_transmissions(t, ChunkType.DATA)
        .with_columns(pl.col(name).shift(1).over(ENDPOINT).alias(f"{name}_before") for name in columns)
        .filter(pl.col("run") == pl.col("run_before"))
    )


@rule("rfc9260/6.9/retransmission-same-chunk", level=Level.MUST, cites=["RFC 9260 §6.9", "RFC 9260 §6.1"])
def retransmission_same_chunk(t: View) -> Judgement:
    """A retransmitted TSN is the same chunk again.

    What it checks: stream, SSN, PPID, the U, B and E bits and the user data against the first transmission.
    Why it matters: the receiver may have either copy; it could put together what was never sent.
    What the capture must contain: a retransmission.
    Known exceptions: the I bit may change. Associations with RE_CONFIG are left out.
    References: RFC 9260 §6.9; RFC 9260 §6.1.
    """
    same = ["type", "stream", "ssn", "mid", "ppid", "unordered", "beginning", "ending", "payload_length"]
    key = [*ENDPOINT, "tsn"]
    user_data = t.chunks.filter(is_type(*USER_DATA) & pl.col("association").is_not_null()).join(
        moved_numbers(t), on="association", how="anti", maintain_order="left"
    )
    first = user_data.unique(key, keep="first").select(
        *key, first_frame="frame", **{f"first_{name}": pl.col(name) for name in [*same, "payload_digest"]}
    )
    subjects = user_data.filter("is_retransmission").join(first, on=key, maintain_order="left")
    digests_differ = (pl.col("payload_digest") != pl.col("first_payload_digest")).fill_null(False)
    differs = pl.any_horizontal(
        digests_differ, *(pl.col(name).ne_missing(pl.col(f"first_{name}")) for name in same)
    )
    violations = subjects.filter(differs).with_columns(frames=pl.concat_list("first_frame", "frame"))
    expected = pl.format("the chunk of frame {}", "first_frame")
    return with_moved_numbers(t, subjects, found(violations, expected, pl.format("TSN {} differs", "tsn")))
