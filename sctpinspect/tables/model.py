"""The tables of a capture, together."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import polars as pl

from sctpinspect.tables.schema import TABLES

if TYPE_CHECKING:  # it needs Numba, and rules are listed without
    from sctpinspect.decode.columns import Bytes

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


@dataclass(frozen=True)
class Tables(Generic[Frame]):
    """The tables of one capture; their columns are declared in `sctpinspect.tables.schema`.

    recipe: how sctpinspect made the capture; empty for captures by others. defects: a sentence for each
    fault of the file. frames: number of its frames, as Wireshark counts. end_ns: when the capture ended: at
    its last packet or, if the sandbox recorded it, when that says so. data: its bytes, which
    `chunks.payload_offset` points into.
    """

    interfaces: Frame
    packets: Frame
    chunks: Frame
    parameters: Frame
    causes: Frame
    held: Frame
    gap_blocks: Frame
    icmp_errors: Frame
    associations: Frame
    endpoints: Frame
    addresses: Frame
    changes: Frame
    completeness: Frame
    paths: Frame
    heartbeats: Frame
    round_trips: Frame
    messages: Frame
    calls: Frame
    events: Frame
    recipe: dict[str, Any]
    defects: list[str]
    frames: int
    end_ns: int
    data: "Bytes" = field(repr=False)

    def lazy(self) -> "Tables[pl.LazyFrame]":
        """The same with LazyFrames."""
        return self.with_frames({name: getattr(self, name).lazy() for name in TABLES})

    def height(self, name: str) -> int:
        """The number of rows of a table."""
        rows: int = getattr(self, name).lazy().select(pl.len()).collect().item()
        return rows

    def with_frames(self, frames: Mapping[str, Any]) -> "Tables[Any]":
        """The same with other frames, by name of the table."""
        return replace(self, **frames)
