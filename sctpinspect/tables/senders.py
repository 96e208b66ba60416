"""What each sender of DATA knew whenever it sent some, as far as arrivals are known."""

import numpy as np
import polars as pl

from sctpinspect.tables.exchanges import Exchanges, in_order
from sctpinspect.tables.loops import NONE
from sctpinspect.tables.loops_senders import (
    BEYOND,
    HAS_EXPIRED,
    IN_FLIGHT,
    IS_EARLIEST,
    IS_MARKED,
    MISSES,
    OF_DATA,
    OVERTAKES,
    SINCE_ACKED,
    SINCE_ADVANCED,
    SINCE_DISORDER,
    SINCE_DUE,
    SINCE_EARLIEST,
    SINCE_HEARD,
    SINCE_SENT,
    STATES,
    WINDOW,
    send,
    start,
)
from sctpinspect.tables.tsns import array, nullable

TIMEOUTS = {"t3": 2, "tail": 2, "zero_window_probe": 2, "spurious": 1}
"""Kinds of retransmission that a timer caused (2), or may have."""


def senders(known: Exchanges, retransmission: pl.Series) -> pl.DataFrame:
    """The DATA chunks that are no copies, one row each, with what their sender knew.

    retransmission: `chunks.retransmission`.

    `row` (of `chunks`); ns `since_sent` (the same TSN; null: it is new), `since_advanced` (the Cumulative TSN
    Ack Point), `since_heard` (any acknowledgement came) and `since_acked` (this TSN, cumulatively; null: it
    was not); `since_earliest` (the earliest outstanding TSN was sent), `since_disorder`
    (an acknowledgement came after a later one), `since_due`
    (it was missed for the third time, having been sent once, and Fast Recovery began; null: it did not);
    `overtakes`: the first TSN that T3-rtx marked for retransmission and that new DATA comes before;
    `is_marked`: T3-rtx ran out since it was sent last; `misses`: how many SACKs, 3 at most,
    had reported it missing while they acknowledged a later TSN for the first time (RFC 9260 §7.2.4);
    `is_earliest`: of those outstanding; `has_expired`: that T3-rtx has run out shows here first; `beyond`:
    bytes by which new DATA exceeds the room that the peer has told of, not above 0 where it fits;
    `in_flight`: bytes sent before and, at least, still under way: of TSNs above all that are reported, sent
    since T3-rtx ran out; `window`: the peer's last a_rwnd.
    """
    of_tsns, data, acks, rooms = known
    events, times_ns = in_order(data.sent_ns, data.rows, acks.arrived_ns, acks.rows)
    count = len(of_tsns.steps)
    sizes = np.zeros(count, np.int64)
    sizes[data.lines] = data.sizes
    states = np.zeros((len(of_tsns.bases), STATES), np.int64)
    start(of_tsns.steps, of_tsns.begins, rooms, states)
    found = np.full((len(data.rows), OF_DATA), NONE)
    kinds = retransmission.cast(pl.String).replace_strict(TIMEOUTS, default=0, return_dtype=pl.Int64)
    send(
        *(events, times_ns, data.lines, data.times, array(kinds)[data.rows]),
        *(of_tsns.steps, of_tsns.endpoints, of_tsns.begins, np.cumsum(sizes)),
        *(acks.owners, acks.cumulatives, acks.windows, acks.begins, acks.firsts, acks.lasts),
        states,
        *(np.full(count, NONE), np.full(count, NONE), np.full(count, NONE), np.full(count, NONE)),
        *(np.arange(count + 1), np.arange(count + 1), np.zeros(count, np.int64), found),
    )
    lines = found[:, OVERTAKES] if count else np.zeros(0, np.int64)
    bases, steps = of_tsns.bases[of_tsns.endpoints[lines]], of_tsns.steps[lines]
    overtaken = np.where(lines == NONE, NONE, (bases + steps) % (1 << 32))
    return pl.DataFrame(
        {
            "row": pl.Series(data.rows).cast(pl.UInt32),
            "since_sent": nullable(found[:, SINCE_SENT], pl.Int64),
            "since_advanced": nullable(found[:, SINCE_ADVANCED], pl.Int64),
            "since_heard": nullable(found[:, SINCE_HEARD], pl.Int64),
            "since_acked": nullable(found[:, SINCE_ACKED], pl.Int64),
            "since_earliest": nullable(found[:, SINCE_EARLIEST], pl.Int64),
            "since_disorder": nullable(found[:, SINCE_DISORDER], pl.Int64),
            "since_due": nullable(found[:, SINCE_DUE], pl.Int64),
            "overtakes": nullable(overtaken, pl.UInt32),
            "is_marked": found[:, IS_MARKED] == 1,
            "misses": found[:, MISSES],
            "is_earliest": found[:, IS_EARLIEST] == 1,
            "has_expired": found[:, HAS_EXPIRED] == 1,
            "beyond": pl.Series(found[:, BEYOND]),
            "in_flight": found[:, IN_FLIGHT],
            "window": nullable(found[:, WINDOW], pl.Int64),
        }
    )
