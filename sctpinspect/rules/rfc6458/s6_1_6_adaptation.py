"""RFC 6458 §6.1.6: SCTP_ADAPTATION_INDICATION."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import number, result
from sctpinspect.rules.queries import WHOLE, found, hexadecimal
from sctpinspect.rules.rfc6458.s8_1_10_adaptation_layer import indications
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


@rule(
    "rfc6458/6.1.6/notify-adaptation",
    level=Level.MUST,
    cites=["RFC 6458 §6.1.6", "RFC 5061 §4.2.6"],
    needs=[Need.HANDSHAKE],
)
def notify_adaptation(t: View) -> Judgement:
    """SCTP_ADAPTATION_INDICATION tells the indication of the peer.

    What it checks: sai_adaptation_ind is the Adaptation Layer Indication in the peer's INIT or INIT ACK.
    Why it matters: the program chooses by it what to speak.
    What the capture must contain: the journal with notifications, and the handshake.
    Known exceptions: none.
    References: RFC 6458 §6.1.6; RFC 5061 §4.2.6.
    """
    carried = (
        t.chunks.filter(
            is_type(ChunkType.INIT, ChunkType.INIT_ACK) & WHOLE & pl.col("association").is_not_null()
        )
        .join(indications(t), on=["packet", "chunk"], how="left", maintain_order="left")
        .unique(ENDPOINT, keep="first", maintain_order=True)
        .select("association", peer(), "frame", "chunk", "indication")
    )
    subjects = (
        t.calls.filter(pl.col("notification") == "SCTP_ADAPTATION_INDICATION")
        .select(*ENDPOINT, "call", told=number(result("notification.sai_adaptation_ind")))
        .join(carried, on=ENDPOINT, maintain_order="left")
    )
    violations = subjects.filter(pl.col("told").ne_missing(pl.col("indication")))
    there = pl.format("the indication {} of the peer", hexadecimal(pl.col("indication")))
    return Judgement(
        subjects,
        found(
            violations,
            there.fill_null("no notification: the peer sent no indication"),
            pl.format("{}", hexadecimal(pl.col("told"))),
        ),
    )
