"""How long answers took: from DATA to the SACK, from HEARTBEAT to the HEARTBEAT_ACK."""

import numpy as np
import polars as pl

from sctpinspect.tables.associations import ENDPOINT
from sctpinspect.tables.loops import NONE, Integers
from sctpinspect.tables.schema import ROUND_TRIPS, conform
from sctpinspect.tables.tsns import Sent, array, numbers

PATH = [*ENDPOINT, "path"]


def round_trips(
    packets: pl.DataFrame, chunks: pl.DataFrame, heartbeats: pl.DataFrame, acked: Integers, sent: Sent
) -> pl.DataFrame:
    """The table `round_trips`.

    Of DATA one for each SACK and path: of the TSNs that it is the first to acknowledge the one sent last.
    No TSN counts that was sent more than once (Karn's algorithm, RFC 9260 §6.3.1 C5) or, as it was seen after
    a later one, may have been; nor a HEARTBEAT whose information another one has, or whose answer altered it.
    An answer counts from when it left an impaired link, where that is known; one that was lost there is none.
    acked: for each TSN the row of the first chunk that acknowledges it.
    """
    return (
        pl.concat([_of_data(packets, chunks, acked, sent), _of_heartbeats(packets, heartbeats)])
        .with_columns(rtt_ns=pl.col("acked_ns") - pl.col("time_ns"))
        .filter(pl.col("rtt_ns") >= 0)
        .sort("acked_frame", maintain_order=True)
        .pipe(conform, ROUND_TRIPS)
    )


def shortest(round_trips: pl.DataFrame, sent: Sent) -> Integers:
    """The shortest one of each endpoint, nanoseconds; NONE: there is none."""
    found = np.full(len(sent.bases), NONE)
    of_endpoints = round_trips.group_by(ENDPOINT).agg(pl.col("rtt_ns").min())
    found[array(numbers(of_endpoints))] = array(of_endpoints["rtt_ns"])
    return found


def of_paths(round_trips: pl.DataFrame) -> pl.DataFrame:
    """Their number on each path, and the shortest, the median and the longest."""
    rtt = pl.col("rtt_ns")
    return round_trips.group_by(PATH).agg(
        round_trips=pl.len(),
        rtt_min_ns=rtt.min(),
        rtt_median_ns=rtt.median().round().cast(pl.Int64),
        rtt_max_ns=rtt.max(),
    )


def _of_data(packets: pl.DataFrame, chunks: pl.DataFrame, acked: Integers, sent: Sent) -> pl.DataFrame:
    is_once = sent.firsts != NONE
    is_once[sent.lines[sent.times > 1]] = False
    once = np.flatnonzero(is_once & (acked > sent.firsts) & ~_are_overtaken(sent))
    rows, acks = sent.firsts[once], acked[once]
    paths = array(packets["path"].gather(chunks["packet"].gather(rows)))
    keys = acks << 17 | paths + 1
    is_last = np.append(keys[1:] != keys[:-1], True)[: len(keys)]  # of those in a row; the others are few
    rows, keys = rows[is_last][::-1], keys[is_last][::-1]
    keys, latest = np.unique(keys, return_index=True)
    questions = chunks.select(*ENDPOINT, "packet", "frame", "time_ns")[rows[latest]]
    answers = chunks.select("packet", "frame")[keys >> 17]
    return questions.select(
        *ENDPOINT,
        packets["path"].gather(questions["packet"]),
        pl.lit("data").alias("kind"),
        "frame",
        "time_ns",
        acked_frame=answers["frame"],
        acked_ns=packets.select(_arrival()).to_series().gather(answers["packet"]),
    )


def _are_overtaken(sent: Sent) -> np.ndarray:
    """For each TSN whether a later one of its endpoint was seen before."""
    last = np.iinfo(np.int64).max
    seen = np.where(sent.firsts == NONE, last, sent.endpoints << 32 | sent.firsts)
    of_later = np.append(seen[1:], last)[: len(seen)]
    return np.minimum.accumulate(of_later[::-1])[::-1] < seen


def _of_heartbeats(packets: pl.DataFrame, heartbeats: pl.DataFrame) -> pl.DataFrame:
    is_alone = pl.struct(*ENDPOINT, "info").is_unique()
    arrivals = (
        packets.select("frame", "delivery", "delivered_ns", "time_ns")
        .filter(pl.col("frame").is_in(heartbeats["ack_frame"].drop_nulls().implode()))
        .select(ack_frame="frame", acked_ns=_arrival())
        .unique("ack_frame", keep="first")
    )
    return (
        heartbeats.filter(is_alone & (pl.col("ack_info") == pl.col("info")))
        .join(arrivals, on="ack_frame")
        .with_columns(kind=pl.lit("heartbeat"), acked_frame="ack_frame")
        .select(*PATH, "kind", "frame", "time_ns", "acked_frame", "acked_ns")
    )


def _arrival() -> pl.Expr:
    """When a packet came to its receiver, as far as is known; null: it was lost."""
    is_lost = pl.col("delivery").eq_missing("lost")
    return pl.when(~is_lost).then(pl.coalesce("delivered_ns", "time_ns"))
