"""Why the absence of something in a capture may prove nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from sctpinspect.decode.defects import CUT, UNREADABLE
from sctpinspect.protocol import ChunkType
from sctpinspect.tables.associations import ENDPOINT, is_type, peer
from sctpinspect.tables.heartbeats import unasked
from sctpinspect.tables.schema import COMPLETENESS, conform
from sctpinspect.tables.wholeness import counted_none, is_whole

QUESTIONS = {
    ChunkType.INIT_ACK: ChunkType.INIT,
    ChunkType.COOKIE_ACK: ChunkType.COOKIE_ECHO,
    ChunkType.SHUTDOWN_ACK: ChunkType.SHUTDOWN,
    ChunkType.SHUTDOWN_COMPLETE: ChunkType.SHUTDOWN_ACK,
}
"""Chunks that are sent in answer only, and what they answer (RFC 9260 §5.1, §9.2)."""


def completeness(
    interfaces: pl.DataFrame,
    packets: pl.DataFrame,
    chunks: pl.DataFrame,
    associations: pl.DataFrame,
    endpoints: pl.DataFrame,
    heartbeats: pl.DataFrame,
    events: pl.DataFrame,
    unseen: pl.DataFrame,
    recipe: Mapping[str, Any],
    defects: Sequence[str],
) -> pl.DataFrame:
    """The table `completeness`.

    unseen: TSNs acknowledged but not in the capture (`acknowledgements.Acknowledgements`).
    recipe: how sctpinspect recorded it, `impaired` before links that lose some packets; empty for captures by
        others. defects: those of the file.

    Where sctpinspect recorded an association from its handshake on and dropped nothing, whatever was sent is
    there: what was acknowledged or answered and is not there was never sent, and says nothing of the capture.
    """
    cuts = _cuts(defects)
    whole = is_whole(interfaces, packets, events, recipe, defects)
    lossless = bool(recipe) and not cuts and counted_none(interfaces)
    known = associations.filter((pl.col("handshake") & lossless) | whole).select("association")
    signs = [
        unseen.select(
            *ENDPOINT,
            kind=pl.lit("tsn_unseen"),
            reason=pl.format("{} acknowledged TSNs are not in the capture", "missing"),
            frame="frame",
        ),
        _of_answers(packets, chunks, heartbeats),
    ]
    reasons = [
        _of_handshake(associations, whole),
        _of_end(associations),
        _of_capture(interfaces, packets, associations, defects),
        *(part.join(known, on="association", how="anti", maintain_order="left") for part in signs),
        _of_directions(packets, endpoints),
        _counted(
            packets.filter(pl.col("captured_length") < pl.col("length")),
            "snaplen",
            "the capture cut {} of its packets",
        ),
        _of_links(packets, recipe.get("impaired") is True),
    ]
    return pl.concat([conform(part, COMPLETENESS) for part in reasons]).sort(
        "association", "side", "kind", maintain_order=True
    )


def _cuts(defects: Sequence[str]) -> list[str]:
    return [defect for defect in defects if defect.endswith(CUT)]


def _of_handshake(associations: pl.DataFrame, whole: bool) -> pl.DataFrame:
    starts = "its packets start after" if whole else "the capture starts after"
    return associations.filter(~pl.col("handshake")).select(
        "association",
        side=None,
        kind=pl.lit("handshake_missing"),
        reason=pl.when(pl.col("init_frame").is_not_null())
        .then(pl.lit("no INIT_ACK is in the capture"))
        .when(pl.col("init_ack_frame").is_not_null())
        .then(pl.lit(f"{starts} the INIT"))
        .otherwise(pl.lit(f"{starts} the handshake")),
        frame="first_frame",
    )


def _of_end(associations: pl.DataFrame) -> pl.DataFrame:
    restarts = associations.drop_nulls("restart_of").select(
        association="restart_of", restart_frame="first_frame"
    )
    return (
        associations.filter(pl.col("end").is_null())
        .join(restarts.unique("association"), on="association", how="left", maintain_order="left")
        .select(
            "association",
            side=None,
            kind=pl.lit("end_missing"),
            reason=pl.when(pl.col("restart_frame").is_null())
            .then(pl.lit("its end is not in the capture"))
            .otherwise(pl.format("frame {} restarts it before its end", "restart_frame")),
            frame=pl.coalesce("restart_frame", "last_frame"),
        )
    )


def _of_capture(
    interfaces: pl.DataFrame, packets: pl.DataFrame, associations: pl.DataFrame, defects: Sequence[str]
) -> pl.DataFrame:
    """What concerns the capture as a whole, and thus its associations; without any, its calls (null)."""
    known = associations.select("association")
    if known.is_empty():
        known = pl.DataFrame({"association": [None]}, known.schema)
    name = pl.coalesce("name", pl.col("interface").cast(pl.String))
    dropped = interfaces.filter(pl.col("dropped") > 0).select(
        kind=pl.lit("frames_dropped"),
        reason=pl.format("the capture dropped {} frames on interface {}", "dropped", name),
    )
    damages = [("file_cut", cut) for cut in _cuts(defects)] + [
        ("journal_damaged", defect) for defect in defects if defect.endswith(UNREADABLE)
    ]
    damaged = pl.DataFrame(damages, {"kind": pl.String, "reason": pl.String}, orient="row")
    used = packets.select("association", "interface").drop_nulls().unique(maintain_order=True)
    if packets.is_empty():
        used = known.join(interfaces.select("interface"), how="cross")
    uncounted = used.join(
        interfaces.filter(pl.col("dropped").is_null()), on="interface", maintain_order="left"
    ).select(
        "association",
        kind=pl.lit("drops_unknown"),
        reason=pl.format("the capture does not state how many frames it dropped on interface {}", name),
    )
    return pl.concat(
        [known.join(pl.concat([dropped, damaged]), how="cross", maintain_order="left"), uncounted]
    ).with_columns(side=None, frame=None)


def _of_answers(packets: pl.DataFrame, chunks: pl.DataFrame, heartbeats: pl.DataFrame) -> pl.DataFrame:
    """Answers without the question; the side is that of the question's sender."""
    first = (
        chunks.filter(is_type(*QUESTIONS, *QUESTIONS.values()) & pl.col("association").is_not_null())
        .unique([*ENDPOINT, "type"], keep="first", maintain_order=True)
        .select(*ENDPOINT, "type", "type_name", "packet", "frame")
    )
    answers = first.with_columns(
        side=peer(), question=pl.col("type").replace_strict(QUESTIONS, default=None, return_dtype=pl.UInt8)
    ).drop_nulls("question")
    questions = first.select(*ENDPOINT, question="type", asked="packet")
    without = answers.join(questions, on=[*ENDPOINT, "question"], how="left", maintain_order="left").filter(
        (pl.col("packet") < pl.col("asked")).fill_null(True)
    )
    lonely = unasked(chunks, packets, heartbeats).with_columns(side=peer())
    kind = pl.lit("answer_without_question").alias("kind")
    return pl.concat(
        [
            without.select(
                *ENDPOINT, kind, pl.format("{} without what it answers", "type_name").alias("reason"), "frame"
            ),
            _counted(lonely, "answer_without_question", "{} HEARTBEAT_ACKs without the HEARTBEAT"),
        ]
    )


def _of_directions(packets: pl.DataFrame, endpoints: pl.DataFrame) -> pl.DataFrame:
    return endpoints.join(packets, on=ENDPOINT, how="anti", maintain_order="left").select(
        *ENDPOINT,
        kind=pl.lit("one_direction"),
        reason=pl.lit("nothing that it sent is in the capture"),
        frame=None,
    )


def _of_links(packets: pl.DataFrame, impaired: bool) -> pl.DataFrame:
    """Packets that an impaired link lost, or did perhaps."""
    sent = packets.filter(~pl.col("is_copy"))
    lost = sent.filter(pl.col("delivery") == "lost")
    unknown = sent.filter(pl.col("delivery").is_null() & pl.lit(impaired))
    return pl.concat(
        [
            _counted(lost, "lossy_path", "{} of its packets were lost on the way"),
            _counted(unknown, "lossy_path", "{} of its packets may have been lost on the way"),
        ]
    )


def _counted(rows: pl.DataFrame, kind: str, reason: str) -> pl.DataFrame:
    """One row per endpoint that has any, with their number in the reason."""
    return (
        rows.drop_nulls("association")
        .group_by(ENDPOINT, maintain_order=True)
        .agg(pl.len().alias("count"), pl.col("frame").first())
        .select(*ENDPOINT, pl.lit(kind).alias("kind"), pl.format(reason, "count").alias("reason"), "frame")
    )
