"""RFC 6458 §8.1.5: SCTP_NODELAY."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import as_set, value
from sctpinspect.rules.queries import MILLISECOND, awake, found
from sctpinspect.tables.associations import ENDPOINT

SMALL = 1000
"""Bytes: with so few under way, and so few more, no congestion window is full."""

AT_ONCE_NS = 100 * MILLISECOND
"""Half of the time for which a peer delays its SACKs."""


@rule(
    "rfc6458/8.1.5/nodelay",
    level=Level.MUST,
    cites=["RFC 6458 §8.1.5"],
    to_fail=[Need.NO_LOSS, Need.AT_SENDER],
)
def nodelay(t: View) -> Judgement:
    """With SCTP_NODELAY a small message is sent at once, whatever is not acknowledged yet.

    What it checks: the time from a send to its DATA, no more than 100 ms, where some DATA of the side was
    under way, and no more than 1000 bytes of it.
    Why it matters: what is held back until the peer acknowledges is late by a round trip, or a delayed SACK.
    What the capture must contain: the journal of the sender with the option set on a one-to-one socket, and a
    message of 1000 bytes or less sent while another was not acknowledged. A violation counts only in a
    capture of the sandbox without drops.
    Known exceptions: sides that retransmit, whose congestion window may be full, and sockets that accept() or
    sctp_peeloff() made are not judged.
    References: RFC 6458 §8.1.5.
    """
    acked = t.packets.select(acked_frame="frame", acked_ns="time_ns").unique("acked_frame", keep="first")
    data = t.chunks.select("packet", "chunk", "acked_frame").join(
        acked, on="acked_frame", how="left", maintain_order="left"
    )
    before = (
        t.transmissions.join(data, on=["packet", "chunk"], how="left", maintain_order="left")
        .select(
            *ENDPOINT,
            before_ns="time_ns",
            under_way=pl.col("in_flight") + pl.col("payload_length"),
            acked_ns="acked_ns",
        )
        .sort("before_ns")
    )
    retransmitting = t.chunks.filter("is_retransmission").select(ENDPOINT)
    small = t.sent_messages.filter(
        pl.col("call").is_not_null() & pl.col("message").is_not_null() & (pl.col("length") <= SMALL)
    ).join(retransmitting, on=ENDPOINT, how="anti", maintain_order="left")
    subjects = (
        as_set(t, small, "SCTP_NODELAY")
        .filter(value("value") == 1)
        .join_asof(before, left_on="start_ns", right_on="before_ns", by=ENDPOINT, check_sortedness=False)
        .filter((pl.col("acked_ns") > pl.col("start_ns")).fill_null(True) & (pl.col("under_way") <= SMALL))
        .with_columns(waited=awake(t, pl.col("first_ns")) - awake(t, pl.col("start_ns")))
    )
    late = subjects.filter(pl.col("waited") > AT_ONCE_NS)
    actual = pl.format("after {} ms", pl.col("waited") // MILLISECOND)
    return Judgement(subjects, found(late, "DATA at once", actual))
