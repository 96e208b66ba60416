"""RFC 9260 §3.3.12: COOKIE ACK."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import USER_DATA, found
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc9260/3.3.12/cookie-ack-before-data-or-sack",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.12"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.AT_SENDER, Need.NO_SIGN_OF_LOSS],
)
def cookie_ack_before_data_or_sack(t: View) -> Judgement:
    """The responder sends no DATA and no SACK before its COOKIE ACK.

    What it checks: that the first DATA or SACK of the side that sends COOKIE ACK is in the packet of the
    COOKIE ACK or in a later one.
    Why it matters: the initiator is still in COOKIE-ECHOED and may drop what comes before.
    What the capture must contain: the handshake, and DATA or a SACK of the responder. A violation counts only
    in a capture of the sandbox: elsewhere the packets may have changed places on the way.
    Known exceptions: where both sides sent an INIT, each is initiator too, and nothing is judged.
    References: RFC 9260 §3.3.12.
    """
    initiators = t.chunks.filter(is_type(ChunkType.INIT)).select(ENDPOINT)
    cookie_acks = (
        t.chunks.filter(is_type(ChunkType.COOKIE_ACK) & pl.col("association").is_not_null())
        .join(initiators, on=ENDPOINT, how="anti")
        .group_by(ENDPOINT)
        .agg(cookie_ack=pl.col("packet").min())
    )
    subjects = (
        t.chunks.filter(is_type(ChunkType.SACK, *USER_DATA))
        .unique(ENDPOINT, keep="first", maintain_order=True)
        .join(cookie_acks, on=ENDPOINT, maintain_order="left")
    )
    violations = subjects.filter(pl.col("packet") < pl.col("cookie_ack"))
    return Judgement(
        subjects, found(violations, "COOKIE ACK first", pl.format("{} before COOKIE ACK", "type_name"))
    )
