"""A capture of many whole associations, made of arrays: right in every byte, a million packets in seconds.

Each association is INIT, INIT ACK, COOKIE ECHO, COOKIE ACK; exchanges, in which the two endpoints take turns
to send one DATA chunk that the other acknowledges; SHUTDOWN, SHUTDOWN ACK, SHUTDOWN COMPLETE. Associations
begin at random times, so that thousands are open at once.
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from crc32c import crc32c
from numpy.typing import NDArray

START_S = 1_700_000_000
ASSOCIATIONS_PER_S = 10_000
STEP_US = 50_000  # mean time between two packets of an association
BATCH = 100_000  # associations that are mixed in time; the next batch begins when they have ended
PACKETS_AT_ONCE = 100_000

CLIENT_ADDRESSES, CLIENT_PORTS_FROM = 4096, 1024
SERVER_ADDRESSES, SERVER_PORT = 7, 5001  # of no protocol that Wireshark would dissect, nor is PPID 0
COOKIE_LENGTH = 160

_PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
_RECORD, _ETHERNET, _IP, _SCTP, _DATA = 16, 14, 20, 12, 16  # lengths of headers
_CHUNK = _RECORD + _ETHERNET + _IP + _SCTP  # where a packet's chunk begins in its record

Integers = NDArray[np.int64]


class Sizes(NamedTuple):
    """Bytes of user data: with probability `share`, uniform from `least` to `most`."""

    share: float
    least: int
    most: int


SMALL = (Sizes(1.0, 20, 300),)
MIXED = (Sizes(0.6, 50, 300), Sizes(0.3, 900, 1100), Sizes(0.1, 1400, 1440))


def write(
    path: Path,
    associations: int,
    exchanges: float = 4,
    sizes: Sequence[Sizes] = SMALL,
    *,
    varied: bool = False,
    seed: int = 0,
) -> int:
    """Write a classic pcap; gives its number of packets.

    Each association has so many `exchanges`, or, if `varied`, so many on average (geometric distribution).
    """
    random = np.random.default_rng(seed)
    packets, begin_us = 0, 0
    with open(path, "wb") as file:
        file.write(_PCAP_HEADER)
        for first in range(0, associations, BATCH):
            count = min(BATCH, associations - first)
            turns = random.geometric(1 / exchanges, count) if varied else np.full(count, int(exchanges))
            timeline = _timeline(random, turns, begin_us)
            parties = _parties(random, first, count)
            for part in _parts(timeline):
                file.write(_records(random, part, parties, sizes))
            packets += len(timeline.step)
            begin_us = int(timeline.time_us[-1])
    return packets


# ---- who sends what when

INIT, INIT_ACK, COOKIE_ECHO, COOKIE_ACK, DATA, SACK, SHUTDOWN, SHUTDOWN_ACK, SHUTDOWN_COMPLETE = range(9)


class Timeline(NamedTuple):
    """Packets in the order of time: index of the association, number of its packet, of its packets in all."""

    time_us: Integers
    association: Integers
    step: Integers
    steps: Integers


def _timeline(random: np.random.Generator, exchanges: Integers, begin_us: int) -> Timeline:
    steps = 4 + 2 * exchanges + 3
    association = np.repeat(np.arange(len(steps)), steps)
    begins = np.cumsum(steps) - steps
    step = np.arange(len(association)) - begins[association]
    pauses = np.cumsum(random.exponential(STEP_US, len(association))).astype(np.int64)
    starts = random.integers(0, len(steps) * 1_000_000 // ASSOCIATIONS_PER_S + 1, len(steps))
    time_us = begin_us + starts[association] + pauses - pauses[begins][association]
    order = np.argsort(time_us, kind="stable")
    return Timeline(time_us[order], association[order], step[order], steps[association[order]])


def _parts(timeline: Timeline) -> Iterator[Timeline]:
    for begin in range(0, len(timeline.step), PACKETS_AT_ONCE):
        yield Timeline(*(column[begin : begin + PACKETS_AT_ONCE] for column in timeline))


class Parties(NamedTuple):
    """Per association, client first: addresses, ports, tags and initial TSNs; and its state cookie."""

    address: Integers
    port: Integers
    tag: Integers
    tsn: Integers
    cookie: NDArray[np.uint8]


def _parties(random: np.random.Generator, first: int, count: int) -> Parties:
    number = np.arange(first, first + count)
    clients = (10 << 24 | 1 << 16) + number % CLIENT_ADDRESSES
    servers = (10 << 24 | 2 << 16) + 1 + number % SERVER_ADDRESSES
    ports = CLIENT_PORTS_FROM + number // CLIENT_ADDRESSES
    return Parties(
        address=np.stack([clients, servers]),
        port=np.stack([ports, np.full(count, SERVER_PORT)]),
        tag=random.integers(1, 1 << 32, (2, count)),
        tsn=random.integers(0, 1 << 32, (2, count)),
        cookie=random.integers(0, 256, (count, COOKIE_LENGTH), dtype=np.uint8),
    )


# ---- bytes

_FIXED = struct.pack(">IIHHI", 0, 106_496, 10, 10, 0)  # of INIT: tag, a_rwnd, streams, initial TSN
_TEMPLATES = (
    struct.pack(">BBH", 1, 0, 20 + 12) + _FIXED + struct.pack(">HHHH", 12, 6, 5, 0) + b"\xc0\0\0\4",
    struct.pack(">BBH", 2, 0, 20 + 4 + COOKIE_LENGTH) + _FIXED + struct.pack(">HH", 7, 4 + COOKIE_LENGTH),
    struct.pack(">BBH", 10, 0, 4 + COOKIE_LENGTH),
    struct.pack(">BBH", 11, 0, 4),
    struct.pack(">BBHIHHI", 0, 3, 0, 0, 0, 0, 0),
    struct.pack(">BBHIIHH", 3, 0, 16, 0, 106_496, 0, 0),
    struct.pack(">BBHI", 7, 0, 8, 0),
    struct.pack(">BBH", 8, 0, 4),
    struct.pack(">BBH", 14, 0, 4),
)
"""The chunks as they begin: INIT says Supported Address Types (IPv4) and FORWARD TSN supported."""
_LENGTHS = np.array([len(template) for template in _TEMPLATES])
_LENGTHS[[INIT_ACK, COOKIE_ECHO]] += COOKIE_LENGTH

_HEADERS = (
    bytes(_RECORD)
    + bytes.fromhex("020000000002 020000000001 0800")
    + bytes.fromhex("45 00 0000 0000 4000 40 84 0000 00000000 00000000").ljust(_IP + _SCTP, b"\0")
)


def _records(
    random: np.random.Generator, packets: Timeline, parties: Parties, sizes: Sequence[Sizes]
) -> memoryview:
    """These packets as they stand in the file."""
    kind, sender = _kinds(packets)
    user_data = np.where(kind == DATA, _sizes(random, sizes, len(kind)), 0)
    unpadded = _LENGTHS[kind] + user_data
    lengths = _CHUNK + (unpadded + 3 & ~3)
    begins = np.cumsum(lengths) - lengths
    out = random.integers(0, 256, lengths.sum(), dtype=np.uint8)  # what is not overwritten is user data
    for pad in range(1, 4):
        out[(begins + lengths - pad)[lengths - _CHUNK - unpadded >= pad]] = 0

    ours, theirs = (sender, packets.association), (1 - sender, packets.association)
    captured = lengths - _RECORD
    _put_bytes(out, begins, _HEADERS)
    _put(out, begins, "<u4", START_S + packets.time_us // 1_000_000)
    _put(out, begins + 4, "<u4", packets.time_us % 1_000_000)
    _put(out, begins + 8, "<u4", captured)
    _put(out, begins + 12, "<u4", captured)
    ip = begins + _RECORD + _ETHERNET
    _put(out, ip + 2, ">u2", captured - _ETHERNET)
    _put(out, ip + 12, ">u4", parties.address[ours])
    _put(out, ip + 16, ">u4", parties.address[theirs])
    _put(out, ip + 10, ">u2", _ip_checksums(out, ip))
    sctp = ip + _IP
    _put(out, sctp, ">u2", parties.port[ours])
    _put(out, sctp + 2, ">u2", parties.port[theirs])
    _put(out, sctp + 4, ">u4", np.where(kind == INIT, 0, parties.tag[theirs]))

    for number, template in enumerate(_TEMPLATES):
        rows = kind == number
        chunk, association = begins[rows] + _CHUNK, packets.association[rows]
        ours, theirs = (sender[rows], association), (1 - sender[rows], association)
        turn = _turn(packets.step[rows])
        _put_bytes(out, chunk, template)
        if number in (INIT, INIT_ACK):
            _put(out, chunk + 4, ">u4", parties.tag[ours])
            _put(out, chunk + 16, ">u4", parties.tsn[ours])
        if number in (INIT_ACK, COOKIE_ECHO):
            out[chunk[:, None] + len(template) + np.arange(COOKIE_LENGTH)] = parties.cookie[association]
        if number == DATA:
            _put(out, chunk + 2, ">u2", unpadded[rows])
            _put(out, chunk + 4, ">u4", parties.tsn[ours] + turn // 2)
            _put(out, chunk + 10, ">u2", turn // 2)  # the SSN: each message is whole, and on stream 0
        if number == SACK:
            _put(out, chunk + 4, ">u4", parties.tsn[theirs] + turn // 2)
        if number == SHUTDOWN:
            _put(out, chunk + 4, ">u4", parties.tsn[theirs] + turn // 2 - 1)
    return _with_checksums(out, sctp, begins + lengths)


def _kinds(packets: Timeline) -> tuple[Integers, Integers]:
    """Each packet's kind of chunk, and who sends it: 0 the client, 1 the server."""
    step, left = packets.step, packets.steps - packets.step
    turn, is_sack = _turn(step), step % 2
    kind = np.where(step < 4, step, np.where(left <= 3, SHUTDOWN_COMPLETE + 1 - left, DATA + is_sack))
    sender = np.where(step < 4, step % 2, np.where(left <= 3, (3 - left) % 2, (turn + is_sack) % 2))
    return kind, sender


def _turn(step: Integers) -> Integers:
    """Which exchange a DATA or SACK belongs to; of the SHUTDOWN, which comes next: how many there were."""
    return (step - 4) // 2


def _sizes(random: np.random.Generator, sizes: Sequence[Sizes], count: int) -> Integers:
    each = np.array(sizes)[random.choice(len(sizes), count, p=[size.share for size in sizes])]
    return random.integers(each[:, 1].astype(int), each[:, 2].astype(int), endpoint=True)


def _put(out: NDArray[np.uint8], positions: Integers, dtype: str, values: Integers) -> None:
    """Write one number at each position; what does not fit is cut off at the top, as TSNs are."""
    octets = values.astype(dtype).view(np.uint8).reshape(len(positions), np.dtype(dtype).itemsize)
    for place in range(octets.shape[1]):
        out[positions + place] = octets[:, place]


def _put_bytes(out: NDArray[np.uint8], positions: Integers, value: bytes) -> None:
    for place, octet in enumerate(value):
        out[positions + place] = octet


def _ip_checksums(out: NDArray[np.uint8], begins: Integers) -> Integers:
    """RFC 791: the one's complement of the one's complement sum of the header's words."""
    total = sum(
        (out[begins + place].astype(np.int64) << 8) + out[begins + place + 1] for place in range(0, _IP, 2)
    )
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def _with_checksums(out: NDArray[np.uint8], begins: Integers, ends: Integers) -> memoryview:
    """RFC 9260 §6.8; the field is zero so far."""
    view = memoryview(out)
    checksums = [crc32c(view[begin:end]) for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
    _put(out, begins + 8, "<u4", np.array(checksums))
    return view
