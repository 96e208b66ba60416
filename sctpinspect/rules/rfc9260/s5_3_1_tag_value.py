"""RFC 9260 §5.3.1: the value of the tags."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import beside_peer, found, hexadecimal
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


@rule("rfc9260/5.3.1/new-tag-after-reestablishment", level=Level.MUST, cites=["RFC 9260 §5.3.1"])
def new_tag_after_reestablishment(t: View) -> Judgement:
    """A new association between the same endpoints has new tags.

    What it checks: that neither Initiate Tag is that of the established association before it, between the
    same ports and addresses.
    Why it matters: packets of the old association that come late would be taken for the new one's.
    What the capture must contain: two handshakes between the same endpoints.
    Known exceptions: none.
    References: RFC 9260 §5.3.1.
    """
    established = t.associations.select("association", "established_ns")
    own = t.endpoints.filter(pl.col("init_frame").is_not_null()).select(
        *ENDPOINT, "port", "tag", frame="init_frame", address=pl.col("addresses").list.first()
    )
    pair = ["port", "address", "peer_port", "peer_address"]
    subjects = (
        beside_peer(own, own, peer_port="port", peer_address="address")
        .filter(pl.col("peer_port").is_not_null())
        .join(established, on="association", maintain_order="left")
        .sort("association", maintain_order=True)
        .with_columns(
            before=pl.col("tag").shift().over(pair),
            was_established=pl.col("established_ns").shift().over(pair),
        )
        .filter(pl.col("was_established").is_not_null())
    )
    violations = subjects.filter(pl.col("tag") == pl.col("before"))
    actual = pl.format("Initiate Tag {} again", hexadecimal(pl.col("tag")))
    return Judgement(subjects, found(violations, "a new Initiate Tag", actual))
