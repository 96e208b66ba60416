"""RFC 6458 §6.1.2: SCTP_PEER_ADDR_CHANGE."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import result
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT


@rule(
    "rfc6458/6.1.2/notify-addr-change",
    level=Level.MUST,
    cites=["RFC 6458 §6.1.2", "RFC 9260 §5.4"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def notify_addr_change(t: View) -> Judgement:
    """SCTP_ADDR_CONFIRMED comes once the address is confirmed.

    What it checks: that a HEARTBEAT to the address was answered, or set-up confirmed it, before the call
    returned.
    Why it matters: the program may now send there.
    What the capture must contain: the journal with notifications, and the handshake.
    Known exceptions: other states than SCTP_ADDR_CONFIRMED are not judged.
    References: RFC 6458 §6.1.2; RFC 9260 §5.4.
    """
    calls = t.calls.filter(
        (pl.col("notification") == "SCTP_PEER_ADDR_CHANGE")
        & (pl.col("state") == "SCTP_ADDR_CONFIRMED")
        & pl.col("association").is_not_null()
    ).select(*ENDPOINT, "call", "end_ns", "frame", address=result("notification.address"))
    confirmed = t.paths.select(*ENDPOINT, "confirmed_ns", address="destination")
    subjects = calls.join(confirmed, on=[*ENDPOINT, "address"], how="left", maintain_order="left")
    violations = subjects.filter((pl.col("confirmed_ns") >= pl.col("end_ns")).fill_null(True))
    expected = pl.format("a HEARTBEAT ACK for {} before it", "address")
    return Judgement(subjects, found(violations, expected, "the address was not confirmed yet"))
