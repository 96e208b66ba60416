"""Addresses as text (RFC 5952), each distinct one once."""

import secrets
import socket

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode.compiled import compiled

NO_ADDRESS = -1


def addresses(packets: NDArray) -> tuple[list[str], NDArray[np.int32], NDArray[np.int32]]:
    """The distinct addresses of packets (PACKET), and the index of each packet's source and destination.

    The index is NO_ADDRESS where no IP is around the packet.
    """
    rows = packets.view()
    rows.flags.writeable = False
    sources, destinations = (np.empty(len(rows), dtype=np.int32) for _ in range(2))
    # multipliers that no maker of a capture knows, so that none can fill the table badly
    keys = np.array([secrets.randbits(31) * 2 + 1 for _ in range(4)], dtype=np.uint64)
    distinct = np.empty(1024, dtype=_DISTINCT)
    done = count = 0
    while True:
        table = np.full(4 * len(distinct), -1, dtype=np.int32)
        _fill(keys, table, distinct, count)
        done, count = _intern(rows, done, keys, table, distinct, count, sources, destinations)
        if done == len(rows):
            break
        distinct = np.concatenate([distinct, np.empty_like(distinct)])
    distinct = distinct[:count]
    return address_texts(distinct["family"], distinct["high"], distinct["low"]), sources, destinations


_DISTINCT = np.dtype(
    [("high", np.uint64), ("low", np.uint64), ("family", np.uint8)],
    align=True,
)


def address_texts(families: NDArray, high: NDArray, low: NDArray) -> list[str]:
    """The text of each address; empty for family 0."""
    texts: NDArray = np.full(len(families), "", dtype=object)
    for family, texts_of in ((4, _ipv4_texts), (6, _ipv6_texts)):
        which = np.flatnonzero(families == family)
        texts[which] = texts_of(high[which], low[which])
    return texts.tolist()


def _ipv4_texts(high: NDArray, low: NDArray) -> list[str]:
    text = np.empty(_LONGEST_IPV4 * len(low), dtype=np.uint8)
    length = _write_ipv4(np.ascontiguousarray(low), text)
    return text[:length].tobytes().decode().split()


def _ipv6_texts(high: NDArray, low: NDArray) -> list[str]:
    words: NDArray = np.empty((len(high), 2), dtype=">u8")
    words[:, 0], words[:, 1] = high, low
    octets = words.tobytes()
    ntop, family = socket.inet_ntop, socket.AF_INET6
    return [ntop(family, octets[begin : begin + 16]) for begin in range(0, len(octets), 16)]


_LONGEST_IPV4 = len("255.255.255.255 ")


@compiled
def _write_ipv4(addresses: NDArray, text: NDArray) -> int:
    """Write addresses, each with a space behind it; gives how many bytes that took."""
    at = 0
    for index in range(len(addresses)):
        address = np.int64(addresses[index])
        for shift in (24, 16, 8, 0):
            octet = address >> shift & 0xFF
            for unit in (100, 10, 1):
                if octet >= unit or unit == 1:
                    text[at] = 48 + octet // unit % 10
                    at += 1
            text[at] = 46 if shift else 32  # a dot or a space
            at += 1
    return at


@compiled
def _intern(
    packets: NDArray,
    begin: int,
    keys: NDArray,
    table: NDArray,
    distinct: NDArray,
    count: int,
    sources: NDArray,
    destinations: NDArray,
) -> tuple[int, int]:
    """Fill in the indices of the packets from `begin` on.

    Gives how many packets are done, fewer than there are if the table is full, and the number of
    distinct addresses.
    """
    for index in range(begin, len(packets)):
        family = packets[index]["family"]
        if family == 0:
            sources[index] = destinations[index] = NO_ADDRESS
            continue
        if count + 2 > len(distinct):
            return index, count
        high, low = packets[index]["source_high"], packets[index]["source_low"]
        slot = _slot(keys, table, distinct, family, high, low)
        count = _enter(table, slot, distinct, count, family, high, low)
        sources[index] = table[slot]
        high, low = packets[index]["destination_high"], packets[index]["destination_low"]
        slot = _slot(keys, table, distinct, family, high, low)
        count = _enter(table, slot, distinct, count, family, high, low)
        destinations[index] = table[slot]
    return len(packets), count


@compiled
def _enter(
    table: NDArray,
    slot: int,
    distinct: NDArray,
    count: int,
    family: np.uint8,
    high: np.uint64,
    low: np.uint64,
) -> int:
    """Put the address into its slot unless it is there; gives the number of distinct addresses."""
    if table[slot] >= 0:
        return count
    table[slot] = count
    distinct[count]["family"] = family
    distinct[count]["high"] = high
    distinct[count]["low"] = low
    return count + 1


@compiled
def _fill(keys: NDArray, table: NDArray, distinct: NDArray, count: int) -> None:
    """Put all distinct addresses into an empty table."""
    for index in range(count):
        high, low = distinct[index]["high"], distinct[index]["low"]
        table[_slot(keys, table, distinct, distinct[index]["family"], high, low)] = index


@compiled
def _slot(
    keys: NDArray,
    table: NDArray,
    distinct: NDArray,
    family: np.uint8,
    high: np.uint64,
    low: np.uint64,
) -> int:
    """Where an address stands in the hash table, or is to be put."""
    half, word = np.uint64(32), np.uint64(0xFFFFFFFF)
    # no product has more than 64 bits
    mixed = (
        (low & word) * keys[0] ^ (low >> half) * keys[1] ^ (high & word) * keys[2] ^ (high >> half) * keys[3]
    )
    slot: int = np.int64((mixed & word) * np.uint64(len(table)) >> half)  # type: ignore[assignment]
    while table[slot] >= 0:
        known = table[slot]
        if (
            distinct[known]["low"] == low
            and distinct[known]["high"] == high
            and distinct[known]["family"] == family
        ):
            break
        slot = (slot + 1) & (len(table) - 1)
    return slot
