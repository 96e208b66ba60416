"""RFC 9260 §3.3.5: HEARTBEAT."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import WHOLE, found
from sctpinspect.tables.associations import is_type


@rule("rfc9260/3.3.5/heartbeat-info-param", level=Level.MUST, cites=["RFC 9260 §3.3.5", "RFC 9260 §3.3.6"])
def heartbeat_info_param(t: View) -> Judgement:
    """HEARTBEAT and HEARTBEAT ACK carry one Heartbeat Info parameter.

    What it checks: how many parameters of type 1 each of them has.
    Why it matters: it is what tells the sender which path was probed, and when.
    What the capture must contain: a HEARTBEAT or HEARTBEAT ACK, not cut.
    Known exceptions: none.
    References: RFC 9260 §3.3.5; RFC 9260 §3.3.6.
    """
    infos = (
        t.parameters.filter(pl.col("type") == ParameterType.HEARTBEAT_INFO)
        .group_by("packet", "chunk")
        .agg(infos=pl.len())
    )
    subjects = (
        t.chunks.filter(is_type(ChunkType.HEARTBEAT, ChunkType.HEARTBEAT_ACK) & WHOLE)
        .join(infos, on=["packet", "chunk"], how="left", maintain_order="left")
        .with_columns(pl.col("infos").fill_null(0))
    )
    violations = subjects.filter(pl.col("infos") != 1)
    return Judgement(
        subjects, found(violations, "one Heartbeat Info parameter", pl.format("{} of them", "infos"))
    )
