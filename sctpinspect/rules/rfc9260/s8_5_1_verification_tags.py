"""RFC 9260 §8.5.1: exceptions in verification tag rules."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.exchanges import INTACT, ends, followed
from sctpinspect.rules.queries import (
    PATIENCE_NS,
    beside_own,
    beside_peer,
    either,
    found,
    hexadecimal,
    unanswered_inits,
)
from sctpinspect.tables.associations import ENDPOINT, is_type, peer

_ACTUAL = pl.format("verification tag {}", hexadecimal(pl.col("verification_tag")))


@rule("rfc9260/8.5.1/init-vtag-zero", level=Level.MUST, cites=["RFC 9260 §8.5.1 (A)", "RFC 9260 §3.1"])
def init_vtag_zero(t: View) -> Judgement:
    """A packet with an INIT has verification tag 0.

    What it checks: the common header of every packet with an INIT.
    Why it matters: the peer has not chosen its tag yet; with another one the INIT is out of the blue.
    What the capture must contain: an INIT.
    Known exceptions: none.
    References: RFC 9260 §8.5.1 (A); RFC 9260 §3.1.
    """
    subjects = t.chunks.filter(is_type(ChunkType.INIT))
    return Judgement(subjects, found(subjects.filter(pl.col("verification_tag") != 0), "0", _ACTUAL))


@rule("rfc9260/8.5.1/vtag-zero-only-for-init", level=Level.MUST, cites=["RFC 9260 §8.5.1 (A)"])
def vtag_zero_only_for_init(t: View) -> Judgement:
    """Verification tag 0 stands only on packets with an INIT.

    What it checks: every packet without an INIT.
    Why it matters: an Initiate Tag is never 0, so the receiver drops the packet.
    What the capture must contain: a packet without an INIT.
    Known exceptions: an ABORT or SHUTDOWN COMPLETE with the T bit may reflect the 0 of what it answers.
    References: RFC 9260 §8.5.1 (A).
    """
    exempt = t.chunks.filter(is_type(ChunkType.INIT) | pl.col("tag_reflected").fill_null(False)).select(
        "packet"
    )
    subjects = t.packets.filter(
        (pl.col("chunks_in_packet") > 0) & pl.col("verification_tag").is_not_null()
    ).join(exempt, on="packet", how="anti", maintain_order="left")
    violations = subjects.filter(pl.col("verification_tag") == 0)
    return Judgement(subjects, found(violations, "the Initiate Tag of the receiver", "verification tag 0"))


@rule(
    "rfc9260/8.5.1/cookie-echo-vtag",
    level=Level.MUST,
    cites=["RFC 9260 §8.5.1 (D)"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_SIGN_OF_LOSS, Need.WHOLE_PACKETS],
)
def cookie_echo_vtag(t: View) -> Judgement:
    """The packet with a COOKIE ECHO carries the Initiate Tag of the INIT ACK.

    What it checks: its verification tag against the Initiate Tags of the peer's INIT ACKs.
    Why it matters: the responder compares it with the tag in the cookie.
    What the capture must contain: INIT ACK and COOKIE ECHO. A violation counts only where nothing is seen to
    be missing.
    Known exceptions: where an INIT has no INIT ACK in the capture, the tag may be that of another one.
    References: RFC 9260 §8.5.1 (D).
    """
    tags = t.chunks.filter(is_type(ChunkType.INIT_ACK) & pl.col("association").is_not_null()).select(
        "association", side=peer(), tag="initiate_tag"
    )
    last = tags.group_by("association", "side").agg(pl.col("tag").last())
    unclear = unanswered_inits(t)
    subjects = (
        t.chunks.filter(is_type(ChunkType.COOKIE_ECHO))
        .join(last, on=["association", "side"], maintain_order="left")
        .join(unclear, on=["association", "side"], how="anti", maintain_order="left")
    )
    violations = subjects.join(
        tags,
        left_on=["association", "side", "verification_tag"],
        right_on=["association", "side", "tag"],
        how="anti",
        maintain_order="left",
    )
    return Judgement(subjects, found(violations, hexadecimal(pl.col("tag")), _ACTUAL), unclear)


def _tag_and_t_bit(t: View, type: ChunkType) -> Judgement:
    """T clear: the peer's tag; T set: the own tag, reflected from the packet that is answered."""
    chunks = t.chunks.filter(is_type(type) & pl.col("association").is_not_null())
    with_tags = beside_own(beside_peer(chunks, t.endpoints, peer_tag="tag"), t.endpoints, own_tag="tag")
    subjects = with_tags.with_columns(
        tag=pl.when("tag_reflected").then("own_tag").otherwise("peer_tag"),
        other=pl.when("tag_reflected").then("peer_tag").otherwise("own_tag"),
    ).filter(pl.col("tag").is_not_null())
    violations = subjects.filter(pl.col("verification_tag") != pl.col("tag")).with_columns(
        certain=pl.col("verification_tag") == pl.col("other")
    )
    t_bit = pl.when("tag_reflected").then(pl.lit("set")).otherwise(pl.lit("clear"))
    expected = pl.format("{} with T {}", hexadecimal(pl.col("tag")), t_bit)
    return Judgement(subjects, found(violations, expected, _ACTUAL))


@rule(
    "rfc9260/8.5.1/abort-tag-and-t-bit",
    level=Level.MUST,
    cites=["RFC 9260 §8.5.1 (B)", "RFC 9260 §3.3.7"],
    to_fail=[Need.NO_LOSS],
)
def abort_tag_and_t_bit(t: View) -> Judgement:
    """ABORT carries the tag of its receiver with T clear, or a reflected tag with T set.

    What it checks: T clear: the verification tag is the one that the receiver chose; T set: it is the one
    that stands on packets to the sender of the ABORT.
    Why it matters: the receiver ignores the ABORT otherwise, and the association lingers.
    What the capture must contain: an ABORT of an association whose tags are known. One with neither of the
    two tags counts only where the capture states that it dropped nothing: it may refuse an INIT not seen.
    Known exceptions: none.
    References: RFC 9260 §8.5.1 (B); RFC 9260 §3.3.7.
    """
    return _tag_and_t_bit(t, ChunkType.ABORT)


@rule(
    "rfc9260/8.5.1/shutdown-complete-tag-and-t-bit",
    level=Level.MUST,
    cites=["RFC 9260 §8.5.1 (C)", "RFC 9260 §3.3.13"],
    to_fail=[Need.NO_LOSS],
)
def shutdown_complete_tag_and_t_bit(t: View) -> Judgement:
    """SHUTDOWN COMPLETE carries the tag of its receiver with T clear, or a reflected tag with T set.

    What it checks: T clear: the verification tag is the one that the receiver chose; T set: it is the one of
    the SHUTDOWN ACK.
    Why it matters: the receiver ignores it otherwise and sends SHUTDOWN ACK again and again.
    What the capture must contain: a SHUTDOWN COMPLETE of an association whose tags are known. One with
    neither of the two tags counts only where the capture states that it dropped nothing: it may answer a
    SHUTDOWN ACK not seen.
    Known exceptions: none.
    References: RFC 9260 §8.5.1 (C); RFC 9260 §3.3.13.
    """
    return _tag_and_t_bit(t, ChunkType.SHUTDOWN_COMPLETE)


@rule(
    "rfc9260/8.5.1/abort-uses-known-tag",
    level=Level.MUST,
    cites=["RFC 9260 §8.5.1 (B)", "RFC 9260 §9.1"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.AT_SENDER, Need.NO_LOSS],
)
def abort_uses_known_tag(t: View) -> Judgement:
    """An endpoint that has the association aborts it with T clear.

    What it checks: that the T bit of an ABORT is clear if its sender sent another packet of the association
    half a second before it at most, and the association had not ended.
    Why it matters: an ABORT that reflects a tag is one that anybody on the path could have sent.
    What the capture must contain: the handshake and an ABORT. A violation counts only in a capture of the
    sandbox without drops: elsewhere the endpoint may have closed the association unseen.
    Known exceptions: an INIT ACK with Initiate Tag 0 is refused with T set.
    References: RFC 9260 §8.5.1 (B); RFC 9260 §9.1.
    """
    closing = t.chunks.filter(
        is_type(ChunkType.ABORT, ChunkType.SHUTDOWN_COMPLETE, ChunkType.INIT, ChunkType.INIT_ACK)
    ).select("packet")
    alive = (
        t.packets.join(closing, on="packet", how="anti", maintain_order="left")
        .filter(pl.col("association").is_not_null())
        .select(*ENDPOINT, "packet", alive_frame="frame", alive_ns="time_ns")
    )
    ended = ends(t).select("association", "end_packet")
    zero = t.chunks.filter(is_type(ChunkType.INIT_ACK) & (pl.col("initiate_tag") == 0)).select("association")
    subjects = (
        t.chunks.filter(is_type(ChunkType.ABORT) & pl.col("association").is_not_null())
        .join(zero, on="association", how="anti", maintain_order="left")
        .join(ended, on="association", how="left", maintain_order="left")
        .filter(pl.col("packet") <= pl.col("end_packet").fill_null(pl.col("packet")))
        .join_asof(alive, on="packet", by=ENDPOINT, check_sortedness=False)
        .filter(pl.col("time_ns") - pl.col("alive_ns") <= PATIENCE_NS)
    )
    violations = subjects.filter("tag_reflected").with_columns(frames=pl.concat_list("alive_frame", "frame"))
    actual = pl.format("T set, though frame {} was sent just before", "alive_frame")
    return Judgement(subjects, found(violations, "the tag of its receiver with T clear", actual))


@rule(
    "rfc9260/8.5.1/abort-wrong-tag-ignored",
    level=Level.MUST,
    cites=["RFC 9260 §8.5.1 (B)"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS, Need.AT_SENDER],
)
def abort_wrong_tag_ignored(t: View) -> Judgement:
    """An ABORT with a wrong tag, or a wrong T bit, ends nothing.

    What it checks: that after an ABORT that its receiver must ignore this goes on to send packets of the
    association, and does not treat those of its peer as out of the blue, with an ABORT with T set.
    Why it matters: a stranger who knows addresses and ports could end any association.
    What the capture must contain: the handshake, such an ABORT, and packets after it. A violation counts only
    in a capture of the sandbox without drops.
    Known exceptions: none.
    References: RFC 9260 §8.5.1 (B).
    """
    aborts = t.chunks.filter(is_type(ChunkType.ABORT) & INTACT & pl.col("association").is_not_null())
    both = beside_own(beside_peer(aborts, t.endpoints, peer_tag="tag"), t.endpoints, own_tag="tag")
    right = pl.when("tag_reflected").then("own_tag").otherwise("peer_tag")
    wrong = both.filter(pl.col("verification_tag") != right)
    ended = ends(t).select("association", "end_packet")
    reflected = t.chunks.filter(is_type(ChunkType.ABORT) & pl.col("tag_reflected"))
    lost = (
        followed(t, wrong, reflected)
        .drop_nulls("answer")
        .join(ended, on="association", how="left", maintain_order="left")
        .filter(pl.col("answer") <= pl.col("end_packet").fill_null(pl.col("answer")))
        .with_columns(peer(), frames=pl.concat_list("frame", "answer_frame"), frame="answer_frame")
    )
    usual = t.chunks.filter(~is_type(ChunkType.ABORT, ChunkType.SHUTDOWN_COMPLETE, ChunkType.INIT_ACK))
    goes_on = followed(t, wrong, usual).drop_nulls("answer").with_columns(peer())
    return Judgement(
        either(goes_on, lost), found(lost, "an association that goes on", "an ABORT for the next packet")
    )
