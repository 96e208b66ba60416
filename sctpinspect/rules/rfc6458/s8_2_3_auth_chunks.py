"""RFC 6458 §8.2.3 and §8.2.4: SCTP_PEER_AUTH_CHUNKS, SCTP_LOCAL_AUTH_CHUNKS."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import result, succeeded
from sctpinspect.rules.queries import IS_WHOLE, found
from sctpinspect.tables.associations import ENDPOINT, peer


@rule(
    "rfc6458/8.2.3/peer-auth-chunks",
    level=Level.MUST,
    cites=["RFC 6458 §8.2.3", "RFC 6458 §8.2.4", "RFC 4895 §3.2"],
    needs=[Need.HANDSHAKE],
)
def peer_auth_chunks(t: View) -> Judgement:
    """SCTP_PEER_AUTH_CHUNKS and SCTP_LOCAL_AUTH_CHUNKS tell the chunk types listed at set-up.

    What it checks: gauth_chunks against the Chunk List of the INIT or INIT ACK of the peer, or the own one.
    Why it matters: the program learns what is protected.
    What the capture must contain: the journal and the handshake, with a Chunk List.
    Known exceptions: none.
    References: RFC 6458 §8.2.3; RFC 6458 §8.2.4; RFC 4895 §3.2.
    """
    lists = t.parameters.filter(
        (pl.col("type") == ParameterType.CHUNK_LIST)
        & pl.col("chunk_type").is_in([ChunkType.INIT, ChunkType.INIT_ACK])
        & pl.col("value").is_not_null()
        & IS_WHOLE
    ).unique(ENDPOINT, keep="last", maintain_order=True)
    listed = _types(pl.col("value").bin.encode("hex"))
    known = pl.concat(
        [
            lists.select(
                "association", peer(), "frame", option=pl.lit("SCTP_PEER_AUTH_CHUNKS"), listed=listed
            ),
            lists.select(*ENDPOINT, "frame", option=pl.lit("SCTP_LOCAL_AUTH_CHUNKS"), listed=listed),
        ]
    )
    subjects = (
        succeeded(t, "getsockopt", "sctp_opt_info")
        .filter(pl.col("association").is_not_null())
        .select(*ENDPOINT, "call", "option", told=_types(result("value.gauth_chunks").fill_null("")))
        .join(known, on=[*ENDPOINT, "option"], maintain_order="left")
    )
    violations = subjects.filter(pl.col("told") != pl.col("listed"))
    return Judgement(
        subjects,
        found(
            violations,
            pl.format("chunk types {}", pl.col("listed").list.join(" ")),
            pl.format("{}", pl.col("told").list.join(" ")),
        ),
    )


def _types(hexadecimal: pl.Expr) -> pl.Expr:
    """The octets, in order of their size."""
    return hexadecimal.str.extract_all("..").list.sort()
