"""RFC 9260 §5.1.6: an INIT that is sent again."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.exchanges import stale
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule("rfc9260/5.1.6/init-retransmission-identical", level=Level.SHOULD, cites=["RFC 9260 §5.1.6"])
def init_retransmission_identical(t: View) -> Judgement:
    """An INIT that is sent again has the same Initiate Tag and initial TSN.

    What it checks: that INITs of one endpoint with the same Initiate Tag have the same initial TSN.
    Why it matters: the responder may answer both, and its peer counts its TSNs from either.
    What the capture must contain: two INITs of an endpoint with the same Initiate Tag.
    Known exceptions: an INIT with another tag may be a new attempt and is not judged; after a Stale Cookie
    error a new INIT may differ.
    References: RFC 9260 §5.1.6.
    """
    inits = (
        t.chunks.filter(is_type(ChunkType.INIT) & pl.col("initial_tsn").is_not_null())
        .join(stale(t), on="association", how="anti", maintain_order="left")
        .with_columns(
            first=pl.col("initial_tsn").first().over(*ENDPOINT, "initiate_tag"),
            first_frame=pl.col("frame").first().over(*ENDPOINT, "initiate_tag"),
        )
    )
    again = inits.filter(pl.col("frame") > pl.col("first_frame"))
    violations = again.filter(pl.col("initial_tsn") != pl.col("first")).with_columns(
        frames=pl.concat_list("first_frame", "frame")
    )
    return Judgement(
        again,
        found(violations, pl.format("initial TSN {}", "first"), pl.format("initial TSN {}", "initial_tsn")),
    )
