"""RFC 9260 §3: a packet is a common header and chunks."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import IS_WHOLE, found


@rule("rfc9260/3/packet-has-chunk", level=Level.MUST, cites=["RFC 9260 §3", "RFC 9260 §6.8"])
def packet_has_chunk(t: View) -> Judgement:
    """A packet consists of the common header and at least one chunk.

    What it checks: that a chunk header follows the common header of 12 bytes.
    Why it matters: the packet says nothing, and a receiver that takes a chunk for granted reads beyond it.
    What the capture must contain: packets that are not cut.
    Known exceptions: none.
    References: RFC 9260 §3; RFC 9260 §6.8.
    """
    subjects = t.packets.filter(IS_WHOLE)
    violations = subjects.filter(pl.col("chunks_in_packet") == 0)
    actual = pl.format("a packet of {} bytes without one", "length")
    return Judgement(subjects, found(violations, "at least one chunk", actual))
