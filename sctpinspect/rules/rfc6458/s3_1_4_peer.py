"""RFC 6458 §3.1.4: whose message a receive returns."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import beside_peer, found
from sctpinspect.tables.associations import ENDPOINT, peer
from sctpinspect.tables.calls import RECEIVES


@rule(
    "rfc6458/3.1.4/recv-from-peer",
    level=Level.MUST,
    cites=["RFC 6458 §3.1.4", "RFC 6458 §5.1"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.WHOLE_PACKETS],
)
def recv_from_peer(t: View) -> Judgement:
    """The address and port that a receive returns are those of the peer.

    What it checks: the address against all that the peer announced, added or sent from, and the port.
    Why it matters: a one-to-many program answers there.
    What the capture must contain: the journal of the receiver and the handshake, not cut.
    Known exceptions: none.
    References: RFC 6458 §3.1.4; RFC 6458 §5.1.
    """
    told = t.calls.filter(
        pl.col("name").is_in(RECEIVES)
        & pl.col("association").is_not_null()
        & pl.col("address").is_not_null()
        & (pl.col("port") > 0)
    ).with_columns(pl.col("address").str.replace("%.*", ""))
    own = t.addresses.select("association", peer(), "address", is_own=True)
    subjects = beside_peer(told, t.endpoints, peer_port="port", peer_addresses="addresses").join(
        own, on=[*ENDPOINT, "address"], how="left", maintain_order="left"
    )
    right = pl.col("is_own").fill_null(False) & (pl.col("port") == pl.col("peer_port"))
    expected = pl.format("{} port {}", pl.col("peer_addresses").list.join(" or "), "peer_port")
    return Judgement(
        subjects, found(subjects.filter(~right), expected, pl.format("{} port {}", "address", "port"))
    )
