"""Which DATA was sent again, which was acknowledged where, and what was acknowledged but never seen.

TSNs are compared as steps from a base of their side, so that they stay in order when they wrap
(RFC 1982, RFC 9260 §1.6).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.tables.associations import ENDPOINT, is_type, peer

USER_DATA = is_type(ChunkType.DATA, ChunkType.I_DATA) & pl.col("tsn").is_not_null()
HALF = 1 << 31


class Acknowledgements(NamedTuple):
    """What SACK and SHUTDOWN chunks say of the DATA of their peer.

    acked: `association`, `side`, `tsn`, `acked_frame`: a row for each TSN seen and acknowledged.
    unseen: `association`, `side` (of the DATA), `missing` (how many TSNs after the first one seen were
        acknowledged but are not in the capture), `frame` (the first that acknowledges one of them).
    """

    acked: pl.DataFrame
    unseen: pl.DataFrame


def steps(base: pl.Expr, tsn: pl.Expr) -> pl.Expr:
    """Steps from one TSN to another, negative when it comes before (Int64)."""
    return (tsn.cast(pl.Int64) - base.cast(pl.Int64) + HALF) % (2 * HALF) - HALF


def bases(chunks: pl.DataFrame, endpoints: pl.DataFrame) -> pl.DataFrame:
    """`association`, `side`, `base`: the TSN that steps of the side count from.

    Its initial TSN or, where that is unknown, the first TSN seen.
    """
    first = (
        chunks.filter(USER_DATA & pl.col("association").is_not_null())
        .group_by(ENDPOINT)
        .agg(first=pl.col("tsn").first())
    )
    return (
        endpoints.select(*ENDPOINT, "initial_tsn")
        .join(first, on=ENDPOINT, how="left", maintain_order="left")
        .select(*ENDPOINT, base=pl.coalesce("initial_tsn", "first"))
        .drop_nulls("base")
    )


def retransmissions(chunks: pl.DataFrame, packets: pl.DataFrame) -> pl.Series:
    """`is_retransmission` for each row of `chunks`; null where there is no DATA of an association."""
    counted = (
        chunks.select("packet", *ENDPOINT, "tsn", is_data=USER_DATA & pl.col("association").is_not_null())
        .join(packets.select("packet", "is_copy"), on="packet", how="left", maintain_order="left")
        .with_columns(sent=pl.col("is_data") & ~pl.col("is_copy"))
    )
    number = pl.col("sent").cast(pl.UInt32).cum_sum().over(*ENDPOINT, "tsn")
    return counted.select(
        is_retransmission=pl.when("is_data").then(pl.col("sent") & (number > 1))
    ).to_series()


def acknowledgements(chunks: pl.DataFrame, gap_blocks: pl.DataFrame, bases: pl.DataFrame) -> Acknowledgements:
    """Goes through what each side acknowledges, in order of the packets."""
    sent = (
        chunks.filter(USER_DATA)
        .join(bases, on=ENDPOINT)
        .select(*ENDPOINT, "tsn", step=steps(pl.col("base"), pl.col("tsn")))
        .unique()
        .sort(*ENDPOINT, "step")
    )
    endpoints = (
        bases.select(ENDPOINT)
        .sort(ENDPOINT)
        .join(
            sent.group_by(ENDPOINT).agg(pl.col("step").sort()), on=ENDPOINT, how="left", maintain_order="left"
        )
        .join(_ranges(chunks, gap_blocks, bases), on=ENDPOINT, how="left", maintain_order="left")
    )
    acked: list[int | None] = []
    unseen = []
    for *endpoint, known, starts, ends, frames in endpoints.iter_rows():
        ranges = zip(starts or (), ends or (), frames or (), strict=True)
        covered, missing, shown = _cover(known or [], ranges)
        acked += covered
        if missing:
            unseen.append((*endpoint, missing, shown))
    return Acknowledgements(
        sent.select(*ENDPOINT, "tsn", acked_frame=pl.Series(acked, dtype=pl.UInt32)).drop_nulls(
            "acked_frame"
        ),
        pl.DataFrame(
            unseen,
            {"association": pl.UInt32, "side": pl.UInt8, "missing": pl.UInt32, "frame": pl.UInt32},
            orient="row",
        ),
    )


def _ranges(chunks: pl.DataFrame, gap_blocks: pl.DataFrame, bases: pl.DataFrame) -> pl.DataFrame:
    """Per endpoint whose DATA is acknowledged the lists `start`, `end` (steps) and `frame`, in order.

    The start is null for a cumulative TSN ack.
    """
    cumulative = chunks.filter(is_type(ChunkType.SACK, ChunkType.SHUTDOWN)).select(
        "packet", "chunk", "frame", "association", peer(), start=pl.lit(None, pl.UInt32), end="cumulative_tsn"
    )
    gaps = gap_blocks.filter(pl.col("kind") == "gap").select(
        "packet", "chunk", "frame", "association", peer(), "start", "end"
    )
    return (
        pl.concat([cumulative, gaps])
        .drop_nulls("end")
        .join(bases, on=ENDPOINT, maintain_order="left")
        .sort("packet", "chunk", maintain_order=True)
        .group_by(ENDPOINT, maintain_order=True)
        .agg(*(steps(pl.col("base"), pl.col(name)).alias(name) for name in ("start", "end")), "frame")
    )


def _cover(
    known: list[int], ranges: Iterable[tuple[int | None, int, int]]
) -> tuple[list[int | None], int, int | None]:
    """For each of `known` (ascending) the frame of the first range that covers it.

    Also how many steps from the first one on the ranges cover that are not in `known`, and the first
    frame that covers one of them. Each of `known` is visited once, whatever the ranges.
    """
    frames: list[int | None] = [None] * len(known)
    following = list(range(len(known) + 1))  # where the next one not covered yet is to be looked for
    origin = min(known[0], 0) if known else 0
    holes: list[tuple[int, int]] = []
    shown = None
    for start, end, frame in ranges:
        first = origin if start is None else max(start, origin)
        low = bisect_left(known, first)
        high = bisect_right(known, end, lo=low)
        here = _next(following, low)
        while here < high:
            frames[here] = frame
            following[here] = here + 1
            here = _next(following, here + 1)
        if end - first + 1 > high - low:
            holes.append((first, end))
            shown = shown or frame
    return frames, _missing(known, holes), shown


def _next(following: list[int], here: int) -> int:
    """The first index from `here` on that is not covered (shortening the way for later calls)."""
    while following[here] != here:
        following[here] = following[following[here]]
        here = following[here]
    return here


def _missing(known: list[int], holes: list[tuple[int, int]]) -> int:
    """How many steps the ranges cover that are not in `known`."""
    missing, counted = 0, -HALF - 1  # up to where it is counted
    for hole, end in sorted(holes):
        first = max(hole, counted + 1)
        if end >= first:
            missing += end - first + 1 - (bisect_right(known, end) - bisect_left(known, first))
            counted = end
    return missing
