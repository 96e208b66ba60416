"""RFC 9260 §5.1.4: how often INIT and COOKIE ECHO are sent again."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import chunk_name, found
from sctpinspect.rules.repeats import COPY, limits, repeats

MAX_INIT_RETRANSMITS = 8  # RFC 9260 §16


@rule(
    "rfc9260/5.1.4/max-init-retransmits",
    level=Level.MUST,
    cites=["RFC 9260 §5.1.4", "RFC 9260 §4", "RFC 9260 §16"],
)
def max_init_retransmits(t: View) -> Judgement:
    """INIT and COOKIE ECHO are sent again Max.Init.Retransmits times at most.

    What it checks: the number of equal INITs, and of equal COOKIE ECHOs, to each address. The limit is that
    of SCTP_INITMSG or of the kernel's settings.
    Why it matters: an endpoint that never gives up keeps its user waiting, and loads the network.
    What the capture must contain: an INIT or COOKIE ECHO. More than the usual 8 repeats count only where the
    limit is known: in a recording of the sandbox, of an endpoint with a journal.
    Known exceptions: the limit is taken to hold for each address of the peer; attempts that a Stale Cookie
    error began anew are not judged.
    References: RFC 9260 §5.1.4; RFC 9260 §4; RFC 9260 §16.
    """
    limit = pl.col("attempts").fill_null(MAX_INIT_RETRANSMITS)
    copies = (
        repeats(t)
        .join(limits(t), on=["association", "side"], how="left", maintain_order="left")
        .with_columns(again=pl.int_range(pl.len()).over(COPY))
    )
    is_excess = pl.col("again") > limit
    excess = copies.filter(is_excess).unique(COPY, keep="first", maintain_order=True)
    is_known = pl.col("attempts").is_not_null()
    violations = excess.filter(is_known)
    return Judgement(
        copies.filter(~is_excess | is_known),
        found(
            violations,
            pl.format("{} repeats at most", limit),
            pl.format("{} repeat {}", chunk_name(), "again"),
        ),
        excess.filter(~is_known).select(
            "association", reason=pl.lit("how often its INIT and COOKIE ECHO may be repeated is not known")
        ),
    )
