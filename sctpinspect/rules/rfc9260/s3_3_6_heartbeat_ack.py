"""RFC 9260 §3.3.6: HEARTBEAT ACK."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


@rule("rfc9260/3.3.6/hb-ack-to-source", level=Level.MUST, cites=["RFC 9260 §3.3.6"])
def hb_ack_to_source(t: View) -> Judgement:
    """HEARTBEAT ACK goes to the address that the HEARTBEAT came from.

    What it checks: destination of each HEARTBEAT ACK against the source of the HEARTBEAT that it answers.
    Why it matters: an answer elsewhere says nothing of the path that was probed.
    What the capture must contain: a HEARTBEAT and its HEARTBEAT ACK, not cut.
    Known exceptions: HEARTBEATs of one endpoint that carry the same: which is answered is not told.
    References: RFC 9260 §3.3.6.
    """
    is_told = pl.col("info").is_not_null() & (pl.len().over(*ENDPOINT, "info") == 1)
    subjects = t.heartbeats.filter(is_told & (pl.col("ack_info") == pl.col("info"))).select(
        "association", "source", "ack_destination", side=peer(), frame="ack_frame", chunk="ack_chunk"
    )
    violations = subjects.filter(pl.col("ack_destination") != pl.col("source"))
    return Judgement(
        subjects,
        found(violations, pl.format("sent to {}", "source"), pl.format("sent to {}", "ack_destination")),
    )


@rule(
    "rfc9260/3.3.6/hb-ack-solicited",
    level=Level.INFO,
    cites=["RFC 9260 §3.3.6"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.AT_SENDER, Need.COUNTERS],
)
def hb_ack_solicited(t: View) -> Judgement:
    """There is no HEARTBEAT ACK without a HEARTBEAT.

    What it checks: that each HEARTBEAT ACK answers a HEARTBEAT seen before.
    Why it matters: an invented HEARTBEAT ACK is how an attacker tries to confirm an address it does not own.
    What the capture must contain: the handshake and a HEARTBEAT ACK. A violation counts only in a capture of
    the sandbox without drops.
    Known exceptions: a HEARTBEAT that the link duplicated may be answered twice.
    References: RFC 9260 §3.3.6.
    """
    subjects = t.chunks.filter(is_type(ChunkType.HEARTBEAT_ACK))
    solicited = t.heartbeats.select(frame="ack_frame", chunk="ack_chunk")
    duplicated = t.packets.filter(pl.col("delivery") == "duplicated").select("packet")
    twice = t.heartbeats.join(duplicated, on="packet").select("association", side=peer(), value="info")
    violations = subjects.join(solicited, on=["frame", "chunk"], how="anti", maintain_order="left").join(
        twice, on=["association", "side", "value"], how="anti", maintain_order="left"
    )
    return Judgement(subjects, found(violations, "an answer to a HEARTBEAT", "no HEARTBEAT before it"))
