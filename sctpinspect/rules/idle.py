"""Sub-queries over HEARTBEATs and the pauses between packets to an address."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules.queries import PATH, awake
from sctpinspect.rules.view import View
from sctpinspect.tables.associations import ENDPOINT, is_type


def heartbeat_spacings(t: View) -> pl.LazyFrame:
    """HEARTBEATs to confirmed addresses with `spacing`, ns since the one before, which was answered.

    A side that retransmits DATA is left out: a path may then be potentially failed (RFC 7829), and is
    probed once per RTO.
    """
    retransmitting = t.chunks.filter("is_retransmission").select(ENDPOINT)
    confirmed = t.paths.select(*PATH, "confirmed_ns").drop_nulls()
    return (
        t.heartbeats.filter(~pl.col("padded"))
        .join(retransmitting, on=ENDPOINT, how="anti", maintain_order="left")
        .join(confirmed, on=PATH, maintain_order="left")
        .filter(pl.col("time_ns") >= pl.col("confirmed_ns"))
        .with_columns(
            spacing=pl.col("time_ns").diff().over(PATH), answered=pl.col("ack_ns").shift(1).over(PATH)
        )
        .filter(pl.col("spacing").is_not_null() & pl.col("answered").is_not_null())
    )


def pauses_of_paths(t: View) -> pl.LazyFrame:
    """Packets to confirmed addresses with `pause`, ns up to the next one or to the end that is near."""
    closing = (
        t.chunks.filter(is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK, ChunkType.ABORT))
        .group_by("association")
        .agg(closing=pl.col("time_ns").min())
    )
    capture_end = t.packets.select(capture_end=pl.col("time_ns").max())
    lives = t.associations.select("association", "established_ns").join(closing, on="association", how="left")
    confirmed = t.paths.select(*PATH, "confirmed_ns").drop_nulls()
    answers = t.chunks.group_by("packet").agg(is_answer=is_type(ChunkType.HEARTBEAT_ACK).all())
    end = pl.coalesce("closing", "capture_end")
    return (
        t.packets.join(confirmed, on=PATH, maintain_order="left")
        .join(answers, on="packet", maintain_order="left")
        .filter(~pl.col("is_answer"))
        .join(lives, on="association", maintain_order="left")
        .join(capture_end, how="cross", maintain_order="left")
        .filter(pl.col("time_ns").is_between(pl.max_horizontal("confirmed_ns", "established_ns"), end))
        .with_columns(following=pl.coalesce(pl.col("time_ns").shift(-1).over(PATH), end))
        .with_columns(pause=awake(t, pl.col("following")) - awake(t, pl.col("time_ns")))
    )
