"""Which TSN was acknowledged where, and what was acknowledged but never seen."""

from typing import NamedTuple

import numpy as np
import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.tables.associations import is_type
from sctpinspect.tables.loops import FROM_THE_FIRST, NONE, Integers, count_missing, cover
from sctpinspect.tables.tsns import Sent, array, numbers, steps_from


class Ranges(NamedTuple):
    """What is acknowledged, in order of the capture.

    rows: of the chunks that say so. owners: the endpoints whose DATA it is. firsts, lasts: steps.
    """

    rows: Integers
    owners: Integers
    firsts: Integers
    lasts: Integers


class Acknowledgements(NamedTuple):
    """What SACK, NR_SACK and SHUTDOWN chunks say of the DATA of their peer.

    acked: for each TSN of `Sent` the row of the first chunk that acknowledges it; NONE: nothing does.
    unseen: `association`, `side` (of the DATA), `missing` (how many TSNs after the first one seen were
        acknowledged but are not in the capture), `frame` (the first that acknowledges one of them).
    """

    acked: Integers
    unseen: pl.DataFrame


def acknowledgements(chunks: pl.DataFrame, ranges: Ranges, sent: Sent) -> Acknowledgements:
    """Goes through what each side acknowledges, in order of the packets."""
    acked = np.full(len(sent.steps), NONE)
    following = np.arange(len(acked) + 1)
    has_more = np.zeros(len(ranges.rows), np.bool_)
    cover(sent.steps, sent.begins, *ranges, acked, following, has_more)
    return Acknowledgements(acked, _unseen(chunks, ranges, np.flatnonzero(has_more), sent))


def ranges(chunks: pl.DataFrame, gap_blocks: pl.DataFrame, sent: Sent) -> Ranges:
    """What SACK, NR_SACK and SHUTDOWN chunks acknowledge of endpoints whose TSNs can be counted."""
    acks = (
        chunks.select("type", "association", "side", "cumulative_tsn")
        .with_row_index("row")
        .filter(is_type(ChunkType.SACK, ChunkType.NR_SACK, ChunkType.SHUTDOWN))
        .drop_nulls(["association", "cumulative_tsn"])
    )
    gaps = (
        gap_blocks.select("kind", "packet", "chunk", "association", "side", "start", "end")
        .filter(pl.col("kind").is_in(["gap", "nr_gap"]))
        .drop_nulls("association")
    )
    rows = np.concatenate([array(acks["row"]), rows_of(chunks, gaps)])
    owners = np.concatenate([array(numbers(acks)), array(numbers(gaps))]) ^ 1  # of the DATA
    lasts = steps_from(
        sent.bases[owners], np.concatenate([array(acks["cumulative_tsn"]), array(gaps["end"])])
    )
    firsts = np.full(len(rows), FROM_THE_FIRST)
    firsts[len(acks) :] = steps_from(sent.bases[owners[len(acks) :]], array(gaps["start"]))
    order = np.argsort(rows, kind="stable")
    order = order[sent.bases[owners[order]] != NONE]
    return Ranges(rows[order], owners[order], firsts[order], lasts[order])


def rows_of(chunks: pl.DataFrame, keys: pl.DataFrame) -> Integers:
    """The rows of the chunks that `packet` and `chunk` name."""
    return np.searchsorted(chunks["packet"].to_numpy(), keys["packet"].to_numpy()) + array(keys["chunk"])


def _unseen(chunks: pl.DataFrame, ranges: Ranges, more: Integers, sent: Sent) -> pl.DataFrame:
    """more: the indices of the ranges that cover more than TSNs seen."""
    owners, shown = np.unique(ranges.owners[more], return_index=True)
    begins, ends = sent.begins[ranges.owners[more]], sent.begins[ranges.owners[more] + 1]
    steps = np.append(sent.steps, 0)
    origins = np.where(begins < ends, np.minimum(steps[begins], 0), 0)
    firsts = np.maximum(ranges.firsts[more], origins)
    order = np.lexsort((ranges.lasts[more], firsts, ranges.owners[more]))
    missing = np.zeros(len(sent.bases), np.int64)
    count_missing(
        sent.steps, sent.begins, ranges.owners[more][order], firsts[order], ranges.lasts[more][order], missing
    )
    return pl.DataFrame(
        {
            "association": pl.Series(owners // 2).cast(pl.UInt32),
            "side": pl.Series(owners % 2).cast(pl.UInt8),
            "missing": pl.Series(missing[owners]).cast(pl.UInt32),
            "frame": chunks["frame"].gather(ranges.rows[more[shown]]),
        }
    )
