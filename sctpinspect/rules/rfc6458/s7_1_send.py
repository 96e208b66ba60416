"""RFC 6458 §7.1: what the sending and receiving calls return."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.calls import first_since
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT
from sctpinspect.tables.calls import SENDS


@rule("rfc6458/7.1/send-failed-no-data", level=Level.MUST, cites=["RFC 6458 §7.1", "RFC 6458 §3.1.4"])
def send_failed_no_data(t: View) -> Judgement:
    """A send that failed puts nothing on the wire.

    What it checks: that no message that belongs to no other call has the bytes of a failed one.
    Why it matters: the application will send it again, and the peer gets it twice.
    What the capture must contain: the journal of the sender with a failed send.
    Known exceptions: none.
    References: RFC 6458 §7.1; RFC 6458 §3.1.4.
    """
    subjects = t.calls.filter(
        pl.col("name").is_in(SENDS)
        & pl.col("errno").is_not_null()
        & pl.col("association").is_not_null()
        & pl.col("digest").is_not_null()
    )
    unsent = t.sent_messages.filter(pl.col("call").is_null() & pl.col("digest").is_not_null()).select(
        *ENDPOINT, "length", "digest", "frame", "chunk", "first_ns"
    )
    failed = subjects.select(*ENDPOINT, "call", "errno", "length", "digest", "start_ns")
    violations = first_since(failed, unsent, "first_ns", [*ENDPOINT, "length", "digest"])
    return Judgement(
        subjects, found(violations, "no DATA", pl.format("its message, though the call failed: {}", "errno"))
    )
