"""RFC 9260 §3.2.2: reporting of unrecognized parameters."""

import polars as pl

from sctpinspect.protocol import CauseCode, ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.exchanges import with_cause
from sctpinspect.rules.queries import found
from sctpinspect.rules.unrecognized import to_be_reported
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


@rule(
    "rfc9260/3.2.2/unknown-init-ack-param-reported",
    level=Level.SHOULD,
    cites=["RFC 9260 §3.2.2", "RFC 9260 §3.3.10.8"],
    to_fail=[Need.NO_LOSS],
)
def unknown_init_ack_param_reported(t: View) -> Judgement:
    """Unknown parameters of an INIT ACK whose type asks for it are reported with the COOKIE ECHO.

    What it checks: that the packet with the COOKIE ECHO, or one after the COOKIE ACK, has an ERROR with the
    cause Unrecognized Parameters, if the INIT ACK has a parameter whose type no RFC defines, with high bits
    01 or 11.
    Why it matters: the responder learns so which extensions it has to do without.
    What the capture must contain: an INIT ACK with such a parameter, and the COOKIE ECHO. A violation counts
    only where the capture states that it dropped nothing.
    Known exceptions: none.
    References: RFC 9260 §3.2.2; RFC 9260 §3.3.10.8.
    """
    asked = to_be_reported(t, ChunkType.INIT_ACK).select("association", peer(), "type").unique(ENDPOINT)
    echoes = t.chunks.filter(is_type(ChunkType.COOKIE_ECHO))
    accepted = (
        t.chunks.filter(is_type(ChunkType.COOKIE_ACK))
        .group_by("association", peer())
        .agg(accepted=pl.col("packet").min())
    )
    reports = (
        t.chunks.filter(is_type(ChunkType.ERROR))
        .join(with_cause(t, CauseCode.UNRECOGNIZED_PARAMETERS), on=["packet", "chunk"], how="semi")
        .join(echoes.select("packet", bundled=True), on="packet", how="left")
        .join(accepted, on=ENDPOINT, how="left")
        .filter(pl.col("bundled").fill_null(False) | (pl.col("packet") > pl.col("accepted")))
        .select(ENDPOINT)
    )
    subjects = echoes.unique(ENDPOINT, keep="first", maintain_order=True).join(
        asked, on=ENDPOINT, maintain_order="left"
    )
    violations = subjects.join(reports, on=ENDPOINT, how="anti", maintain_order="left")
    expected = pl.format("an ERROR that reports parameter type {}", "type_right")
    return Judgement(subjects, found(violations, expected, "COOKIE ECHO without it"))
