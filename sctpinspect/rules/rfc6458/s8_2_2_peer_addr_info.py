"""RFC 6458 §8.2.2: SCTP_GET_PEER_ADDR_INFO."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import number, result, succeeded
from sctpinspect.rules.queries import TICKS_NS, either, found
from sctpinspect.tables.associations import ENDPOINT

HEADERS = pl.when(pl.col("address").str.contains(":", literal=True)).then(40).otherwise(20)
"""Bytes of the IP header before an SCTP packet."""


@rule(
    "rfc6458/8.2.2/peer-addr-info",
    level=Level.MUST,
    cites=["RFC 6458 §8.2.2", "RFC 9260 §5.4"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def peer_addr_info(t: View) -> Judgement:
    """SCTP_GET_PEER_ADDR_INFO knows which addresses are confirmed, and what their paths carry.

    What it checks: that spinfo_state is not SCTP_UNCONFIRMED two clock ticks after a HEARTBEAT ACK, or
    set-up, confirmed the address; and that no packet that went there before was larger than spinfo_mtu.
    Why it matters: the program chooses its paths by it.
    What the capture must contain: the journal and the handshake.
    Known exceptions: packets with HEARTBEATs may probe a larger path MTU. An ICMP message that tells of a
    smaller one makes the path MTU unknown.
    References: RFC 6458 §8.2.2; RFC 9260 §5.4.
    """
    told = t.icmp_errors.select(port="quoted_source_port").drop_nulls()
    troubled = t.endpoints.join(told, on="port", how="semi").select("association")
    subjects = (
        succeeded(t, "getsockopt", "sctp_opt_info")
        .filter((pl.col("option") == "SCTP_GET_PEER_ADDR_INFO") & pl.col("association").is_not_null())
        .join(troubled, on="association", how="anti", maintain_order="left")
        .select(
            *[*ENDPOINT, "call", "frame", "start_ns"],
            address=result("value.spinfo_address"),
            state=result("value.spinfo_state"),
            mtu=number(result("value.spinfo_mtu")),
        )
        .drop_nulls(["address", "state"])
        .join(
            t.paths.select(*ENDPOINT, "confirmed_ns", address="destination"),
            on=[*ENDPOINT, "address"],
            how="left",
            maintain_order="left",
        )
    )
    is_confirmed = (pl.col("start_ns") - pl.col("confirmed_ns") > TICKS_NS).fill_null(False)
    unconfirmed = subjects.filter(is_confirmed & (pl.col("state") == "SCTP_UNCONFIRMED"))
    packets = t.packets.join(t.heartbeats.select("packet"), on="packet", how="anti").select(
        *ENDPOINT, "time_ns", "length", address="destination"
    )
    largest = (
        subjects.select(*ENDPOINT, "call", "frame", "address", "start_ns", "mtu")
        .join(packets, on=[*ENDPOINT, "address"], maintain_order="left")
        .filter(pl.col("time_ns") < pl.col("start_ns"))
        .with_columns(size=pl.col("length") + HEADERS)
        .group_by(*ENDPOINT, "call", "frame", "mtu", maintain_order=True)
        .agg(pl.col("size").max())
    )
    too_large = largest.filter(pl.col("size") > pl.col("mtu"))
    return Judgement(
        subjects,
        either(
            found(unconfirmed, "the address to be confirmed", "SCTP_UNCONFIRMED"),
            found(too_large, pl.format("a path MTU of {} bytes or more", "size"), pl.format("{}", "mtu")),
        ),
    )
