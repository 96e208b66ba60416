"""User messages, put together from the DATA and I_DATA chunks that carried them."""

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sctpinspect.protocol import ChunkType
from sctpinspect.tables.loops import NONE, Integers, join_digests
from sctpinspect.tables.schema import MESSAGES, conform
from sctpinspect.tables.tsns import Sent, array, nullable


class _Fragments(NamedTuple):
    """TSNs in the order of reassembly.

    tsns: index of each in `Sent`. rows: of its first chunk. begins, ends: of each message the index of
    its first fragment, and of the one behind its last. are_whole: nothing is missing from B to E.
    """

    tsns: Integers
    rows: Integers
    begins: Integers
    ends: Integers
    are_whole: NDArray[np.bool_]


def messages(chunks: pl.DataFrame, sent: Sent) -> tuple[pl.DataFrame, pl.Series]:
    """The table `messages` (`send_call` and `receive_call` still null), and the message of each TSN.

    Fragments of DATA follow each other by TSN on one stream (RFC 9260 §6.9), those of I_DATA by FSN
    within stream, U bit and MID (RFC 8260 §2.1). Of a chunk sent again the first transmission counts.
    chunks: with `acked_frame`.
    """
    tsns, rows, begins, ends, are_whole = _fragments(chunks, sent)
    numbers = np.full(len(sent.steps), NONE)
    numbers[tsns] = np.repeat(np.arange(len(begins)), ends - begins)
    fragments = chunks.select("payload_length", "payload_digest")[rows]
    again = np.zeros(len(sent.steps), np.int64)
    np.maximum.at(again, sent.lines, sent.times - 1)

    lengths, digests = array(fragments["payload_length"]), array(fragments["payload_digest"])
    has_digest = are_whole & (_sums(digests == NONE, begins, ends) == 0)
    joined = np.full(len(begins), NONE)
    join_digests(digests, lengths, begins, ends, has_digest, joined)
    keys = ["association", "side", "stream", "ssn", "mid", "ppid", "unordered"]
    first = chunks.select(
        *keys, first_tsn="tsn", first_frame="frame", first_chunk="chunk", first_ns="time_ns"
    )[rows[begins]]
    last = chunks.select("acked_frame", last_tsn="tsn", last_frame="frame", last_ns="time_ns")[rows[ends - 1]]
    table = pl.concat([first, last], how="horizontal").with_columns(
        message=np.arange(len(begins)),
        length=np.minimum(_sums(lengths, begins, ends), np.iinfo(np.uint32).max),
        digest=nullable(joined, pl.UInt32),
        chunks=ends - begins,
        retransmissions=_sums(again[tsns], begins, ends),
        complete=are_whole,
        send_call=None,
        receive_call=None,
    )
    return conform(table, MESSAGES), nullable(numbers, pl.UInt32)


def _fragments(chunks: pl.DataFrame, sent: Sent) -> _Fragments:
    """The fragments, message by message in order of their first frames."""
    tsns = np.flatnonzero(sent.firsts != NONE)
    columns = ["type", "stream", "unordered", "ssn", "mid", "fsn", "beginning", "ending"]
    given = chunks.select(columns)[sent.firsts[tsns]]
    is_data = array(given["type"]) == ChunkType.DATA
    lines = (
        sent.endpoints[tsns] << 18 | array(given["stream"]) << 2 | array(given["unordered"]) << 1 | is_data
    )
    order = np.argsort(lines, kind="stable")
    tsns, given, lines, is_data = tsns[order], given[order], lines[order], is_data[order]

    beginning, ending = (given[name].fill_null(False).to_numpy() for name in ("beginning", "ending"))
    is_first = beginning | (np.diff(lines, prepend=NONE) != 0)
    is_first[1:] |= ending[:-1]
    for number in ("ssn", "mid"):
        is_first |= np.diff(array(given[number]), prepend=NONE) != 0
    # Linux gives the second fragment FSN 0 too
    next_fsn = np.isin(np.diff(array(given["fsn"]), prepend=NONE), (0, 1))
    follows = np.where(is_data, np.diff(sent.steps[tsns], prepend=NONE) == 1, next_fsn)

    begins = np.flatnonzero(is_first)
    ends = np.append(begins[1:], len(tsns))[: len(begins)]
    are_whole = beginning[begins] & ending[ends - 1] & (_sums(~(is_first | follows), begins, ends) == 0)
    order = np.argsort(sent.firsts[tsns[begins]])
    begins, ends, are_whole = begins[order], ends[order], are_whole[order]
    sizes = ends - begins
    behind = np.cumsum(sizes)
    moved = np.repeat(begins - (behind - sizes), sizes) + np.arange(len(tsns))
    tsns = tsns[moved]
    return _Fragments(tsns, sent.firsts[tsns], behind - sizes, behind, are_whole)


def _sums(values: NDArray, begins: Integers, ends: Integers) -> Integers:
    """The sum of each stretch of values."""
    so_far = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
    return so_far[ends] - so_far[begins]
