"""RFC 9260 §5.1.5: what a State Cookie is worth, and what comes with it."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import settings
from sctpinspect.rules.exchanges import followed, stale
from sctpinspect.rules.queries import (
    MILLISECOND,
    PATIENCE_NS,
    SECOND,
    acknowledged,
    acknowledged_late,
    chunk_name,
    found,
    unanswered_inits,
)
from sctpinspect.rules.repeats import sysctl
from sctpinspect.rules.set_up import accepted, issued
from sctpinspect.tables.associations import ENDPOINT, is_type, peer

_ANSWERS = [ChunkType.COOKIE_ACK, ChunkType.ERROR, ChunkType.ABORT]


@rule(
    "rfc9260/5.1.5/cookie-echo-data-acked-at-once",
    level=Level.MUST,
    cites=["RFC 9260 §5.1.5"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def cookie_echo_data_acked_at_once(t: View) -> Judgement:
    """DATA that comes with the COOKIE ECHO is acknowledged at once.

    What it checks: that its SACK comes within 150 ms, well below the usual delay of 200 ms.
    Why it matters: the sender gets its first RTT sample from it.
    What the capture must contain: the handshake with such DATA, and its SACK. A violation counts only in a
    capture of the sandbox without drops and losses.
    Known exceptions: none.
    References: RFC 9260 §5.1.5.
    """
    echoes = t.chunks.filter(is_type(ChunkType.COOKIE_ECHO)).select("packet")
    subjects = (
        acknowledged(t).join(echoes, on="packet", how="semi", maintain_order="left").with_columns(side=peer())
    )
    return Judgement(subjects, acknowledged_late(subjects, 150 * MILLISECOND, "an acknowledgement at once"))


@rule(
    "rfc9260/5.1.5/invalid-cookie-silent",
    level=Level.MUST,
    cites=["RFC 9260 §5.1.5"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def invalid_cookie_silent(t: View) -> Judgement:
    """A COOKIE ECHO with a cookie that was never issued gets no answer.

    What it checks: that within half a second of a COOKIE ECHO whose cookie is in no INIT ACK there are no
    more COOKIE ACKs and Stale Cookie errors than COOKIE ECHOs with a cookie that was issued.
    Why it matters: the cookie is all that keeps strangers from setting up associations in the name of others.
    What the capture must contain: the handshake, and such a COOKIE ECHO. A violation counts only where the
    capture states that it dropped nothing.
    Known exceptions: where an INIT has no INIT ACK in the capture, nothing is judged.
    References: RFC 9260 §5.1.5.
    """
    echoes = t.chunks.filter(is_type(ChunkType.COOKIE_ECHO) & pl.col("value").is_not_null()).join(
        unanswered_inits(t), on=ENDPOINT, how="anti", maintain_order="left"
    )
    given = issued(t)
    strange = echoes.join(given, on=ENDPOINT, how="semi", maintain_order="left").join(
        given, on=[*ENDPOINT, "value"], how="anti", maintain_order="left"
    )
    good = (
        echoes.join(given, on=[*ENDPOINT, "value"], how="semi", maintain_order="left")
        .select("association", peer(), "packet")
        .with_columns(reasons=pl.int_range(1, pl.len() + 1).over(ENDPOINT))
    )
    answers = (
        pl.concat([t.chunks.filter(is_type(ChunkType.COOKIE_ACK)), stale(t)])
        .filter(pl.col("association").is_not_null())
        .sort("packet")
        .with_columns(number=pl.int_range(1, pl.len() + 1).over(ENDPOINT))
    )
    violations = (
        answers.join_asof(
            strange.select("association", peer(), "packet", asked_frame="frame", asked_ns="time_ns"),
            on="packet",
            by=ENDPOINT,
            check_sortedness=False,
        )
        .join_asof(good, on="packet", by=ENDPOINT, check_sortedness=False)
        .filter(pl.col("time_ns") - pl.col("asked_ns") <= PATIENCE_NS)
        .filter(pl.col("number") > pl.col("reasons").fill_null(0))
        .with_columns(frames=pl.concat_list("asked_frame", "frame"))
    )
    return Judgement(
        strange.with_columns(peer()), found(violations, "silence", chunk_name()), unanswered_inits(t)
    )


@rule(
    "rfc9260/5.1.5/stale-cookie-reported",
    level=Level.MUST,
    cites=["RFC 9260 §5.1.5", "RFC 9260 §5.2.4"],
    to_fail=[Need.NO_LOSS],
)
def stale_cookie_reported(t: View) -> Judgement:
    """A COOKIE ECHO whose cookie is too old is answered with a Stale Cookie error.

    What it checks: that no COOKIE ACK answers a cookie that is a second older than the settings of its
    issuer's kernel allow.
    Why it matters: an old cookie may be a replay of somebody else's.
    What the capture must contain: a recording of the sandbox that states the life of cookies, the journal of
    the responder, and a late COOKIE ECHO.
    Known exceptions: a COOKIE ECHO after the COOKIE ACK is valid whatever its age; an INIT with a Cookie
    Preservative, and endpoints that set SCTP_ASSOCINFO, are not judged.
    References: RFC 9260 §5.1.5; RFC 9260 §5.2.4.
    """
    life_ms = sysctl(t, "valid_cookie_life")
    prolonged = t.parameters.filter(pl.col("type") == ParameterType.COOKIE_PRESERVATIVE).select("association")
    usual = (
        t.endpoints.filter(pl.col("host").is_not_null() & (life_ms is not None))
        .join(settings(t, "SCTP_ASSOCINFO"), on=ENDPOINT, how="anti")
        .join(prolonged, on="association", how="anti")
        .select("association", peer())
    )
    old = (
        t.chunks.filter(is_type(ChunkType.COOKIE_ECHO))
        .join(usual, on=ENDPOINT, how="semi", maintain_order="left")
        .join(issued(t), on=[*ENDPOINT, "value"], maintain_order="left")
        .with_columns(age=pl.col("time_ns") - pl.col("issued_ns"))
        .filter(pl.col("age") > (life_ms or 0) * MILLISECOND + SECOND)
        .join(accepted(t), on=ENDPOINT, how="left", maintain_order="left")
        .filter((pl.col("accepted") > pl.col("packet")).fill_null(True))
    )
    echoes = t.chunks.filter(is_type(ChunkType.COOKIE_ECHO) & pl.col("association").is_not_null())
    subjects = (
        followed(t, old, t.chunks.filter(is_type(*_ANSWERS)))
        .drop_nulls("answer")
        .sort("answer")
        .join_asof(
            echoes.select(*ENDPOINT, "packet", last="value"),
            left_on="answer",
            right_on="packet",
            by=ENDPOINT,
            check_sortedness=False,
        )
        .filter(pl.col("last") == pl.col("value"))
    )
    violations = subjects.filter(pl.col("answer_type") == "COOKIE_ACK").with_columns(
        peer(),
        frame="answer_frame",
        frames=pl.concat_list("issued_frame", "frame", "answer_frame"),
        chunk=pl.lit(None, pl.UInt16),
    )
    actual = pl.format("COOKIE ACK for a cookie of {} s", pl.col("age") // SECOND)
    return Judgement(subjects.with_columns(peer()), found(violations, "a Stale Cookie error", actual))
