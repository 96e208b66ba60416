"""RFC 9260 §6: when user data may be sent."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import USER_DATA, collided, found
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc9260/6/data-not-before-cookie-echo",
    level=Level.MUST,
    cites=["RFC 9260 §6", "RFC 9260 §3.3.11"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.AT_SENDER, Need.NO_SIGN_OF_LOSS],
)
def data_not_before_cookie_echo(t: View) -> Judgement:
    """The initiator sends no DATA before its COOKIE ECHO.

    What it checks: that the first DATA of a side that sends COOKIE ECHO is in its packet or in a later one.
    Why it matters: the responder keeps no state before the COOKIE ECHO and answers the DATA with an ABORT.
    What the capture must contain: the handshake and DATA of the initiator. A violation counts only in a
    capture of the sandbox: elsewhere the packets may have changed places on the way.
    Known exceptions: where both sides sent an INIT, each may be established by the other's COOKIE ECHO;
    nothing is judged.
    References: RFC 9260 §6; RFC 9260 §3.3.11.
    """
    cookie_echoes = (
        t.chunks.filter(is_type(ChunkType.COOKIE_ECHO) & pl.col("association").is_not_null())
        .join(collided(t), on="association", how="anti")
        .group_by(ENDPOINT)
        .agg(cookie_echo=pl.col("packet").min())
    )
    subjects = (
        t.chunks.filter(is_type(*USER_DATA))
        .unique(ENDPOINT, keep="first", maintain_order=True)
        .join(cookie_echoes, on=ENDPOINT, maintain_order="left")
    )
    violations = subjects.filter(pl.col("packet") < pl.col("cookie_echo"))
    return Judgement(subjects, found(violations, "COOKIE ECHO first", "DATA before COOKIE ECHO"))


@rule(
    "rfc9260/6/data-state",
    level=Level.MUST,
    cites=["RFC 9260 §6", "RFC 9260 §9.2"],
    to_fail=[Need.AT_SENDER],
)
def data_state(t: View) -> Judgement:
    """No new DATA is sent after the own SHUTDOWN or SHUTDOWN ACK.

    What it checks: that no packet after the first SHUTDOWN or SHUTDOWN ACK of a side carries a TSN of that
    side that was not sent before.
    Why it matters: the sender has said that all its data is acknowledged; the peer may be gone.
    What the capture must contain: a SHUTDOWN or SHUTDOWN ACK. A violation counts only in a capture of the
    sandbox: elsewhere the packets may have changed places on the way.
    Known exceptions: none.
    References: RFC 9260 §6; RFC 9260 §9.2.
    """
    subjects = t.chunks.filter(
        is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK) & pl.col("association").is_not_null()
    ).unique(ENDPOINT, keep="first", maintain_order=True)
    closing = subjects.select(*ENDPOINT, closing="packet", said="type_name")
    violations = (
        t.chunks.filter(is_type(*USER_DATA) & ~pl.col("is_retransmission"))
        .join(closing, on=ENDPOINT, maintain_order="left")
        .filter(pl.col("packet") > pl.col("closing"))
    )
    return Judgement(subjects, found(violations, "no new DATA", pl.format("TSN {} after {}", "tsn", "said")))
