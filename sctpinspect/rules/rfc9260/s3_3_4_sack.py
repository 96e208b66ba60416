"""RFC 9260 §3.3.4: SACK."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import (
    beside_peer,
    found,
    highest_sent,
    moved_numbers,
    with_moved_numbers,
)
from sctpinspect.tables.associations import ENDPOINT, is_type
from sctpinspect.tables.steps import steps


@rule("rfc9260/3.3.4/sack-length-matches-counts", level=Level.MUST, cites=["RFC 9260 §3.3.4"])
def sack_length_matches_counts(t: View) -> Judgement:
    """The length of a SACK is that of its gap ack blocks and duplicate TSNs.

    What it checks: length = 16 + 4 for each gap ack block + 4 for each duplicate TSN.
    Why it matters: a receiver that believes the counts reads beyond the chunk, or misses what is there.
    What the capture must contain: a SACK.
    Known exceptions: none.
    References: RFC 9260 §3.3.4.
    """
    subjects = t.chunks.filter(
        is_type(ChunkType.SACK) & pl.col("gap_block_count").is_not_null()
    ).with_columns(right=16 + 4 * (pl.col("gap_block_count").cast(pl.Int64) + pl.col("duplicate_tsn_count")))
    violations = subjects.filter(pl.col("length") != pl.col("right"))
    return Judgement(
        subjects, found(violations, pl.format("length {}", "right"), pl.format("length {}", "length"))
    )


@rule("rfc9260/3.3.4/gap-blocks-well-formed", level=Level.MUST, cites=["RFC 9260 §3.3.4", "RFC 9260 §6.7"])
def gap_blocks_well_formed(t: View) -> Judgement:
    """Gap ack blocks begin behind a break after the cumulative TSN ack, and do not end before they begin.

    What it checks: start is 2 or more (1 would belong to the cumulative TSN ack), and end is not below start.
    Why it matters: the sender of the DATA reads from them what to retransmit.
    What the capture must contain: a SACK with gap ack blocks.
    Known exceptions: none.
    References: RFC 9260 §3.3.4; RFC 9260 §6.7.
    """
    subjects = t.gap_blocks.filter(pl.col("kind") == "gap")
    violations = subjects.filter(
        (pl.col("start_offset") < 2) | (pl.col("end_offset") < pl.col("start_offset"))
    )
    actual = pl.format("a block from {} to {}", "start_offset", "end_offset")
    return Judgement(subjects, found(violations, "a start from 2 and an end not below it", actual))


@rule("rfc9260/3.3.4/gap-blocks-isolated", level=Level.SHOULD, cites=["RFC 9260 §3.3.4"])
def gap_blocks_isolated(t: View) -> Judgement:
    """At least one missing TSN lies between two gap ack blocks.

    What it checks: that no block begins within another one or right after it, in whatever order they stand.
    Why it matters: two blocks where one would do cost room, and a full SACK then leaves out others.
    What the capture must contain: a SACK with two gap ack blocks.
    Known exceptions: none.
    References: RFC 9260 §3.3.4.
    """
    before = pl.col("end_offset").cast(pl.Int32).cum_max().shift(1)
    subjects = (
        t.gap_blocks.filter(pl.col("kind") == "gap")
        .with_columns(end_before=before.over("packet", "chunk", order_by="start_offset"))
        .filter(pl.col("end_before").is_not_null())
    )
    violations = subjects.filter(pl.col("start_offset").cast(pl.Int32) <= pl.col("end_before") + 1)
    actual = pl.format("a block begins at {}, and one below it ends at {}", "start_offset", "end_before")
    return Judgement(subjects, found(violations, "one block for adjacent TSNs", actual))


@rule(
    "rfc9260/3.3.4/sack-only-sent-tsns",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.4"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.AT_SENDER, Need.COUNTERS],
)
def sack_only_sent_tsns(t: View) -> Judgement:
    """SACK and SHUTDOWN acknowledge only TSNs that the peer has sent.

    What it checks: cumulative TSN ack, gap ack blocks and duplicate TSNs against the highest TSN seen from
    the peer up to then, or its initial TSN minus 1.
    Why it matters: what was never received must not be acknowledged; the peer aborts, or data is lost in
    silence.
    What the capture must contain: the handshake and a SACK or SHUTDOWN. A violation counts only in a capture
    of the sandbox without drops: elsewhere the TSN may have passed unseen.
    Known exceptions: associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §3.3.4.
    """
    unmoved = t.chunks.filter(pl.col("association").is_not_null()).join(
        moved_numbers(t), on="association", how="anti", maintain_order="left"
    )
    blocks = t.gap_blocks.select("packet", "chunk", claimed="end")
    acks = unmoved.filter(
        is_type(ChunkType.SACK, ChunkType.SHUTDOWN) & pl.col("cumulative_tsn").is_not_null()
    )
    subjects = beside_peer(acks, t.endpoints, base="initial_tsn").filter(pl.col("base").is_not_null())
    claims = pl.concat(
        [
            subjects.with_columns(claimed="cumulative_tsn"),
            subjects.join(blocks, on=["packet", "chunk"], maintain_order="left"),
        ]
    ).sort("packet")
    violations = (
        claims.join_asof(highest_sent(t), on="packet", by=ENDPOINT, check_sortedness=False)
        .with_columns(pl.col("highest").fill_null((pl.col("base").cast(pl.Int64) - 1) % (1 << 32)))
        .with_columns(claim=steps(pl.col("highest").cast(pl.UInt32), pl.col("claimed")))
        .filter(pl.col("claim") > 0)
        .sort("claim", descending=True)
        .unique(["packet", "chunk"], keep="first", maintain_order=True)
    )
    expected = pl.format("nothing above TSN {}", "highest")
    return with_moved_numbers(
        t, subjects, found(violations, expected, pl.format("TSN {} acknowledged", "claimed"))
    )
