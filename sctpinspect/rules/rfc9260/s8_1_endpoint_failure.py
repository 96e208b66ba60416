"""RFC 9260 §8.1: a peer that does not answer."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import found
from sctpinspect.rules.timers import AT_SENDER, expiries, known, parameter, since_heard
from sctpinspect.tables.associations import ENDPOINT


@rule(
    "rfc9260/8.1/association-max-retrans",
    level=Level.SHOULD,
    cites=["RFC 9260 §8.1"],
    to_fail=AT_SENDER,
)
def association_max_retrans(t: View) -> Judgement:
    """No more than Association.Max.Retrans time-outs in a row are followed by another retransmission.

    What it checks: how often T3-rtx has run out and DATA was sent again since anything of the peer arrived.
    Why it matters: the peer is gone, and the program waits to hear of it.
    What the capture must contain: a time-out, and Association.Max.Retrans: the journal or the recipe of a
    sandbox. A violation counts only in a capture of the sandbox without drops.
    Known exceptions: HEARTBEATs without an answer, which count too, are not counted here.
    References: RFC 9260 §8.1.
    """
    counted = since_heard(t, expiries(t)).with_columns(
        number=pl.int_range(1, pl.len() + 1).over(*ENDPOINT, "heard_ns")
    )
    subjects, unknown = known(counted, parameter(t, "association_max_retrans"), "Association.Max.Retrans")
    violations = subjects.filter(pl.col("number") > pl.col("most"))
    expected = pl.format("{} retransmissions at most", "most")
    actual = pl.format("retransmission {} in a row", "number")
    return Judgement(subjects, found(violations, expected, actual), unknown)
