"""RFC 9260 §5.1: an association begins with the handshake."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import is_type

STEPS = [ChunkType.INIT, ChunkType.INIT_ACK, ChunkType.COOKIE_ECHO, ChunkType.COOKIE_ACK]

USED = [
    ChunkType.DATA,
    ChunkType.I_DATA,
    ChunkType.SACK,
    ChunkType.NR_SACK,
    ChunkType.HEARTBEAT,
    ChunkType.HEARTBEAT_ACK,
    ChunkType.SHUTDOWN,
]
"""Chunks of an association that is established, the fifth step."""

NO_STEP = len(STEPS) + 1


@rule("rfc9260/5.1/handshake-in-order", level=Level.MUST, cites=["RFC 9260 §5.1"])
def handshake_in_order(t: View) -> Judgement:
    """INIT, INIT ACK, COOKIE ECHO and COOKIE ACK set up an association, in this order, before it is used.

    What it checks: before the first INIT ACK an INIT, before the first COOKIE ECHO an INIT ACK, before the
    first COOKIE ACK a COOKIE ECHO, and COOKIE ACK before the first packet of the association in use.
    Why it matters: the cookie proves that the initiator is at its address; without it, anybody could set up
    associations in the name of others.
    What the capture must contain: a step and the one before it. One that is not there can be told to be
    missing only in a whole recording of the sandbox.
    Known exceptions: DATA bundled with COOKIE ECHO comes before COOKIE ACK. Only the first fault of an
    association counts.
    References: RFC 9260 §5.1.
    """
    number = pl.col("type").replace_strict({type: n for n, type in enumerate(STEPS)}, default=NO_STEP)
    opening = is_type(*STEPS).any().over("packet")
    steps = (
        t.chunks.filter(pl.col("association").is_not_null())
        .with_columns(step=pl.when(is_type(*USED) & ~opening).then(len(STEPS)).otherwise(number))
        .filter(pl.col("step") < NO_STEP)
        .unique(["association", "step"], keep="first", maintain_order=True)
    )
    before = steps.select("association", step=pl.col("step") + 1, before="packet")
    judged = (
        steps.filter(pl.col("step") > 0)
        .join(before, on=["association", "step"], how="left", maintain_order="left")
        .with_columns(
            wanted=pl.col("step").replace_strict({n + 1: type.name for n, type in enumerate(STEPS)})
        )
    )
    subjects = judged.filter(pl.col("before").is_not_null() | t.is_whole)
    violations = subjects.filter((pl.col("before") > pl.col("packet")).fill_null(True)).unique(
        "association", keep="first", maintain_order=True
    )
    unknown = judged.join(subjects, on=["association", "step"], how="anti")
    return Judgement(
        subjects,
        found(violations, pl.format("{} before it", "wanted"), pl.format("{} without one", "type_name")),
        unknown.select("association", reason=pl.format("the capture may lack its {}", "wanted")),
    )
