"""RFC 9260 §3.2.1: the format of parameters."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import found


@rule("rfc9260/3.2.1/param-length-valid", level=Level.MUST, cites=["RFC 9260 §3.2.1", "RFC 9260 §3.3.10"])
def param_length_valid(t: View) -> Judgement:
    """A parameter or error cause is at least 4 bytes long and stays inside its chunk.

    What it checks: the length field of every parameter and error cause against its own header and its chunk.
    Why it matters: a receiver that believes a wrong length reads what is not there.
    What the capture must contain: chunks with parameters or error causes.
    Known exceptions: those of chunks whose own length is wrong are not judged.
    References: RFC 9260 §3.2.1; RFC 9260 §3.3.10.
    """
    columns = ["packet", "frame", "chunk", "association", "side", "offset", "length"]
    chunk_end = t.chunks.filter(pl.col("offset") + pl.col("length") <= pl.col("packet_length")).select(
        "packet", "chunk", chunk_end=pl.col("offset") + pl.col("length")
    )
    subjects = pl.concat([t.parameters.select(columns), t.causes.select(columns)]).join(
        chunk_end, on=["packet", "chunk"], maintain_order="left"
    )
    violations = subjects.filter(
        (pl.col("length") < 4) | (pl.col("offset") + pl.col("length") > pl.col("chunk_end"))
    )
    room = pl.format("a length from 4 to {}", pl.col("chunk_end").cast(pl.Int64) - pl.col("offset"))
    return Judgement(subjects, found(violations, room, pl.format("length {}", "length")))
