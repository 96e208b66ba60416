"""RFC 9260 §7.2.1: the first congestion window."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.answers import left_out, unmoved
from sctpinspect.rules.queries import found
from sctpinspect.rules.timers import AT_SENDER
from sctpinspect.tables.associations import ENDPOINT

_ETHERNET, _FIRST_WINDOW = 1500, 4404


@rule(
    "rfc9260/7.2.1/initial-cwnd",
    level=Level.MUST,
    cites=["RFC 9260 §7.2.1", "RFC 9260 §6.1"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_SENDER,
)
def initial_cwnd(t: View) -> Judgement:
    """Before the first SACK no more than the initial congestion window is in flight.

    What it checks: that no new DATA is sent before any SACK has arrived, when user data of 4404 bytes, or of
    two packets of the largest size if that is more, and of one more such packet is already in flight. A
    packet is taken to have 1500 bytes, or the largest size that the side sends in the capture if that is
    more.
    Why it matters: nothing is known yet of what the path can carry.
    What the capture must contain: the handshake and DATA before the first SACK. A violation counts only in a
    capture of the sandbox without drops, which knows when SACKs arrived.
    Known exceptions: each address has a window of its own; with DATA to more than one nothing is judged.
    Associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §7.2.1; RFC 9260 §6.1.
    """
    single = t.paths.filter(pl.col("data_chunks") > 0).group_by(ENDPOINT).agg(paths=pl.len())
    largest = t.packets.group_by(ENDPOINT).agg(largest=pl.max_horizontal(pl.col("length").max(), _ETHERNET))
    subjects = (
        unmoved(t, t.transmissions)
        .filter(pl.col("since_heard").is_null() & ~pl.col("is_retransmission"))
        .join(single.filter(pl.col("paths") == 1), on=ENDPOINT, how="semi", maintain_order="left")
        .join(largest, on=ENDPOINT, maintain_order="left")
        .with_columns(limit=pl.max_horizontal(2 * pl.col("largest"), _FIRST_WINDOW) + pl.col("largest"))
    )
    violations = subjects.filter(pl.col("in_flight") >= pl.col("limit")).unique(
        ENDPOINT, keep="first", maintain_order=True
    )
    actual = pl.format("TSN {} after {} bytes", "tsn", "in_flight")
    return Judgement(
        subjects, found(violations, pl.format("less than {} bytes in flight", "limit"), actual), left_out(t)
    )
