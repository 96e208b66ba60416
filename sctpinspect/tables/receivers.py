"""What each receiver of DATA had received whenever it acknowledged, as far as arrivals are known."""

import numpy as np
import polars as pl

from sctpinspect.tables.exchanges import Exchanges, in_order
from sctpinspect.tables.loops import NONE
from sctpinspect.tables.loops_receivers import (
    AGAIN,
    DOUBTED,
    HAS_GAP,
    LEAST,
    MOST,
    NEW,
    NOTHING,
    NUMBER,
    OF_ACKS,
    OF_PACKETS,
    OPEN,
    PACKETS,
    RENEGED,
    RENEGED_NS,
    REPEATED,
    STATES,
    TO_SOURCE,
    UNREPORTED,
    UNTRUE,
    receive,
    start,
)
from sctpinspect.tables.tsns import nullable


def receivers(known: Exchanges) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What was received, beside the acknowledgements; and each packet with DATA that arrived.

    What arrived within two clock ticks (`loops_receivers.RACE_NS`) before an
    acknowledgement may not have been taken in yet; what the receiver had no room for, what had to be
    discarded, and what may have been lost, may never have been.

    Acknowledgements (SACK, NR_SACK, SHUTDOWN), one row each, by `row` (of `chunks`): `least` and `most`,
    TSNs, between which the cumulative TSN ack must lie; of the 256 TSNs after it the first that had arrived
    and no gap ack block reports (`unreported`), that is reported and had not arrived (`untrue`), that was
    reported before and is not any more (`reneged`; then last at `reneged_ns`); `repeated`: how many DATA had
    come again since the SACK before; `packets`: how many with DATA had come since the acknowledgement before,
    or shortly before that; `to_source`: whether it goes to an address that one of them came from; `open`: how
    many had come since, without exception.

    Packets, by `row` of their last DATA, which is in order of arrival: `arrived_ns`; how many TSNs are `new`
    and come `again`; `has_gap`: whether there is a gap after it; `number`: how many packets with DATA had
    come since the last acknowledgement, with it; `doubted`: TSNs before that may not have been taken in.
    """
    of_tsns, data, acks, rooms = known
    events, times_ns = in_order(data.arrived_ns, data.rows, acks.sent_ns, acks.rows)
    states = np.zeros((len(of_tsns.bases), STATES), np.int64)
    of_acks = np.zeros((len(acks.rows), OF_ACKS), np.int64)
    of_packets = np.zeros((len(data.rows), OF_PACKETS), np.int64)
    count = len(of_tsns.steps)
    start(of_tsns.steps, of_tsns.begins, rooms, states)
    receive(
        *(events, times_ns, data.lines, data.packets, data.sizes, data.sources, data.is_unsure),
        *(of_tsns.steps, of_tsns.endpoints, of_tsns.begins),
        *(
            acks.owners,
            acks.cumulatives,
            acks.windows,
            acks.duplicates,
            acks.paths,
            acks.begins,
            acks.firsts,
            acks.lasts,
        ),
        states,
        np.full(count, NONE),
        np.full(count, NONE),
        np.zeros(count, np.bool_),
        of_acks,
        of_packets,
    )
    bases = of_tsns.bases[acks.owners]

    def tsns(column: int) -> pl.Series:
        found = of_acks[:, column]
        return nullable(np.where(found == NOTHING, NONE, (bases + found) % (1 << 32)), pl.UInt32)

    acknowledgements = pl.DataFrame(
        {
            "row": pl.Series(acks.rows).cast(pl.UInt32),
            "least": tsns(LEAST),
            "most": tsns(MOST),
            "unreported": tsns(UNREPORTED),
            "untrue": tsns(UNTRUE),
            "reneged": tsns(RENEGED),
            "reneged_ns": of_acks[:, RENEGED_NS],
            "repeated": of_acks[:, REPEATED],
            "packets": of_acks[:, PACKETS],
            "to_source": of_acks[:, TO_SOURCE] == 1,
            "open": of_acks[:, OPEN],
        }
    )
    is_last = of_packets[:, NUMBER] > 0
    arrivals = pl.DataFrame(
        {
            "row": pl.Series(data.rows[is_last]).cast(pl.UInt32),
            "arrived_ns": data.arrived_ns[is_last],
            "new": of_packets[is_last, NEW],
            "again": of_packets[is_last, AGAIN],
            "has_gap": of_packets[is_last, HAS_GAP] == 1,
            "number": of_packets[is_last, NUMBER],
            "doubted": of_packets[is_last, DOUBTED] > 0,
        }
    )
    return acknowledgements, arrivals
