"""RFC 6458 §8.1.24: SCTP_MAX_BURST."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.answers import up_to
from sctpinspect.rules.calls import argument, lasting, number
from sctpinspect.rules.queries import found
from sctpinspect.rules.timers import AT_SENDER
from sctpinspect.tables.associations import ENDPOINT, is_type, peer
from sctpinspect.tables.calls import SENDS


@rule(
    "rfc6458/8.1.24/max-burst",
    level=Level.SHOULD,
    cites=["RFC 6458 §8.1.24", "RFC 9260 §6.1"],
    to_fail=[*AT_SENDER, Need.NO_LOSS],
)
def max_burst(t: View) -> Judgement:
    """No more packets with new DATA leave at a time than SCTP_MAX_BURST allows, and one.

    What it checks: how many leave without another send of the program, or another SACK of the peer, between
    them: as many as the option allows for each send and each SACK since those before.
    Why it matters: what leaves at a time may overflow a queue on its way.
    What the capture must contain: the journal with the option set before the association, and DATA in several
    packets. A violation counts only in a capture of the sandbox without drops.
    Known exceptions: one packet more is right for each, since the bound is one of the congestion window,
    which the last packet may exceed. The value 0 sets no bound. Sides that retransmit are not judged.
    References: RFC 6458 §8.1.24; RFC 9260 §6.1.
    """
    limits = (
        lasting(t, "SCTP_MAX_BURST")
        .select(*ENDPOINT, "call", limit=number(argument("value.assoc_value")))
        .filter(pl.col("limit") > 0)
    )
    arrivals = t.packets.select("packet", arrived_ns=pl.coalesce("delivered_ns", "time_ns"))
    acks = (
        t.chunks.filter(is_type(ChunkType.SACK) & pl.col("association").is_not_null())
        .join(arrivals, on="packet", maintain_order="left")
        .select("association", peer(), event_ns="arrived_ns")
    )
    sends = t.calls.filter(pl.col("name").is_in(SENDS) & pl.col("association").is_not_null()).select(
        *ENDPOINT, event_ns="start_ns"
    )
    retransmitting = t.chunks.filter("is_retransmission").select(ENDPOINT)
    new = (
        t.transmissions.join(retransmitting, on=ENDPOINT, how="anti", maintain_order="left")
        .join(limits, on=ENDPOINT, maintain_order="left")
        .unique("packet", keep="first", maintain_order=True)
    )
    bursts = (
        up_to(new, "time_ns", pl.concat([acks, sends]), "chances")
        .group_by(*ENDPOINT, "call", "limit", "chances", maintain_order=True)
        .agg(pl.col("frame").last(), packets=pl.len().cast(pl.Int64))
        .with_columns(
            most=(pl.col("limit") + 1)
            * (pl.col("chances") - pl.col("chances").shift(1).over(ENDPOINT).fill_null(0)).clip(1)
        )
    )
    subjects = bursts.filter(pl.col("packets") > 1)
    violations = subjects.filter(pl.col("packets") > pl.col("most"))
    return Judgement(
        subjects,
        found(violations, pl.format("{} packets at most", "most"), pl.format("{} packets", "packets")),
    )
