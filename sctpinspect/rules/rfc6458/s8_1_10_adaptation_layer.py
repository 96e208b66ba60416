"""RFC 6458 §8.1.10: SCTP_ADAPTATION_LAYER."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.calls import argument, number, settings
from sctpinspect.rules.queries import WHOLE, found, hexadecimal
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule("rfc6458/8.1.10/adaptation-layer", level=Level.MUST, cites=["RFC 6458 §8.1.10", "RFC 5061 §4.2.6"])
def adaptation_layer(t: View) -> Judgement:
    """INIT or INIT ACK carries the Adaptation Layer Indication that was set.

    What it checks: the value of the parameter in each INIT and INIT ACK of a side that has set the option.
    Why it matters: the peer's user learns by it what is spoken above SCTP.
    What the capture must contain: the journal with the option set before the association, and INIT or INIT
    ACK.
    Known exceptions: Linux sends no indication of value 0.
    References: RFC 6458 §8.1.10; RFC 5061 §4.2.6.
    """
    wanted = settings(t, "SCTP_ADAPTATION_LAYER").select(
        *ENDPOINT, "call", wanted=number(argument("value.ssb_adaptation_ind"))
    )
    subjects = (
        t.chunks.filter(is_type(ChunkType.INIT, ChunkType.INIT_ACK) & WHOLE)
        .join(wanted.filter(pl.col("wanted") > 0), on=ENDPOINT, maintain_order="left")
        .join(indications(t), on=["packet", "chunk"], how="left", maintain_order="left")
    )
    violations = subjects.filter(pl.col("indication").ne_missing(pl.col("wanted")))
    carried = pl.format("an indication of {}", hexadecimal(pl.col("indication")))
    return Judgement(
        subjects,
        found(
            violations,
            pl.format("an Adaptation Layer Indication of {}", hexadecimal(pl.col("wanted"))),
            carried.fill_null("none"),
        ),
    )


def indications(t: View) -> pl.LazyFrame:
    """`packet`, `chunk` and `indication`: the Adaptation Layer Indications in INIT and INIT ACK."""
    return (
        t.parameters.filter(
            (pl.col("type") == ParameterType.ADAPTATION_LAYER_INDICATION) & (pl.col("value").bin.size() == 4)
        )
        .unique(["packet", "chunk"], keep="first", maintain_order=True)
        .select("packet", "chunk", indication=number_in(pl.col("value")))
    )


def number_in(value: pl.Expr) -> pl.Expr:
    """The four bytes as a number in network byte order."""
    return value.bin.reinterpret(dtype=pl.UInt32, endianness="big").cast(pl.Int64)
