"""DATA and what acknowledges it as its receiver and its sender see them: each at its own end of the way."""

from typing import NamedTuple

import numpy as np
import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.tables.acknowledgements import rows_of
from sctpinspect.tables.associations import ENDPOINT, is_type
from sctpinspect.tables.loops import NONE, Flags, Integers
from sctpinspect.tables.model import Tables
from sctpinspect.tables.tsns import Sent, array, numbers, sent, steps_from

LAST_NS = np.iinfo(np.int64).max
"""When what was lost arrives."""


class Data(NamedTuple):
    """DATA chunks that are no copies, in order of the capture.

    rows (of `chunks`), lines (index of the TSN in `Sent`), times (how often that had been sent from there
    on), packets, paths, sources (index of the source address among those of the sender; NONE: of none), sizes
    (bytes of user data), sent_ns, arrived_ns.
    is_unsure: whether the receiver took it in is not known: it had to be discarded, or was lost perhaps.
    """

    rows: Integers
    lines: Integers
    times: Integers
    packets: Integers
    paths: Integers
    sources: Integers
    sizes: Integers
    sent_ns: Integers
    arrived_ns: Integers
    is_unsure: Flags


class Acks(NamedTuple):
    """SACK, NR_SACK and SHUTDOWN chunks that are no copies, in order of the capture.

    rows (of `chunks`), owners (endpoint whose DATA it is), cumulatives (step), windows (a_rwnd, or NONE),
    duplicates (how many are reported), paths, sent_ns, arrived_ns; begins: of its gap ack blocks, and at the
    end their number; firsts and lasts: steps of all blocks, in order.
    """

    rows: Integers
    owners: Integers
    cumulatives: Integers
    windows: Integers
    duplicates: Integers
    paths: Integers
    sent_ns: Integers
    arrived_ns: Integers
    begins: Integers
    firsts: Integers
    lasts: Integers


class Exchanges(NamedTuple):
    """rooms: of each endpoint the a_rwnd in the INIT or INIT_ACK of its peer, which takes its DATA; or
    NONE."""

    sent: Sent
    data: Data
    acks: Acks
    rooms: Integers


def exchanges(tables: Tables[pl.DataFrame]) -> Exchanges:
    """All DATA of associations and what acknowledges it, of endpoints whose TSNs can be counted."""
    tables = _counted_from_zero(tables)
    known = sent(tables.packets, tables.chunks, tables.endpoints)
    packets = _packets(tables)
    rooms = np.full(len(known.bases), NONE)
    rooms[array(numbers(tables.endpoints)) ^ 1] = array(tables.endpoints["a_rwnd"])
    return Exchanges(known, _data(tables, packets, known), _acks(tables, packets, known), rooms)


def _counted_from_zero(tables: Tables[pl.DataFrame]) -> Tables[pl.DataFrame]:
    """The tables with other numbers of packets and associations, where they are a part of a capture only."""
    keys = {"packet": tables.packets["packet"], "association": tables.associations["association"]}
    if all(key.is_empty() or key[-1] == len(key) - 1 for key in keys.values()):
        return tables
    frames = {}
    for name in ("packets", "chunks", "gap_blocks", "endpoints", "addresses"):
        frame = getattr(tables, name)
        frames[name] = frame.with_columns(
            pl.when(pl.col(column).is_not_null())
            .then(pl.lit(key).search_sorted(pl.col(column)))
            .cast(pl.UInt32)
            .alias(column)
            for column, key in keys.items()
            if column in frame.columns
        )
    return tables.with_frames(frames)


def _packets(tables: Tables[pl.DataFrame]) -> pl.DataFrame:
    """`packets` with `arrived_ns`, `from_path` and `is_unsure`."""
    own = tables.addresses.select(*ENDPOINT, source="address", from_path="path")
    tags = tables.endpoints.select("association", side=1 - pl.col("side"), own_tag="tag")
    is_lost = pl.col("delivery").eq_missing("lost")
    is_unknown = pl.col("delivery").is_null() & pl.lit(tables.recipe.get("impaired") is True)
    is_discarded = pl.col("checksum_state").eq_missing("bad") | (
        pl.col("verification_tag") != pl.col("own_tag")
    ).fill_null(False)
    return (
        tables.packets.select(
            *("packet", *ENDPOINT, "time_ns", "delivered_ns", "delivery", "path", "source", "is_copy"),
            *("verification_tag", "checksum_state"),
        )
        .join(own, on=[*ENDPOINT, "source"], how="left", maintain_order="left")
        .join(tags, on=ENDPOINT, how="left", maintain_order="left")
        .with_columns(
            arrived_ns=pl.when(is_lost).then(LAST_NS).otherwise(pl.coalesce("delivered_ns", "time_ns")),
            is_unsure=is_unknown | is_discarded,
        )
    )


def _data(tables: Tables[pl.DataFrame], packets: pl.DataFrame, known: Sent) -> Data:
    kept = np.flatnonzero(known.times > 0)
    rows = known.rows[kept]
    chunks = tables.chunks.select("packet", "payload_length")[rows]
    of_packets = packets[chunks["packet"]]
    return Data(
        rows,
        known.lines[kept],
        known.times[kept],
        array(chunks["packet"]),
        array(of_packets["path"]),
        array(of_packets["from_path"]),
        array(chunks["payload_length"], 0),
        array(of_packets["time_ns"]),
        array(of_packets["arrived_ns"]),
        np.array(of_packets["is_unsure"].to_numpy(), dtype=np.bool_),
    )


def _acks(tables: Tables[pl.DataFrame], packets: pl.DataFrame, known: Sent) -> Acks:
    acks = (
        tables.chunks.select("packet", "type", *ENDPOINT, "cumulative_tsn", "a_rwnd", "duplicate_tsn_count")
        .with_row_index("row")
        .filter(is_type(ChunkType.SACK, ChunkType.NR_SACK, ChunkType.SHUTDOWN))
        .drop_nulls(["association", "cumulative_tsn"])
    )
    owners = array(numbers(acks)) ^ 1
    is_kept = (known.bases[owners] != NONE) & ~packets["is_copy"].gather(acks["packet"]).to_numpy()
    acks, owners = acks.filter(is_kept), owners[is_kept]
    rows = array(acks["row"])
    gaps = (
        tables.gap_blocks.select("kind", "packet", "chunk", "start", "end")
        .filter(pl.col("kind").is_in(["gap", "nr_gap"]))
        .drop_nulls()
    )
    of_rows = rows_of(tables.chunks, gaps)
    places = np.searchsorted(rows, of_rows)
    is_held = rows[np.minimum(places, len(rows) - 1)] == of_rows if len(rows) else np.zeros(len(places), bool)
    places, gaps = places[is_held], gaps.filter(is_held)
    firsts = steps_from(known.bases[owners[places]], array(gaps["start"]))
    lasts = steps_from(known.bases[owners[places]], array(gaps["end"]))
    order = np.lexsort((firsts, places))
    of_packets = packets[acks["packet"]]
    return Acks(
        rows,
        owners,
        steps_from(known.bases[owners], array(acks["cumulative_tsn"])),
        array(acks["a_rwnd"]),
        array(acks["duplicate_tsn_count"], 0),
        array(of_packets["path"]),
        array(of_packets["time_ns"]),
        array(of_packets["arrived_ns"]),
        np.searchsorted(places[order], np.arange(len(rows) + 1)),
        firsts[order],
        lasts[order],
    )


def in_order(
    data_ns: Integers, data_rows: Integers, acks_ns: Integers, acks_rows: Integers
) -> tuple[Integers, Integers]:
    """DATA (its index) and acknowledgements (-1 - index) in order of time; and the times. What is lost is
    left out.
    """
    events = np.concatenate([np.arange(len(data_rows)), -1 - np.arange(len(acks_rows))])
    times = np.concatenate([data_ns, acks_ns])
    order = np.argsort(np.concatenate([data_rows, acks_rows]), kind="stable")
    order = order[np.argsort(times[order], kind="stable")]
    order = order[: np.searchsorted(times[order], LAST_NS)]
    return events[order], times[order]
