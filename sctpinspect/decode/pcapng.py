"""The walk through a pcapng file.

Source: draft-ietf-opsawg-pcapng; for what counts as a frame: Wireshark 4.0.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from numpy.typing import NDArray

from sctpinspect.decode.compiled import compiled
from sctpinspect.decode.frames import CUT_HEADER, CUT_PACKET, END, FULL, SECOND, Damaged, Frames, half, word
from sctpinspect.journal.entry import IDENTIFIER, Call, Event, from_fields

INT64_MAX = (1 << 63) - 1

MAXIMUM_INTERFACES = 1_000_000


class JournalEntry(NamedTuple):
    """A journal entry with its frame number and the line that Wireshark shows for it."""

    frame: int
    entry: Call | Event
    message: str


@dataclass(slots=True)
class Interface:
    """An interface of the capture; `units` are its clock's ticks per second.

    `start_ns` and `end_ns`: when its capture began and ended, if the file says so.
    """

    link_type: int
    snaplen: int
    name: str | None = None
    description: str | None = None
    units: int = 1_000_000
    offset_ns: int = 0
    received: int | None = None
    dropped: int | None = None
    start_ns: int | None = None
    end_ns: int | None = None

    def time_ns(self, ticks: int) -> int:
        """Nanoseconds since the epoch, held within 64 bits (a damaged clock can say anything)."""
        time_ns = ticks * SECOND // self.units + self.offset_ns
        return max(-INT64_MAX, min(INT64_MAX, time_ns))


@dataclass(slots=True)
class Contents:
    """What a pcapng file holds beside its frames.

    number: of its last frame, packet or not. unreadable: frames of journal entries of ours that are damaged.
    """

    interfaces: list[Interface] = field(default_factory=list)
    journal: list[JournalEntry] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    frame_comments: dict[int, tuple[str, ...]] = field(default_factory=dict)
    number: int = 0


SECTION_MAGIC = b"\x0a\x0d\x0d\x0a"
BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}

_SECTION = 0x0A0D0D0A
_INTERFACE = 1
_OLD_PACKET = 2
_SIMPLE_PACKET = 3
_STATISTICS = 5
_ENHANCED_PACKET = 6
_JOURNAL = 9
_NUMBERED = (0x00000BAD, 0x40000BAD, 0x204, 0x208, 0x216, 0x217, 0x221, 0x222)
"""Custom blocks and events of Sysdig: Wireshark numbers them as frames although they hold no packet.
Journal entries count too."""

_OPTION_END = 0
_OPTION_COMMENT = 1
_INTERFACE_NAME = 2
_INTERFACE_DESCRIPTION = 3
_INTERFACE_TSRESOL = 9
_INTERFACE_TSOFFSET = 14
_STATISTICS_STARTTIME = 2
_STATISTICS_ENDTIME = 3
_STATISTICS_IFRECV = 4
_STATISTICS_IFDROP = 5

# why the walk stops, further: at a block that is not for the loop, behind a packet with comments, at a fault
_OTHER, _COMMENT = 10, 11
_IMPOSSIBLE, _DIFFERENT, _SHORT, _NO_INTERFACE, _UNKNOWN_INTERFACE, _OVERLONG = range(12, 18)

_FAULTS = {
    CUT_HEADER: "the file is cut inside a block header",
    CUT_PACKET: "the file is cut or damaged inside a block",
    _IMPOSSIBLE: "a block of impossible length {} stands",
    _DIFFERENT: "a block whose two length fields differ stands",
    _SHORT: "a block too short for its type stands",
    _NO_INTERFACE: "a packet without interface stands",
    _UNKNOWN_INTERFACE: "a packet of an interface {} that was not described stands",
    _OVERLONG: "a packet longer than its block stands",
}


class _Section(NamedTuple):
    """The section that is read: its byte order, and its first interface as an index over all sections."""

    order: str
    first: int

    def unpack(self, format: str, view: memoryview, at: int) -> tuple:
        return struct.unpack_from(self.order + format, view, at)


def walk(data: NDArray, frames: Frames, contents: Contents) -> Iterator[tuple]:
    """Add the frames, whose times are still ticks, and what there is beside them.

    Gives the frames (`Frames.take_full`) whenever there is no room for more. Damaged is raised where the file
    is cut or damaged.
    """
    view = data.data
    section = _Section("<", 0)  # replaced by the first block, which is a section header
    at, state, detail = 0, FULL, 0
    while state != END:
        interfaces = contents.interfaces
        at, frames.count, contents.number, state, detail = _walk(
            data,
            at,
            section.order == ">",
            section.first,
            len(interfaces) - section.first,
            interfaces[section.first].snaplen if section.first < len(interfaces) else 0,
            frames.rows,
            frames.is_timed,
            frames.count,
            contents.number,
        )
        if state in _FAULTS:
            raise Damaged(_FAULTS[state].format(detail))
        if state == FULL:
            yield frames.take_full()
        elif state == _COMMENT:
            options = _options(view, section, detail, at - 4)
            contents.frame_comments[frames.before + frames.count - 1] = tuple(_comments(options))
        elif state == _OTHER:
            if detail == _SECTION:
                section = _Section(_byte_order(view, at), len(interfaces))
            length, total = _block_length(data, at, section.order == ">")
            if length < 0:
                raise Damaged(_FAULTS[-length].format(total))
            _read_block(view, section, detail, at + 8, at + length - 4, contents)
            at += length


@compiled
def _walk(
    data: NDArray,
    at: int,
    is_big: bool,
    first: int,
    interfaces: int,
    snaplen: int,
    rows: NDArray,
    is_timed: NDArray,
    count: int,
    number: int,
) -> tuple[int, int, int, int, int]:
    """Fill `rows` with the packets from `at` on, up to a block that is not for this loop.

    first: index of the section's first interface over all sections. interfaces: how many it has.
    snaplen: of the first. Gives where the next block begins, how many rows are filled, the number of the
    last frame, why the loop ended, and what belongs to that: where options begin, a type, a wrong number.
    """
    while at < len(data):
        if at + 12 > len(data):
            return at, count, number, CUT_HEADER, 0
        type = word(data, at, is_big)
        if type == _SECTION:
            return at, count, number, _OTHER, type
        length, total = _block_length(data, at, is_big)
        if length < 0:
            return at, count, number, -length, total
        begin, end = at + 8, at + length - 4
        if type == _ENHANCED_PACKET or type == _OLD_PACKET:
            if count == len(rows):
                return at, count, number, FULL, 0
            if begin + 20 > end:
                return at, count, number, _SHORT, 0
            interface = word(data, begin, is_big) if type == _ENHANCED_PACKET else half(data, begin, is_big)
            high, low = word(data, begin + 4, is_big), word(data, begin + 8, is_big)
            captured, original = word(data, begin + 12, is_big), word(data, begin + 16, is_big)
            begin += 20
        elif type == _SIMPLE_PACKET:
            if count == len(rows):
                return at, count, number, FULL, 0
            if begin + 4 > end:
                return at, count, number, _SHORT, 0
            if interfaces == 0:
                return at, count, number, _NO_INTERFACE, 0
            interface, high, low = 0, 0, 0
            original = word(data, begin, is_big)
            begin += 4
            captured = min(original, end - begin)
            if snaplen > 0:
                captured = min(captured, snaplen)
        elif type == _INTERFACE or type == _STATISTICS or type == _JOURNAL:
            return at, count, number, _OTHER, type
        else:
            if type in _NUMBERED:
                number += 1
            at += length
            continue
        if interface >= interfaces:
            return at, count, number, _UNKNOWN_INTERFACE, interface
        if captured > end - begin:
            return at, count, number, _OVERLONG, 0
        number += 1
        rows[count]["number"] = number
        rows[count]["interface"] = first + interface
        rows[count]["time_ns"] = (high if high < 1 << 31 else high - (1 << 32)) << 32 | low
        rows[count]["offset"] = begin
        rows[count]["captured"] = captured
        rows[count]["original"] = original
        is_timed[count] = type != _SIMPLE_PACKET
        count += 1
        at += length
        options = begin + (captured + 3 & ~3)
        if _has_comment(data, options, end, is_big):
            return at, count, number, _COMMENT, options
    return at, count, number, END, 0


@compiled
def _block_length(data: NDArray, at: int, is_big: bool) -> tuple[int, int]:
    """How long a block is that has at least 12 bytes, or a negative fault; and what its length field says."""
    total = word(data, at + 4, is_big)
    length = (total + 3) & ~3  # some writers leave the padding out of the length
    if total < 12:
        return -_IMPOSSIBLE, total
    if length > len(data) - at:
        return -CUT_PACKET, total
    if word(data, at + length - 4, is_big) != total:
        return -_DIFFERENT, total
    return length, total


@compiled
def _has_comment(data: NDArray, begin: int, end: int, is_big: bool) -> bool:
    """Whether one of the options in data[begin:end] is a comment."""
    while begin + 4 <= end:
        code, length = half(data, begin, is_big), half(data, begin + 2, is_big)
        begin += 4
        if code == _OPTION_END or begin + length > end:
            return False
        if code == _OPTION_COMMENT:
            return True
        begin += (length + 3) & ~3
    return False


def _byte_order(view: memoryview, at: int) -> str:
    order = BYTE_ORDERS.get(bytes(view[at + 8 : at + 12]))
    if order is None:
        raise Damaged("a section header has no byte-order magic")
    return order


def _read_block(
    view: memoryview, section: _Section, type: int, begin: int, end: int, contents: Contents
) -> None:
    """Take what one block that is no packet, and whose body is view[begin:end], holds."""
    if type == _JOURNAL:
        contents.number += 1
        _read_journal(bytes(view[begin:end]), contents)
    elif type == _INTERFACE:
        _need(begin + 8, end)
        if len(contents.interfaces) == MAXIMUM_INTERFACES:
            raise Damaged(f"the limit of {MAXIMUM_INTERFACES:,} interfaces is reached")
        contents.interfaces.append(_interface(view, section, begin, end))
    elif type == _STATISTICS:
        _need(begin + 12, end)
        index, high, low = section.unpack("III", view, begin)
        if index < len(contents.interfaces) - section.first:
            interface = contents.interfaces[section.first + index]
            _statistics(interface, high << 32 | low, view, section, begin + 12, end)
    else:
        _need(begin + 16, end)
        contents.comments += _comments(_options(view, section, begin + 16, end))


def _need(needed: int, end: int) -> None:
    if needed > end:
        raise Damaged(_FAULTS[_SHORT])


def _options(view: memoryview, section: _Section, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Code and value of each option in view[begin:end], up to the last or to the first that overruns."""
    while begin + 4 <= end:
        code, length = section.unpack("HH", view, begin)
        begin += 4
        if code == _OPTION_END or begin + length > end:
            return
        yield code, bytes(view[begin : begin + length])
        begin += (length + 3) & ~3


def _comments(options: Iterator[tuple[int, bytes]]) -> list[str]:
    return [_text(value) for code, value in options if code == _OPTION_COMMENT]


def _interface(view: memoryview, section: _Section, begin: int, end: int) -> Interface:
    link_type, _reserved, snaplen = section.unpack("HHI", view, begin)
    interface = Interface(link_type, snaplen)
    for code, value in _options(view, section, begin + 8, end):
        if code == _INTERFACE_NAME:
            interface.name = _text(value)
        elif code == _INTERFACE_DESCRIPTION:
            interface.description = _text(value)
        elif code == _INTERFACE_TSRESOL and len(value) == 1:
            exponent = value[0] & 0x7F
            interface.units = 2**exponent if value[0] & 0x80 else 10**exponent
        elif code == _INTERFACE_TSOFFSET and len(value) == 8:
            interface.offset_ns = struct.unpack(section.order + "q", value)[0] * SECOND
    return interface


def _statistics(
    interface: Interface, ticks: int, view: memoryview, section: _Section, begin: int, end: int
) -> None:
    """Counters and times of an interface; `ticks`: when they were taken."""
    if ticks:
        interface.end_ns = interface.time_ns(ticks)
    for code, value in _options(view, section, begin, end):
        if len(value) != 8:
            continue
        if code in (_STATISTICS_IFRECV, _STATISTICS_IFDROP):
            (number,) = struct.unpack(section.order + "Q", value)
            if code == _STATISTICS_IFRECV:
                interface.received = number
            else:
                interface.dropped = number
        elif code in (_STATISTICS_STARTTIME, _STATISTICS_ENDTIME):
            high, low = struct.unpack(section.order + "II", value)
            time_ns = interface.time_ns(high << 32 | low)
            if code == _STATISTICS_STARTTIME:
                interface.start_ns = time_ns
            else:
                interface.end_ns = time_ns


def _read_journal(body: bytes, contents: Contents) -> None:
    lines = (line.partition(b"=") for line in body.rstrip(b"\0").split(b"\n"))
    fields = {_text(name): _text(value) for name, equals, value in lines if equals}
    entry = from_fields(fields)
    if entry is not None:
        contents.journal.append(JournalEntry(contents.number, entry, fields.get("MESSAGE", "")))
    elif fields.get("SYSLOG_IDENTIFIER") == IDENTIFIER:
        contents.unreadable.append(contents.number)


def _text(value: bytes) -> str:
    """Text of an option: UTF-8, with what is not replaced, and without the NUL that some writers append."""
    return value.decode(errors="replace").rstrip("\0")
