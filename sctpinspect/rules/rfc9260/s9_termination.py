"""RFC 9260 §9: termination."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.exchanges import ends
from sctpinspect.rules.queries import PATIENCE_NS, USER_DATA, either, found, unanswered
from sctpinspect.rules.set_up import by_reply, unexpected_inits, with_reply
from sctpinspect.tables.associations import ENDPOINT, is_type, peer

_REPLIES = [
    ChunkType.ABORT,
    ChunkType.SHUTDOWN_ACK,
    ChunkType.SHUTDOWN_COMPLETE,
    ChunkType.INIT,
    ChunkType.INIT_ACK,
]


@rule(
    "rfc9260/9/silence-after-close",
    level=Level.MUST,
    cites=["RFC 9260 §9", "RFC 9260 §9.2", "RFC 9260 §8.5.1"],
    to_fail=[Need.AT_SENDER, Need.DELIVERY],
)
def silence_after_close(t: View) -> Judgement:
    """After SHUTDOWN COMPLETE or ABORT nothing more is sent in the association.

    What it checks: the side that sent SHUTDOWN COMPLETE or ABORT from then on; its peer half a second after
    it has arrived.
    Why it matters: the association does not exist any more; whatever comes is out of the blue.
    What the capture must contain: SHUTDOWN COMPLETE or ABORT. A violation counts only in a capture of the
    sandbox without impairment.
    Known exceptions: answers to out of the blue packets: ABORT, SHUTDOWN ACK and SHUTDOWN COMPLETE; a new
    handshake. An ABORT or SHUTDOWN COMPLETE with a wrong tag, and a SHUTDOWN COMPLETE before any SHUTDOWN
    ACK, must be ignored and end nothing.
    References: RFC 9260 §9; RFC 9260 §9.2; RFC 9260 §8.5.1.
    """
    closed = ends(t)
    subjects = t.endpoints.join(closed, on="association", maintain_order="left")
    replies = t.chunks.filter(is_type(*_REPLIES)).select("packet")
    violations = (
        t.packets.join(closed, on="association", maintain_order="left")
        .filter(pl.col("packet") > pl.col("end_packet"))
        .filter((pl.col("side") == pl.col("ender")) | (pl.col("time_ns") - pl.col("told_ns") >= PATIENCE_NS))
        .join(replies, on="packet", how="anti", maintain_order="left")
    )
    actual = pl.format("a packet after the {} in frame {}", pl.col("end").cast(pl.String), "end_frame")
    return Judgement(subjects, found(violations, "silence", actual))


@rule(
    "rfc9260/9.2/shutdown-after-own-data-acked",
    level=Level.MUST,
    cites=["RFC 9260 §9.2"],
    to_fail=[Need.AT_SENDER, Need.NO_LOSS],
)
def shutdown_after_own_data_acked(t: View) -> Judgement:
    """SHUTDOWN is sent only when all own DATA is acknowledged.

    What it checks: that each DATA sent before the first SHUTDOWN of a side was acknowledged before it.
    Why it matters: what is not acknowledged then is lost.
    What the capture must contain: a SHUTDOWN of a side that sent DATA. A violation counts only in a capture
    of the sandbox without drops.
    Known exceptions: associations with FORWARD_TSN or RE_CONFIG, where DATA may have been given up, are not
    judged.
    References: RFC 9260 §9.2.
    """
    return _closes_with_all_acknowledged(t, ChunkType.SHUTDOWN)


@rule(
    "rfc9260/9.2/shutdown-ack-after-own-data-acked",
    level=Level.MUST,
    cites=["RFC 9260 §9.2"],
    to_fail=[Need.AT_SENDER, Need.NO_LOSS],
)
def shutdown_ack_after_own_data_acked(t: View) -> Judgement:
    """SHUTDOWN ACK is sent only when all own DATA is acknowledged.

    What it checks: that each DATA sent before the first SHUTDOWN ACK of a side was acknowledged before it.
    Why it matters: what is not acknowledged then is lost.
    What the capture must contain: a SHUTDOWN ACK of a side that sent DATA. A violation counts only in a
    capture of the sandbox without drops.
    Known exceptions: associations with FORWARD_TSN or RE_CONFIG, where DATA may have been given up, are not
    judged.
    References: RFC 9260 §9.2.
    """
    return _closes_with_all_acknowledged(t, ChunkType.SHUTDOWN_ACK)


def _closes_with_all_acknowledged(t: View, type: ChunkType) -> Judgement:
    abandoning = t.chunks.filter(
        is_type(ChunkType.FORWARD_TSN, ChunkType.I_FORWARD_TSN, ChunkType.RE_CONFIG)
    ).select("association")
    closing = (
        t.chunks.filter(is_type(type) & pl.col("association").is_not_null())
        .join(abandoning, on="association", how="anti", maintain_order="left")
        .unique(ENDPOINT, keep="first", maintain_order=True)
        .select(*ENDPOINT, "packet", "frame", "chunk", "type_name")
    )
    own = t.chunks.filter(is_type(*USER_DATA)).select(*ENDPOINT, "tsn", "acked_frame", data_packet="packet")
    sent = closing.join(own, on=ENDPOINT, maintain_order="left").filter(
        pl.col("data_packet") < pl.col("packet")
    )
    subjects = sent.unique(ENDPOINT, keep="first", maintain_order=True)
    violations = sent.filter(
        pl.col("acked_frame").is_null() | (pl.col("acked_frame") > pl.col("frame"))
    ).unique(ENDPOINT, keep="first", maintain_order=True)
    actual = pl.format("{} while TSN {} is outstanding", "type_name", "tsn")
    return Judgement(subjects, found(violations, "all own DATA acknowledged", actual))


@rule(
    "rfc9260/9.2/shutdown-ack-answers-shutdown",
    level=Level.MUST,
    cites=["RFC 9260 §9.2"],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def shutdown_ack_answers_shutdown(t: View) -> Judgement:
    """A SHUTDOWN is answered with SHUTDOWN ACK.

    What it checks: that the peer answers with SHUTDOWN ACK, or ABORT, once it has no outstanding DATA.
    Why it matters: without it the association is neither open nor closed.
    What the capture must contain: a SHUTDOWN and half a second after it. A violation counts only in a capture
    of the sandbox without drops and impairment.
    Known exceptions: a peer with DATA that is not acknowledged sends that first, and is not judged.
    References: RFC 9260 §9.2.
    """
    outstanding = t.chunks.filter(is_type(*USER_DATA) & pl.col("acked_frame").is_null()).select(
        "association", side=peer()
    )
    shutdowns = t.chunks.filter(is_type(ChunkType.SHUTDOWN)).join(
        outstanding, on=ENDPOINT, how="anti", maintain_order="left"
    )
    answers = t.chunks.filter(is_type(ChunkType.SHUTDOWN_ACK, ChunkType.ABORT))
    asked, silent, unclear = unanswered(t, shutdowns, answers)
    return Judgement(asked, found(silent, "SHUTDOWN ACK", "no answer"), unclear)


@rule(
    "rfc9260/9.2/shutdown-complete-answers-ack",
    level=Level.MUST,
    cites=["RFC 9260 §9.2"],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def shutdown_complete_answers_ack(t: View) -> Judgement:
    """A SHUTDOWN ACK is answered with SHUTDOWN COMPLETE.

    What it checks: that the peer answers with SHUTDOWN COMPLETE, or ABORT.
    Why it matters: its sender retransmits SHUTDOWN ACK until then, and keeps the association.
    What the capture must contain: a SHUTDOWN ACK and half a second after it. A violation counts only in a
    capture of the sandbox without drops and impairment.
    Known exceptions: none.
    References: RFC 9260 §9.2.
    """
    answers = t.chunks.filter(is_type(ChunkType.SHUTDOWN_COMPLETE, ChunkType.ABORT))
    asked, silent, unclear = unanswered(t, t.chunks.filter(is_type(ChunkType.SHUTDOWN_ACK)), answers)
    return Judgement(asked, found(silent, "SHUTDOWN COMPLETE", "no answer"), unclear)


@rule(
    "rfc9260/9.2/shutdown-in-order",
    level=Level.MUST,
    cites=["RFC 9260 §9.2", "RFC 9260 §4"],
    to_fail=[Need.AT_SENDER],
)
def shutdown_in_order(t: View) -> Judgement:
    """SHUTDOWN ACK is sent in answer to SHUTDOWN only, and SHUTDOWN COMPLETE in answer to SHUTDOWN ACK only.

    What it checks: before the first SHUTDOWN ACK of a side a SHUTDOWN of its peer, before its first SHUTDOWN
    COMPLETE a SHUTDOWN ACK.
    Why it matters: a peer that did not ask for the end of the association may still have data to send.
    What the capture must contain: an answer and what it answers. A violation counts only in a capture of the
    sandbox: elsewhere one may have overtaken the other. What is answered can be told to be missing only in a
    whole recording.
    Known exceptions: a SHUTDOWN COMPLETE with T set answers a packet out of the blue.
    References: RFC 9260 §9.2; RFC 9260 §4.
    """
    answer_to = {
        ChunkType.SHUTDOWN: ChunkType.SHUTDOWN_ACK,
        ChunkType.SHUTDOWN_ACK: ChunkType.SHUTDOWN_COMPLETE,
    }
    first = t.chunks.filter(
        is_type(*answer_to, *answer_to.values()) & pl.col("association").is_not_null()
    ).unique([*ENDPOINT, "type"], keep="first", maintain_order=True)
    asked = first.filter(is_type(*answer_to)).select(
        "association",
        peer(),
        type=pl.col("type").replace_strict(answer_to, return_dtype=pl.UInt8),
        asked="packet",
    )
    answers = first.filter(is_type(*answer_to.values()) & ~pl.col("tag_reflected").fill_null(False)).join(
        asked, on=[*ENDPOINT, "type"], how="left", maintain_order="left"
    )
    is_told = pl.col("asked").is_not_null() | t.is_whole
    violations = answers.filter(is_told & (pl.col("asked") > pl.col("packet")).fill_null(True))
    wanted = (
        pl.when(is_type(ChunkType.SHUTDOWN_ACK)).then(pl.lit("SHUTDOWN")).otherwise(pl.lit("SHUTDOWN ACK"))
    )
    expected = pl.format("a {} of the peer before it", wanted)
    return Judgement(
        answers.filter(is_told),
        found(violations, expected, pl.format("{} without one", "type_name")),
        answers.filter(~is_told).select(
            "association", reason=pl.lit("the capture may lack what is answered")
        ),
    )


@rule(
    "rfc9260/9.2/init-in-shutdown-ack-sent",
    level=Level.SHOULD,
    cites=["RFC 9260 §9.2"],
    to_fail=[Need.AT_SENDER, Need.DELIVERY],
)
def init_in_shutdown_ack_sent(t: View) -> Judgement:
    """An INIT that comes after the SHUTDOWN ACK is answered with SHUTDOWN ACK again.

    What it checks: that no INIT ACK answers an INIT for an association that the endpoint is about to close,
    until SHUTDOWN COMPLETE or ABORT ends it.
    Why it matters: the SHUTDOWN COMPLETE was lost; the old association has to be closed before a new one.
    What the capture must contain: a SHUTDOWN ACK, then an INIT, and the answer. A violation counts only in a
    capture of the sandbox without impairment.
    Known exceptions: silence is no violation.
    References: RFC 9260 §9.2.
    """
    inits = unexpected_inits(t).filter("is_closing")
    again = t.chunks.filter(is_type(ChunkType.SHUTDOWN_ACK)).select(
        "packet", live="association", live_side="side", again="packet"
    )
    resent = (
        inits.sort("packet")
        .join_asof(again, on="packet", by=["live", "live_side"], strategy="forward", check_sortedness=False)
        .drop_nulls("again")
    )
    violations = by_reply(with_reply(t, inits).filter(pl.col("reply_type") == "INIT_ACK"))
    return Judgement(
        either(resent.with_columns(peer()), violations), found(violations, "SHUTDOWN ACK", "INIT ACK")
    )
