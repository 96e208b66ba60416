"""The walk through a pcap file, and through its variants.

Sources: draft-ietf-opsawg-pcap; for the variants and for telling them apart: libpcap 1.10 (sf-pcap.c) and
Wireshark 4.4 (wiretap/libpcap.c).
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from numpy.typing import NDArray

from sctpinspect.decode.compiled import compiled
from sctpinspect.decode.frames import CUT_HEADER, CUT_PACKET, END, FULL, SECOND, Damaged, Frames, word


class Format(NamedTuple):
    """How to read a pcap file; `order` as in `struct`."""

    order: str
    unit_ns: int
    file_header: int
    record_header: int
    lengths: int
    link_type: int
    snaplen: int


HEADER_LENGTH = 24

_STANDARD = (1000, 24, (16, 24, 20))  # 24: by the first of those patches; 20: by Nokia
_NANOSECOND = (1, 24, (16,))
_MODIFIED = (1000, 24, (24, 28))  # by A. Kuznetzov's patches to libpcap of 1999
_IXIA_HARDWARE = (1, 28, (16,))
_IXIA_SOFTWARE = (1000, 28, (16,))
_VARIANTS = {
    0xA1B2C3D4: _STANDARD,
    0xA1B23C4D: _NANOSECOND,
    0xA1B2CD34: _MODIFIED,
    0x1C0001AC: _IXIA_HARDWARE,
    0x1C0001AB: _IXIA_SOFTWARE,
}
"""Nanoseconds per unit of the fraction, length of the file header, and of the record headers to try."""

MAGICS = {
    struct.pack(order + "I", magic): (order, variant)
    for magic, variant in _VARIANTS.items()
    for order in "<>"
}

# which length of a record comes first
_CAPTURED_FIRST, _ORIGINAL_FIRST, _LESSER_FIRST = range(3)

_AIX_VERSION = [2, 2]
_AIX_LINK_TYPES = {6: 1, 9: 6, 24: 0}
"""AIX has an ifType in place of a LINKTYPE_, and nanoseconds."""


def format_of(data: NDArray) -> Format:
    """The format, by the header and, for variants that it does not tell apart, by the first records."""
    head = data[:HEADER_LENGTH].tobytes()
    order, variant = MAGICS[head[:4]]
    unit, file_header, record_headers = variant
    *version, snaplen, link_type = struct.unpack(order + "HH8xII", head[4:])
    lengths, record_header = _CAPTURED_FIRST, record_headers[0]
    if version[0] == 2 and version[1] <= 3:
        lengths = _LESSER_FIRST if version[1] == 3 else _ORIGINAL_FIRST
    elif version[0] == 543:  # tcpdump of DG/UX
        lengths = _ORIGINAL_FIRST
    elif len(record_headers) > 1:
        record_header = _record_header(data, file_header, order, record_headers, snaplen)
    if variant is _STANDARD and version == _AIX_VERSION and link_type in _AIX_LINK_TYPES:
        unit, link_type = 1, _AIX_LINK_TYPES[link_type]
    link_type &= 0xFFFF  # above: length of the frame check sequence
    return Format(order, unit, file_header, record_header, lengths, link_type, snaplen)


def _record_header(data: NDArray, begin: int, order: str, lengths: tuple[int, ...], snaplen: int) -> int:
    """The length of record headers with which most of the first records make sense; by default the first."""
    sensible = {length: _sensible(data, begin, order, length, snaplen) for length in lengths}
    best = max(lengths, key=lambda length: sensible[length])
    return best if sensible[best] > 1 else lengths[0]  # one record may by chance


_TRIED = 3
_LARGEST = 1 << 27
_LARGEST_SNAPLEN = 1 << 18
_LARGEST_INTERFACE = 10_000
_LARGEST_PACKET_TYPE = 4


def _sensible(data: NDArray, at: int, order: str, length: int, snaplen: int) -> int:
    """How many records with headers of this length stand there, whole and possible; at most _TRIED."""
    for count in range(_TRIED):
        header = data[at : at + length].tobytes()
        if len(header) < length:
            return count
        fraction, captured, original = struct.unpack_from(order + "4xIII", header)
        if fraction >= 1_000_000 or captured > original or original > _LARGEST:
            return count
        if captured > max(snaplen, _LARGEST_SNAPLEN):
            return count
        if length >= 24:
            interface, packet_type = struct.unpack_from(order + "I2xB", header, 16)
            if interface > _LARGEST_INTERFACE or packet_type > _LARGEST_PACKET_TYPE:
                return count
        at += length + captured
        if at > len(data):
            return count
    return _TRIED


def walk(data: NDArray, format: Format, frames: Frames) -> Iterator[tuple]:
    """Add the frames, and give them (`Frames.take_full`) whenever there is no room for more.

    Damaged is raised where the file is cut or damaged.
    """
    if len(data) < format.file_header:
        raise Damaged("the file is cut inside its header")
    at, is_big = format.file_header, format.order == ">"
    state = FULL
    while state == FULL:
        at, frames.count, state = _walk(
            *(data, at, is_big, format.record_header, format.unit_ns, format.lengths),
            *(frames.rows, frames.count, frames.before),
        )
        if state == FULL:
            yield frames.take_full()
    if state == CUT_HEADER:
        raise Damaged("the file is cut inside a record header")
    if state == CUT_PACKET:
        raise Damaged("the file is cut or damaged inside a packet")


@compiled
def _walk(
    data: NDArray,
    at: int,
    is_big: bool,
    header: int,
    unit_ns: int,
    lengths: int,
    rows: NDArray,
    count: int,
    before: int,
) -> tuple[int, int, int]:
    """Fill `rows` with the records from `at` on: where it ends, how many rows are filled, why it ends.

    before: number of the last record before the first row.
    """
    while at < len(data):
        if count == len(rows):
            return at, count, FULL
        if at + header > len(data):
            return at, count, CUT_HEADER
        captured, original = word(data, at + 8, is_big), word(data, at + 12, is_big)
        if lengths == _ORIGINAL_FIRST or (lengths == _LESSER_FIRST and captured > original):
            captured, original = original, captured
        begin = at + header
        if captured > len(data) - begin:
            return at, count, CUT_PACKET
        rows[count]["number"] = before + count + 1
        rows[count]["interface"] = 0
        rows[count]["time_ns"] = word(data, at, is_big) * SECOND + word(data, at + 4, is_big) * unit_ns
        rows[count]["offset"] = begin
        rows[count]["captured"] = captured
        rows[count]["original"] = original
        count += 1
        at = begin + captured
    return at, count, END
