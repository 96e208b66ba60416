"""DATA and its acknowledgements as their receivers and senders knew them: what many rules begin with."""

from typing import NamedTuple

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.tables import Tables
from sctpinspect.tables.associations import ENDPOINT, is_type, peer
from sctpinspect.tables.exchanges import exchanges
from sctpinspect.tables.receivers import receivers
from sctpinspect.tables.senders import senders

_KEY = ["packet", "frame", "chunk", "time_ns", *ENDPOINT]
_PACKET = ["path", "source", "destination", "delivery"]


class Progress(NamedTuple):
    """What is known beside the chunks and packets that show it.

    acks: SACK, NR_SACK and SHUTDOWN chunks, with what `tables.receivers` finds of them.
    arrivals: packets with DATA that arrived; `side` is the receiver's. With what `tables.receivers` finds,
        `immediate` (one has the I bit) and `answer_frame`, `answer_ns`: of the first thing the receiver
        acknowledged, or ended the association with, from then on.
    transmissions: DATA chunks with what `tables.senders` finds of them.
    unclear: `association`, `reason`: associations that are left out, for what became of their packets on an
        impaired link is not known.
    """

    acks: pl.DataFrame
    arrivals: pl.DataFrame
    transmissions: pl.DataFrame
    unclear: pl.DataFrame


def progress(tables: Tables[pl.DataFrame]) -> Progress:
    """Goes over the packets of a capture once at their receivers and once at their senders."""
    known = exchanges(tables)
    acks, arrivals = receivers(known)
    sent = senders(known, tables.chunks["retransmission"])
    of_data = ["type", "tsn", "stream", "payload_length", "is_retransmission", "retransmission"]
    unclear = tables.packets.filter(
        pl.col("delivery").is_null() & pl.lit(tables.recipe.get("impaired") is True)
    )
    unclear = unclear.select("association").drop_nulls().unique()
    ack = ["cumulative_tsn", "gap_block_count", "duplicate_tsn_count", "a_rwnd"]
    found = {
        "acks": _beside(tables, acks, "type", "type_name", *ack),
        "arrivals": _with_answers(tables, _beside(tables, arrivals)),
        "transmissions": _beside(tables, sent, *of_data, "beginning", "ending"),
    }
    kept = {
        name: rows.join(unclear, on="association", how="anti", maintain_order="left")
        for name, rows in found.items()
    }
    reason = pl.lit("the capture does not say what became of packets on an impaired link")
    return Progress(**kept, unclear=unclear.with_columns(reason=reason))


def _beside(tables: Tables[pl.DataFrame], found: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """What was found of rows of `chunks`, with the columns of these and their packets'."""
    chunks = tables.chunks.select(*_KEY, *columns)[found["row"]]
    packets = tables.packets.select("packet", *_PACKET, packet_length="length")
    rows = pl.concat([chunks, found.drop("row")], how="horizontal")
    return rows.join(packets, on="packet", maintain_order="left")


def _with_answers(tables: Tables[pl.DataFrame], arrivals: pl.DataFrame) -> pl.DataFrame:
    answers = tables.chunks.filter(
        is_type(
            ChunkType.SACK, ChunkType.NR_SACK, ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK, ChunkType.ABORT
        )
        & pl.col("association").is_not_null()
    ).select(*ENDPOINT, answer_frame="frame", answer_ns="time_ns")
    urgent = tables.chunks.filter(pl.col("immediate").fill_null(False)).select("packet", immediate=True)
    return (
        arrivals.with_columns(peer())
        .join_asof(
            answers.sort("answer_ns", maintain_order=True),
            left_on="arrived_ns",
            right_on="answer_ns",
            by=ENDPOINT,
            strategy="forward",
            coalesce=False,
            check_sortedness=False,
        )
        .join(urgent.unique(), on="packet", how="left", maintain_order="left")
        .with_columns(pl.col("immediate").fill_null(False))
    )
