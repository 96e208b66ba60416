"""RFC 9260 §6.2: acknowledgement of DATA."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import (
    MILLISECOND,
    SECOND,
    TIMER_SLACK,
    acknowledged,
    acknowledged_late,
    certain_without,
    found,
    highest_sent,
    moved_numbers,
    with_moved_numbers,
)
from sctpinspect.tables.associations import ENDPOINT, is_type, peer
from sctpinspect.tables.steps import steps

QUARTER = 1 << 30
"""TSNs: a quarter of all that there are."""


@rule(
    "rfc9260/6.2/sack-delay-limit",
    level=Level.MUST,
    cites=["RFC 9260 §6.2"],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def sack_delay_limit(t: View) -> Judgement:
    """No DATA waits longer than 500 ms for its acknowledgement.

    What it checks: the time from the first transmission of each DATA to the SACK or SHUTDOWN that covers it,
    with 12 % more for late timers.
    Why it matters: a longer delay lets the retransmission timer of the sender expire.
    What the capture must contain: DATA and its SACK. A violation counts only in a capture of the sandbox
    without drops and impairment: elsewhere the packets may have been under way.
    Known exceptions: DATA that is never acknowledged is not judged here.
    References: RFC 9260 §6.2.
    """
    subjects = acknowledged(t).with_columns(side=peer())
    limit = int(500 * MILLISECOND * TIMER_SLACK)
    return Judgement(subjects, acknowledged_late(subjects, limit, "an acknowledgement within 500 ms"))


@rule(
    "rfc9260/6.2.1/sack-cum-tsn-monotonic",
    level=Level.MUST,
    cites=["RFC 9260 §6.2.1"],
    to_fail=[Need.AT_SENDER],
)
def sack_cum_tsn_monotonic(t: View) -> Judgement:
    """The cumulative TSN ack of a side never goes back.

    What it checks: the cumulative TSN acks of the SACK and SHUTDOWN chunks of each side, in the order sent.
    Why it matters: what was acknowledged cumulatively is freed at the sender and cannot be sent again.
    What the capture must contain: two SACK or SHUTDOWN of one side. A violation counts in a capture of the
    sandbox, elsewhere only where it comes more than a second after the larger one: sooner it may have been
    overtaken.
    Known exceptions: associations with RE_CONFIG, which may move TSNs half way round, are left out, and
    elsewhere such a move counts only where the handshake rules out RE_CONFIG. One that acknowledges
    what was not sent yet (see sack-only-sent-tsns) sets no mark for those after it.
    References: RFC 9260 §6.2.1.
    """
    cumulative = pl.col("cumulative_tsn")
    acks = (
        t.chunks.filter(is_type(ChunkType.SACK, ChunkType.SHUTDOWN) & cumulative.is_not_null())
        .filter(pl.col("association").is_not_null())
        .join(moved_numbers(t), on="association", how="anti", maintain_order="left")
        .join_asof(highest_sent(t), on="packet", by=ENDPOINT, check_sortedness=False)
        .with_columns(
            position=steps(cumulative.first().over(ENDPOINT), cumulative),
            is_ahead=(steps(pl.col("highest"), cumulative) > 0).fill_null(False),
        )
    )
    mark = pl.when(~pl.col("is_ahead")).then("position")
    subjects = acks.with_columns(
        before=mark.cum_max().shift(1).forward_fill().over(ENDPOINT),
        last=cumulative.shift(1).over(ENDPOINT),
        pause=pl.col("time_ns").diff().over(ENDPOINT),
    ).filter(pl.col("before").is_not_null())
    back = subjects.filter(pl.col("position") < pl.col("before"))
    # a reset of the TSNs, seen or not, moves them half way round (RFC 6525 §5.2.4)
    is_no_reset = pl.col("certain") | (pl.col("before") - pl.col("position") < QUARTER)
    violations = certain_without(t, ChunkType.RE_CONFIG, back).with_columns(
        certain=is_no_reset & (pl.col("pause") > SECOND)
    )
    expected = pl.format("TSN {} or above", "last")
    return with_moved_numbers(
        t, subjects, found(violations, expected, pl.format("cumulative TSN ack {}", "cumulative_tsn"))
    )
