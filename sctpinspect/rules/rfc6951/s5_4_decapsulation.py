"""RFC 6951 §5.4: what the encapsulation of a received packet means for those to its sender."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import is_type, peer

ANSWERS = [ChunkType.INIT_ACK, ChunkType.COOKIE_ECHO, ChunkType.COOKIE_ACK, ChunkType.HEARTBEAT_ACK]
"""What goes to an address because a packet came from it."""

TO = ["association", "side", "destination"]
NO_UDP = 0


@rule(
    "rfc6951/5.4/answer-follows-udp-port",
    level=Level.MUST,
    cites=["RFC 6951 §5.4", "RFC 6951 §5.3"],
    to_fail=[Need.NO_LOSS],
)
def answer_follows_udp_port(t: View) -> Judgement:
    """An answer goes to the UDP port that its peer sends from, and not in UDP if the peer does not use it.

    What it checks: each INIT ACK, COOKIE ECHO, COOKIE ACK and HEARTBEAT ACK to an address against all
    packets that came from there before, in associations that use UDP.
    Why it matters: a NAT lets nothing else through.
    What the capture must contain: all packets of the peer's address up to then.
    Known exceptions: where these came from different ports nothing is judged: the last may not have been
    received.
    References: RFC 6951 §5.4; RFC 6951 §5.3.
    """
    in_udp = t.packets.filter(pl.col("encapsulation_port").is_not_null()).select("association").unique()
    came = (
        t.packets.join(in_udp.drop_nulls(), on="association", how="semi", maintain_order="left")
        .sort("packet")
        .select(
            "association",
            side=peer(),
            destination="source",
            came="packet",
            told=pl.col("encapsulation_port").fill_null(NO_UDP),
        )
        .with_columns(differs=pl.col("told") != pl.col("told").first().over(TO))
        .with_columns(differs=pl.col("differs").cum_max().over(TO))
    )
    subjects = (
        t.chunks.filter(is_type(*ANSWERS) & pl.col("association").is_not_null())
        .sort("packet", maintain_order=True)
        .join_asof(
            came,
            left_on="packet",
            right_on="came",
            by=TO,
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .filter(~pl.col("differs"))
        .with_columns(used=pl.col("encapsulation_destination_port").fill_null(NO_UDP))
    )
    violations = subjects.filter(pl.col("used") != pl.col("told"))
    return Judgement(subjects, found(violations, _port("told"), _port("used")))


def _port(name: str) -> pl.Expr:
    return pl.when(pl.col(name) == NO_UDP).then(pl.lit("no UDP")).otherwise(pl.format("UDP port {}", name))
