"""RFC 6951 §6.1: SCTP_REMOTE_UDP_ENCAPS_PORT."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import WILDCARDS, argument, number, settings
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc6951/6.1/remote-udp-encaps-port",
    level=Level.MUST,
    cites=["RFC 6951 §6.1", "RFC 6951 §5.3"],
    to_fail=[Need.JOURNAL],
)
def remote_udp_encaps_port(t: View) -> Judgement:
    """An INIT goes in UDP to the port that SCTP_REMOTE_UDP_ENCAPS_PORT gives.

    What it checks: the UDP destination port of each INIT of a side that has set the option beforehand, for
    all addresses or for the destination.
    Why it matters: the peer, or a NAT before it, takes SCTP in UDP on that port alone.
    What the capture must contain: the journal and the INIT.
    Known exceptions: port 0 means none, which a default of the system may replace; it is not judged. Later
    packets go to the port that the peer sends from.
    References: RFC 6951 §6.1; RFC 6951 §5.3.
    """
    address = argument("value.sue_address")
    ports = settings(t, "SCTP_REMOTE_UDP_ENCAPS_PORT").select(
        *ENDPOINT, "call", address=address, port=number(argument("value.sue_port"))
    )
    subjects = (
        t.chunks.filter(is_type(ChunkType.INIT) & pl.col("association").is_not_null())
        .join(ports, on=ENDPOINT, maintain_order="left")
        .filter(
            (pl.col("port") > 0)
            & (pl.col("address").is_in(WILDCARDS) | (pl.col("address") == pl.col("destination"))).fill_null(
                True
            )
        )
    )
    told = pl.col("encapsulation_destination_port")
    actual = pl.when(told.is_null()).then(pl.lit("no UDP")).otherwise(pl.format("UDP port {}", told))
    violations = subjects.filter(told.ne_missing(pl.col("port")))
    return Judgement(subjects, found(violations, pl.format("INIT to UDP port {}", "port"), actual))
