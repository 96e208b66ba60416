"""RFC 9260 §5.1: an association begins with the handshake."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import is_type

STEPS = [ChunkType.INIT, ChunkType.INIT_ACK, ChunkType.COOKIE_ECHO, ChunkType.COOKIE_ACK]
NAMES = [type.name.replace("_", " ") for type in STEPS]

USED = [
    ChunkType.DATA,
    ChunkType.I_DATA,
    ChunkType.SACK,
    ChunkType.NR_SACK,
    ChunkType.HEARTBEAT,
    ChunkType.HEARTBEAT_ACK,
    ChunkType.SHUTDOWN,
]
"""Chunks of an association that is established, the step after these."""


@rule("rfc9260/5.1/handshake-complete", level=Level.MUST, cites=["RFC 9260 §5.1"])
def handshake_complete(t: View) -> Judgement:
    """INIT, INIT ACK, COOKIE ECHO and COOKIE ACK, and none less, set up an association.

    What it checks: that there is an INIT where there is an INIT ACK, an INIT ACK where there is a COOKIE
    ECHO, a COOKIE ECHO where there is a COOKIE ACK, and a COOKIE ACK where an association is in use.
    Why it matters: the cookie proves that the initiator is at its address; without it, anybody could set up
    associations in the name of others.
    What the capture must contain: a step and the one before it. Only in a whole recording of the sandbox can
    one be told to be missing.
    Known exceptions: only the first that is missing of an association counts.
    References: RFC 9260 §5.1.
    """
    handshake = is_type(*STEPS)
    in_use = is_type(*USED) & ~handshake.any().over("packet")
    number = {type: step for step, type in enumerate(STEPS)}
    steps = (
        t.chunks.filter(pl.col("association").is_not_null())
        .with_columns(
            step=pl.when(in_use)
            .then(len(STEPS))
            .otherwise(pl.col("type").replace_strict(number, default=None, return_dtype=pl.Int32))
        )
        .drop_nulls("step")
        .unique(["association", "step"], keep="first", maintain_order=True)
        .sort("association", "step", maintain_order=True)
    )
    later = steps.filter(pl.col("step") > 0).with_columns(before=pl.col("step") - 1)
    there = steps.select("association", before="step", found=True)
    judged = later.join(there, on=["association", "before"], how="left", maintain_order="left").with_columns(
        wanted=pl.col("before").replace_strict(dict(enumerate(NAMES)))
    )
    lacking = judged.filter(pl.col("found").is_null()).unique(
        "association", keep="first", maintain_order=True
    )
    violations = lacking.filter(t.is_whole)
    subjects = pl.concat([judged.drop_nulls("found"), violations])
    expected = pl.format("{} before it", "wanted")
    return Judgement(
        subjects,
        found(violations, expected, pl.format("{} without one", "type_name")),
        lacking.filter(not t.is_whole).select(
            "association", reason=pl.format("the capture may lack its {}", "wanted")
        ),
    )
