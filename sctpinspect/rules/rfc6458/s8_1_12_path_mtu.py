"""RFC 6458 §8.1.12: the packets to an address, their size and their class of service."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.calls import argument, lasting, number
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT

COMMON_HEADER = 12


def _asked(t: View, flag: str, field: str) -> pl.LazyFrame:
    """`call` and `wanted` of sides that have set a field, with its flag, for all addresses."""
    of_all = argument("value.spp_address").is_null() | (argument("value.spp_address") == "null")
    has_flag = pl.col("arguments").str.contains(f'"{flag}"', literal=True)
    return (
        lasting(t, "SCTP_PEER_ADDR_PARAMS", of_all & has_flag)
        .select(*ENDPOINT, "call", wanted=number(argument(f"value.{field}")).fill_null(0))
        .drop_nulls("association")
    )


@rule("rfc6458/8.1.12/path-mtu-fixed", level=Level.MUST, cites=["RFC 6458 §8.1.12"])
def path_mtu_fixed(t: View) -> Judgement:
    """With SPP_PMTUD_DISABLE no packet with DATA is larger than spp_pathmtu.

    What it checks: the bytes for chunks in each packet with a part of a message that is sent in several.
    Why it matters: the program knows what the path carries.
    What the capture must contain: the journal with the option set before the association for all addresses,
    and a message in several parts.
    Known exceptions: the value 0 leaves the path MTU as it is. By the RFC's words it is the room for chunks,
    by Linux the size of the IP packet: only what is too large by both is a violation. Where the option is set
    again later nothing is judged.
    References: RFC 6458 §8.1.12.
    """
    wanted = _asked(t, "SPP_PMTUD_DISABLE", "spp_pathmtu").filter(pl.col("wanted") > 0)
    parts = t.chunks.filter(~(pl.col("beginning") & pl.col("ending"))).unique(
        "packet", keep="first", maintain_order=True
    )
    subjects = parts.join(wanted, on=ENDPOINT, maintain_order="left").with_columns(
        room=pl.col("packet_length") - COMMON_HEADER
    )
    violations = subjects.filter(pl.col("room") > pl.col("wanted"))
    return Judgement(
        subjects,
        found(violations, pl.format("at most {} bytes", "wanted"), pl.format("{} bytes for chunks", "room")),
    )


@rule("rfc6458/8.1.12/dscp-option", level=Level.MUST, cites=["RFC 6458 §8.1.12"])
def dscp_option(t: View) -> Judgement:
    """With SPP_DSCP packets have the DSCP that was set.

    What it checks: the DSCP in the IP header of each packet of the side.
    Why it matters: routers treat packets by it.
    What the capture must contain: the journal with the option set before the association for all addresses.
    Known exceptions: where the option is set again later nothing is judged. Packets captured behind a router
    may have been marked anew.
    References: RFC 6458 §8.1.12.
    """
    wanted = _asked(t, "SPP_DSCP", "spp_dscp").with_columns(pl.col("wanted") // 4)
    subjects = t.packets.filter(pl.col("dscp").is_not_null()).join(wanted, on=ENDPOINT, maintain_order="left")
    violations = subjects.filter(pl.col("dscp") != pl.col("wanted"))
    return Judgement(
        subjects, found(violations, pl.format("DSCP {}", "wanted"), pl.format("DSCP {}", "dscp"))
    )
