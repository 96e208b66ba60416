"""RFC 9260 §6.2: what SACKs report, and how many there are."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.answers import AT_RECEIVER, left_out, unmoved, up_to
from sctpinspect.rules.queries import SECOND, TICKS_NS, found, unanswered
from sctpinspect.tables.associations import ENDPOINT, is_type, peer
from sctpinspect.tables.steps import steps

SMALL = 500
"""Bytes of SCTP that fit into the packets of every path: some less than 576."""


@rule(
    "rfc9260/6.2/gap-blocks-complete",
    level=Level.MUST,
    cites=["RFC 9260 §6.2", "RFC 9260 §6.7"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_RECEIVER,
)
def gap_blocks_complete(t: View) -> Judgement:
    """Gap ack blocks report all TSNs received behind a gap, as far as there is room, and no others.

    What it checks: the 256 TSNs after the cumulative TSN ack of each SACK against what had arrived: each that
    had is in a gap ack block, and none that had not. Only where the packet has 500 bytes or more, the last
    ones may be left out for want of room.
    Why it matters: the sender retransmits what is left out.
    What the capture must contain: the handshake and a SACK. A violation counts only in a capture of the
    sandbox without drops, which knows what arrived at the receiver and when.
    Known exceptions: DATA that came within two clock ticks before the SACK may be left out, and so may what
    the receiver had little room for. Associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §6.2; RFC 9260 §6.7.
    """
    last = (
        t.gap_blocks.filter(pl.col("kind") == "gap").group_by("packet", "chunk").agg(end=pl.col("end").last())
    )
    subjects = (
        unmoved(t, t.acks)
        .filter(is_type(ChunkType.SACK))
        .join(last, on=["packet", "chunk"], how="left", maintain_order="left")
    )
    is_within = (steps(pl.col("unreported"), pl.col("end")) > 0).fill_null(False)
    is_missing = pl.col("unreported").is_not_null() & (is_within | (pl.col("packet_length") < SMALL))
    is_untrue = pl.col("untrue").is_not_null()
    violations = subjects.filter(is_missing | is_untrue)
    actual = (
        pl.when(is_untrue)
        .then(pl.format("TSN {} reported, which had not arrived", "untrue"))
        .otherwise(pl.format("TSN {} left out, which had arrived", "unreported"))
    )
    return Judgement(
        subjects, found(violations, "gap ack blocks of all that was received", actual), left_out(t)
    )


@rule(
    "rfc9260/6.2/duplicates-reported",
    level=Level.SHOULD,
    cites=["RFC 9260 §6.2"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_RECEIVER,
)
def duplicates_reported(t: View) -> Judgement:
    """A SACK reports the TSNs that came again since the one before.

    What it checks: that a SACK has as many duplicate TSNs as DATA had arrived again since the SACK before.
    Why it matters: the sender learns that its timer was too short, or that SACKs are lost.
    What the capture must contain: the handshake and DATA that arrived twice. A violation counts only in a
    capture of the sandbox without drops, which knows what arrived at the receiver and when.
    Known exceptions: DATA that came within two clock ticks before the SACK may be reported by the next one. A
    packet of 500 bytes or more may have no room. Associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §6.2.
    """
    subjects = unmoved(t, t.acks).filter(is_type(ChunkType.SACK) & (pl.col("repeated") > 0))
    violations = subjects.filter(
        (pl.col("duplicate_tsn_count") < pl.col("repeated")) & (pl.col("packet_length") < SMALL)
    )
    expected = pl.format("{} duplicate TSNs", "repeated")
    return Judgement(
        subjects, found(violations, expected, pl.format("{}", "duplicate_tsn_count")), left_out(t)
    )


@rule(
    "rfc9260/6.2/one-sack-per-packet",
    level=Level.MUST,
    cites=["RFC 9260 §6.2"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_RECEIVER,
)
def one_sack_per_packet(t: View) -> Judgement:
    """A SACK answers a packet that no SACK has answered yet, or tells of more room.

    What it checks: of a SACK with the same cumulative TSN ack, number of gap ack blocks and at most the
    a_rwnd of the one before, that a packet of the peer arrived in between, or more than one not long before.
    Why it matters: an endpoint must not be more aggressive with SACKs; they make the window grow.
    What the capture must contain: the handshake and two SACKs of one side. A violation counts only in a
    capture of the sandbox without drops, which knows what arrived at the receiver and when.
    Known exceptions: packets that came within two clock ticks before the first of the two may each have an
    answer of their own. Associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §6.2.
    """
    same = ["cumulative_tsn", "reported", "a_rwnd", "time_ns", "frame"]
    offsets = pl.col("end_offset").cast(pl.Int64) - pl.col("start_offset")
    reported = (
        t.gap_blocks.filter(pl.col("kind") == "gap")
        .group_by("packet", "chunk")
        .agg(reported=(offsets + 1).sum())
    )
    sacks = (
        unmoved(t, t.acks)
        .filter(is_type(ChunkType.SACK))
        .join(reported, on=["packet", "chunk"], how="left", maintain_order="left")
        .with_columns(pl.col("reported").fill_null(0))
        .with_columns(number=pl.int_range(pl.len()).over(ENDPOINT))
        .with_columns(pl.col(name).shift(1).over(ENDPOINT).alias(f"{name}_before") for name in same)
        .with_columns(begin_ns=pl.col("time_ns_before") - TICKS_NS)
        .with_columns(early_ns=pl.col("begin_ns") - SECOND // 2)  # an answer may be delayed
    )
    arrivals = t.packets.filter(
        pl.col("association").is_not_null() & (pl.col("delivery") != "lost").fill_null(True)
    ).select("association", peer(), event_ns=pl.coalesce("delivered_ns", "time_ns"))
    answers = sacks.select(*ENDPOINT, event_ns="time_ns")
    counted = (
        sacks.pipe(up_to, "time_ns", arrivals, "arrived")
        .pipe(up_to, "time_ns_before", arrivals, "arrived_before")
        .pipe(up_to, "early_ns", arrivals, "arrived_begin")
        .pipe(up_to, "begin_ns", answers, "answered")
    )
    subjects = counted.filter(pl.col("begin_ns").is_not_null()).with_columns(
        frames=pl.concat_list("frame_before", "frame")
    )
    is_same = (
        (pl.col("cumulative_tsn") == pl.col("cumulative_tsn_before"))
        & (pl.col("reported") == pl.col("reported_before"))
        & (pl.col("duplicate_tsn_count") == 0)
        & (pl.col("a_rwnd") <= pl.col("a_rwnd_before"))
        & (pl.col("arrived") == pl.col("arrived_before"))
    )
    new = pl.col("arrived") - pl.col("arrived_begin")
    violations = subjects.filter(is_same & (new <= pl.col("number") - pl.col("answered")))
    actual = "nothing arrived since the SACK before, which says the same"
    return Judgement(subjects, found(violations, "no SACK", actual), left_out(t))


@rule("rfc9260/6.2/no-reneging", level=Level.SHOULD, cites=["RFC 9260 §6.2"], to_fail=[Need.AT_SENDER])
def no_reneging(t: View) -> Judgement:
    """What a gap ack block has reported stays reported.

    What it checks: of the 256 TSNs after the cumulative TSN ack of each SACK, that none is left out which a
    SACK before had in a gap ack block.
    Why it matters: the sender has to keep, and send again, what it thought had arrived.
    What the capture must contain: two SACKs with gap ack blocks. A violation counts in a capture of the
    sandbox, elsewhere only where it comes more than a second after the report: sooner it may have been
    overtaken.
    Known exceptions: a SHUTDOWN, which has no gap ack blocks, takes nothing back. Associations with RE_CONFIG
    or FORWARD_TSN are left out.
    References: RFC 9260 §6.2.
    """
    with_gaps = unmoved(t, t.acks).filter(pl.col("gap_block_count") > 0).select(ENDPOINT).unique()
    subjects = (
        unmoved(t, t.acks)
        .filter(is_type(ChunkType.SACK))
        .join(with_gaps, on=ENDPOINT, how="semi", maintain_order="left")
    )
    violations = subjects.filter(pl.col("reneged").is_not_null()).with_columns(
        certain=pl.col("time_ns") - pl.col("reneged_ns") > SECOND
    )
    actual = pl.format("TSN {} reported before is left out", "reneged")
    return Judgement(subjects, found(violations, "what was reported", actual), left_out(t))


@rule(
    "rfc9260/6.2/empty-data-aborted",
    level=Level.SHOULD,
    cites=["RFC 9260 §6.2", "RFC 9260 §3.3.10.9"],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def empty_data_aborted(t: View) -> Judgement:
    """DATA without user data is answered with an ABORT.

    What it checks: that the peer sends an ABORT within half a second after an empty DATA.
    Why it matters: the message cannot be delivered; its sender is at fault.
    What the capture must contain: DATA with a length of 16, and half a second after it. A violation counts
    only in a capture of the sandbox without drops and impairment.
    Known exceptions: none.
    References: RFC 9260 §6.2; RFC 9260 §3.3.10.9.
    """
    empty = t.chunks.filter(is_type(ChunkType.DATA) & (pl.col("length") == 16))
    asked, silent, unclear = unanswered(t, empty, t.chunks.filter(is_type(ChunkType.ABORT)))
    return Judgement(asked, found(silent, "ABORT", pl.format("no answer to TSN {}", "tsn")), unclear)
