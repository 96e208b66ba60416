"""RFC 9260 §3.3.4: what SACK says was received, beside what was."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.answers import AT_RECEIVER, left_out, unmoved
from sctpinspect.rules.queries import USER_DATA, beside_own, beside_peer, found
from sctpinspect.tables.associations import ENDPOINT, is_type, peer
from sctpinspect.tables.steps import steps


@rule(
    "rfc9260/3.3.4/sack-initial-cum-tsn",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.4"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_RECEIVER,
)
def sack_initial_cum_tsn(t: View) -> Judgement:
    """Before any DATA of the peer the cumulative TSN ack is the peer's initial TSN minus 1.

    What it checks: SACK and SHUTDOWN sent before the first DATA of the peer.
    Why it matters: the peer takes another value for data that it never sent, or for an old SACK.
    What the capture must contain: the handshake, and a SACK or SHUTDOWN of a side to which no DATA was sent
    before. A violation counts in a capture of the sandbox without drops, elsewhere only where the value is
    below: one above it may come from DATA not captured.
    Known exceptions: associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §3.3.4.
    """
    begun = (
        t.chunks.filter(is_type(*USER_DATA) & pl.col("association").is_not_null())
        .group_by("association", peer())
        .agg(begun=pl.col("packet").min())
    )
    subjects = (
        beside_peer(unmoved(t, t.acks), t.endpoints, base="initial_tsn")
        .join(begun, on=ENDPOINT, how="left", maintain_order="left")
        .filter((pl.col("begun") > pl.col("packet")).fill_null(True) & pl.col("base").is_not_null())
        .with_columns(
            off=steps(pl.col("base"), pl.col("cumulative_tsn")) + 1,
            right=((pl.col("base").cast(pl.Int64) - 1) % (1 << 32)).cast(pl.UInt32),
        )
    )
    violations = subjects.filter(pl.col("off") != 0).with_columns(certain=pl.col("off") < 0)
    actual = pl.format("cumulative TSN ack {} before any DATA", "cumulative_tsn")
    return Judgement(subjects, found(violations, pl.format("TSN {}", "right"), actual), left_out(t))


@rule(
    "rfc9260/3.3.4/sack-cum-tsn-exact",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.4", "RFC 9260 §6.2"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_RECEIVER,
)
def sack_cum_tsn_exact(t: View) -> Judgement:
    """The cumulative TSN ack is the last TSN of the unbroken run that was received.

    What it checks: the cumulative TSN ack of each SACK against what had arrived before.
    Why it matters: what it covers is freed at the sender for ever; what it leaves out is sent again.
    What the capture must contain: the handshake and a SACK. A violation counts only in a capture of the
    sandbox without drops, which knows what arrived at the receiver and when.
    Known exceptions: DATA that came within two clock ticks before the SACK may be left out, and so may what
    the receiver had little room for. Associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §3.3.4; RFC 9260 §6.2.
    """
    subjects = unmoved(t, t.acks).filter(is_type(ChunkType.SACK, ChunkType.NR_SACK))
    return inexact(t, subjects)


def inexact(t: View, subjects: pl.LazyFrame) -> Judgement:
    """Judges that the cumulative TSN acks of `subjects` are what had been received.

    Where DATA does not begin with the initial TSN of its sender, what there is to acknowledge is unknown.
    """
    askew = _begun_elsewhere(t)
    subjects = subjects.join(askew, on="association", how="anti", maintain_order="left")
    claimed = pl.col("cumulative_tsn")
    is_less = steps(pl.col("least"), claimed) < 0
    is_more = steps(pl.col("most"), claimed) > 0
    expected = (
        pl.when(is_less)
        .then(pl.format("TSN {} or above, which had arrived", "least"))
        .otherwise(pl.format("TSN {} or below, for the next had not arrived", "most"))
    )
    violations = subjects.filter(is_less | is_more)
    actual = pl.format("cumulative TSN ack {}", claimed)
    return Judgement(subjects, found(violations, expected, actual), pl.concat([left_out(t), askew]))


def _begun_elsewhere(t: View) -> pl.LazyFrame:
    """`association` and `reason`: those in which the DATA of a side does not begin with its initial TSN."""
    data = t.chunks.filter(is_type(*USER_DATA) & pl.col("association").is_not_null())
    return (
        beside_own(data, t.endpoints, base="initial_tsn")
        .group_by(ENDPOINT)
        .agg(first=steps(pl.col("base"), pl.col("tsn")).min())
        .filter(pl.col("first") != 0)
        .select("association", reason=pl.lit("the DATA of a side does not begin with its initial TSN"))
        .unique()
    )


@rule(
    "rfc9260/3.3.4/duplicates-truthful",
    level=Level.INFO,
    cites=["RFC 9260 §3.3.4"],
    needs=[Need.HANDSHAKE],
    to_fail=[*AT_RECEIVER, Need.DELIVERY],
)
def duplicates_truthful(t: View) -> Judgement:
    """A TSN that a SACK reports as duplicate was sent at least twice.

    What it checks: for each duplicate TSN of a SACK that the peer had sent it twice before.
    Why it matters: the sender may conclude from duplicates that it retransmits too early.
    What the capture must contain: the handshake and a SACK with duplicate TSNs. A violation counts only in a
    capture of the sandbox without drops and impairment: a network may duplicate packets.
    Known exceptions: associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §3.3.4.
    """
    told = unmoved(
        t, t.gap_blocks.filter((pl.col("kind") == "duplicate") & pl.col("association").is_not_null())
    )
    subjects = told.select(*ENDPOINT, "packet", "frame", "chunk", tsn="start").sort(
        "packet", maintain_order=True
    )
    counted = (
        t.chunks.filter(is_type(*USER_DATA) & pl.col("association").is_not_null())
        .select(
            "packet",
            "association",
            peer(),
            "tsn",
            copies=1 + (pl.col("delivery") == "duplicated").fill_null(False).cast(pl.Int64),
        )
        .join(subjects.select(*ENDPOINT, "tsn").unique(), on=[*ENDPOINT, "tsn"], how="semi")
        .sort("packet")
        .with_columns(times=pl.col("copies").cum_sum().over(*ENDPOINT, "tsn"))
    )
    violations = subjects.join_asof(
        counted, on="packet", by=[*ENDPOINT, "tsn"], check_sortedness=False
    ).filter((pl.col("times") < 2).fill_null(True))
    actual = pl.format("TSN {} reported as duplicate, sent {} times", "tsn", pl.col("times").fill_null(0))
    return Judgement(subjects, found(violations, "a TSN that was sent twice", actual), left_out(t))
