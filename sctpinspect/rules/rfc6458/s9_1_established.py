"""RFC 6458 §9.1: sctp_bindx() on a socket with associations."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, of_associations, succeeded
from sctpinspect.rules.queries import PATIENCE_NS, found
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc6458/9.1/bindx-changes-association",
    level=Level.MUST,
    cites=["RFC 6458 §9.1"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def bindx_changes_association(t: View) -> Judgement:
    """sctp_bindx() on an established association tells the peer of each address by ASCONF.

    What it checks: that an ASCONF with Add or Delete IP Address for each address follows the call,
    where both sides list ASCONF among their Supported Extensions.
    Why it matters: the peer uses a new address only if it is told, and an old one until it is told.
    What the capture must contain: the journal, the handshake, and half a second after the call. A violation
    counts only where nothing was lost: an ASCONF waits for the answer to the one before.
    Known exceptions: an association that ends within that time is not judged, nor an address that more than
    one call adds, or removes.
    References: RFC 6458 §9.1.
    """
    closing = t.chunks.filter(
        is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK, ChunkType.ABORT)
        & pl.col("association").is_not_null()
    )
    over = closing.group_by("association").agg(closing_ns=pl.col("time_ns").min())
    last = t.packets.select(last_ns=pl.col("time_ns").max())
    lives = (
        t.associations.filter(pl.col("established_ns").is_not_null())
        .select("association", "established_ns")
        .join(_capable(t), on="association", how="semi")
        .join(over, on="association", how="left", maintain_order="left")
        .join(last, how="cross", maintain_order="left")
    )
    removes = (argument("flags") == "SCTP_BINDX_REM_ADDR").fill_null(False)
    wanted = pl.when(removes).then(ParameterType.DELETE_IP_ADDRESS.value)
    calls = (
        of_associations(t, succeeded(t, "sctp_bindx"))
        .join(lives, on="association", maintain_order="left")
        .filter(pl.col("start_ns").is_between("established_ns", pl.coalesce("closing_ns", "last_ns")))
        .with_columns(type=wanted.otherwise(ParameterType.ADD_IP_ADDRESS.value).cast(pl.UInt16))
        .drop("address")
        .explode("addresses")
        .rename({"addresses": "address"})
        .filter(pl.len().over(*ENDPOINT, "address", "type") == 1)
    )
    told = (
        t.parameters.filter((pl.col("chunk_type") == ChunkType.ASCONF) & pl.col("address").is_not_null())
        .join(t.packets.select("packet", "time_ns"), on="packet", maintain_order="left")
        .group_by(*ENDPOINT, "type", "address")
        .agg(told_ns=pl.col("time_ns").max())
    )
    judged = calls.join(
        told, on=[*ENDPOINT, "type", "address"], how="left", maintain_order="left"
    ).with_columns(is_told=(pl.col("told_ns") >= pl.col("start_ns")).fill_null(False))
    lasts = pl.min_horizontal("closing_ns", "last_ns") - pl.col("end_ns") >= PATIENCE_NS
    subjects = judged.filter(pl.col("is_told") | lasts)
    name = pl.when(removes).then(pl.lit("Delete")).otherwise(pl.lit("Add"))
    expected = pl.format("ASCONF with {} IP Address {}", name, "address")
    return Judgement(subjects, found(subjects.filter(~pl.col("is_told")), expected, "none after the call"))


def _capable(t: View) -> pl.LazyFrame:
    """Associations whose two sides both list ASCONF among their Supported Extensions (RFC 5061 §4.2.7)."""
    lists_it = t.parameters.filter(
        (pl.col("type") == ParameterType.SUPPORTED_EXTENSIONS)
        & pl.col("value").bin.contains(bytes([ChunkType.ASCONF]))
    )
    both = lists_it.group_by("association").agg(sides=pl.col("side").n_unique())
    return both.filter(pl.col("sides") == 2).select("association")
