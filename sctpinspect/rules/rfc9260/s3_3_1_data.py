"""RFC 9260 §3.3.1: DATA and its TSN."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import USER_DATA, first_transmissions, found, with_moved_numbers
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule("rfc9260/3.3.1/data-user-data-present", level=Level.MUST, cites=["RFC 9260 §3.3.1", "RFC 9260 §6.2"])
def data_user_data_present(t: View) -> Judgement:
    """DATA carries at least one byte of user data.

    What it checks: that the length of every DATA is 17 or more.
    Why it matters: a receiver answers an empty DATA with an ABORT (cause "No User Data").
    What the capture must contain: DATA.
    Known exceptions: none.
    References: RFC 9260 §3.3.1; RFC 9260 §6.2.
    """
    subjects = t.chunks.filter(is_type(ChunkType.DATA))
    violations = subjects.filter(pl.col("length") < 17)
    return Judgement(subjects, found(violations, "a length of 17 or more", pl.format("length {}", "length")))


@rule(
    "rfc9260/3.3.1/tsn-sequential",
    level=Level.SHOULD,
    cites=["RFC 9260 §3.3.1"],
    to_fail=[Need.NO_LOSS],
)
def tsn_sequential(t: View) -> Judgement:
    """New TSNs follow each other without a gap.

    What it checks: that a TSN which was not sent before is the highest TSN sent so far plus 1, modulo 2^32.
    Why it matters: the receiver waits for a skipped TSN for ever and reports a gap with every SACK.
    What the capture must contain: two DATA of one side. A violation counts only where the capture states that
    it dropped nothing and shows no sign of loss, such as a TSN acknowledged and never seen.
    Known exceptions: a TSN that fills a gap later only changed places on the way. Associations with RE_CONFIG
    or FORWARD_TSN are left out.
    References: RFC 9260 §3.3.1.
    """
    subjects = first_transmissions(t, *USER_DATA)
    violations = subjects.with_columns(
        missing=pl.col("run") - pl.col("run").shift(1).over(ENDPOINT),
        before=pl.col("tsn").shift(1).over(ENDPOINT),
    ).filter(pl.col("missing") > 0)
    expected = pl.format("the TSN after {}", "before")
    return with_moved_numbers(t, subjects, found(violations, expected, pl.format("TSN {}", "tsn")))
