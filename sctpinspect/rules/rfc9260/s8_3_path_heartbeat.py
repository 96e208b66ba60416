"""RFC 9260 §8.3: HEARTBEATs are answered."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import TICKS_NS, found, goes_on, too_short, well_addressed
from sctpinspect.tables.associations import is_type, peer


@rule(
    "rfc9260/8.3/hb-ack-sent",
    level=Level.MUST,
    cites=["RFC 9260 §8.3", "RFC 9260 §3.3.6"],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def hb_ack_sent(t: View) -> Judgement:
    """A HEARTBEAT is answered with HEARTBEAT ACK.

    What it checks: that there is a HEARTBEAT ACK for each HEARTBEAT that reached an established peer.
    Why it matters: unanswered HEARTBEATs make the path inactive.
    What the capture must contain: a HEARTBEAT, and its HEARTBEAT ACK or half a second without one. A
    violation counts only in a capture of the sandbox without drops and impairment.
    Known exceptions: none is due once either side has sent SHUTDOWN, SHUTDOWN ACK or ABORT (what comes later
    than the HEARTBEAT is processed later, but for two clock ticks), for a path MTU probe (HEARTBEAT with
    PAD), which may be too big to arrive, or for one with a wrong verification tag or checksum.
    References: RFC 9260 §8.3; RFC 9260 §3.3.6.
    """
    closing = (
        t.chunks.filter(is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK, ChunkType.ABORT))
        .group_by("association")
        .agg(closing=pl.col("time_ns").min())
    )
    fate = well_addressed(t, t.packets).select(
        "packet", "delivery", arrived_ns=pl.coalesce("delivered_ns", "time_ns")
    )
    is_open = (pl.col("closing") - pl.col("arrived_ns") >= TICKS_NS).fill_null(True)
    arrived = (pl.col("delivery") != "lost").fill_null(True) & ~pl.col("padded")
    asked = (
        t.heartbeats.join(closing, on="association", how="left", maintain_order="left")
        .join(fate, on="packet", maintain_order="left")
        .filter(pl.col("ack_frame").is_not_null() | (is_open & arrived))
        .with_columns(is_told=pl.col("ack_frame").is_not_null() | goes_on(t, pl.col("arrived_ns")))
        .with_columns(side=peer())
    )
    subjects = asked.filter("is_told")
    violations = subjects.filter(pl.col("ack_frame").is_null())
    actual = pl.format("no answer to the HEARTBEAT from {} to {}", "source", "destination")
    return Judgement(
        subjects, found(violations, "a HEARTBEAT ACK", actual), too_short(asked.filter(~pl.col("is_told")))
    )


@rule(
    "rfc9260/8.3/hb-ack-info-unchanged",
    level=Level.MUST,
    cites=["RFC 9260 §8.3", "RFC 9260 §3.3.6"],
    to_fail=[Need.NO_LOSS],
)
def hb_ack_info_unchanged(t: View) -> Judgement:
    """HEARTBEAT ACK returns what the HEARTBEAT carried, unchanged.

    What it checks: all bytes behind the chunk header of both.
    Why it matters: they hold the time and the nonce by which the sender knows the path and measures it.
    What the capture must contain: a HEARTBEAT and its HEARTBEAT ACK, not cut. A violation counts only where
    the capture states that it dropped nothing: else the answer may be that to a HEARTBEAT not seen.
    Known exceptions: none.
    References: RFC 9260 §8.3; RFC 9260 §3.3.6.
    """
    subjects = t.heartbeats.filter(pl.col("info").is_not_null() & pl.col("ack_info").is_not_null()).select(
        "association",
        "info",
        "ack_info",
        side=peer(),
        frame="ack_frame",
        chunk="ack_chunk",
        frames=pl.concat_list("frame", "ack_frame"),
    )
    violations = subjects.filter(pl.col("ack_info") != pl.col("info"))
    expected = pl.format("the {} bytes of frame {}", pl.col("info").bin.size(), pl.col("frames").list.first())
    return Judgement(subjects, found(violations, expected, "other bytes"))
