"""RFC 6458 §8.1.11: SCTP_DISABLE_FRAGMENTS."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.calls import argument, settings
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT


@rule("rfc6458/8.1.11/disable-fragments", level=Level.MUST, cites=["RFC 6458 §8.1.11"])
def disable_fragments(t: View) -> Judgement:
    """With SCTP_DISABLE_FRAGMENTS no message is fragmented.

    What it checks: that each message of the side is one DATA chunk.
    Why it matters: the program wants an error for what does not fit.
    What the capture must contain: the journal with the option set before the association, and DATA.
    Known exceptions: none.
    References: RFC 6458 §8.1.11.
    """
    disabled = (
        settings(t, "SCTP_DISABLE_FRAGMENTS").filter(argument("value.value") == "1").select(*ENDPOINT, "call")
    )
    subjects = t.messages.join(disabled, on=ENDPOINT, maintain_order="left").with_columns(frame="first_frame")
    violations = subjects.filter(pl.col("chunks") > 1)
    return Judgement(subjects, found(violations, "one DATA", pl.format("{} fragments", "chunks")))
