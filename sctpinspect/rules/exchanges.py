"""What one endpoint sends upon what the other sent: sub-queries over exchanges that several rules share."""

import polars as pl

from sctpinspect.protocol import CauseCode, ChunkType
from sctpinspect.rules.queries import MILLISECOND, USER_DATA, beside_own, moved_numbers, well_addressed
from sctpinspect.rules.view import View
from sctpinspect.tables.associations import ENDPOINT, is_type, peer

FLOW = ["source", "destination", "source_port", "destination_port"]
OPPOSITE = {
    "source": "destination",
    "destination": "source",
    "source_port": "destination_port",
    "destination_port": "source_port",
}

AT_ONCE_NS = 100 * MILLISECOND
"""So long an endpoint may take to notice that an association has ended."""

INTACT = pl.col("checksum_state").ne_missing("bad")
"""Its receiver does not drop the packet for its checksum (RFC 9260 §6.8)."""


MINIMUM_RWND = 1500  # bytes, RFC 9260 §3.3.2

IS_INVALID = (
    (pl.col("outbound_streams") == 0) | (pl.col("inbound_streams") == 0) | (pl.col("a_rwnd") < MINIMUM_RWND)
).fill_null(False)
"""An INIT or INIT ACK that must be refused for its streams or window (RFC 9260 §3.3.2, §3.3.3)."""


def reversed_flow(*columns: str, **more: pl.Expr | str) -> list[pl.Expr]:
    """A selection of packets or chunks as the opposite direction names their addresses and ports."""
    flow = [pl.col(theirs).alias(own) for own, theirs in OPPOSITE.items()]
    others = [pl.col(value) if isinstance(value, str) else value for value in more.values()]
    return [
        *flow,
        *map(pl.col, columns),
        *(each.alias(name) for name, each in zip(more, others, strict=True)),
    ]


def arrivals(t: View) -> pl.LazyFrame:
    """`packet` and `arrived_ns`: when each left an impaired link or, without such a link, was captured."""
    return t.packets.select("packet", arrived_ns=pl.coalesce("delivered_ns", "time_ns"))


def followed(t: View, questions: pl.LazyFrame, answers: pl.LazyFrame) -> pl.LazyFrame:
    """`questions` (chunks of associations) with the next of `answers` of the peer.

    arrived_ns: when the question arrived; null: it was lost. answer, answer_frame, answer_ns, answer_type:
    packet, frame, time and type name of the answer; null: none follows.
    """
    arrived = t.packets.select(
        "packet",
        arrived_ns=pl.when(pl.col("delivery").ne_missing("lost")).then(
            pl.coalesce("delivered_ns", "time_ns")
        ),
    )
    given = (
        answers.filter(pl.col("association").is_not_null())
        .select(
            "association",
            peer(),
            answer="packet",
            answer_frame="frame",
            answer_ns="time_ns",
            answer_type="type_name",
        )
        .sort("answer")
    )
    return (
        questions.sort("packet")
        .join_asof(
            given,
            left_on="packet",
            right_on="answer",
            by=ENDPOINT,
            strategy="forward",
            check_sortedness=False,
        )
        .join(arrived, on="packet", how="left", maintain_order="left")
    )


def answered(t: View, openings: pl.LazyFrame) -> pl.LazyFrame:
    """Those of `openings`, INITs and INIT ACKs, that the peer took up or refused: columns of `followed`.

    An INIT is taken up with INIT ACK, an INIT ACK with COOKIE ECHO; either is refused with ABORT.
    """
    steps = {ChunkType.INIT: ChunkType.INIT_ACK, ChunkType.INIT_ACK: ChunkType.COOKIE_ECHO}
    known = openings.filter(pl.col("association").is_not_null())
    return pl.concat(
        [
            followed(t, known.filter(is_type(step)), t.chunks.filter(is_type(next_step, ChunkType.ABORT)))
            for step, next_step in steps.items()
        ]
    ).drop_nulls("answer")


def taken_up(openings: pl.LazyFrame) -> pl.LazyFrame:
    """Those of `answered` that were not refused: frame and side are those of what took them up."""
    return openings.filter(pl.col("answer_type") != "ABORT").with_columns(
        peer(),
        frame="answer_frame",
        frames=pl.concat_list("frame", "answer_frame"),
        chunk=pl.lit(None, pl.UInt16),
    )


def ends(t: View) -> pl.LazyFrame:
    """Ends that no receiver must ignore: `end`, its packet, who sent it (`ender`), and when it arrived."""
    shutdown_acks = (
        t.chunks.filter(is_type(ChunkType.SHUTDOWN_ACK) & pl.col("association").is_not_null())
        .group_by("association", peer())
        .agg(asked=pl.col("packet").min())
    )
    ending = t.chunks.filter(is_type(ChunkType.ABORT, ChunkType.SHUTDOWN_COMPLETE) & INTACT)
    reflected = beside_own(ending.filter("tag_reflected"), t.endpoints, tag="tag")
    accepted = [
        well_addressed(t, ending.filter(~pl.col("tag_reflected"))),
        reflected.filter((pl.col("verification_tag") == pl.col("tag")).fill_null(True)).drop("tag"),
    ]
    return (
        pl.concat(accepted)
        .join(shutdown_acks, on=ENDPOINT, how="left")
        .filter(is_type(ChunkType.ABORT) | (pl.col("asked") < pl.col("packet")))
        .join(t.associations.select("association", "end", frame="end_frame"), on=["association", "frame"])
        .unique("association")
        .join(arrivals(t), on="packet")
        .select(
            "association", "end", ender="side", end_frame="frame", end_packet="packet", told_ns="arrived_ns"
        )
    )


def with_cause(t: View, code: CauseCode) -> pl.LazyFrame:
    """`packet` and `chunk` of the ERRORs and ABORTs with an error cause of this code."""
    return t.causes.filter(pl.col("code") == code).select("packet", "chunk").unique()


def stale(t: View) -> pl.LazyFrame:
    """ERRORs that report a stale cookie (RFC 9260 §3.3.10.3)."""
    return t.chunks.filter(is_type(ChunkType.ERROR)).join(
        with_cause(t, CauseCode.STALE_COOKIE), on=["packet", "chunk"], how="semi", maintain_order="left"
    )


def effects(t: View, dropped: pl.LazyFrame) -> pl.LazyFrame:
    """What the peer sent as if it had taken `dropped`, chunks that it has to drop.

    DATA that no other packet carries is acknowledged, or a HEARTBEAT answered: `association`, `side` (the
    peer), `frame` of that, `frames`, `actual`. Associations with FORWARD_TSN or RE_CONFIG, in which TSNs are
    acknowledged that never came, are left out.
    """
    key = [*ENDPOINT, "tsn"]
    data = dropped.filter(is_type(*USER_DATA) & pl.col("association").is_not_null()).join(
        moved_numbers(t), on="association", how="anti", maintain_order="left"
    )
    elsewhere = (
        t.chunks.filter(is_type(*USER_DATA))
        .join(data, on=key, how="semi")
        .join(dropped, on=["packet", "chunk"], how="anti")
    )
    acknowledged = (
        data.join(elsewhere, on=key, how="anti", maintain_order="left")
        .drop_nulls("acked_frame")
        .with_columns(answer="acked_frame", actual=pl.format("TSN {} acknowledged", "tsn"))
    )
    answered = (
        t.heartbeats.join(dropped, on=["packet", "chunk"], how="semi", maintain_order="left")
        .drop_nulls("ack_frame")
        .with_columns(answer="ack_frame", actual=pl.lit("its HEARTBEAT answered"))
    )
    columns = ["association", peer(), "frame", "answer", "actual"]
    return pl.concat([acknowledged.select(columns), answered.select(columns)]).select(
        *ENDPOINT, "actual", frames=pl.concat_list("frame", "answer"), frame="answer"
    )
