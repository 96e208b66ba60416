"""RFC 6458 §8.1.17: SCTP_HMAC_IDENT."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.calls import argument, settings
from sctpinspect.rules.queries import IS_WHOLE, found
from sctpinspect.tables.associations import ENDPOINT


@rule("rfc6458/8.1.17/hmac-ident", level=Level.MUST, cites=["RFC 6458 §8.1.17", "RFC 4895 §3.3"])
def hmac_ident(t: View) -> Judgement:
    """INIT or INIT ACK lists the HMAC identifiers that were set, in their order.

    What it checks: the identifiers in the Requested HMAC Algorithm parameter.
    Why it matters: the peer takes the first one that it knows.
    What the capture must contain: the journal with the option set before the association, and INIT or INIT
    ACK.
    Known exceptions: none.
    References: RFC 6458 §8.1.17; RFC 4895 §3.3.
    """
    wanted = settings(t, "SCTP_HMAC_IDENT").select(
        *ENDPOINT, "call", wanted=argument("value.shmac_idents").str.extract_all(r"\d+").list.join(", ")
    )
    subjects = (
        t.parameters.filter(
            (pl.col("type") == ParameterType.REQUESTED_HMAC_ALGORITHM)
            & pl.col("chunk_type").is_in([ChunkType.INIT, ChunkType.INIT_ACK])
            & pl.col("value").is_not_null()
            & IS_WHOLE
        )
        .join(wanted.drop_nulls("wanted"), on=ENDPOINT, maintain_order="left")
        .with_columns(listed=pl.col("value").map_elements(_identifiers, pl.String))
    )
    violations = subjects.filter(pl.col("listed") != pl.col("wanted"))
    return Judgement(subjects, found(violations, pl.col("wanted"), pl.col("listed")))


def _identifiers(value: bytes) -> str:
    return ", ".join(str(int.from_bytes(value[at : at + 2])) for at in range(0, len(value) - 1, 2))
