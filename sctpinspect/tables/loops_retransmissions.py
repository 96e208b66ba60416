"""The compiled loop of `sctpinspect.tables.retransmissions`, where its criteria stand."""

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode.compiled import compiled
from sctpinspect.tables.loops import FROM_THE_FIRST, NONE, Flags, Integers, bisect, following_one

KINDS = ("fast", "t3", "spurious", "zero_window_probe", "tail", "unknown")
_FAST, _T3, _SPURIOUS, _PROBE, _TAIL, _UNKNOWN = range(len(KINDS))

_MISSES = 3
"""A TSN that so many SACKs reported missing is sent again (RFC 9260 §7.2.4)."""

_NEAR = 256
"""So many TSNs or gap ack blocks are looked at for one that is sent again: bounds the time taken."""

# columns of the state of an endpoint that sends DATA
_CUMULATIVE, _WINDOW = 0, 1  # of the peer's last SACK: cumulative TSN ack (step), a_rwnd
_BEGIN, _END = 2, 3  # its ranges
_TOP = 4  # the highest TSN sent (index)
_RECOVERY = 5  # Fast Recovery lasts until this TSN is acknowledged (index)
_ADVANCED_NS = 6  # when the Cumulative TSN Ack Point advanced
_EXPIRED, _EXPIRED_ON = 7, 8  # row of the DATA that showed that T3-rtx had run out; path that it was for
STATES = 9


@compiled
def classify(
    rows: Integers,
    lines: Integers,
    times: Integers,
    packets: Integers,
    paths: Integers,
    endpoints: Integers,
    steps: Integers,
    begins: Integers,
    acked: Integers,
    ack_rows: Integers,
    owners: Integers,
    firsts: Integers,
    lasts: Integers,
    windows: Integers,
    times_ns: Integers,
    shortest_ns: Integers,
    is_heard: Flags,
    following: Integers,
    counted: Integers,
    misses: Integers,
    latest: Integers,
    states: NDArray[np.int64],
    kinds: Integers,
) -> None:
    """The kind of each DATA chunk that was sent again.

    rows to paths: of the DATA chunks, in order. endpoints to acked: of the TSNs; begins, shortest_ns,
    is_heard, states: of the endpoints. ack_rows to windows: of the ranges of SACK, SHUTDOWN and FORWARD_TSN,
    in order; windows: a_rwnd, or NONE. times_ns: of all chunks.
    following, counted, misses, latest: of the TSNs. The first two shorten the way over those that are no
    longer outstanding, or whose misses need no counting; latest: the DATA chunk that had it last.
    """
    ack, judged, holds_last = 0, NONE, False
    for index in range(len(rows)):
        while ack < len(ack_rows) and ack_rows[ack] < rows[index]:
            ack = _take_ack(
                *(ack, steps, begins, ack_rows, owners, firsts, lasts, windows, times_ns),
                *(following, counted, misses, states),
            )
        line = lines[index]
        owner = endpoints[line]
        if times[index] == 0:
            continue
        if times[index] > 1:
            if judged != packets[index]:
                judged = packets[index]
                holds_last = _holds_last(index, lines, packets, begins[owner], states[owner, _TOP], following)
            kind = _UNKNOWN
            if (
                acked[line] != NONE
                and acked[line] < rows[index]
                and not _is_taken_back(
                    *(
                        steps[line],
                        acked[line],
                        ack_rows,
                        firsts,
                        lasts,
                        states[owner, _BEGIN],
                        states[owner, _END],
                    )
                )
            ):
                kind = _SPURIOUS
            elif not is_heard[owner]:
                kind = _UNKNOWN
            elif misses[line] == _MISSES:
                kind = _FAST
                misses[line] = NONE
                if states[owner, _RECOVERY] == NONE:
                    states[owner, _RECOVERY] = states[owner, _TOP]
            elif following[line] != line:
                kind = _UNKNOWN
            elif states[owner, _WINDOW] == 0 and following_one(following, begins[owner]) == line:
                kind = _PROBE
            elif _has_expired(
                *(line, owner, rows[index], rows, paths, begins, times_ns, shortest_ns),
                *(following, latest, states),
            ):
                kind = _TAIL if holds_last else _T3
            kinds[index] = kind
        latest[line] = index
        states[owner, _TOP] = max(states[owner, _TOP], line)


@compiled
def _take_ack(
    begin: int,
    steps: Integers,
    begins: Integers,
    rows: Integers,
    owners: Integers,
    firsts: Integers,
    lasts: Integers,
    windows: Integers,
    times_ns: Integers,
    following: Integers,
    counted: Integers,
    misses: Integers,
    states: NDArray[np.int64],
) -> int:
    """Takes in the ranges of one chunk, from `begin` on; gives the index of the next chunk's."""
    end = begin + 1
    while end < len(rows) and rows[end] == rows[begin]:
        end += 1
    owner = owners[begin]
    if windows[begin] != NONE:
        if states[owner, _BEGIN] != NONE and lasts[begin] < states[owner, _CUMULATIVE]:
            return end  # an older SACK (RFC 9260 §6.2.1 D i)
        states[owner, _CUMULATIVE], states[owner, _WINDOW] = lasts[begin], windows[begin]
        states[owner, _BEGIN], states[owner, _END] = begin, end

    has_advanced, newest, highest = False, NONE, NONE
    for index in range(begin, end):
        is_cumulative = firsts[index] == FROM_THE_FIRST
        low = bisect(steps, begins[owner], begins[owner + 1], firsts[index])
        high = bisect(steps, low, begins[owner + 1], lasts[index] + 1)
        here = following_one(following, low)
        while here < high:
            has_advanced |= is_cumulative
            newest = max(newest, here)
            following[here] = here + 1
            if counted[here] == here:
                counted[here] = here + 1
            here = following_one(following, here + 1)
        if not is_cumulative and high > low:
            highest = max(highest, high - 1)

    outstanding = following_one(following, begins[owner])
    if has_advanced:
        states[owner, _ADVANCED_NS] = times_ns[rows[begin]]
    is_recovering = states[owner, _RECOVERY] != NONE
    if is_recovering and outstanding > states[owner, _RECOVERY]:
        states[owner, _RECOVERY] = NONE
    reported = max(newest, highest) if is_recovering and has_advanced else newest
    here = following_one(counted, outstanding)
    while here < reported:
        misses[here] += 1
        if misses[here] == _MISSES:
            counted[here] = here + 1
        here = following_one(counted, here + 1)
    return end


@compiled
def _holds_last(
    index: int, lines: Integers, packets: Integers, begin: int, top: int, following: Integers
) -> bool:
    """Whether the packet of a DATA chunk has, from there on, the last outstanding TSN."""
    last = top
    while last > max(begin, top - _NEAR) and following[last] != last:
        last -= 1
    packet = packets[index]
    while index < len(lines) and packets[index] == packet:
        if lines[index] == last:
            return True
        index += 1
    return False


@compiled
def _is_taken_back(
    step: int, acked: int, rows: Integers, firsts: Integers, lasts: Integers, begin: int, end: int
) -> bool:
    """Whether the last SACK, these ranges, came after a TSN was acknowledged and no longer does that."""
    if begin == NONE or rows[begin] <= acked or end - begin > _NEAR:
        return False
    covers = False
    for index in range(begin, end):
        covers |= firsts[index] <= step <= lasts[index]
    return not covers


@compiled
def _has_expired(
    line: int,
    owner: int,
    row: int,
    rows: Integers,
    paths: Integers,
    begins: Integers,
    times_ns: Integers,
    shortest_ns: Integers,
    following: Integers,
    latest: Integers,
    states: NDArray[np.int64],
) -> bool:
    """Whether T3-rtx of the path that a TSN was last sent to has run out since then, or does so now."""
    path = paths[latest[line]]
    if path == states[owner, _EXPIRED_ON] and rows[latest[line]] < states[owner, _EXPIRED]:
        return True
    earliest = following_one(following, begins[owner])
    for _ in range(_NEAR):
        if earliest >= line or (latest[earliest] != NONE and paths[latest[earliest]] == path):
            break
        earliest = following_one(following, earliest + 1)
    since = max(times_ns[rows[latest[line]]], states[owner, _ADVANCED_NS])
    if earliest != line or times_ns[row] - since < shortest_ns[owner]:
        return False
    states[owner, _EXPIRED], states[owner, _EXPIRED_ON] = row, path
    return True
