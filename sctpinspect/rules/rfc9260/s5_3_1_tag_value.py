"""RFC 9260 §5.3.1: the value of the tags."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import found, hexadecimal
from sctpinspect.tables.associations import ENDPOINT


@rule("rfc9260/5.3.1/vtag-stable", level=Level.MUST, cites=["RFC 9260 §5.3.1"])
def vtag_stable(t: View) -> Judgement:
    """The verification tag of a direction never changes during an association.

    What it checks: where the handshake is not in the capture, that all packets of a side carry the tag of its
    first one. With the handshake, vtag-equals-peer-initiate-tag knows the tag itself.
    Why it matters: the receiver drops packets with another tag.
    What the capture must contain: two packets of a side, and no handshake.
    Known exceptions: packets with a T bit, which reflect the tag of what they answer, and packets with tag 0,
    which an INIT has; others with it are left to vtag-zero-only-for-init.
    References: RFC 9260 §5.3.1.
    """
    reflecting = t.chunks.filter(pl.col("tag_reflected")).select("packet")
    blind = t.associations.filter(~pl.col("handshake")).select("association")
    subjects = (
        t.packets.join(blind, on="association", how="semi", maintain_order="left")
        .join(reflecting, on="packet", how="anti", maintain_order="left")
        .filter(pl.col("verification_tag") != 0)
        .with_columns(tag=pl.col("verification_tag").first().over(ENDPOINT), packets=pl.len().over(ENDPOINT))
        .filter(pl.col("packets") > 1)
    )
    violations = subjects.filter(pl.col("verification_tag") != pl.col("tag"))
    actual = pl.format("verification tag {}", hexadecimal(pl.col("verification_tag")))
    return Judgement(subjects, found(violations, hexadecimal(pl.col("tag")), actual))
