"""Why DATA was sent again, as far as the capture shows it."""

import numpy as np
import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.tables.acknowledgements import Ranges
from sctpinspect.tables.associations import is_type
from sctpinspect.tables.loops import FROM_THE_FIRST, NONE, Integers
from sctpinspect.tables.loops_retransmissions import KINDS, STATES, classify
from sctpinspect.tables.schema import RETRANSMISSION
from sctpinspect.tables.tsns import Sent, array, numbers, steps_from


def retransmissions(
    packets: pl.DataFrame,
    chunks: pl.DataFrame,
    ranges: Ranges,
    acked: Integers,
    shortest_ns: Integers,
    sent: Sent,
) -> pl.Series:
    """`chunks.retransmission`: why each DATA chunk that was sent again was; null: of other chunks.

    The first of these that holds, by what had been captured before it:

    spurious: its TSN had been acknowledged, by a cumulative TSN ack or a gap ack block, and no SACK after
        that took it back (as a receiver may what is in gap ack blocks: RFC 9260 §6.2.1).
    fast: three SACKs had reported it missing, and it had not been sent again for that reason yet (§7.2.4).
        A SACK does where it acknowledges a later TSN for the first time or, in Fast Recovery, has a gap ack
        block after it and advances the Cumulative TSN Ack Point.
    zero_window_probe: it is the earliest outstanding TSN, and the peer's last SACK had an a_rwnd of 0
        (§6.1 A).
    tail, t3: the timer T3-rtx of the address that it had been sent to had run out (§6.3.3): since then, or
        now, the earliest TSN outstanding there was sent again. That it was the timer cannot be seen; but it
        took no less than the shortest round trip of this sender since that TSN had been sent, and since
        the Cumulative TSN Ack Point had advanced (which starts the timer anew, §6.3.2 R3).
        tail: its packet has the last outstanding TSN too, so nothing later could show that it is missing.
    unknown: none of these, or nothing of the peer is in the capture.

    SACKs that a link lost, and copies, count for spurious alone. What FORWARD_TSN gives up is no longer
    outstanding (RFC 3758 §3.5). acked: for each TSN the row of the first chunk that acknowledges it.
    shortest_ns: of each endpoint its shortest round trip; NONE: unknown.
    """
    merged, windows = _with_forward_tsns(chunks, _arrived(packets, chunks, ranges), sent)
    packet = chunks["packet"].gather(sent.rows)
    is_heard = np.zeros(len(sent.bases), np.bool_)
    is_heard[array(numbers(packets.select("association", "side").unique().drop_nulls())) ^ 1] = True
    count = len(sent.steps)
    kinds = np.full(len(sent.rows), NONE)
    classify(
        *(sent.rows, sent.lines, sent.times, array(packet), array(packets["path"].gather(packet))),
        *(sent.endpoints, sent.steps, sent.begins, acked),
        *(*merged, windows, array(chunks["time_ns"]), shortest_ns),
        is_heard,
        *(np.arange(count + 1), np.arange(count + 1), np.zeros(count, np.int64), np.full(count, NONE)),
        np.full((len(sent.bases), STATES), NONE),
        kinds,
    )
    names = pl.Series(KINDS, dtype=RETRANSMISSION)
    return names.gather(sent.of_chunks(kinds, len(chunks)))


def _arrived(packets: pl.DataFrame, chunks: pl.DataFrame, ranges: Ranges) -> Ranges:
    """The ranges whose packets are no copies and, as far as is known, were not lost."""
    has_arrived = ~packets["is_copy"] & packets["delivery"].ne_missing("lost")
    kept = has_arrived.gather(chunks["packet"].gather(ranges.rows)).to_numpy()
    return Ranges(*(column[kept] for column in ranges))


def _with_forward_tsns(chunks: pl.DataFrame, ranges: Ranges, sent: Sent) -> tuple[Ranges, Integers]:
    """The ranges and those that FORWARD_TSNs give up; of each the a_rwnd, or NONE."""
    forward = (
        chunks.select("type", "association", "side", "cumulative_tsn")
        .with_row_index("row")
        .filter(is_type(ChunkType.FORWARD_TSN, ChunkType.I_FORWARD_TSN))
        .drop_nulls(["association", "cumulative_tsn"])
    )
    forward = forward.filter(pl.Series(sent.bases[array(numbers(forward))] != NONE))
    owners = array(numbers(forward))
    lasts = steps_from(sent.bases[owners], array(forward["cumulative_tsn"]))
    given_up = Ranges(array(forward["row"]), owners, np.full(len(owners), FROM_THE_FIRST), lasts)
    both = [np.concatenate(columns) for columns in zip(ranges, given_up, strict=True)]
    order = np.argsort(both[0], kind="stable")
    merged = Ranges(*(column[order] for column in both))
    return merged, array(chunks["a_rwnd"].gather(merged.rows))
