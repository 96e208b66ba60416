"""RFC 9260 §3.3.11: COOKIE ECHO."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import found, unanswered_inits
from sctpinspect.tables.associations import is_type, peer


@rule(
    "rfc9260/3.3.11/cookie-echo-exact",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.11", "RFC 9260 §5.1"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_SIGN_OF_LOSS, Need.WHOLE_PACKETS],
)
def cookie_echo_exact(t: View) -> Judgement:
    """COOKIE ECHO repeats the State Cookie of the INIT ACK byte for byte.

    What it checks: the value of each COOKIE ECHO against the State Cookies that the peer gave.
    Why it matters: the peer keeps no state before it has its cookie back, and drops one that it did not
    issue.
    What the capture must contain: INIT ACK and COOKIE ECHO, not cut. A violation counts only where nothing is
    seen to be missing.
    Known exceptions: where an INIT has no INIT ACK in the capture, the cookie may be that of another one.
    References: RFC 9260 §3.3.11; RFC 9260 §5.1.
    """
    cookies = t.parameters.filter(
        (pl.col("type") == ParameterType.STATE_COOKIE)
        & (pl.col("chunk_type") == ChunkType.INIT_ACK)
        & pl.col("value").is_not_null()
    ).select("association", "value", side=peer())
    unclear = unanswered_inits(t)
    subjects = (
        t.chunks.filter(is_type(ChunkType.COOKIE_ECHO) & pl.col("value").is_not_null())
        .join(cookies, on=["association", "side"], how="semi", maintain_order="left")
        .join(unclear, on=["association", "side"], how="anti", maintain_order="left")
    )
    violations = subjects.join(
        cookies, on=["association", "side", "value"], how="anti", maintain_order="left"
    )
    return Judgement(subjects, found(violations, "the State Cookie of the INIT ACK", "other bytes"), unclear)
