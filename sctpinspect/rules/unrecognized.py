"""Parameters and chunks that no RFC defines, and what their receivers report of them (RFC 9260 §3.2)."""

import polars as pl

from sctpinspect.protocol import CauseCode, ChunkType, ParameterType
from sctpinspect.rules.exchanges import arrivals
from sctpinspect.rules.queries import PATIENCE_NS, WHOLE, beside_peer, goes_on, well_addressed
from sctpinspect.rules.view import View
from sctpinspect.tables.associations import ENDPOINT, is_type, peer

IN_CHUNK = ["packet", "chunk"]


def to_be_reported(t: View, chunk: ChunkType) -> pl.LazyFrame:
    """Unknown parameters of INITs or INIT ACKs whose type asks for a report, as far as processing goes.

    With `verification_tag` and `initiate_tag` of their chunk. Types of 0x8000 and more let it go on.
    """
    unknown = t.parameters.filter(
        (pl.col("chunk_type") == chunk) & pl.col("type_name").is_null() & pl.col("defect").is_null()
    )
    stops = (pl.col("type") < 0x8000).cast(pl.Int32)
    is_processed = (stops.cum_sum() - stops).over(IN_CHUNK) == 0
    asks = (pl.col("type") & 0x4000) > 0
    tags = t.chunks.filter(is_type(chunk)).select(*IN_CHUNK, "verification_tag", "initiate_tag")
    return unknown.filter(is_processed & asks).join(tags, on=IN_CHUNK, maintain_order="left")


def beside_reply(t: View, parameters: pl.LazyFrame) -> pl.LazyFrame:
    """Each parameter of an INIT, for each INIT ACK that answers it: frame and side are those of the INIT ACK.

    reply: its packet. is_reported: whether one of its Unrecognized Parameters holds type and length of it.
    """
    replies = t.chunks.filter(is_type(ChunkType.INIT_ACK) & pl.col("association").is_not_null()).select(
        "association",
        "side",
        "frame",
        asker=(1 - pl.col("side")).cast(pl.UInt8),
        reply="packet",
        reply_chunk="chunk",
        initiate_tag="verification_tag",
        defect="packet_defect",
    )
    told = (
        t.parameters.filter(pl.col("type") == ParameterType.UNRECOGNIZED_PARAMETER)
        .group_by(reply="packet", reply_chunk="chunk")
        .agg(told=pl.col("value").bin.encode("hex").str.join(" "))
    )
    return (
        parameters.select("association", "initiate_tag", "type", "length", asked="packet", asker="side")
        .unique(maintain_order=True)
        .join(replies, on=["association", "asker", "initiate_tag"], maintain_order="left")
        .filter(pl.col("reply") > pl.col("asked"))
        .unique(["reply", "type"], keep="first", maintain_order=True)
        .join(told, on=["reply", "reply_chunk"], how="left", maintain_order="left")
        .with_columns(is_reported=pl.col("told").str.contains(_head(), literal=True).fill_null(False))
    )


def _head() -> pl.Expr:
    """Type and length of a parameter as eight hexadecimal digits."""
    number = pl.col("type").cast(pl.UInt32) * 0x10000 + pl.col("length")
    return number.map_batches(
        lambda numbers: pl.Series([f"{n:08x}" for n in numbers], dtype=pl.String), return_dtype=pl.String
    )


def whole_parameters(t: View) -> pl.LazyFrame:
    """Parameters of INIT and INIT ACK as peers may report them: `association`, `side` (the peer), `tlv`.

    tlv: type, length and value as hexadecimal digits; null where the capture cut it.
    """
    return t.parameters.filter(
        pl.col("chunk_type").is_in([int(ChunkType.INIT), int(ChunkType.INIT_ACK)])
        & pl.col("association").is_not_null()
    ).select("association", peer(), "type", "packet", tlv=_head() + pl.col("value").bin.encode("hex"))


def reported_chunks(t: View) -> pl.LazyFrame:
    """Error causes Unrecognized Chunk Type: `packet`, `chunk`, `value` and the `reported_type`."""
    return t.causes.filter(
        (pl.col("code") == CauseCode.UNRECOGNIZED_CHUNK_TYPE) & (pl.col("value").bin.size() >= 4)
    ).select(
        *IN_CHUNK,
        "value",
        reported_type=pl.col("value").bin.slice(0, 1).bin.reinterpret(dtype=pl.UInt8, endianness="big"),
    )


def unknown_chunks(t: View) -> pl.LazyFrame:
    """Chunks of a type that no RFC defines and the receiver does not list, in packets that it takes.

    is_reported: an ERROR of the peer reported the type afterwards, or none was due: another chunk of an
    unknown type ended the packet before it, the capture or the association ends soon after.
    """
    unknown = beside_peer(
        well_addressed(t, t.chunks.filter(pl.col("type_name").is_null() & WHOLE & (pl.col("length") >= 4))),
        t.endpoints,
        known="extensions",
    ).filter(~pl.col("known").list.contains(pl.col("type").cast(pl.String)).fill_null(False))
    reports = (
        t.chunks.join(reported_chunks(t).drop("value"), on=IN_CHUNK)
        .group_by("association", peer(), type="reported_type")
        .agg(report=pl.col("packet").max())
    )
    stops = (pl.col("type") < 128).cast(pl.Int32)
    ends = t.associations.select("association", "end_ns")
    is_soon = pl.col("end_ns") - pl.col("arrived_ns") < PATIENCE_NS
    return (
        unknown.with_columns(is_dropped=(stops.cum_sum() - stops).over("packet") > 0)
        .join(reports, on=[*ENDPOINT, "type"], how="left", maintain_order="left")
        .join(ends, on="association", how="left", maintain_order="left")
        .join(arrivals(t), on="packet", maintain_order="left")
        .with_columns(
            is_reported=(pl.col("report") > pl.col("packet")).fill_null(False)
            | pl.col("is_dropped")
            | ~goes_on(t, pl.col("arrived_ns"))
            | is_soon.fill_null(False)
        )
    )
