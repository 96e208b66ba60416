"""RFC 9260 §7.2.1: slow start after a time-out."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import MILLISECOND, PATH, found
from sctpinspect.rules.timers import AT_SENDER, expiries


@rule(
    "rfc9260/7.2.1/one-packet-after-timeout",
    level=Level.MUST,
    cites=["RFC 9260 §7.2.1", "RFC 9260 §7.2.3"],
    to_fail=AT_SENDER,
)
def one_packet_after_timeout(t: View) -> Judgement:
    """After a time-out one packet with DATA is in flight to the address until something is acknowledged.

    What it checks: that no second packet with DATA follows the one that a time-out sent again, to the same
    address, before an acknowledgement arrives or the timer runs out again.
    Why it matters: the time-out says that the network is congested.
    What the capture must contain: a time-out whose DATA is sent again to the same address. A violation counts
    only in a capture of the sandbox without drops.
    Known exceptions: DATA that went to another address is none of this one's.
    References: RFC 9260 §7.2.1; RFC 9260 §7.2.3.
    """
    subjects = expiries(t).filter(pl.col("path") == pl.col("from_path"))
    expired = subjects.select(
        *PATH, "packet", expired_packet="packet", expired_ns="time_ns", expired_frame="frame"
    )
    following = (
        t.transmissions.sort("packet", maintain_order=True)
        .join_asof(expired.sort("packet"), on="packet", by=PATH, check_sortedness=False)
        .filter(pl.col("packet") > pl.col("expired_packet"))
        .with_columns(passed=pl.col("time_ns") - pl.col("expired_ns"))
    )
    violations = (
        following.filter((pl.col("since_heard") > pl.col("passed")).fill_null(True) & ~pl.col("has_expired"))
        .unique(["expired_packet"], keep="first", maintain_order=True)
        .with_columns(frames=pl.concat_list("expired_frame", "frame"))
    )
    actual = pl.format(
        "TSN {} {} ms after the time-out in frame {}", "tsn", pl.col("passed") // MILLISECOND, "expired_frame"
    )
    return Judgement(subjects, found(violations, "nothing more before an acknowledgement", actual))
