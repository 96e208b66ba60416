"""RFC 9260 §1.6: serial number arithmetic."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import USER_DATA, first_transmissions, found, with_moved_numbers
from sctpinspect.tables.associations import ENDPOINT

_LAST, _NEAR = (1 << 32) - 1, 1 << 20


@rule("rfc9260/1.6/tsn-wrap", level=Level.MUST, cites=["RFC 9260 §1.6"], to_fail=[Need.NO_LOSS])
def tsn_wrap(t: View) -> Judgement:
    """The TSN after 4294967295 is 0.

    What it checks: that of new DATA in order of TSN the first one behind 4294967295 has TSN 0.
    Why it matters: the receiver waits for TSN 0 for ever.
    What the capture must contain: DATA with TSN 4294967295 and later DATA. A violation counts only where the
    capture states that it dropped nothing and shows no sign of loss.
    Known exceptions: associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §1.6.
    """
    subjects = (
        first_transmissions(t, *USER_DATA)
        .with_columns(before=pl.col("tsn").shift(1).over(ENDPOINT))
        .filter((pl.col("before") == _LAST) & (pl.col("tsn") < _NEAR))
    )
    violations = subjects.filter(pl.col("tsn") != 0)
    return with_moved_numbers(
        t, subjects, found(violations, "TSN 0", pl.format("TSN {} after 4294967295", "tsn"))
    )
