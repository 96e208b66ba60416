"""RFC 6458 §8.1.9: SCTP_PRIMARY_ADDR."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.calls import argument, flagged, succeeded
from sctpinspect.rules.queries import found
from sctpinspect.rules.rfc6458.s5_3_4_streams import went
from sctpinspect.tables.associations import ENDPOINT


@rule("rfc6458/8.1.9/primary-addr", level=Level.MUST, cites=["RFC 6458 §8.1.9", "RFC 9260 §6.4"])
def primary_addr(t: View) -> Judgement:
    """Messages go to the primary address that was set.

    What it checks: the destination of the first transmission of each message that was sent after the call.
    Why it matters: the program chose the path that its data takes.
    What the capture must contain: the journal of the sender.
    Known exceptions: a message that names an address itself goes there. Not judged are senders that
    retransmit or whose HEARTBEATs to the address are not answered, for a path that fails is left, and
    associations whose addresses change (ASCONF).
    References: RFC 6458 §8.1.9; RFC 9260 §6.4.
    """
    over = t.calls.filter(flagged("SCTP_ADDR_OVER")).select("call")
    set_to = (
        succeeded(t, "setsockopt")
        .filter((pl.col("option") == "SCTP_PRIMARY_ADDR") & pl.col("association").is_not_null())
        .select(*ENDPOINT, set_ns="end_ns", primary=argument("value.ssp_addr"))
        .sort("set_ns")
    )
    silent = t.heartbeats.filter(pl.col("ack_frame").is_null()).select(*ENDPOINT, primary="destination")
    subjects = (
        went(t)
        .join(over, on="call", how="anti", maintain_order="left")
        .join(t.changes.select("association"), on="association", how="anti", maintain_order="left")
        .sort("start_ns")
        .join_asof(set_to, left_on="start_ns", right_on="set_ns", by=ENDPOINT, check_sortedness=False)
        .filter(pl.col("primary").is_not_null())
        .join(silent, on=[*ENDPOINT, "primary"], how="anti", maintain_order="left")
    )
    violations = subjects.filter(pl.col("destination") != pl.col("primary"))
    return Judgement(
        subjects, found(violations, pl.format("DATA to {}", "primary"), pl.format("to {}", "destination"))
    )
