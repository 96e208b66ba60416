"""The loops of the tables that are compiled: what has to go through rows one by one.

They fill the arrays that they are given last. They stand in modules of their own, all named loops, since
their machine code is made anew when one of these changes, and only then (`sctpinspect.decode.compiled`).
"""

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode.compiled import compiled
from sctpinspect.tables.steps import HALF

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

NONE = -1
"""In arrays of rows, lines and bases: there is none."""

COPY_ELSEWHERE_NS = 1_000_000_000
COPY_HERE_NS = 1_000_000

FROM_THE_FIRST = -2 * HALF
"""Where the range of a cumulative TSN ack begins: before all steps."""


@compiled
def by_endpoint(owners: Integers, places: Integers, order: Integers) -> None:
    """Puts the indices of `owners` into order of the owners, each from its place on."""
    for index in range(len(owners)):
        owner = owners[index]
        order[places[owner]] = index
        places[owner] += 1


@compiled
def bisect(steps: Integers, begin: int, end: int, step: int) -> int:
    """The first index from `begin` on whose step is not less; `end`: there is none before."""
    while begin < end:
        middle = (begin + end) // 2
        if steps[middle] < step:
            begin = middle + 1
        else:
            end = middle
    return begin


@compiled
def following_one(following: Integers, here: int) -> int:
    """The first index from `here` on that follows itself (shortening the way for later calls)."""
    while following[here] != here:
        following[here] = following[following[here]]
        here = following[here]
    return here


@compiled
def cover(
    steps: Integers,
    begins: Integers,
    rows: Integers,
    owners: Integers,
    firsts: Integers,
    lasts: Integers,
    acked: Integers,
    following: Integers,
    has_more: Flags,
) -> None:
    """For each TSN the row of the first range that covers it, and which ranges cover more than TSNs seen.

    Each TSN is visited once, whatever the ranges: `following` shortens the way over those covered.
    """
    for index in range(len(rows)):
        begin, end = begins[owners[index]], begins[owners[index] + 1]
        origin = min(steps[begin], 0) if begin < end else 0
        first = max(firsts[index], origin)
        low = bisect(steps, begin, end, first)
        high = bisect(steps, low, end, lasts[index] + 1)
        here = following_one(following, low)
        while here < high:
            acked[here] = rows[index]
            following[here] = here + 1
            here = following_one(following, here + 1)
        has_more[index] = lasts[index] - first + 1 > high - low


@compiled
def count_missing(
    steps: Integers, begins: Integers, owners: Integers, firsts: Integers, lasts: Integers, missing: Integers
) -> None:
    """How many steps the ranges, which are in order, cover of each endpoint that are not among the TSNs."""
    counted = FROM_THE_FIRST  # up to where it is counted
    for index in range(len(owners)):
        owner = owners[index]
        if index == 0 or owner != owners[index - 1]:
            counted = FROM_THE_FIRST
        first = max(firsts[index], counted + 1)
        if lasts[index] >= first:
            low = bisect(steps, begins[owner], begins[owner + 1], first)
            high = bisect(steps, low, begins[owner + 1], lasts[index] + 1)
            missing[owner] += lasts[index] - first + 1 - (high - low)
            counted = lasts[index]


_ONE = 0x80000000
"""The polynomial 1; bits of polynomials are reflected, as in CRC-32."""


@compiled
def _product(one: int, other: int) -> int:
    """The product of two polynomials modulo that of CRC-32."""
    result = 0
    for bit in range(31, -1, -1):
        if one >> bit & 1:
            result ^= other
        other = other >> 1 ^ (0xEDB88320 if other & 1 else 0)
    return result


@compiled
def _zeros(length: int) -> int:
    """What a CRC-32 has to be multiplied by when so many zero bytes follow."""
    power, result = _ONE >> 8, _ONE  # x to the 8th, 16th, 32nd, ...
    while length:
        if length & 1:
            result = _product(power, result)
        power = _product(power, power)
        length >>= 1
    return result


@compiled
def join_digests(
    digests: Integers,
    lengths: Integers,
    begins: Integers,
    ends: Integers,
    has_digest: Flags,
    joined: Integers,
) -> None:
    """The digest of each message from those of its fragments (as zlib's crc32_combine does)."""
    length, factor = 0, _ONE
    for message in range(len(begins)):
        if has_digest[message]:
            found = digests[begins[message]]
            for fragment in range(begins[message] + 1, ends[message]):
                if length != lengths[fragment]:
                    length = lengths[fragment]
                    factor = _zeros(length)
                found = _product(factor, found) ^ digests[fragment]
            joined[message] = found


@compiled
def mark_copies(
    begins: Integers,
    packets: Integers,
    times_ns: Integers,
    interfaces: Integers,
    places: Integers,
    identifications: Integers,
    sees_again: Flags,
    seen: NDArray[np.int64],
    copies: Flags,
) -> None:
    """Which packets are copies (`sctpinspect.tables.primary`).

    begins: of each group of equal packets the first index into the other arrays; at the end their length.
    sees_again: a device there sees each packet several times. seen: one row for each place that is
    remembered, the latest last: interface, place, how often the packets were sent there, when it saw the
    last, and its identification.
    """
    for group in range(len(begins) - 1):
        known = 0
        for index in range(begins[group], begins[group + 1]):
            times, last_ns, identification, here, elsewhere = 0, times_ns[index], 0, known, 0
            for other in range(known):
                if seen[other, 0] == interfaces[index] and seen[other, 1] == places[index]:
                    times, last_ns, identification, here = (
                        seen[other, 2],
                        seen[other, 3],
                        seen[other, 4],
                        other,
                    )
                elif times_ns[index] - seen[other, 3] <= COPY_ELSEWHERE_NS:
                    elsewhere = max(elsewhere, seen[other, 2])
            is_repeated = (
                times > 0
                and times_ns[index] - last_ns <= COPY_HERE_NS
                and (sees_again[index] or identification == identifications[index] != 0)
            )
            if not is_repeated:
                times += 1
            copies[packets[index]] = is_repeated or times <= elsewhere
            if here == known:
                here = 0 if known == len(seen) else here
                known = min(known + 1, len(seen))
            for other in range(here, known - 1):
                for field in range(5):
                    seen[other, field] = seen[other + 1, field]
            seen[known - 1, 0] = interfaces[index]
            seen[known - 1, 1] = places[index]
            seen[known - 1, 2] = times
            seen[known - 1, 3] = times_ns[index]
            seen[known - 1, 4] = identifications[index]
