"""RFC 9260 §8.5: the verification tag."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.exchanges import effects
from sctpinspect.rules.queries import USER_DATA, beside_peer, found, hexadecimal
from sctpinspect.tables.associations import ENDPOINT, is_type, peer

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


@rule(
    "rfc9260/8.5/wrong-vtag-ignored",
    level=Level.MUST,
    cites=["RFC 9260 §8.5"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def wrong_vtag_ignored(t: View) -> Judgement:
    """A packet with a verification tag that is not its receiver's has no effect.

    What it checks: that DATA that came only in packets with another tag than any that their receiver chose is
    not acknowledged, and a HEARTBEAT in one not answered.
    Why it matters: the tag is what keeps strangers, and packets of an earlier association, out.
    What the capture must contain: the handshake, and a packet with a wrong tag. A violation counts only where
    the capture states that it dropped nothing.
    Known exceptions: packets with chunks that have rules of their own (§8.5.1), and associations with
    FORWARD_TSN or RE_CONFIG, are not judged.
    References: RFC 9260 §8.5.
    """
    others = t.chunks.filter(is_type(*_WITH_RULES_OF_THEIR_OWN, ChunkType.SHUTDOWN_ACK)).select("packet")
    chosen = t.chunks.filter(is_type(ChunkType.INIT, ChunkType.INIT_ACK)).select(
        "association", peer(), verification_tag="initiate_tag"
    )
    dropped = (
        t.chunks.filter(is_type(*USER_DATA, ChunkType.HEARTBEAT))
        .join(chosen, on=ENDPOINT, how="semi", maintain_order="left")
        .join(chosen, on=[*ENDPOINT, "verification_tag"], how="anti", maintain_order="left")
        .join(others, on="packet", how="anti", maintain_order="left")
    )
    return Judgement(
        dropped.with_columns(peer()),
        found(effects(t, dropped), "a packet with a wrong verification tag dropped", pl.col("actual")),
    )
