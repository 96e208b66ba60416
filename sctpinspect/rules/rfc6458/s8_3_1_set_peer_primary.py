"""RFC 6458 §8.3.1: SCTP_SET_PEER_PRIMARY_ADDR."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, first_since, succeeded
from sctpinspect.rules.queries import PATIENCE_NS, found, goes_on
from sctpinspect.tables.associations import ENDPOINT


@rule(
    "rfc6458/8.3.1/set-peer-primary",
    level=Level.MUST,
    cites=["RFC 6458 §8.3.1", "RFC 5061 §4.2.4"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def set_peer_primary(t: View) -> Judgement:
    """SCTP_SET_PEER_PRIMARY_ADDR asks the peer by ASCONF to send to the address.

    What it checks: that an ASCONF with Set Primary IP Address and this address follows the call.
    Why it matters: only the peer can choose where its data goes.
    What the capture must contain: the journal, the handshake, and half a second after the call. A violation
    counts only where nothing was lost: an ASCONF waits for the answer to the one before.
    Known exceptions: an association that ends within that time is not judged.
    References: RFC 6458 §8.3.1; RFC 5061 §4.2.4.
    """
    calls = (
        succeeded(t, "setsockopt")
        .filter((pl.col("option") == "SCTP_SET_PEER_PRIMARY_ADDR") & pl.col("association").is_not_null())
        .select(*ENDPOINT, "call", "frame", "start_ns", "end_ns", address=argument("value.sspp_addr"))
    )
    requests = t.changes.filter(pl.col("kind").cast(pl.String) == "primary_set").select(
        *ENDPOINT, "address", asked_ns="time_ns"
    )
    asked = first_since(calls, requests, "asked_ns", [*ENDPOINT, "address"])
    lives = t.associations.select("association", "last_ns")
    silent = (
        calls.join(asked, on="call", how="anti", maintain_order="left")
        .join(lives, on="association", maintain_order="left")
        .filter(goes_on(t, pl.col("end_ns")) & (pl.col("last_ns") - pl.col("end_ns") >= PATIENCE_NS))
    )
    expected = pl.format("ASCONF with Set Primary IP Address {}", "address")
    return Judgement(
        pl.concat([asked, silent], how="diagonal"), found(silent, expected, "none after the call")
    )
