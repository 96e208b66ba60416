"""All tables of a capture of any size: built partition by partition, kept as Parquet, merged in order."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sctpinspect.decode.columns import Bytes
from sctpinspect.decode.partitions import Partition, Partitions
from sctpinspect.tables.build import build
from sctpinspect.tables.model import Tables
from sctpinspect.tables.schema import TABLES

ROWS = 1 << 19
"""So many rows of a table, about, are merged at once."""

KEYS = {
    **dict.fromkeys(
        ["packets", "chunks", "parameters", "causes", "gap_blocks", "changes", "heartbeats"], "packet"
    ),
    **dict.fromkeys(["associations", "endpoints", "addresses", "completeness", "paths"], "association"),
    "round_trips": "acked_frame",
    "messages": "message",
}
"""What the rows of a table are in order of. Tables without are of the capture, and in the first partition."""

GROUP = 1 << 16
"""So many rows of a table are read at once, at least."""

Numbers = NDArray[np.uint32]


class Built(NamedTuple):
    """The tables of all partitions: of each one a folder, with a file for each table.

    There associations and messages are counted from 0. associations, messages: of each partition their
    numbers in the capture. facts: tables of the capture as a whole, without rows.
    """

    folders: list[Path]
    associations: list[Numbers]
    messages: list[Numbers]
    facts: Tables[pl.DataFrame]

    def partition(self, index: int) -> Tables[pl.DataFrame]:
        """The tables of one partition; each row is what it is in the capture."""
        frames = {name: self.lazy(name, index).collect() for name in TABLES}
        return self.facts.with_frames(frames)

    def partitions(self) -> Iterator[Tables[pl.DataFrame]]:
        """One after the other."""
        return (self.partition(index) for index in range(len(self.folders)))

    def lazy(self, name: str, index: int, begin: int = 0, end: int | None = None) -> pl.LazyFrame:
        """A table of one partition, all its rows or those whose key is from `begin` to before `end`."""
        rows = pl.scan_parquet(self.folders[index] / name)
        if end is not None:
            key = KEYS[name]
            if numbers := self._numbers_of(key):
                begin, end = np.searchsorted(numbers[index], [begin, end]).tolist()
            rows = rows.filter((pl.col(key) >= begin) & (pl.col(key) < end))
        return rows.with_columns(
            pl.lit(pl.Series(numbers[index])).gather(column).alias(column)
            for column, told in TABLES[name].items()
            if told.dtype == pl.UInt32 and (numbers := self._numbers_of(column))  # not the text of a call
        )

    def _numbers_of(self, column: str) -> list[Numbers]:
        return {
            "association": self.associations,
            "restart_of": self.associations,
            "message": self.messages,
        }.get(column, [])

    def size(self, key: str) -> int:
        """More than all the values of a column of KEYS."""
        if numbers := self._numbers_of(key):
            return sum(map(len, numbers))
        return self.facts.frames + 1  # there are not more packets


def build_all(partitions: Partitions, folder: Path, tell: Callable[[float], None]) -> Built:
    """Build the tables of every partition, in folders of that folder; its file is removed.

    tell: as for `decode.partitions.split`.
    """
    folders, firsts, begins, ends, defects = [], [], [], [], list[str]()
    count = len(partitions.files)
    for index, partition in enumerate(partitions.read()):
        if index and not len(partition.numbers):
            continue
        tables = _renumbered(build(partition.columns), partition)
        folders.append(folder / f"{index:04}")
        folders[-1].mkdir()
        for name in TABLES:
            getattr(tables, name).write_parquet(folders[-1] / name, compression="lz4", row_group_size=GROUP)
        firsts.append(tables.associations["first_frame"].to_numpy())
        begins.append(tables.messages["first_frame"].to_numpy())
        ends.append(tables.end_ns)
        defects += [defect for defect in tables.defects if defect not in defects]
        partitions.files[index].unlink()
        tell((index + 1) / count)
    facts = replace(
        tables,
        **{name: getattr(tables, name).clear() for name in TABLES},
        data=Bytes(partitions.survey.capture.data, partitions.survey.joined.reassembled),
        defects=defects,
        end_ns=max(ends),
    )
    return Built(folders, _numbers(firsts), _numbers(begins), facts)


def _renumbered(tables: Tables[pl.DataFrame], partition: Partition) -> Tables[pl.DataFrame]:
    """Tables of a partition with the packets' numbers and places in the capture."""
    numbers = pl.Series("packet", partition.numbers)
    chunks = tables.chunks
    shifts = pl.Series(partition.shifts).gather(chunks["packet"])
    frames = {
        name: table.with_columns(numbers.gather(table["packet"]))
        for name in TABLES
        if "packet" in (table := getattr(tables, name)).columns
    }
    frames["chunks"] = frames["chunks"].with_columns(
        (pl.col("payload_offset").cast(pl.Int64) + shifts).cast(pl.UInt64)
    )
    return tables.with_frames(frames)


def _numbers(frames: list[Numbers]) -> list[Numbers]:
    """Of each partition the numbers in the capture of what begins in these frames, one in each at most."""
    known = np.sort(np.concatenate(frames))
    return [
        (np.searchsorted(known, part) + np.arange(len(part)) - np.searchsorted(part, part)).astype(np.uint32)
        for part in frames
    ]


def merge(built: Built, folder: Path, tell: Callable[[float], None]) -> Tables[pl.LazyFrame]:
    """All tables, lazily, with the rows that `build` would give, in their order. The folder has the files."""
    frames = {}
    for done, name in enumerate(TABLES):
        tell(done / len(TABLES))
        place = folder / name
        place.mkdir()
        for number, rows in enumerate(_merged(built, name)):
            rows.write_parquet(place / f"{number:06}", compression="lz4", row_group_size=GROUP)
        frames[name] = pl.scan_parquet(sorted(place.iterdir()))
    return built.facts.with_frames(frames)


def _merged(built: Built, name: str) -> Iterator[pl.DataFrame]:
    """A table in order, some rows at a time."""
    parts = range(len(built.folders))
    heights = [built.lazy(name, index).select(pl.len()).collect().item() for index in parts]
    if name not in KEYS:
        yield built.lazy(name, 0).collect()
        return
    if name == "completeness" and not sum(map(len, built.associations)):
        yield built.lazy(name, parts[-1]).collect()  # of no association, but of the capture
        return
    key = KEYS[name]
    count = -(-sum(heights) // ROWS) or 1
    bounds = [built.size(key) * step // count for step in range(count + 1)]
    for begin, end in pairwise(bounds):
        rows = [built.lazy(name, index, begin, end) for index in parts]
        yield pl.concat(rows).collect().sort(key, maintain_order=True)
