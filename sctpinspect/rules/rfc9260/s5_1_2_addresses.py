"""RFC 9260 §5.1.2: which addresses an association uses."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import SECOND, announced, certain_without, found
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


@rule(
    "rfc9260/5.1.2/init-ack-to-init-source",
    level=Level.MUST,
    cites=["RFC 9260 §5.1.2", "RFC 9260 §5.1 (B)"],
    to_fail=[Need.NO_SIGN_OF_LOSS],
)
def init_ack_to_init_source(t: View) -> Judgement:
    """INIT ACK goes to the address that the INIT came from.

    What it checks: destination of each INIT ACK against the sources of the INITs with the tag that it
    carries.
    Why it matters: otherwise anybody could make the responder send to a third host.
    What the capture must contain: an INIT and its INIT ACK. A violation counts only where nothing is seen to
    be missing, and the INIT came in the second before: an older one may have been repeated from elsewhere.
    Known exceptions: none.
    References: RFC 9260 §5.1.2; RFC 9260 §5.1 (B).
    """
    pair = ["association", "verification_tag"]
    inits = t.chunks.filter(is_type(ChunkType.INIT)).select(
        "association", "source", "time_ns", verification_tag="initiate_tag"
    )
    asked = inits.group_by(pair).agg(origin=pl.col("source").first(), asked_ns=pl.col("time_ns").max())
    subjects = t.chunks.filter(is_type(ChunkType.INIT_ACK)).join(asked, on=pair, maintain_order="left")
    violations = subjects.join(
        inits, left_on=[*pair, "destination"], right_on=[*pair, "source"], how="anti", maintain_order="left"
    ).filter(pl.col("time_ns") - pl.col("asked_ns") < SECOND)
    return Judgement(
        subjects, found(violations, pl.format("sent to {}", "origin"), pl.format("sent to {}", "destination"))
    )


@rule(
    "rfc9260/5.1.2/destination-in-peer-address-set",
    level=Level.SHOULD,
    cites=["RFC 9260 §5.1.2 (C)"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS, Need.WHOLE_PACKETS],
)
def destination_in_peer_address_set(t: View) -> Judgement:
    """Packets go only to addresses that the peer announced.

    What it checks: that each destination is the source of the peer's INIT or INIT ACK, is listed in it, or
    was added by an ASCONF.
    Why it matters: the peer does not know itself by another address, and will answer with an ABORT.
    What the capture must contain: the handshake. A violation counts only where the capture states that it
    dropped nothing, and cut nothing (else an ASCONF may have added the address unseen), or where the
    handshake rules out ASCONF.
    Known exceptions: the INIT itself, for which nothing is announced yet, and addresses that an ASCONF came
    from: it may add them as the wildcard address (RFC 5061 §4.2.1). Address translation between the two
    endpoints and the capture shows as a violation.
    References: RFC 9260 §5.1.2 (C).
    """
    inits = t.chunks.filter(is_type(ChunkType.INIT)).select("packet")
    subjects = t.packets.filter(pl.col("association").is_not_null()).join(
        inits, on="packet", how="anti", maintain_order="left"
    )
    known = _usable(t).select("association", side=peer(), destination="address")
    strange = subjects.join(
        known, on=["association", "side", "destination"], how="anti", maintain_order="left"
    )
    violations = certain_without(t, ChunkType.ASCONF, strange)
    return Judgement(
        subjects, found(violations, "an address of the peer", pl.format("sent to {}", "destination"))
    )


@rule(
    "rfc9260/5.1.2/source-in-own-address-set",
    level=Level.SHOULD,
    cites=["RFC 9260 §5.1.2 (C)", "RFC 9260 §3.3.2.1"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS, Need.WHOLE_PACKETS],
)
def source_in_own_address_set(t: View) -> Judgement:
    """Packets come only from addresses that their sender announced.

    What it checks: that each source is that of the sender's INIT or INIT ACK, is listed in it, or was added
    by an ASCONF.
    Why it matters: the peer looks for the association by the source address, and does not find it.
    What the capture must contain: the handshake. A violation counts only where the capture states that it
    dropped nothing, and cut nothing (else an ASCONF may have added the address unseen), or where the
    handshake rules out ASCONF.
    Known exceptions: an ASCONF may come from the address that it adds, and name it by the wildcard address.
    References: RFC 9260 §5.1.2 (C); RFC 9260 §3.3.2.1.
    """
    asconfs = t.chunks.filter(is_type(ChunkType.ASCONF)).select("packet")
    subjects = t.packets.filter(pl.col("association").is_not_null()).join(
        asconfs, on="packet", how="anti", maintain_order="left"
    )
    known = _usable(t).select("association", "side", source="address")
    strange = subjects.join(known, on=["association", "side", "source"], how="anti", maintain_order="left")
    violations = certain_without(t, ChunkType.ASCONF, strange)
    return Judgement(subjects, found(violations, "an announced address", pl.format("sent from {}", "source")))


def _usable(t: View) -> pl.LazyFrame:
    """`association`, `side`, `address`: announced, or what an ASCONF came from."""
    added = t.chunks.filter(is_type(ChunkType.ASCONF)).select(*ENDPOINT, address="source")
    return pl.concat([announced(t).select(*ENDPOINT, "address"), added])
