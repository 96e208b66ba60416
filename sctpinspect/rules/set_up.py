"""INITs and COOKIE ECHOs of associations that are there already: sub-queries that several rules share."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules.exchanges import FLOW, INTACT, ends
from sctpinspect.rules.queries import TICKS_NS, beside_peer
from sctpinspect.rules.view import View
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


def unexpected_inits(t: View) -> pl.LazyFrame:
    """INITs to an endpoint whose association with their sender is established (RFC 9260 §5.2.2).

    live, live_side: that association, and the endpoint there. own_tag: what it has chosen there.
    is_closing: whether it has sent SHUTDOWN ACK. Not at once after the COOKIE ACK, which may come later.
    """
    lives = (
        t.associations.filter(pl.col("established_ns").is_not_null())
        .select("association", "established_ns", frame="cookie_ack_frame")
        .join(ends(t).select("association", "end_frame"), on="association", how="left")
    )
    own = t.endpoints.select(*ENDPOINT, "port", "addresses", "tag")
    flows = (
        beside_peer(own, own, source_port="port", source="addresses")
        .join(lives, on="association", maintain_order="left")
        .explode("addresses")
        .explode("source")
        .select(
            *["frame", "established_ns", "end_frame", "source", "source_port"],
            destination="addresses",
            destination_port="port",
            live="association",
            live_side="side",
            own_tag="tag",
        )
        .sort("frame")
    )
    closing = (
        t.chunks.filter(is_type(ChunkType.SHUTDOWN_ACK) & pl.col("association").is_not_null())
        .group_by(live="association", live_side="side")
        .agg(closing=pl.col("packet").min())
    )
    is_live = (pl.col("end_frame").is_null() | (pl.col("end_frame") > pl.col("frame"))) & (
        pl.col("time_ns") - pl.col("established_ns") >= TICKS_NS
    )
    return (
        t.chunks.filter(is_type(ChunkType.INIT) & INTACT & (pl.col("initiate_tag") != 0))
        .join_asof(flows, on="frame", by=FLOW, check_sortedness=False)
        .filter(is_live.fill_null(False))
        .join(closing, on=["live", "live_side"], how="left", maintain_order="left")
        .with_columns(is_closing=(pl.col("closing") < pl.col("packet")).fill_null(False))
        .drop("closing", "established_ns", "end_frame")
    )


def with_reply(t: View, inits: pl.LazyFrame) -> pl.LazyFrame:
    """Each of `inits` with the next INIT ACK or ABORT for it, which carries its Initiate Tag.

    reply: its packet; reply_frame, reply_ns, reply_type, reply_tag (its Initiate Tag). Those without are left
    out.
    """
    replies = t.chunks.filter(
        is_type(ChunkType.INIT_ACK, ChunkType.ABORT) & pl.col("association").is_not_null()
    ).select(
        "association",
        peer(),
        "packet",
        reply="packet",
        reply_frame="frame",
        reply_ns="time_ns",
        reply_type="type_name",
        reply_tag="initiate_tag",
        initiate_tag="verification_tag",
    )
    return (
        inits.sort("packet")
        .join_asof(
            replies.sort("packet"),
            on="packet",
            by=[*ENDPOINT, "initiate_tag"],
            strategy="forward",
            check_sortedness=False,
        )
        .drop_nulls("reply")
    )


def by_reply(inits: pl.LazyFrame) -> pl.LazyFrame:
    """Violations of `with_reply`: frame and side are those of the reply."""
    return inits.with_columns(
        peer(),
        frame="reply_frame",
        frames=pl.concat_list("frame", "reply_frame"),
        chunk=pl.lit(None, pl.UInt16),
    )


def issued(t: View) -> pl.LazyFrame:
    """State Cookies (`value`) by the side that they were given to: packet, frame and time of the INIT ACK."""
    acks = t.chunks.filter(is_type(ChunkType.INIT_ACK)).select(
        "packet", "chunk", issued_ns="time_ns", issued_frame="frame", asked_tag="verification_tag"
    )
    return (
        t.parameters.filter(
            (pl.col("type") == ParameterType.STATE_COOKIE)
            & (pl.col("chunk_type") == ChunkType.INIT_ACK)
            & pl.col("value").is_not_null()
        )
        .join(acks, on=["packet", "chunk"], maintain_order="left")
        .select("association", peer(), "value", "issued_ns", "issued_frame", "asked_tag")
        .unique(["association", "side", "value"], keep="first", maintain_order=True)
    )


def accepted(t: View) -> pl.LazyFrame:
    """Per endpoint that got one the packet of the first COOKIE ACK, `accepted`, and `accepted_ns`."""
    return (
        t.chunks.filter(is_type(ChunkType.COOKIE_ACK) & pl.col("association").is_not_null())
        .group_by("association", peer())
        .agg(accepted=pl.col("packet").min(), accepted_ns=pl.col("time_ns").min())
    )
