"""The compiled loop of `sctpinspect.tables.senders`, where what it finds is described."""

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode.compiled import compiled
from sctpinspect.tables.loops import NONE, Integers, bisect, following_one
from sctpinspect.tables.loops_receivers import RACE_NS

_MISSES = 3
_NEAR = 256

# columns of the state of an endpoint that sends DATA
_LINE = 0  # first TSN that is not acknowledged cumulatively (index)
_REPORTED = 1  # the highest that a gap ack block has reported, or is acknowledged cumulatively
_TOP = 2  # the highest sent
_EDGE, _OLD_EDGE, _OLD_NS = 3, 4, 5  # up to where, in bytes, the peer has room; before that; when it changed
_WINDOW = 6  # the peer's last a_rwnd
_FREED = 7  # the highest when T3-rtx expired last: nothing up to there is in flight
_EXPIRED = 8  # the DATA (index) that showed that
_ADVANCED_NS, _HEARD_NS = 9, 10  # when the Cumulative TSN Ack Point advanced; when any acknowledgement came
_RECOVERY = 11  # Fast Recovery lasts until this TSN is acknowledged
_LATEST_ACK, _DISORDER_NS = 12, 13  # the last acknowledgement sent of those here; when an earlier one came
STATES = 14

# columns of what is found of DATA
SINCE_SENT, SINCE_ADVANCED, SINCE_HEARD, SINCE_ACKED, MISSES, IS_EARLIEST, HAS_EXPIRED, BEYOND, IN_FLIGHT = (
    range(9)
)
WINDOW, SINCE_EARLIEST, IS_MARKED, SINCE_DUE, OVERTAKES, SINCE_DISORDER = range(9, 15)
OF_DATA = 15


@compiled
def send(
    events: Integers,
    times_ns: Integers,
    lines: Integers,
    transmissions: Integers,
    timeouts: Integers,
    steps: Integers,
    endpoints: Integers,
    begins: Integers,
    totals: Integers,
    owners: Integers,
    cumulatives: Integers,
    windows: Integers,
    block_begins: Integers,
    block_firsts: Integers,
    block_lasts: Integers,
    states: NDArray[np.int64],
    latest: Integers,
    sent_ns: Integers,
    acked_ns: Integers,
    due_ns: Integers,
    following: Integers,
    counted: Integers,
    misses: Integers,
    of_data: NDArray[np.int64],
) -> None:
    """What senders knew whenever they sent DATA.

    events: in order of time, DATA that is sent (index into lines to timeouts) and acknowledgements that
    arrive (-1 - index into owners to windows, and block_begins); times_ns: theirs.
    timeouts: 2: it was sent again by a timer, 1: it may have been, unless it was missed three times; else 0.
    steps, endpoints, totals (bytes of all TSNs up to this one), latest to misses: of the TSNs (due_ns: when
    one that was sent once was missed for the third time, and Fast Recovery began). begins,
    states: of the endpoints. following, counted: they shorten the way over TSNs that are acknowledged, or
    whose misses need no counting.
    """
    for here in range(len(events)):
        event, now_ns = events[here], times_ns[here]
        if event < 0:
            _take(
                *(-1 - event, now_ns, steps, begins, totals, owners, cumulatives, windows),
                *(block_begins, block_firsts, block_lasts),
                *(states, acked_ns, due_ns, following, counted, misses),
                *(latest, transmissions),
            )
            continue
        line = lines[event]
        owner = endpoints[line]
        settled = max(states[owner, _LINE] - 1, states[owner, _REPORTED], states[owner, _FREED])
        top = states[owner, _TOP]
        if sent_ns[line] != NONE:
            of_data[event, SINCE_SENT] = now_ns - sent_ns[line]
        if states[owner, _ADVANCED_NS] != NONE:
            of_data[event, SINCE_ADVANCED] = now_ns - states[owner, _ADVANCED_NS]
        if states[owner, _DISORDER_NS] != NONE:
            of_data[event, SINCE_DISORDER] = now_ns - states[owner, _DISORDER_NS]
        if states[owner, _HEARD_NS] != NONE:
            of_data[event, SINCE_HEARD] = now_ns - states[owner, _HEARD_NS]
        if acked_ns[line] != NONE:
            of_data[event, SINCE_ACKED] = now_ns - acked_ns[line]
        if due_ns[line] != NONE:
            of_data[event, SINCE_DUE] = now_ns - due_ns[line]
            due_ns[line] = NONE
        of_data[event, IS_MARKED] = latest[line] != NONE and latest[line] < states[owner, _EXPIRED]
        of_data[event, MISSES] = misses[line]
        of_data[event, WINDOW] = states[owner, _WINDOW]
        earliest = following_one(following, states[owner, _LINE])
        is_earliest = earliest == line
        of_data[event, IS_EARLIEST] = is_earliest
        if earliest < begins[owner + 1] and sent_ns[earliest] != NONE:
            of_data[event, SINCE_EARLIEST] = now_ns - sent_ns[earliest]
        before = begins[owner] - 1
        in_flight = _total(totals, top, before) - _total(totals, settled, before) if top > settled else 0
        of_data[event, IN_FLIGHT] = in_flight
        if transmissions[event] == 1:
            edge = states[owner, _EDGE]
            if now_ns - states[owner, _OLD_NS] < RACE_NS:
                edge = max(edge, states[owner, _OLD_EDGE])
            of_data[event, OVERTAKES] = _marked(owner, earliest, latest, following, states)
            of_data[event, BEYOND] = _total(totals, line, before) - edge if edge != NONE else 0
        elif (
            timeouts[event] > misses[line] // _MISSES
            and is_earliest
            and latest[line] >= states[owner, _EXPIRED]
        ):
            of_data[event, HAS_EXPIRED] = 1
            states[owner, _EXPIRED], states[owner, _FREED] = event, top
            if states[owner, _EDGE] != NONE:
                freed = _total(totals, top, before) + states[owner, _WINDOW]
                states[owner, _EDGE] = max(states[owner, _EDGE], freed)
        latest[line], sent_ns[line] = event, now_ns
        states[owner, _TOP] = max(top, line)


@compiled
def _marked(owner: int, line: int, latest: Integers, following: Integers, states: NDArray[np.int64]) -> int:
    """The first TSN (index) that T3-rtx has marked for retransmission and that was not sent again yet."""
    for _ in range(_NEAR):
        if line > states[owner, _FREED] or latest[line] == NONE:
            return NONE
        if latest[line] < states[owner, _EXPIRED]:
            return line
        line = following_one(following, line + 1)
    return NONE


@compiled
def _total(totals: Integers, line: int, before: int) -> int:
    """Bytes of an endpoint's TSNs up to one; `before`: the line before its first."""
    return (totals[line] if line >= 0 else 0) - (totals[before] if before >= 0 else 0)


@compiled
def _take(
    ack: int,
    now_ns: int,
    steps: Integers,
    begins: Integers,
    totals: Integers,
    owners: Integers,
    cumulatives: Integers,
    windows: Integers,
    block_begins: Integers,
    block_firsts: Integers,
    block_lasts: Integers,
    states: NDArray[np.int64],
    acked_ns: Integers,
    due_ns: Integers,
    following: Integers,
    counted: Integers,
    misses: Integers,
    latest: Integers,
    transmissions: Integers,
) -> None:
    """Takes in an acknowledgement that arrived."""
    owner, end = owners[ack], begins[owners[ack] + 1]
    states[owner, _HEARD_NS] = now_ns
    if ack < states[owner, _LATEST_ACK]:
        states[owner, _DISORDER_NS] = now_ns
    states[owner, _LATEST_ACK] = max(states[owner, _LATEST_ACK], ack)
    behind = bisect(steps, begins[owner], end, cumulatives[ack] + 1)
    if behind < states[owner, _LINE]:
        return  # an older one (RFC 9260 §6.2.1 D i)
    newest = NONE
    for line in range(states[owner, _LINE], behind):
        acked_ns[line] = now_ns
        newest = max(newest, _newly(line, following, counted))
    if behind > states[owner, _LINE]:
        states[owner, _LINE], states[owner, _ADVANCED_NS] = behind, now_ns
    states[owner, _REPORTED] = max(states[owner, _REPORTED], behind - 1)
    if behind > states[owner, _RECOVERY]:
        states[owner, _RECOVERY] = NONE
    if windows[ack] == NONE:
        return
    reported = behind - 1
    for block in range(block_begins[ack], block_begins[ack + 1]):
        low = bisect(steps, behind, end, block_firsts[block])
        high = bisect(steps, low, end, block_lasts[block] + 1)
        line = following_one(following, low)
        while line < high:
            newest = max(newest, _newly(line, following, counted))
            line = following_one(following, line + 1)
        if high > low:
            reported = max(reported, high - 1)
    states[owner, _REPORTED] = max(states[owner, _REPORTED], reported)
    line = following_one(counted, behind)
    while line < newest:
        misses[line] += 1
        if misses[line] == _MISSES:
            counted[line] = line + 1
            if states[owner, _RECOVERY] == NONE and latest[line] != NONE:
                states[owner, _RECOVERY] = states[owner, _TOP]
                if transmissions[latest[line]] == 1:
                    due_ns[line] = now_ns
        line = following_one(counted, line + 1)
    before = begins[owner] - 1
    edge = _total(totals, reported, before) + windows[ack]
    if edge < states[owner, _EDGE]:
        states[owner, _OLD_EDGE], states[owner, _OLD_NS] = states[owner, _EDGE], now_ns
    states[owner, _EDGE], states[owner, _WINDOW] = edge, windows[ack]


@compiled
def _newly(line: int, following: Integers, counted: Integers) -> int:
    """Marks a TSN as acknowledged; gives it if it had not been."""
    if following[line] != line:
        return NONE
    following[line] = line + 1
    if counted[line] == line:
        counted[line] = line + 1
    return line


@compiled
def start(steps: Integers, begins: Integers, rooms: Integers, states: NDArray[np.int64]) -> None:
    """The state of each sender before it sends: it has the room that the handshake gave, if that is known."""
    for owner in range(len(rooms)):
        begin = bisect(steps, begins[owner], begins[owner + 1], 0)
        states[owner, _LINE] = begin
        states[owner, _REPORTED] = states[owner, _TOP] = states[owner, _FREED] = begin - 1
        states[owner, _EDGE] = states[owner, _WINDOW] = rooms[owner]
        states[owner, _EXPIRED] = states[owner, _RECOVERY] = states[owner, _DISORDER_NS] = NONE
        states[owner, _ADVANCED_NS] = states[owner, _HEARD_NS] = NONE
        states[owner, _OLD_NS] = NONE - RACE_NS
