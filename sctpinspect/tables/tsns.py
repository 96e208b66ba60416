"""The TSNs of a capture, in order: what retransmissions, acknowledgements and messages are found by.

TSNs are compared as steps from a base of their side, so that they stay in order when they wrap
(RFC 1982, RFC 9260 §1.6). An endpoint has a number here: twice its association, plus its side.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.tables.associations import is_type
from sctpinspect.tables.loops import NONE, Integers, by_endpoint
from sctpinspect.tables.steps import HALF

USER_DATA = is_type(ChunkType.DATA, ChunkType.I_DATA) & pl.col("tsn").is_not_null()


class Sent(NamedTuple):
    """The DATA and I_DATA chunks of associations, and their TSNs: each once, by endpoint and step.

    Of the chunks, in order of the capture: rows (of `chunks`), lines (index of the TSN), times (how often it
    had been sent from there on, 1 for the first; 0: the chunk is a copy).
    Of the TSNs: endpoints, steps, firsts (row of the first chunk with it that is no copy).
    Of the endpoints: bases (the TSN that steps count from: the initial one or, where that is unknown, the
    first one seen), begins (index of its first TSN; and at the end the number of TSNs).
    """

    rows: Integers
    lines: Integers
    times: Integers
    endpoints: Integers
    steps: Integers
    firsts: Integers
    bases: Integers
    begins: Integers

    def of_chunks(self, values: Integers, height: int) -> pl.Series:
        """What belongs to these chunks, as a column of all; null: of others, or negative."""
        column = np.full(height, NONE)
        column[self.rows] = values
        return nullable(column, pl.UInt32)


def array(series: pl.Series, none: int = NONE) -> Integers:
    """A column of numbers as an array of our own, always of the same type, as compiled functions want it."""
    return np.array(series.cast(pl.Int64).fill_null(none).to_numpy(), dtype=np.int64)


def nullable(values: Integers, dtype: type[pl.DataType]) -> pl.Series:
    """An array as a column, null where it is negative."""
    column = pl.Series(np.where(values < 0, 0, values)).cast(dtype)
    return pl.select(pl.when(pl.Series(values >= 0)).then(column)).to_series()


def numbers(rows: pl.DataFrame) -> pl.Series:
    """The number of each row's endpoint; null: it has none."""
    return rows.select(pl.col("association").cast(pl.Int64) * 2 + pl.col("side")).to_series()


def steps_from(bases: Integers, tsns: Integers) -> Integers:
    """Steps from TSNs to others, negative when they come before (`steps.steps` for arrays)."""
    return (tsns - bases + HALF) % (2 * HALF) - HALF


def sent(packets: pl.DataFrame, chunks: pl.DataFrame, endpoints: pl.DataFrame) -> Sent:
    """Sorts the DATA chunks. endpoints: the table, which has two rows for each association, in order."""
    is_sent = USER_DATA & pl.col("association").is_not_null()
    data = chunks.select("packet", "association", "side", "type", "tsn").with_row_index("row").filter(is_sent)
    rows, tsns, owners = array(data["row"]), array(data["tsn"]), array(numbers(data))
    bases = _bases(endpoints, owners, tsns)
    steps = steps_from(bases[owners], tsns)

    places = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(bases)))])
    order = np.empty(len(rows), np.int64)
    by_endpoint(owners, places[:-1].copy(), order)
    keys = (owners << 32 | steps + HALF)[order]
    nearly = np.argsort(keys, kind="stable")
    order, keys = order[nearly], keys[nearly]

    is_new = np.diff(keys, prepend=NONE) != 0
    starts = np.flatnonzero(is_new)
    ordered = np.cumsum(is_new) - 1
    is_copy = packets["is_copy"].gather(data["packet"]).to_numpy()[order]
    so_far = np.cumsum(~is_copy)
    times_ordered = np.where(is_copy, 0, so_far - (so_far - ~is_copy)[starts][ordered])
    firsts = np.full(len(starts), NONE)
    begun = times_ordered == 1
    firsts[ordered[begun]] = rows[order[begun]]

    lines, times = np.empty_like(order), np.empty_like(order)
    lines[order], times[order] = ordered, times_ordered
    known = keys[starts]
    begins = np.searchsorted(known, np.arange(len(bases) + 1) << 32)
    return Sent(rows, lines, times, known >> 32, (known & 2 * HALF - 1) - HALF, firsts, bases, begins)


def _bases(endpoints: pl.DataFrame, owners: Integers, tsns: Integers) -> Integers:
    bases = np.full(2 * len(endpoints), NONE)
    bases[owners[::-1]] = tsns[::-1]
    initial = endpoints.drop_nulls("initial_tsn")
    bases[array(numbers(initial))] = array(initial["initial_tsn"])
    return bases
