"""RFC 9260 §1.3: an endpoint has one port."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import beside_peer, found
from sctpinspect.tables.associations import ENDPOINT, peer


@rule(
    "rfc9260/1.3/same-port-on-all-addresses",
    level=Level.MUST,
    cites=["RFC 9260 §1.3"],
    needs=[Need.HANDSHAKE],
)
def same_port_on_all_addresses(t: View) -> Judgement:
    """An endpoint uses one port number on all of its addresses.

    What it checks: that no packet between addresses of an association, with the verification tag that its
    receiver chose there, has other ports.
    Why it matters: the receiver finds no association for such a packet.
    What the capture must contain: the handshake.
    Known exceptions: packets with a T bit, and other associations of the same addresses, with a handshake of
    their own.
    References: RFC 9260 §1.3.
    """
    reflecting = t.chunks.filter(pl.col("tag_reflected")).select("packet")
    set_up = t.associations.filter("handshake").select("association")
    ports = ["source_port", "destination_port"]
    flows = (
        t.packets.join(reflecting, on="packet", how="anti", maintain_order="left")
        .join(set_up, on="association", how="anti", maintain_order="left")
        .unique(["source", "destination", *ports, "verification_tag"], keep="first", maintain_order=True)
        .select("frame", "source", "destination", *ports, tag="verification_tag")
    )
    owners = beside_peer(
        t.endpoints.join(set_up, on="association", how="semi", maintain_order="left").filter(
            pl.col("tag") != 0
        ),
        t.endpoints,
        peer_port="port",
        peer_addresses="addresses",
    )
    violations = (
        owners.select("association", peer(), "tag", "port", "addresses", "peer_port", "peer_addresses")
        .join(flows, on="tag", maintain_order="left")
        .filter(
            pl.col("addresses").list.contains(pl.col("destination"))
            & pl.col("peer_addresses").list.contains(pl.col("source"))
        )
        .filter(
            (pl.col("port") != pl.col("destination_port")) | (pl.col("peer_port") != pl.col("source_port"))
        )
    )
    return Judgement(
        owners.select(ENDPOINT),
        found(
            violations,
            pl.format("ports {} and {}", "peer_port", "port"),
            pl.format("ports {} and {}", "source_port", "destination_port"),
        ),
    )
