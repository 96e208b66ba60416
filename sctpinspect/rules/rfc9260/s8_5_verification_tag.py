"""RFC 9260 §8.5: the verification tag."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import beside_peer, found, hexadecimal
from sctpinspect.tables.associations import ENDPOINT, is_type

_WITH_RULES_OF_THEIR_OWN = [
    ChunkType.INIT,
    ChunkType.INIT_ACK,
    ChunkType.COOKIE_ECHO,
    ChunkType.ABORT,
    ChunkType.SHUTDOWN_COMPLETE,
]


@rule(
    "rfc9260/8.5/vtag-equals-peer-initiate-tag",
    level=Level.MUST,
    cites=["RFC 9260 §8.5", "RFC 9260 §3.1", "RFC 9260 §8.5.1 (E)"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def vtag_equals_peer_initiate_tag(t: View) -> Judgement:
    """A packet carries the Initiate Tag that its receiver chose.

    What it checks: the verification tag of every packet against the Initiate Tag in the INIT or INIT ACK of
    its receiver. Tag 0 is left to vtag-zero-only-for-init.
    Why it matters: the receiver silently drops any other packet.
    What the capture must contain: the handshake. Where it may lack an INIT ACK, a violation counts only if
    other packets of the same endpoint carry the right tag.
    Known exceptions: INIT, INIT ACK, COOKIE ECHO, ABORT and SHUTDOWN COMPLETE have rules of their own.
    References: RFC 9260 §8.5; RFC 9260 §3.1; RFC 9260 §8.5.1 (E).
    """
    others = t.chunks.filter(is_type(*_WITH_RULES_OF_THEIR_OWN)).select("packet")
    subjects = beside_peer(
        t.packets.filter(pl.col("association").is_not_null() & (pl.col("verification_tag") != 0)).join(
            others, on="packet", how="anti", maintain_order="left"
        ),
        t.endpoints,
        tag="tag",
    ).filter(pl.col("tag").is_not_null())
    is_right = pl.col("verification_tag") == pl.col("tag")
    violations = subjects.with_columns(certain=is_right.any().over(ENDPOINT)).filter(~is_right)
    actual = pl.format("verification tag {}", hexadecimal(pl.col("verification_tag")))
    return Judgement(subjects, found(violations, hexadecimal(pl.col("tag")), actual))
