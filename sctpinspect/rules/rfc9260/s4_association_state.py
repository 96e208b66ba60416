"""RFC 9260 §4: the states of an association."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import chunk_name, found
from sctpinspect.rules.repeats import limits, repeats
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


@rule(
    "rfc9260/4/init-not-given-up-early",
    level=Level.MUST,
    cites=["RFC 9260 §4", "RFC 9260 §5.1.4"],
)
def init_not_given_up_early(t: View) -> Judgement:
    """INIT and COOKIE ECHO are repeated Max.Init.Retransmits times before the peer is given up.

    What it checks: of a connect() or sctp_connectx() that failed with ETIMEDOUT, how often the last of the
    two was sent, to whatever address.
    Why it matters: a peer that is slow, or a network that loses packets, would make associations impossible.
    What the capture must contain: a whole recording of the sandbox with the journal of the initiator. The
    limit is that of SCTP_INITMSG or of the kernel's settings.
    Known exceptions: where the peer answered with ABORT, or the network with an ICMP error, nothing is
    judged.
    References: RFC 9260 §4; RFC 9260 §5.1.4.
    """
    timed_out = t.calls.filter(
        pl.col("name").is_in(["connect", "sctp_connectx"]) & (pl.col("errno") == "ETIMEDOUT")
    ).select(*ENDPOINT, "call")
    refused = t.chunks.filter(is_type(ChunkType.ABORT)).select("association", peer())
    unreachable = t.icmp_errors.select(source="quoted_source", source_port="quoted_source_port")
    subjects = (
        repeats(t)
        .with_columns(sent=pl.int_range(1, pl.len() + 1).over(*ENDPOINT, "type"))
        .unique(ENDPOINT, keep="last", maintain_order=True)
        .join(timed_out.unique(ENDPOINT, keep="last"), on=ENDPOINT, maintain_order="left")
        .join(limits(t).drop_nulls("attempts"), on=ENDPOINT, maintain_order="left")
        .join(refused, on=ENDPOINT, how="anti", maintain_order="left")
        .join(unreachable, on=["source", "source_port"], how="anti", maintain_order="left")
    )
    too_few = pl.col("sent") <= pl.col("attempts")
    violations = subjects.filter(too_few & t.is_whole)
    return Judgement(
        subjects.filter(~too_few | t.is_whole),
        found(
            violations,
            pl.format("{} repeats", "attempts"),
            pl.format("{} given up after {}", chunk_name(), pl.col("sent") - 1),
        ),
        subjects.filter(too_few & (not t.is_whole)).select(
            "association", reason=pl.lit("the capture may lack some of its INITs and COOKIE ECHOs")
        ),
    )
