"""RFC 9260 §3.1: the common header."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import found


@rule("rfc9260/3.1/ports-nonzero", level=Level.MUST, cites=["RFC 9260 §3.1"])
def ports_nonzero(t: View) -> Judgement:
    """Neither the source port nor the destination port of a packet is 0.

    What it checks: both port fields of every packet.
    Why it matters: a packet with port 0 reaches no endpoint; firewalls and receivers drop it.
    What the capture must contain: common headers.
    Known exceptions: none.
    References: RFC 9260 §3.1.
    """
    subjects = t.packets.filter(
        pl.col("source_port").is_not_null() & pl.col("destination_port").is_not_null()
    )
    violations = subjects.filter((pl.col("source_port") == 0) | (pl.col("destination_port") == 0))
    actual = pl.format("source port {}, destination port {}", "source_port", "destination_port")
    return Judgement(subjects, found(violations, "ports other than 0", actual))
