"""RFC 9260 §6.10: which chunks share a packet, and in which order."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import USER_DATA, WHOLE, found
from sctpinspect.tables.associations import is_type
from sctpinspect.tables.steps import steps


def _alone(t: View, type: ChunkType) -> Judgement:
    subjects = t.chunks.filter(is_type(type) & WHOLE)
    violations = subjects.filter(pl.col("chunks_in_packet") > 1)
    return Judgement(
        subjects,
        found(violations, "no other chunk in its packet", pl.format("{} chunks", "chunks_in_packet")),
    )


@rule(
    "rfc9260/6.10/init-alone-in-packet",
    level=Level.MUST,
    cites=["RFC 9260 §6.10", "RFC 9260 §3", "RFC 9260 §5.1"],
)
def init_alone_in_packet(t: View) -> Judgement:
    """INIT is the only chunk of its packet.

    What it checks: the number of chunks in each packet with an INIT.
    Why it matters: there is no association yet for which another chunk could be processed.
    What the capture must contain: an INIT, not cut.
    Known exceptions: none.
    References: RFC 9260 §6.10; RFC 9260 §3; RFC 9260 §5.1.
    """
    return _alone(t, ChunkType.INIT)


@rule(
    "rfc9260/6.10/init-ack-alone-in-packet",
    level=Level.MUST,
    cites=["RFC 9260 §6.10", "RFC 9260 §3", "RFC 9260 §5.1"],
)
def init_ack_alone_in_packet(t: View) -> Judgement:
    """INIT ACK is the only chunk of its packet.

    What it checks: the number of chunks in each packet with an INIT ACK.
    Why it matters: the responder keeps no state yet; it has nothing else to say.
    What the capture must contain: an INIT ACK, not cut.
    Known exceptions: none.
    References: RFC 9260 §6.10; RFC 9260 §3; RFC 9260 §5.1.
    """
    return _alone(t, ChunkType.INIT_ACK)


@rule(
    "rfc9260/6.10/shutdown-complete-alone-in-packet",
    level=Level.MUST,
    cites=["RFC 9260 §6.10", "RFC 9260 §3"],
)
def shutdown_complete_alone_in_packet(t: View) -> Judgement:
    """SHUTDOWN COMPLETE is the only chunk of its packet.

    What it checks: the number of chunks in each packet with a SHUTDOWN COMPLETE.
    Why it matters: with it the association is gone; nothing else can be processed.
    What the capture must contain: a SHUTDOWN COMPLETE, not cut.
    Known exceptions: none.
    References: RFC 9260 §6.10; RFC 9260 §3.
    """
    return _alone(t, ChunkType.SHUTDOWN_COMPLETE)


@rule("rfc9260/6.10/no-partial-chunk", level=Level.MUST, cites=["RFC 9260 §6.10"])
def no_partial_chunk(t: View) -> Judgement:
    """Every chunk lies wholly inside its packet.

    What it checks: that the length of no chunk reaches beyond the packet, whose length the IP header gives.
    Why it matters: a receiver drops a partial chunk, and a careless one reads beyond its buffer.
    What the capture must contain: chunks.
    Known exceptions: of a fragmented IP packet whose other fragments are missing nothing is known.
    References: RFC 9260 §6.10.
    """
    subjects = t.chunks.filter(pl.col("packet_defect").ne_missing("cut_by_fragmentation"))
    room = pl.col("packet_length").cast(pl.Int64) - pl.col("offset")
    violations = subjects.filter(pl.col("length") > room)
    return Judgement(
        subjects, found(violations, pl.format("at most {} bytes", room), pl.format("length {}", "length"))
    )


@rule("rfc9260/6.10/control-before-data", level=Level.MUST, cites=["RFC 9260 §6.10", "RFC 9260 §6"])
def control_before_data(t: View) -> Judgement:
    """In a packet all control chunks come before the first DATA.

    What it checks: the chunks behind the first DATA of each packet.
    Why it matters: a receiver processes chunks in order; an acknowledgement behind DATA comes too late.
    What the capture must contain: DATA.
    Known exceptions: PAD (RFC 4820) and chunks of unknown type are not judged.
    References: RFC 9260 §6.10; RFC 9260 §6.
    """
    first = t.chunks.filter(is_type(*USER_DATA)).group_by("packet").agg(data=pl.col("chunk").min())
    subjects = t.chunks.join(first, on="packet", maintain_order="left")
    violations = subjects.filter(
        (pl.col("chunk") > pl.col("data"))
        & pl.col("type_name").is_not_null()
        & ~is_type(*USER_DATA, ChunkType.PAD)
    )
    return Judgement(subjects, found(violations, "DATA last", pl.format("{} behind DATA", "type_name")))


@rule("rfc9260/6.10/tsn-order-in-packet", level=Level.MUST, cites=["RFC 9260 §6.10"])
def tsn_order_in_packet(t: View) -> Judgement:
    """The DATA of a packet are in increasing order of TSN.

    What it checks: each DATA against the one before it in the same packet.
    Why it matters: a receiver would see a gap, and report it, where there is none.
    What the capture must contain: a packet with two DATA.
    Known exceptions: none; retransmissions may leave gaps between them.
    References: RFC 9260 §6.10.
    """
    before = pl.col("tsn").shift(1).over("packet")
    subjects = (
        t.chunks.filter(is_type(*USER_DATA) & pl.col("tsn").is_not_null())
        .with_columns(before=before)
        .filter(pl.col("before").is_not_null())
    )
    violations = subjects.filter(steps(pl.col("before"), pl.col("tsn")) <= 0)
    return Judgement(
        subjects, found(violations, pl.format("a TSN above {}", "before"), pl.format("TSN {}", "tsn"))
    )


@rule("rfc9260/6.10/no-data-with-shutdown", level=Level.MUST, cites=["RFC 9260 §6.10", "RFC 9260 §9.2"])
def no_data_with_shutdown(t: View) -> Judgement:
    """No DATA is bundled with SHUTDOWN or SHUTDOWN ACK.

    What it checks: the other chunks of every packet with a SHUTDOWN or SHUTDOWN ACK.
    Why it matters: their sender has all its DATA acknowledged, so there is none to send.
    What the capture must contain: a SHUTDOWN or SHUTDOWN ACK, not cut.
    Known exceptions: none.
    References: RFC 9260 §6.10; RFC 9260 §9.2.
    """
    subjects = t.chunks.filter(is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK) & WHOLE)
    user_data = t.chunks.filter(is_type(*USER_DATA)).select("packet")
    violations = subjects.join(user_data, on="packet", how="semi", maintain_order="left")
    return Judgement(subjects, found(violations, "no DATA in its packet", "DATA bundled with it"))
