"""RFC 6458 §8.3.2: SCTP_AUTH_CHUNK."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.calls import argument, number, of_associations, succeeded
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT

NAMES = {int(type): type.name for type in ChunkType}


@rule("rfc6458/8.3.2/auth-chunk", level=Level.MUST, cites=["RFC 6458 §8.3.2", "RFC 4895 §3.2"])
def auth_chunk(t: View) -> Judgement:
    """INIT or INIT ACK lists each chunk type that SCTP_AUTH_CHUNK asks to be authenticated.

    What it checks: that the Chunk List parameter of the side's INIT or INIT ACK has the type.
    Why it matters: the peer authenticates only what it is asked to.
    What the capture must contain: the journal with the option set before the association, and INIT or INIT
    ACK.
    Known exceptions: none.
    References: RFC 6458 §8.3.2; RFC 4895 §3.2.
    """
    type = number(argument("value.sauth_chunk"))
    name = pl.coalesce(type.replace_strict(NAMES, default=None, return_dtype=pl.String), type.cast(pl.String))
    asked = of_associations(
        t, succeeded(t, "setsockopt").filter(pl.col("option") == "SCTP_AUTH_CHUNK")
    ).filter(pl.col("end_ns") <= pl.col("first_ns"))
    lists = t.endpoints.filter(pl.col("auth_chunks").is_not_null()).select(
        *ENDPOINT, "auth_chunks", frame="init_frame"
    )
    subjects = (
        asked.select(*ENDPOINT, "call", wanted=name)
        .drop_nulls("wanted")
        .join(lists, on=ENDPOINT, maintain_order="left")
    )
    violations = subjects.filter(~pl.col("auth_chunks").list.contains(pl.col("wanted")))
    listed = pl.col("auth_chunks").list.join(", ")
    actual = pl.when(listed == "").then(pl.lit("an empty list, or none")).otherwise(listed)
    return Judgement(subjects, found(violations, pl.format("{} in the Chunk List", "wanted"), actual))
