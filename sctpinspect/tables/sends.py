"""Which message on the wire is which send or receive, also where one of the two was altered.

`messages.send_call` and `messages.receive_call` join what is equal in all respects. A rule that compares
must also join what differs; so where not all are equal, but there are as many calls as messages, the first
call is joined to the first message, the second to the second, and so on. That needs the handshake: a capture
that starts later may lack the first calls or messages.
"""

import polars as pl

from sctpinspect.tables.associations import ENDPOINT, peer
from sctpinspect.tables.calls import SENDS, TAKES


def sends(calls: pl.LazyFrame, messages: pl.LazyFrame, associations: pl.LazyFrame) -> pl.LazyFrame:
    """`association`, `side` (the sender's), `call`, `message`: each successful send and each message once.

    Where one has no counterpart, the other is null. Only of sides that have calls.
    """
    made = sent(calls).select(*ENDPOINT, "call")
    return _joined(made, messages.select(*ENDPOINT, "message", equal="send_call"), associations)


def receives(
    calls: pl.LazyFrame, messages: pl.LazyFrame, chunks: pl.LazyFrame, associations: pl.LazyFrame
) -> pl.LazyFrame:
    """`association`, `side` (the receiver's), `call`, `message`: each whole receive and each message once.

    A TSN that the call returned tells the message; otherwise as in `sends`. Only of sides that have calls.
    """
    made = received(calls)
    told = (
        made.join(
            chunks.filter(pl.col("message").is_not_null())
            .unique([*ENDPOINT, "tsn"], keep="first", maintain_order=True)
            .select("association", peer(), "tsn", told="message"),
            on=[*ENDPOINT, "tsn"],
        )
        .unique("call", keep="first")
        .select("call", message="told")
        .unique("message", keep="first")
    )
    arrived = (
        messages.select("association", peer(), "message", "receive_call")
        .join(told.select("message", told="call"), on="message", how="left", maintain_order="left")
        .join(
            made.select(receive_call="call", whole="call"),
            on="receive_call",
            how="left",
            maintain_order="left",
        )
        .select(*ENDPOINT, "message", equal=pl.coalesce("told", "whole"))
    )
    return _joined(made.select(*ENDPOINT, "call"), arrived, associations)


def sent(calls: pl.LazyFrame) -> pl.LazyFrame:
    """The calls that sent a message, in order; a message that SCTP_ABORT takes along is none."""
    return calls.filter(
        pl.col("name").is_in(SENDS)
        & pl.col("errno").is_null()
        & pl.col("association").is_not_null()
        & (pl.col("length") > 0)
        & ~pl.col("arguments").str.contains('"SCTP_ABORT"', literal=True)
    )


def received(calls: pl.LazyFrame) -> pl.LazyFrame:
    """The calls that received a whole message, in order; of a message read in parts there is none."""
    line = ["host", "socket", "association"]
    parts = calls.filter(
        TAKES
        & pl.col("errno").is_null()
        & pl.col("association").is_not_null()
        & pl.col("notification").is_null()
        & (pl.col("length") > 0)
    )
    ends = pl.col("end_of_record").fill_null(True)
    return parts.filter(ends & ends.shift(1, fill_value=True).over(line))


def _joined(made: pl.LazyFrame, messages: pl.LazyFrame, associations: pl.LazyFrame) -> pl.LazyFrame:
    """The calls `made` and the `messages` of the same sides, joined by `messages.equal` or by their order."""
    counts = (
        made.group_by(ENDPOINT)
        .agg(calls=pl.len())
        .join(associations.select("association", "handshake"), on="association")
    )
    ranked = messages.join(counts, on=ENDPOINT, maintain_order="left").with_columns(
        rank=pl.int_range(pl.len()).over(ENDPOINT),
        by_order=pl.col("handshake")
        & (pl.len().over(ENDPOINT) == pl.col("calls"))
        & pl.col("equal").is_null().any().over(ENDPOINT),
    )
    in_order = made.with_columns(rank=pl.int_range(pl.len()).over(ENDPOINT)).rename({"call": "in_order"})
    paired = ranked.join(in_order, on=[*ENDPOINT, "rank"], how="left", maintain_order="left").select(
        *ENDPOINT, "message", call=pl.when("by_order").then("in_order").otherwise("equal")
    )
    alone = made.join(paired.select("call"), on="call", how="anti").with_columns(
        message=pl.lit(None, pl.UInt32)
    )
    return pl.concat([paired, alone.select(*ENDPOINT, "message", "call")])
