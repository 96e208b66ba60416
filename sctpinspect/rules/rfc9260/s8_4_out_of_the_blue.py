"""RFC 9260 §8.4: packets out of the blue, of no association that their receiver has."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.exchanges import (
    AT_ONCE_NS,
    FLOW,
    INTACT,
    arrivals,
    ends,
    followed,
    reversed_flow,
    stale,
)
from sctpinspect.rules.queries import (
    PATIENCE_NS,
    WHOLE,
    either,
    found,
    goes_on,
    hexadecimal,
    too_short,
)
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


@rule(
    "rfc9260/8.4/ootb-init-refusal-tag",
    level=Level.MUST,
    cites=["RFC 9260 §8.4", "RFC 9260 §5.1"],
)
def ootb_init_refusal_tag(t: View) -> Judgement:
    """An ABORT that refuses an INIT carries the Initiate Tag of that INIT, with T clear.

    What it checks: verification tag and T bit of an ABORT that follows an INIT within half a second, from
    where the INIT went to where it came from.
    Why it matters: the initiator ignores it otherwise, and tries again for minutes.
    What the capture must contain: the INIT and the ABORT. A tag that is neither 0 nor that of the INIT may
    belong to another association; it counts only in a whole recording of the sandbox.
    Known exceptions: an INIT with Initiate Tag 0 is not judged.
    References: RFC 9260 §8.4; RFC 9260 §5.1.
    """
    inits = t.chunks.filter(is_type(ChunkType.INIT) & INTACT & (pl.col("initiate_tag") != 0)).select(
        *reversed_flow("packet", init_frame="frame", asked_ns="time_ns", wanted="initiate_tag"),
        init_association="association",
        refuser=peer(),
    )
    aborts = t.chunks.filter(is_type(ChunkType.ABORT)).join_asof(
        inits.sort("packet"), on="packet", by=FLOW, check_sortedness=False
    )
    tag = pl.col("verification_tag")
    is_refusal = (pl.col("time_ns") - pl.col("asked_ns") <= PATIENCE_NS) & (
        pl.col("association").is_null()
        | ((pl.col("association") == pl.col("init_association")) & ((tag == pl.col("wanted")) | (tag == 0)))
    )
    refusals = aborts.filter(is_refusal).with_columns(
        association="init_association",
        side="refuser",
        frames=pl.concat_list("init_frame", "frame"),
        is_told=(tag == pl.col("wanted")) | (tag == 0) | t.is_whole,
    )
    subjects = refusals.filter("is_told")
    violations = subjects.filter((tag != pl.col("wanted")) | pl.col("tag_reflected"))
    t_bit = pl.when("tag_reflected").then(pl.lit("set")).otherwise(pl.lit("clear"))
    return Judgement(
        subjects,
        found(
            violations,
            pl.format("verification tag {} with T clear", hexadecimal(pl.col("wanted"))),
            pl.format("{} with T {}", hexadecimal(tag), t_bit),
        ),
        refusals.filter(~pl.col("is_told")).select(
            "association", reason=pl.lit("an ABORT after its INIT may be of another association")
        ),
    )


@rule(
    "rfc9260/8.4/ootb-abort-unanswered",
    level=Level.MUST,
    cites=["RFC 9260 §8.4", "RFC 9260 §3.3.7", "RFC 9260 §9.1"],
    to_fail=[Need.NO_LOSS],
)
def ootb_abort_unanswered(t: View) -> Judgement:
    """A packet with an ABORT is never answered with an ABORT.

    What it checks: that the receiver of an ABORT sends no more ABORTs with its tag reflected than it got
    packets with that tag and without an ABORT, which these may answer.
    Why it matters: two endpoints that answer ABORT with ABORT never stop.
    What the capture must contain: an ABORT. A violation counts only where the capture states that it dropped
    nothing.
    Known exceptions: an ABORT of its own association, with T clear, may cross the peer's.
    References: RFC 9260 §8.4; RFC 9260 §3.3.7; RFC 9260 §9.1.
    """
    aborts = t.chunks.filter(is_type(ChunkType.ABORT))
    violations = _answers_to(t, aborts)
    actual = pl.format("an ABORT after the one in frame {}", "asked_frame")
    return Judgement(aborts.select("association", peer()), found(violations, "silence", actual))


def _answers_to(t: View, silent: pl.LazyFrame) -> pl.LazyFrame:
    """ABORTs that can only answer `silent`, chunks whose packets must not be answered; with `asked_frame`.

    They reflect the tag of such a packet, and there are more of them than of other packets with that tag.
    """
    key = [*FLOW, "verification_tag"]
    asked = silent.filter(INTACT).select(
        *reversed_flow("verification_tag", asked="packet", asked_frame="frame")
    )
    reflected = t.chunks.filter(is_type(ChunkType.ABORT) & pl.col("tag_reflected")).with_columns(
        number=pl.int_range(1, pl.len() + 1).over(key)
    )
    others = (
        t.packets.select(*reversed_flow("verification_tag", "packet"))
        .join(asked, on=key, how="semi", maintain_order="left")
        .join(silent, on="packet", how="anti", maintain_order="left")
        .with_columns(reasons=pl.int_range(1, pl.len() + 1).over(key))
    )
    return (
        reflected.join(asked.unique(key, keep="first", maintain_order=True), on=key, maintain_order="left")
        .filter(pl.col("asked") < pl.col("packet"))
        .sort("packet")
        .join_asof(others, on="packet", by=key, check_sortedness=False)
        .filter(pl.col("number") > pl.col("reasons").fill_null(0))
        .with_columns(frames=pl.concat_list("asked_frame", "frame"))
    )


_REPLIES = [ChunkType.ABORT, ChunkType.SHUTDOWN_COMPLETE]
"""What endpoints without the association send."""


def _without_association(t: View) -> pl.LazyFrame:
    """`association`, `side`, `since_ns`: endpoints that do not have the association, or no longer.

    It ended, by what they sent or got, and they go on as if it had; or, in a whole recording, nobody set it
    up, and they answer as if it were not there. Where the same ports are used again later nothing can be
    told: packets of the old association come to the new one.
    """
    closed = ends(t)
    gone = [
        closed.select("association", side="ender", since_ns="told_ns"),
        closed.select(
            "association",
            side=(1 - pl.col("ender")).cast(pl.UInt8),
            since_ns=pl.col("told_ns") + AT_ONCE_NS,
        ),
    ]
    speaks = t.chunks.filter(~is_type(*_REPLIES)).select(ENDPOINT)
    set_up = pl.all_horizontal(
        pl.col(f"{step}_frame").is_null() for step in ("init", "init_ack", "cookie_echo")
    )
    never = (
        t.associations.filter(set_up & t.is_whole)
        .join(t.endpoints, on="association")
        .join(speaks, on=ENDPOINT, how="anti")
        .select(*ENDPOINT, since_ns=pl.col("first_ns") - 1)
    )
    ports = (
        t.endpoints.group_by("association")
        .agg(ports=pl.col("port").sort())
        .sort("association")
        .filter(pl.col("association") == pl.col("association").max().over("ports"))
    )
    usual = t.chunks.filter(pl.col("association").is_not_null() & ~is_type(*_REPLIES))
    talks = usual.group_by(ENDPOINT).agg(last_ns=pl.col("time_ns").max())
    return (
        pl.concat([*gone, never])
        .join(ports, on="association", how="semi")
        .join(talks, on=ENDPOINT, how="left")
        .filter((pl.col("last_ns") <= pl.col("since_ns")).fill_null(True))
    )


KINDS = {
    "ABORT": is_type(ChunkType.ABORT),
    "INIT": is_type(ChunkType.INIT),
    "COOKIE ECHO": is_type(ChunkType.COOKIE_ECHO) & (pl.col("chunk") == 0),
    "SHUTDOWN ACK": is_type(ChunkType.SHUTDOWN_ACK),
    "SHUTDOWN COMPLETE": is_type(ChunkType.SHUTDOWN_COMPLETE),
    "COOKIE ACK": is_type(ChunkType.COOKIE_ACK) | pl.col("is_stale").fill_null(False),
}
"""Kinds of packets out of the blue, in the order in which §8.4 asks for them; all others are of one kind."""


def _out_of_the_blue(t: View, kind: str) -> pl.LazyFrame:
    """The first chunks of packets of a kind (in `KINDS`, or "other") to endpoints without association."""
    gone = _without_association(t).select("association", peer(), "since_ns")
    chunks = (
        t.chunks.filter(INTACT & WHOLE & (pl.col("length") >= 4))
        .join(gone, on=ENDPOINT, maintain_order="left")
        .join(arrivals(t), on="packet", maintain_order="left")
        .filter(pl.col("arrived_ns") > pl.col("since_ns"))
        .drop("arrived_ns")
        .join(
            stale(t).select("packet", "chunk", is_stale=True),
            on=["packet", "chunk"],
            how="left",
            maintain_order="left",
        )
    )
    kinds = pl.coalesce(
        pl.when(there.any().over("packet")).then(pl.lit(name)) for name, there in KINDS.items()
    )
    return chunks.with_columns(kind=kinds.fill_null("other")).filter(
        (pl.col("kind") == kind) & (pl.col("chunk") == pl.col("chunk").min().over("packet"))
    )


def _reflects(t: View, packets: pl.LazyFrame, reply: ChunkType) -> Judgement:
    """Judges that each packet out of the blue is answered with a chunk that reflects its tag, T set."""
    name = reply.name.replace("_", " ")
    replies = t.chunks.filter(is_type(reply))
    judged = followed(t, packets, replies).join(
        replies.select(answer="packet", answer_tag="verification_tag", answer_t="tag_reflected"),
        on="answer",
        how="left",
        maintain_order="left",
    )
    is_answered = (pl.col("answer_ns") - pl.col("arrived_ns") <= PATIENCE_NS).fill_null(False)
    is_right = pl.col("answer_t") & (pl.col("answer_tag") == pl.col("verification_tag"))
    told = judged.filter(
        pl.col("arrived_ns").is_not_null() & (is_answered | goes_on(t, pl.col("arrived_ns")))
    )
    wrong = told.filter(is_answered & ~is_right).with_columns(
        frame="answer_frame", frames=pl.concat_list("frame", "answer_frame")
    )
    expected = pl.format("{} with tag {} and T set", pl.lit(name), hexadecimal(pl.col("verification_tag")))
    violations = either(
        found(told.filter(~is_answered).with_columns(peer()), expected, "no answer"),
        found(
            wrong.with_columns(peer()),
            expected,
            pl.format("{} with T {}", hexadecimal(pl.col("answer_tag")), T_BIT),
        ),
    )
    return Judgement(
        told.with_columns(peer()),
        violations,
        too_short(judged.filter(~is_answered & ~goes_on(t, pl.col("arrived_ns")))),
    )


T_BIT = pl.when("answer_t").then(pl.lit("set")).otherwise(pl.lit("clear"))


@rule(
    "rfc9260/8.4/ootb-shutdown-ack-reply",
    level=Level.SHOULD,
    cites=["RFC 9260 §8.4"],
    to_fail=[Need.COUNTERS, Need.AT_SENDER, Need.DELIVERY],
)
def ootb_shutdown_ack_reply(t: View) -> Judgement:
    """A SHUTDOWN ACK out of the blue is answered with SHUTDOWN COMPLETE that reflects its tag.

    What it checks: the answer to each SHUTDOWN ACK to an endpoint whose association has ended, or was never
    set up in a whole recording: its tag, and that T is set.
    Why it matters: the SHUTDOWN COMPLETE before was lost, and the peer waits for another.
    What the capture must contain: such a SHUTDOWN ACK. A missing answer counts only in a capture of the
    sandbox without drops and impairment.
    Known exceptions: where the ports are used again later nothing is judged.
    References: RFC 9260 §8.4.
    """
    return _reflects(t, _out_of_the_blue(t, "SHUTDOWN ACK"), ChunkType.SHUTDOWN_COMPLETE)


@rule(
    "rfc9260/8.4/ootb-other-abort-reflected",
    level=Level.SHOULD,
    cites=["RFC 9260 §8.4"],
    to_fail=[Need.COUNTERS, Need.AT_SENDER, Need.DELIVERY],
)
def ootb_other_abort_reflected(t: View) -> Judgement:
    """A packet out of the blue is answered with ABORT that reflects its tag.

    What it checks: the answer to each packet to an endpoint whose association has ended, or was never set up
    in a whole recording: its tag, and that T is set.
    Why it matters: the peer learns that its association is no more.
    What the capture must contain: such a packet. A missing answer counts only in a capture of the sandbox
    without drops and impairment.
    Known exceptions: packets with ABORT, INIT, COOKIE ECHO, SHUTDOWN ACK, SHUTDOWN COMPLETE, COOKIE ACK or a
    Stale Cookie error have answers of their own. Where the ports are used again later nothing is judged.
    References: RFC 9260 §8.4.
    """
    return _reflects(t, _out_of_the_blue(t, "other"), ChunkType.ABORT)


def _unanswered(t: View, kind: str) -> Judgement:
    """Judges that no packet of a kind is answered with ABORT."""
    silent = _out_of_the_blue(t, kind)
    violations = _answers_to(t, silent)
    return Judgement(
        silent.with_columns(peer()),
        found(violations, "silence", pl.format("an ABORT after frame {}", "asked_frame")),
    )


@rule(
    "rfc9260/8.4/ootb-shutdown-complete-silent",
    level=Level.SHOULD,
    cites=["RFC 9260 §8.4"],
    to_fail=[Need.NO_LOSS],
)
def ootb_shutdown_complete_silent(t: View) -> Judgement:
    """A SHUTDOWN COMPLETE out of the blue gets no answer.

    What it checks: that no ABORT reflects the tag of a SHUTDOWN COMPLETE to an endpoint without association,
    unless another packet with that tag may have caused it.
    Why it matters: the association is closed; there is nothing to say.
    What the capture must contain: such a SHUTDOWN COMPLETE. A violation counts only where the capture states
    that it dropped nothing.
    Known exceptions: where the ports are used again later nothing is judged.
    References: RFC 9260 §8.4.
    """
    return _unanswered(t, "SHUTDOWN COMPLETE")


@rule(
    "rfc9260/8.4/ootb-cookie-ack-silent",
    level=Level.SHOULD,
    cites=["RFC 9260 §8.4"],
    to_fail=[Need.NO_LOSS],
)
def ootb_cookie_ack_silent(t: View) -> Judgement:
    """A COOKIE ACK or Stale Cookie error out of the blue gets no answer.

    What it checks: that no ABORT reflects the tag of a COOKIE ACK, or of an ERROR with the cause Stale
    Cookie, to an endpoint without association, unless another packet with that tag may have caused it.
    Why it matters: a stranger could make the endpoint abort the associations of others.
    What the capture must contain: such a packet. A violation counts only where the capture states that it
    dropped nothing.
    Known exceptions: where the ports are used again later nothing is judged.
    References: RFC 9260 §8.4.
    """
    return _unanswered(t, "COOKIE ACK")
