"""The tables as rules see them: lazy, without copies, each chunk with what its packet says."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from sctpinspect.journal import STALLED
from sctpinspect.rules.messages import received_messages, sent_messages
from sctpinspect.tables import Tables
from sctpinspect.tables.schema import TABLES
from sctpinspect.tables.wholeness import is_whole

PACKET_COLUMNS = {
    "source": "source",
    "destination": "destination",
    "source_port": "source_port",
    "destination_port": "destination_port",
    "verification_tag": "verification_tag",
    "encapsulation_port": "encapsulation_port",
    "encapsulation_destination_port": "encapsulation_destination_port",
    "path": "path",
    "delivery": "delivery",
    "checksum_state": "checksum_state",
    "chunks_in_packet": "chunks_in_packet",
    "packet_length": "length",
    "packet_defect": "defect",
}
"""Columns that `chunks` has in a view beside its own, and the columns of `packets` that they are."""

MOST_STALLS = 50


@dataclass(frozen=True)
class View:
    """The tables of `tables.schema` as LazyFrames. Packets captured a second time elsewhere are left out.

    acks, arrivals, transmissions, unclear: what receivers and senders of DATA knew (see `rules.progress`).
    sent_messages, received_messages: calls beside what they sent or received (see `rules.messages`).
    end_ns: when the capture ended, as in `Tables`.
    stalls: the longest times in which the machine ran nothing, each by its begin and length in ns.
    is_whole: whether it has all that its hosts ever sent, so that what is not there was not sent.
    """

    packets: pl.LazyFrame
    chunks: pl.LazyFrame
    parameters: pl.LazyFrame
    causes: pl.LazyFrame
    held: pl.LazyFrame
    gap_blocks: pl.LazyFrame
    icmp_errors: pl.LazyFrame
    associations: pl.LazyFrame
    endpoints: pl.LazyFrame
    addresses: pl.LazyFrame
    changes: pl.LazyFrame
    completeness: pl.LazyFrame
    paths: pl.LazyFrame
    heartbeats: pl.LazyFrame
    round_trips: pl.LazyFrame
    messages: pl.LazyFrame
    calls: pl.LazyFrame
    events: pl.LazyFrame
    acks: pl.LazyFrame
    arrivals: pl.LazyFrame
    transmissions: pl.LazyFrame
    unclear: pl.LazyFrame
    sent_messages: pl.LazyFrame
    received_messages: pl.LazyFrame
    recipe: dict[str, Any]
    end_ns: int
    stalls: tuple[tuple[int, int], ...]
    is_whole: bool


def view(tables: Tables[pl.DataFrame]) -> View:
    """The view of the tables of a capture."""
    from sctpinspect.rules.progress import (
        progress,  # with Numba, which rules that are only listed do not need
    )

    frames = {name: getattr(tables, name) for name in TABLES if name != "interfaces"}
    packets = frames["packets"].filter(~pl.col("is_copy").fill_null(False))
    frames["packets"] = packets
    for name in ("parameters", "causes", "held", "gap_blocks", "heartbeats"):
        frames[name] = frames[name].join(packets, on="packet", how="semi", maintain_order="left")
    beside = packets.select("packet", **{name: pl.col(column) for name, column in PACKET_COLUMNS.items()})
    frames["chunks"] = frames["chunks"].join(beside, on="packet", maintain_order="left")
    lazy = {name: frame.lazy() for name, frame in frames.items()}
    calls, messages, associations = lazy["calls"], lazy["messages"], lazy["associations"]
    # computed once, for many rules ask for them
    sent, received = pl.collect_all(
        [
            sent_messages(calls, messages, associations),
            received_messages(calls, messages, lazy["chunks"], associations),
        ]
    )
    return View(
        **lazy,
        **{name: frame.lazy() for name, frame in progress(tables)._asdict().items()},
        sent_messages=sent.lazy(),
        received_messages=received.lazy(),
        recipe=tables.recipe,
        end_ns=tables.end_ns,
        stalls=_stalls(tables.events),
        is_whole=is_whole(tables.interfaces, packets, tables.events, tables.recipe, tables.defects),
    )


def _stalls(events: pl.DataFrame) -> tuple[tuple[int, int], ...]:
    """The longest `MOST_STALLS` of those told."""
    lengths = pl.col("text").str.extract(r"^nothing ran for (\d{1,6}) ms$").cast(pl.Int64) * 1_000_000
    told = events.filter(name=STALLED).select(pl.col("time_ns") - lengths, length=lengths).drop_nulls()
    return tuple(told.sort("length", descending=True).head(MOST_STALLS).iter_rows())
