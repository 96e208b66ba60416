"""RFC 9260 §5.1: the handshake INIT, INIT ACK, COOKIE ECHO, COOKIE ACK."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import (
    MILLISECOND,
    PATIENCE_NS,
    acknowledged,
    acknowledged_late,
    collided,
    found,
    given_cookies,
    hexadecimal,
    unanswered,
)
from sctpinspect.rules.set_up import accepted
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


@rule(
    "rfc9260/5.1/init-ack-vtag",
    level=Level.MUST,
    cites=["RFC 9260 §5.1 (B)", "RFC 9260 §8.5"],
    to_fail=[Need.NO_LOSS],
)
def init_ack_vtag(t: View) -> Judgement:
    """The packet with an INIT ACK carries the Initiate Tag of the INIT that it answers.

    What it checks: the verification tag of each INIT ACK against the Initiate Tags of the peer's INITs.
    Why it matters: the initiator drops an INIT ACK with any other tag, and anybody could forge one.
    What the capture must contain: an INIT and its INIT ACK. Where the capture may lack an INIT, a violation
    counts only if the cookie of this INIT ACK set up an association with the tag of an INIT that is there.
    Known exceptions: none.
    References: RFC 9260 §5.1 (B); RFC 9260 §8.5.
    """
    inits = t.chunks.filter(is_type(ChunkType.INIT) & pl.col("association").is_not_null()).select(
        "association", side=peer(), tag="initiate_tag"
    )
    cut = inits.filter(pl.col("tag").is_null())
    asked = inits.group_by("association", "side").agg(pl.col("tag").first())
    subjects = (
        t.chunks.filter(is_type(ChunkType.INIT_ACK))
        .join(asked, on=ENDPOINT, maintain_order="left")
        .join(cut, on=ENDPOINT, how="anti", maintain_order="left")
        .join(_set_up(t, inits), on=["packet", "chunk"], how="left", maintain_order="left")
    )
    violations = subjects.join(
        inits,
        left_on=["association", "side", "verification_tag"],
        right_on=["association", "side", "tag"],
        how="anti",
        maintain_order="left",
    )
    actual = pl.format("verification tag {}", hexadecimal(pl.col("verification_tag")))
    return Judgement(subjects, found(violations, hexadecimal(pl.col("tag")), actual))


def _set_up(t: View, inits: pl.LazyFrame) -> pl.LazyFrame:
    """`packet`, `chunk` of the INIT ACKs whose cookie was echoed and accepted, and `certain`.

    certain: the COOKIE ACK carries the tag of one of `inits`, and so the INIT ACK should have.
    """
    cookies = t.parameters.filter(
        (pl.col("type") == ParameterType.STATE_COOKIE) & pl.col("value").is_not_null()
    ).select("association", "packet", "chunk", "value")
    echoed = t.chunks.filter(is_type(ChunkType.COOKIE_ECHO)).select("association", "value").unique()
    accepted = t.chunks.filter(is_type(ChunkType.COOKIE_ACK)).join(
        inits, left_on=[*ENDPOINT, "verification_tag"], right_on=[*ENDPOINT, "tag"], how="semi"
    )
    return (
        cookies.join(echoed, on=["association", "value"], how="semi", maintain_order="left")
        .join(accepted, on="association", how="semi", maintain_order="left")
        .select("packet", "chunk", certain=pl.lit(True))
    )


@rule(
    "rfc9260/5.1/init-is-answered",
    level=Level.SHOULD,
    cites=["RFC 9260 §5.1 (B)", "RFC 9260 §9.2"],
    to_fail=[Need.COUNTERS, Need.DELIVERY],
)
def init_is_answered(t: View) -> Judgement:
    """An INIT is answered with INIT ACK or ABORT.

    What it checks: that the peer answers at all.
    Why it matters: silence costs the initiator minutes of retransmissions.
    What the capture must contain: an INIT and half a second after it. A violation counts only in a capture of
    the sandbox without drops and impairment: elsewhere the INIT or its answer may have been lost.
    Known exceptions: an INIT that must be dropped in silence (Initiate Tag 0, another verification tag than
    0, other chunks in its packet) is not judged, nor one with the tag of an association that is there
    already: it comes late. A peer that still closes an earlier association answers with SHUTDOWN ACK.
    References: RFC 9260 §5.1 (B); RFC 9260 §9.2.
    """
    is_first = pl.col("association").eq_missing(pl.col("association").first().over("initiate_tag"))
    is_sound = (
        (pl.col("initiate_tag") != 0) & (pl.col("verification_tag") == 0) & (pl.col("chunks_in_packet") == 1)
    )
    inits = t.chunks.filter(is_type(ChunkType.INIT) & is_sound).filter(is_first)
    asked, silent, unclear = unanswered(
        t, inits, t.chunks.filter(is_type(ChunkType.INIT_ACK, ChunkType.ABORT))
    )
    closing = t.chunks.filter(is_type(ChunkType.SHUTDOWN_ACK)).select(
        source_port="destination_port", destination_port="source_port", answer_ns="time_ns"
    )
    waited = pl.col("answer_ns") - pl.col("arrived_ns")
    refused = silent.join(closing, on=["source_port", "destination_port"]).filter(
        waited.is_between(0, PATIENCE_NS)
    )
    violations = silent.join(refused, on="packet", how="anti", maintain_order="left")
    return Judgement(asked, found(violations, "INIT ACK or ABORT", "no answer"), unclear)


@rule(
    "rfc9260/5.1/cookie-echo-follows-init-ack",
    level=Level.MUST,
    cites=["RFC 9260 §5.1 (C)"],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def cookie_echo_follows_init_ack(t: View) -> Judgement:
    """An INIT ACK is answered with COOKIE ECHO, or refused with ABORT.

    What it checks: that the initiator goes on with the handshake that it began.
    Why it matters: without COOKIE ECHO there is no association.
    What the capture must contain: an INIT ACK and half a second after it. A violation counts only in a
    capture of the sandbox without drops and impairment.
    Known exceptions: an INIT ACK that answers no INIT is dropped (§5.2.3). An Initiate Tag, OS or MIS of 0
    ends the handshake, perhaps in silence (§3.3.3). Where both sides sent an INIT, the COOKIE ECHO of one
    establishes both, and the other may discard its INIT ACK.
    References: RFC 9260 §5.1 (C); RFC 9260 §3.3.3; RFC 9260 §5.2.3.
    """
    answers = t.chunks.filter(is_type(ChunkType.COOKIE_ECHO, ChunkType.ABORT))
    fields = ("initiate_tag", "outbound_streams", "inbound_streams")
    is_sound = pl.all_horizontal(pl.col(name).ne_missing(0) for name in fields)
    asked = t.chunks.filter(is_type(ChunkType.INIT) & pl.col("association").is_not_null()).select(
        "association", peer(), verification_tag="initiate_tag"
    )
    init_acks = (
        _less_collided(t, ChunkType.INIT_ACK, answers)
        .filter(is_sound)
        .join(asked, on=[*ENDPOINT, "verification_tag"], how="semi", maintain_order="left")
    )
    asked, silent, unclear = unanswered(t, init_acks, answers)
    return Judgement(asked, found(silent, "COOKIE ECHO", "no answer"), unclear)


@rule(
    "rfc9260/5.1/cookie-ack-answers-echo",
    level=Level.MUST,
    cites=["RFC 9260 §5.1 (D)", "RFC 9260 §5.1.5"],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def cookie_ack_answers_echo(t: View) -> Judgement:
    """A COOKIE ECHO is answered with COOKIE ACK, or refused with ERROR or ABORT.

    What it checks: that the responder ends the handshake.
    Why it matters: the initiator may send nothing else before it has the COOKIE ACK.
    What the capture must contain: a COOKIE ECHO and half a second after it. A violation counts only in a
    capture of the sandbox without drops and impairment.
    Known exceptions: a cookie that the peer did not issue must be dropped in silence; cookie-echo-exact
    tells. Where both sides sent an INIT, the COOKIE ECHO of one may come late and be dropped (§5.2.4, C).
    References: RFC 9260 §5.1 (D); RFC 9260 §5.1.5; RFC 9260 §5.2.4.
    """
    answers = t.chunks.filter(is_type(ChunkType.COOKIE_ACK, ChunkType.ERROR, ChunkType.ABORT))
    given = given_cookies(t)
    echoes = _less_collided(t, ChunkType.COOKIE_ECHO, answers)
    strange = echoes.join(given, on=ENDPOINT, how="semi").join(given, on=[*ENDPOINT, "value"], how="anti")
    issued = echoes.join(strange, on=["packet", "chunk"], how="anti", maintain_order="left")
    asked, silent, unclear = unanswered(t, issued, answers)
    return Judgement(asked, found(silent, "COOKIE ACK", "no answer"), unclear)


def _less_collided(t: View, type: ChunkType, answers: pl.LazyFrame) -> pl.LazyFrame:
    """The chunks of a type, but for associations whose INITs crossed and where either side has an answer."""
    crossed = collided(t).join(answers, on="association", how="semi")
    return t.chunks.filter(is_type(type)).join(crossed, on="association", how="anti", maintain_order="left")


@rule("rfc9260/5.1/cookie-echo-first-chunk", level=Level.MUST, cites=["RFC 9260 §5.1 (C)"])
def cookie_echo_first_chunk(t: View) -> Judgement:
    """COOKIE ECHO is the first chunk of its packet.

    What it checks: the chunks in front of each COOKIE ECHO.
    Why it matters: the receiver has no association yet for which it could process them.
    What the capture must contain: a COOKIE ECHO.
    Known exceptions: an AUTH chunk may stand in front of it (RFC 4895 §6.3).
    References: RFC 9260 §5.1 (C).
    """
    return _first_chunk(t, ChunkType.COOKIE_ECHO)


@rule("rfc9260/5.1/cookie-ack-first-chunk", level=Level.MUST, cites=["RFC 9260 §5.1 (D)", "RFC 9260 §3.3.12"])
def cookie_ack_first_chunk(t: View) -> Judgement:
    """COOKIE ACK is the first chunk of its packet.

    What it checks: the chunks in front of each COOKIE ACK.
    Why it matters: only with it the initiator is established and may process them.
    What the capture must contain: a COOKIE ACK.
    Known exceptions: an AUTH chunk may stand in front of it (RFC 4895 §6.3).
    References: RFC 9260 §5.1 (D); RFC 9260 §3.3.12.
    """
    return _first_chunk(t, ChunkType.COOKIE_ACK)


def _first_chunk(t: View, type: ChunkType) -> Judgement:
    subjects = t.chunks.filter(is_type(type))
    others = t.chunks.filter(~is_type(ChunkType.AUTH)).group_by("packet").agg(first=pl.col("chunk").min())
    violations = subjects.join(others, on="packet", maintain_order="left").filter(
        pl.col("first") < pl.col("chunk")
    )
    return Judgement(
        subjects, found(violations, "the first place", pl.format("chunk {}", pl.col("chunk") + 1))
    )


@rule(
    "rfc9260/5.1/first-data-acked-immediately",
    level=Level.MUST,
    cites=["RFC 9260 §5.1"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def first_data_acked_immediately(t: View) -> Judgement:
    """The first DATA of an association is acknowledged immediately.

    What it checks: that the SACK for the first DATA of each side comes within 150 ms, well below the usual
    delay of 200 ms.
    Why it matters: the sender gets its first RTT sample from it.
    What the capture must contain: the handshake, the first DATA and its SACK. A violation counts only in a
    capture of the sandbox without drops and losses.
    Known exceptions: where it was overtaken on its way nothing is judged.
    References: RFC 9260 §5.1.
    """
    first = (
        acknowledged(t)
        .filter(
            (pl.col("tsn") == pl.col("tsn").first().over(ENDPOINT))
            & (pl.col("arrived_ns") == pl.col("arrived_ns").min().over(ENDPOINT))
        )
        .with_columns(side=peer())
    )
    return Judgement(first, acknowledged_late(first, 150 * MILLISECOND, "an acknowledgement at once"))


_WHILE_WAITING = [
    ChunkType.COOKIE_ECHO,
    ChunkType.ABORT,
    ChunkType.HEARTBEAT_ACK,
    ChunkType.SHUTDOWN_COMPLETE,
    ChunkType.INIT,
    ChunkType.INIT_ACK,
]
"""Chunks that may be sent before the COOKIE ACK comes: answers, and those of the handshake."""


@rule(
    "rfc9260/5.1/quiet-between-cookie-echo-and-ack",
    level=Level.MUST,
    cites=["RFC 9260 §5.1 (C)"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.AT_SENDER, Need.NO_LOSS],
)
def quiet_between_cookie_echo_and_ack(t: View) -> Judgement:
    """Between COOKIE ECHO and COOKIE ACK the initiator sends no other packet.

    What it checks: the packets of the initiator after its first COOKIE ECHO and before the first COOKIE ACK.
    Why it matters: the peer has no association yet, and takes them for packets out of the blue.
    What the capture must contain: the handshake. A violation counts only in a capture of the sandbox without
    drops: elsewhere the COOKIE ACK may have come before it was captured.
    Known exceptions: COOKIE ECHO again, ABORT, and answers: HEARTBEAT ACK, SHUTDOWN COMPLETE, and INIT ACK
    where INITs cross. Where they do, the peer's COOKIE ECHO ends the waiting too, and nothing is judged.
    References: RFC 9260 §5.1 (C).
    """
    responders = t.chunks.filter(is_type(ChunkType.INIT_ACK, ChunkType.COOKIE_ACK)).select(ENDPOINT)
    echoed = (
        t.chunks.filter(is_type(ChunkType.COOKIE_ECHO) & pl.col("association").is_not_null())
        .join(collided(t), on="association", how="anti")
        .join(responders, on=ENDPOINT, how="anti")
        .group_by(ENDPOINT)
        .agg(echoed=pl.col("packet").min(), echo_frame=pl.col("frame").min())
    )
    subjects = echoed.join(accepted(t), on=ENDPOINT)
    allowed = t.chunks.filter(is_type(*_WHILE_WAITING)).select("packet")
    violations = (
        t.packets.join(subjects, on=ENDPOINT, maintain_order="left")
        .filter((pl.col("packet") > pl.col("echoed")) & (pl.col("packet") < pl.col("accepted")))
        .join(allowed, on="packet", how="anti", maintain_order="left")
        .with_columns(frames=pl.concat_list("echo_frame", "frame"))
    )
    return Judgement(subjects, found(violations, "silence until the COOKIE ACK", "another packet"))
