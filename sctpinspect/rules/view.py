"""The tables as rules see them: lazy, without copies, each chunk with what its packet says."""

from dataclasses import dataclass
from typing import Any

import polars as pl

PACKET_COLUMNS = {
    "source": "source",
    "destination": "destination",
    "source_port": "source_port",
    "destination_port": "destination_port",
    "verification_tag": "verification_tag",
    "path": "path",
    "delivery": "delivery",
    "checksum_state": "checksum_state",
    "chunks_in_packet": "chunks_in_packet",
    "packet_length": "length",
    "packet_defect": "defect",
}
"""Columns that `chunks` has in a view beside its own, and the columns of `packets` that they are."""


@dataclass(frozen=True)
class View:
    """The tables of `tables.schema` as LazyFrames. Packets captured a second time elsewhere are left out."""

    packets: pl.LazyFrame
    chunks: pl.LazyFrame
    parameters: pl.LazyFrame
    causes: pl.LazyFrame
    gap_blocks: pl.LazyFrame
    icmp_errors: pl.LazyFrame
    associations: pl.LazyFrame
    endpoints: pl.LazyFrame
    addresses: pl.LazyFrame
    completeness: pl.LazyFrame
    paths: pl.LazyFrame
    heartbeats: pl.LazyFrame
    messages: pl.LazyFrame
    calls: pl.LazyFrame
    events: pl.LazyFrame
    recipe: dict[str, Any]


def view(tables: Any) -> View:
    """The view of `tables` (a `tables.Tables`)."""
    packets = tables.packets.filter(~pl.col("is_copy").fill_null(False))
    beside = packets.select("packet", **{name: pl.col(column) for name, column in PACKET_COLUMNS.items()})

    def of_packets(name: str) -> pl.LazyFrame:
        return getattr(tables, name).join(packets, on="packet", how="semi").lazy()

    return View(
        packets=packets.lazy(),
        chunks=tables.chunks.join(beside, on="packet", maintain_order="left").lazy(),
        **{name: of_packets(name) for name in ("parameters", "causes", "gap_blocks", "heartbeats")},
        **{
            name: getattr(tables, name).lazy()
            for name in (
                "icmp_errors",
                "associations",
                "endpoints",
                "addresses",
                "completeness",
                "paths",
                "messages",
                "calls",
                "events",
            )
        },
        recipe=tables.recipe,
    )
