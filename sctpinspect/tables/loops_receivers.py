"""The compiled loop of `sctpinspect.tables.receivers`, where what it finds is described."""

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode.compiled import compiled
from sctpinspect.tables.loops import HALF, NONE, Flags, Integers, bisect

RACE_NS = 20_000_000
"""What arrived so shortly before may not have been taken in yet: two clock ticks."""

_NEAR = 256
"""So many TSNs after the Cumulative TSN Ack Point are looked at: bounds the time taken."""

NOTHING = -2 * HALF
"""In columns of steps: there is none."""

# columns of the state of a receiver, which is that of its peer's endpoint
_LINE, _STEP = 0, 1  # behind the unbroken run of what arrived: first TSN (index), step
_SURE_LINE, _SURE_STEP = 2, 3  # the same of what it surely has taken in
_TOP = 4  # the highest TSN that arrived (index)
_WINDOW = 5  # what is left of the a_rwnd that it announced last
_ROOM = 6  # the a_rwnd of its INIT or INIT_ACK
_PENDING = 7  # packets with DATA since it acknowledged last
_SINCE = 8  # the same, with those that may have come too late for that
_LAST_NS, _SOURCES, _LAST_SOURCE = 9, 10, 11  # of the packets since: time of the last; addresses (bits)
_REPEATED, _REPEATED_LATE, _REPEATED_NS = 12, 13, 14  # DATA that came again since the last SACK
_UNCLEAR = 15  # TSNs that it may have dropped for want of room
STATES = 16

# columns of what is found of an acknowledgement
LEAST, MOST, UNREPORTED, UNTRUE, RENEGED, RENEGED_NS, REPEATED, PACKETS, TO_SOURCE, OPEN = range(10)
OF_ACKS = 10

# columns of what is found of a packet with DATA
NEW, AGAIN, HAS_GAP, NUMBER, DOUBTED = range(5)
OF_PACKETS = 5


@compiled
def receive(
    events: Integers,
    times_ns: Integers,
    lines: Integers,
    packets: Integers,
    sizes: Integers,
    sources: Integers,
    is_unsure: Flags,
    steps: Integers,
    endpoints: Integers,
    begins: Integers,
    owners: Integers,
    cumulatives: Integers,
    windows: Integers,
    duplicates: Integers,
    destinations: Integers,
    block_begins: Integers,
    block_firsts: Integers,
    block_lasts: Integers,
    states: NDArray[np.int64],
    arrived_ns: Integers,
    reported_ns: Integers,
    is_doubtful: Flags,
    of_acks: NDArray[np.int64],
    of_packets: NDArray[np.int64],
) -> None:
    """What receivers had received whenever they acknowledged.

    events: in order of time, DATA that arrives (index into lines to is_unsure) and acknowledgements that are
    sent (-1 - index into owners to destinations, and block_begins); times_ns: theirs.
    steps, endpoints, arrived_ns, reported_ns, is_doubtful: of the TSNs. begins, states: of the endpoints.
    """
    here = 0
    while here < len(events):
        event = events[here]
        if event >= 0:
            end = here + 1
            while end < len(events) and events[end] >= 0 and packets[events[end]] == packets[event]:
                end += 1
            _arrive(
                *(here, end, events, times_ns[here], lines, sizes, sources, is_unsure, steps, endpoints),
                *(begins, states, arrived_ns, reported_ns, is_doubtful, of_packets),
            )
            here = end
        else:
            _acknowledge(
                *(
                    -1 - event,
                    times_ns[here],
                    steps,
                    begins,
                    owners,
                    cumulatives,
                    windows,
                    duplicates,
                    destinations,
                ),
                *(block_begins, block_firsts, block_lasts),
                states,
                arrived_ns,
                reported_ns,
                is_doubtful,
                of_acks,
            )
            here += 1


@compiled
def _arrive(
    begin: int,
    end: int,
    events: Integers,
    now_ns: int,
    lines: Integers,
    sizes: Integers,
    sources: Integers,
    is_unsure: Flags,
    steps: Integers,
    endpoints: Integers,
    begins: Integers,
    states: NDArray[np.int64],
    arrived_ns: Integers,
    reported_ns: Integers,
    is_doubtful: Flags,
    of_packets: NDArray[np.int64],
) -> None:
    """Takes in the DATA of one packet; what is found of it goes to its last DATA."""
    last = events[end - 1]
    owner = endpoints[lines[last]]
    repeated = 0
    for index in range(begin, end):
        chunk = events[index]
        line = lines[chunk]
        if arrived_ns[line] == NONE or (is_doubtful[line] and reported_ns[line] == NONE):
            of_packets[last, NEW] += arrived_ns[line] == NONE
            states[owner, _UNCLEAR] -= is_doubtful[line]
            arrived_ns[line] = now_ns
            has_room = states[owner, _WINDOW] - sizes[chunk] >= states[owner, _ROOM] // 8
            is_doubtful[line] = is_unsure[chunk] or not has_room
            states[owner, _UNCLEAR] += is_doubtful[line]
            states[owner, _WINDOW] -= sizes[chunk]
            states[owner, _TOP] = max(states[owner, _TOP], line)
        elif not is_unsure[chunk]:
            repeated += 1
    if repeated:
        _repeat_late(owner, now_ns, states)
        states[owner, _REPEATED_LATE] += repeated
        states[owner, _REPEATED_NS] = now_ns
    _advance(owner, steps, begins, arrived_ns, states)
    states[owner, _PENDING] += 1
    states[owner, _SINCE] += 1
    states[owner, _LAST_NS] = now_ns
    states[owner, _LAST_SOURCE] = 1 << min(sources[last] + 1, 62)
    states[owner, _SOURCES] |= states[owner, _LAST_SOURCE]
    of_packets[last, AGAIN] = repeated
    of_packets[last, HAS_GAP] = states[owner, _TOP] >= states[owner, _LINE]
    of_packets[last, NUMBER] = states[owner, _PENDING]
    of_packets[last, DOUBTED] = states[owner, _UNCLEAR]


@compiled
def _repeat_late(owner: int, now_ns: int, states: NDArray[np.int64]) -> None:
    """What came again is taken in once it is no longer late."""
    if now_ns - states[owner, _REPEATED_NS] >= RACE_NS:
        states[owner, _REPEATED] += states[owner, _REPEATED_LATE]
        states[owner, _REPEATED_LATE] = 0


@compiled
def _advance(
    owner: int, steps: Integers, begins: Integers, arrived_ns: Integers, states: NDArray[np.int64]
) -> None:
    """Moves the end of the unbroken run of what has arrived."""
    line, step = states[owner, _LINE], states[owner, _STEP]
    while (
        line < begins[owner + 1] and steps[line] <= step and (steps[line] < step or arrived_ns[line] != NONE)
    ):
        step += steps[line] == step
        line += 1
    states[owner, _LINE], states[owner, _STEP] = line, step


@compiled
def _acknowledge(
    ack: int,
    now_ns: int,
    steps: Integers,
    begins: Integers,
    owners: Integers,
    cumulatives: Integers,
    windows: Integers,
    duplicates: Integers,
    destinations: Integers,
    block_begins: Integers,
    block_firsts: Integers,
    block_lasts: Integers,
    states: NDArray[np.int64],
    arrived_ns: Integers,
    reported_ns: Integers,
    is_doubtful: Flags,
    of_acks: NDArray[np.int64],
) -> None:
    """Compares what is acknowledged with what has arrived."""
    owner, cumulative = owners[ack], cumulatives[ack]
    line, step = states[owner, _SURE_LINE], states[owner, _SURE_STEP]
    while line < states[owner, _LINE]:
        if steps[line] > cumulative and (is_doubtful[line] or arrived_ns[line] > now_ns - RACE_NS):
            break
        if steps[line] <= cumulative:
            states[owner, _UNCLEAR] -= is_doubtful[line]
            is_doubtful[line] = False
        step = max(step, steps[line] + 1)
        line += 1
    states[owner, _SURE_LINE], states[owner, _SURE_STEP] = line, step
    of_acks[ack, LEAST], of_acks[ack, MOST] = step - 1, states[owner, _STEP] - 1

    of_acks[ack, UNREPORTED] = of_acks[ack, UNTRUE] = of_acks[ack, RENEGED] = NOTHING
    of_acks[ack, OPEN] = states[owner, _PENDING]
    of_acks[ack, PACKETS] = states[owner, _SINCE]
    is_to_source = states[owner, _SOURCES] >> min(destinations[ack] + 1, 62) & 1
    of_acks[ack, TO_SOURCE] = states[owner, _SOURCES] == 0 or is_to_source == 1
    if windows[ack] != NONE:
        _report(
            *(ack, now_ns, steps, begins, owner, cumulative, block_begins, block_firsts, block_lasts),
            *(states, arrived_ns, reported_ns, is_doubtful, of_acks),
        )
        _repeat_late(owner, now_ns, states)
        of_acks[ack, REPEATED] = states[owner, _REPEATED]
        early = max(0, duplicates[ack] - states[owner, _REPEATED])
        states[owner, _REPEATED_LATE] = max(0, states[owner, _REPEATED_LATE] - early)
        states[owner, _REPEATED] = 0
        states[owner, _WINDOW] = windows[ack]
    states[owner, _PENDING] = 0
    if now_ns - states[owner, _LAST_NS] >= RACE_NS:
        states[owner, _SINCE] = 0
        states[owner, _SOURCES] = states[owner, _LAST_SOURCE]


@compiled
def _report(
    ack: int,
    now_ns: int,
    steps: Integers,
    begins: Integers,
    owner: int,
    cumulative: int,
    block_begins: Integers,
    block_firsts: Integers,
    block_lasts: Integers,
    states: NDArray[np.int64],
    arrived_ns: Integers,
    reported_ns: Integers,
    is_doubtful: Flags,
    of_acks: NDArray[np.int64],
) -> None:
    """Compares gap ack blocks, which are in order of their first TSN, with what has arrived."""
    block, end = block_begins[ack], block_begins[ack + 1]
    line = bisect(steps, begins[owner], begins[owner + 1], max(cumulative + 1, states[owner, _SURE_STEP]))
    far = min(line + _NEAR, states[owner, _TOP] + 1)
    while line < far:
        while block < end and block_lasts[block] < steps[line]:
            block += 1
        if block < end and block_firsts[block] <= steps[line]:
            if arrived_ns[line] == NONE and of_acks[ack, UNTRUE] == NOTHING:
                of_acks[ack, UNTRUE] = steps[line]
            reported_ns[line] = now_ns
            states[owner, _UNCLEAR] -= is_doubtful[line]
            is_doubtful[line] = False
        else:
            is_sure = arrived_ns[line] != NONE and arrived_ns[line] <= now_ns - RACE_NS
            if is_sure and not is_doubtful[line] and of_acks[ack, UNREPORTED] == NOTHING:
                of_acks[ack, UNREPORTED] = steps[line]
            if reported_ns[line] != NONE and of_acks[ack, RENEGED] == NOTHING:
                of_acks[ack, RENEGED], of_acks[ack, RENEGED_NS] = steps[line], reported_ns[line]
        line += 1


@compiled
def start(steps: Integers, begins: Integers, rooms: Integers, states: NDArray[np.int64]) -> None:
    """The state of each receiver before anything arrives: it waits for step 0."""
    for owner in range(len(rooms)):
        begin = bisect(steps, begins[owner], begins[owner + 1], 0)
        states[owner, _LINE] = states[owner, _SURE_LINE] = begin
        states[owner, _TOP] = begin - 1
        states[owner, _WINDOW] = states[owner, _ROOM] = rooms[owner]
