"""User messages, put together from the DATA and I_DATA chunks that carried them."""

from collections.abc import Iterator

import polars as pl

from sctpinspect.decode.columns import Bytes
from sctpinspect.journal.digest import digest
from sctpinspect.protocol import ChunkType
from sctpinspect.tables.acknowledgements import USER_DATA, steps
from sctpinspect.tables.associations import ENDPOINT, is_type
from sctpinspect.tables.schema import MESSAGES, conform


def with_messages(
    chunks: pl.DataFrame, packets: pl.DataFrame, bases: pl.DataFrame, data: Bytes
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The table `messages` (`send_call` and `receive_call` still null), and `chunks` with `message` filled.

    Fragments of DATA follow each other by TSN on one stream (RFC 9260 §6.9), those of I_DATA by FSN
    within stream, U bit and MID (RFC 8260 §2.1). Of a chunk sent again the first transmission counts.
    data: the bytes that `chunks.payload_offset` points into.
    """
    fragments = _fragments(chunks, packets, bases)
    messages = _messages(fragments, chunks, data)
    numbers = fragments.select(*ENDPOINT, "tsn", "key").join(messages.select("key", "message"), on="key")
    filled = chunks.drop("message").join(
        numbers.drop("key"), on=[*ENDPOINT, "tsn"], how="left", maintain_order="left"
    )
    return conform(messages, MESSAGES), filled


def _fragments(chunks: pl.DataFrame, packets: pl.DataFrame, bases: pl.DataFrame) -> pl.DataFrame:
    """Each TSN once, in the order of reassembly; `key` is equal for the fragments of one message.

    `follows`: nothing is missing between it and the fragment before it.
    """
    copies = packets.filter("is_copy").select("packet")
    line = ["association", "side", "type", "stream", "unordered"]
    begins = pl.col("beginning").fill_null(False)
    ended = pl.col("ending").shift().over(line).fill_null(True)
    other = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(name).shift().over(line)) for name in ("ssn", "mid")
    )
    return (
        chunks.filter(USER_DATA)
        .join(bases, on=ENDPOINT, maintain_order="left")
        .join(copies, on="packet", how="anti", maintain_order="left")
        .unique([*ENDPOINT, "tsn"], keep="first", maintain_order=True)
        .with_columns(step=steps(pl.col("base"), pl.col("tsn")))
        .sort(*line, "step")
        .with_columns(
            key=(begins | ended | other).cast(pl.UInt32).cum_sum(),
            # Linux gives the second fragment FSN 0 too
            follows=pl.when(is_type(ChunkType.DATA))
            .then(pl.col("step").diff() == 1)
            .otherwise(pl.col("fsn").cast(pl.Int64).diff().is_between(0, 1)),
        )
    )


def _messages(fragments: pl.DataFrame, chunks: pl.DataFrame, data: Bytes) -> pl.DataFrame:
    again = chunks.filter("is_retransmission").group_by(*ENDPOINT, "tsn").agg(times=pl.len())
    grouped = (
        fragments.join(again, on=[*ENDPOINT, "tsn"], how="left", maintain_order="left")
        .group_by("key", maintain_order=True)
        .agg(
            *(pl.col(name).first() for name in [*ENDPOINT, "stream", "ssn", "mid", "ppid", "unordered"]),
            length=pl.col("payload_length").cast(pl.UInt64).sum(),
            first_tsn=pl.col("tsn").first(),
            last_tsn=pl.col("tsn").last(),
            chunks=pl.len(),
            first_frame=pl.col("frame").first(),
            last_frame=pl.col("frame").last(),
            first_packet=pl.col("packet").first(),
            first_chunk=pl.col("chunk").first(),
            first_ns=pl.col("time_ns").first(),
            last_ns=pl.col("time_ns").last(),
            acked_frame=pl.col("acked_frame").last(),
            retransmissions=pl.col("times").sum(),
            complete=pl.col("beginning").first() & pl.col("ending").last() & pl.col("follows").slice(1).all(),
            digests=pl.col("payload_digest"),
            offsets=pl.col("payload_offset"),
            lengths=pl.col("payload_length"),
        )
        .sort("first_packet", "first_chunk")
        .with_row_index("message")
    )
    whole = pl.col("complete") & pl.col("digests").list.eval(pl.element().is_not_null()).list.all()
    joined = pl.DataFrame(
        _digests(grouped.filter(whole & (pl.col("chunks") > 1)), data),
        {"message": pl.UInt32, "joined": pl.UInt32},
        orient="row",
    )
    return grouped.join(joined, on="message", how="left", maintain_order="left").with_columns(
        digest=pl.when(whole).then(pl.coalesce("joined", pl.col("digests").list.first())),
        send_call=pl.lit(None, pl.UInt32),
        receive_call=pl.lit(None, pl.UInt32),
    )


def _digests(messages: pl.DataFrame, data: Bytes) -> Iterator[tuple[int, int]]:
    """The number and the digest of each message, put together from that of its first fragment on."""
    rows = messages.select("message", "digests", "offsets", "lengths").iter_rows()
    for message, digests, offsets, lengths in rows:
        found = digests[0]
        for offset, length in zip(offsets[1:], lengths[1:], strict=True):
            found = digest(data.slice(offset, length), found)
        yield message, found
