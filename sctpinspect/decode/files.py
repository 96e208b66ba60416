"""Capture files: pcap and pcapng to frames, interfaces and journal entries.

`open_capture` takes files by anybody. What is cut or damaged gives everything up to the damage and
a sentence in `defects`; only what is no capture at all raises.

Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng; for what counts as a frame: Wireshark 4.0.
"""

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sctpinspect.journal.entry import Call, Event, from_fields
from sctpinspect.protocol import UsageError

INT64_MAX = (1 << 63) - 1
SECOND = 1_000_000_000

CUT = "what follows was not read"
"""How the defect of a file ends that was not read to its end."""


class Frame(NamedTuple):
    """A captured frame: its bytes are `data[offset : offset + captured]` of the capture."""

    number: int
    time_ns: int
    interface: int
    offset: int
    captured: int
    original: int
    comments: tuple[str, ...]


class JournalEntry(NamedTuple):
    """A journal entry with its frame number and the line that Wireshark shows for it."""

    frame: int
    entry: Call | Event
    message: str


@dataclass(slots=True)
class Interface:
    """An interface of the capture; `units` are its clock's ticks per second."""

    link_type: int
    snaplen: int
    name: str | None = None
    description: str | None = None
    units: int = 1_000_000
    offset_ns: int = 0
    received: int | None = None
    dropped: int | None = None

    def time_ns(self, ticks: int) -> int:
        """Nanoseconds since the epoch, held within 64 bits (a damaged clock can say anything)."""
        time_ns = ticks * SECOND // self.units + self.offset_ns
        return max(-INT64_MAX, min(INT64_MAX, time_ns))


@dataclass(slots=True)
class RawCapture:
    """What a capture file holds. `frames_total` counts all that Wireshark numbers, packets or not."""

    data: bytes
    frames: list[Frame] = field(default_factory=list)
    interfaces: list[Interface] = field(default_factory=list)
    journal: list[JournalEntry] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    frames_total: int = 0


def open_capture(path: str | Path) -> RawCapture:
    """Read a capture; "-" is standard input.

    Raises UsageError for what cannot be read, is empty, or is no capture.
    """
    data = _read(path)
    magic = data[:4]
    if magic == _SECTION_MAGIC:
        read = _read_pcapng
    elif magic in _PCAP_MAGICS and len(data) >= _PCAP_HEADER_LENGTH:
        read = _read_pcap
    else:
        raise UsageError(_foreign(_shown(path), data))
    capture = RawCapture(data)
    try:
        read(capture)
    except _Damaged as damage:
        capture.defects.append(f"{damage} after frame {capture.frames_total}: {CUT}")
    return capture


class _Damaged(Exception):
    """The file cannot be read further."""


def _shown(path: str | Path) -> str:
    return "standard input" if str(path) == "-" else str(path)


def _read(path: str | Path) -> bytes:
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else Path(path).read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file; give the path of a pcap or pcapng file") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a directory; give a pcap or pcapng file in it") from None
    except PermissionError:
        raise UsageError(f"{path} may not be read by this user; change its permissions or the user") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise UsageError(f"{path} cannot be read: {error}") from None
    if not data:
        raise UsageError(f"{_shown(path)} is empty; give a pcap or pcapng file")
    return data


_DECOMPRESSORS = {b"\x1f\x8b": "gunzip", b"\x28\xb5\x2f\xfd": "unzstd", b"\xfd7zXZ": "unxz"}


def _foreign(shown: str, data: bytes) -> str:
    for magic, command in _DECOMPRESSORS.items():
        if data.startswith(magic):
            return f"{shown} is compressed; decompress it first ({command})"
    return f"{shown} is no pcap or pcapng file: it begins with {data[:4].hex(' ')}"


# ---- pcap

_PCAP_HEADER_LENGTH = 24
_PCAP_MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
"""Byte order and nanoseconds per unit of the fraction, by magic number."""


def _read_pcap(capture: RawCapture) -> None:
    data = capture.data
    order, unit = _PCAP_MAGICS[data[:4]]
    snaplen, link_type = struct.unpack_from(order + "II", data, 16)
    capture.interfaces.append(
        Interface(link_type & 0xFFFF, snaplen)
    )  # above: length of the frame check sequence
    record = struct.Struct(order + "IIII").unpack_from
    offset = _PCAP_HEADER_LENGTH
    while offset < len(data):
        if offset + 16 > len(data):
            raise _Damaged("the file is cut inside a record header")
        seconds, fraction, captured, original = record(data, offset)
        offset += 16
        if captured > len(data) - offset:
            raise _Damaged("the file is cut or damaged inside a packet")
        capture.frames_total += 1
        time_ns = seconds * SECOND + fraction * unit
        capture.frames.append(Frame(capture.frames_total, time_ns, 0, offset, captured, original, ()))
        offset += captured


# ---- pcapng

_SECTION_MAGIC = b"\x0a\x0d\x0d\x0a"
_BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}

_SECTION = 0x0A0D0D0A
_INTERFACE = 1
_OLD_PACKET = 2
_SIMPLE_PACKET = 3
_STATISTICS = 5
_ENHANCED_PACKET = 6
_JOURNAL = 9
_CUSTOM = {0x00000BAD, 0x40000BAD}
_SYSDIG_EVENTS = {0x204, 0x208, 0x216, 0x217, 0x221, 0x222}
_NUMBERED = _CUSTOM | _SYSDIG_EVENTS
"""Blocks that Wireshark numbers as frames although they hold no packet. Journal entries count too."""

_OPTION_END = 0
_OPTION_COMMENT = 1
_INTERFACE_NAME = 2
_INTERFACE_DESCRIPTION = 3
_INTERFACE_TSRESOL = 9
_INTERFACE_TSOFFSET = 14
_STATISTICS_IFRECV = 4
_STATISTICS_IFDROP = 5


class _Section:
    """One section of the file: its byte order, and its interfaces as indices over all sections."""

    def __init__(self, order: str) -> None:
        self.interfaces: list[int] = []
        self.words = struct.Struct(order + "II").unpack_from
        self.option = struct.Struct(order + "HH").unpack_from
        self.enhanced = struct.Struct(order + "IIIII").unpack_from
        self.old = struct.Struct(order + "HHIIII").unpack_from
        self.interface = struct.Struct(order + "HHI").unpack_from
        self.u64 = struct.Struct(order + "Q")
        self.i64 = struct.Struct(order + "q")


def _read_pcapng(capture: RawCapture) -> None:
    data = capture.data
    offset = 0
    section = _Section("<")  # replaced by the first block, which is a section header
    while offset < len(data):
        if offset + 12 > len(data):
            raise _Damaged("the file is cut inside a block header")
        if data[offset : offset + 4] == _SECTION_MAGIC:
            order = _BYTE_ORDERS.get(data[offset + 8 : offset + 12])
            if order is None:
                raise _Damaged("a section header has no byte-order magic")
            section = _Section(order)
        type, total = section.words(data, offset)
        length = (total + 3) & ~3  # some writers leave the padding out of the length
        if total < 12:
            raise _Damaged(f"a block of impossible length {total} stands")
        if length > len(data) - offset:
            raise _Damaged("the file is cut or damaged inside a block")
        if section.words(data, offset + length - 8)[1] != total:
            raise _Damaged("a block whose two length fields differ stands")
        _read_block(capture, section, type, offset + 8, offset + length - 4)
        offset += length


def _read_block(capture: RawCapture, section: _Section, type: int, begin: int, end: int) -> None:
    """Take what one block, whose body is data[begin:end], holds."""
    data = capture.data
    if type == _ENHANCED_PACKET:
        _need(begin + 20, end)
        interface, high, low, captured, original = section.enhanced(data, begin)
        _packet(capture, section, interface, high << 32 | low, begin + 20, captured, original, end)
    elif type == _OLD_PACKET:
        _need(begin + 20, end)
        interface, _drops, high, low, captured, original = section.old(data, begin)
        _packet(capture, section, interface, high << 32 | low, begin + 20, captured, original, end)
    elif type == _SIMPLE_PACKET:
        _need(begin + 4, end)
        original = section.words(data, begin)[0]
        if not section.interfaces:
            raise _Damaged("a packet without interface stands")
        snaplen = capture.interfaces[section.interfaces[0]].snaplen
        captured = min(original, end - begin - 4, snaplen or original)
        _packet(capture, section, 0, None, begin + 4, captured, original, end)
    elif type == _JOURNAL:
        capture.frames_total += 1
        _journal_entry(capture, data[begin:end])
    elif type in _NUMBERED:
        capture.frames_total += 1
    elif type == _INTERFACE:
        _need(begin + 8, end)
        section.interfaces.append(len(capture.interfaces))
        capture.interfaces.append(_interface(data, section, begin, end))
    elif type == _STATISTICS:
        _need(begin + 12, end)
        interface = section.words(data, begin)[0]
        if interface < len(section.interfaces):
            _statistics(capture.interfaces[section.interfaces[interface]], data, section, begin + 12, end)
    elif type == _SECTION:
        _need(begin + 16, end)
        options = _options(data, section, begin + 16, end)
        capture.comments += [_text(value) for code, value in options if code == _OPTION_COMMENT]


_UNTIMED = "frames without a time (simple packet blocks) were given the time of the frame before"


def _need(needed: int, end: int) -> None:
    if needed > end:
        raise _Damaged("a block too short for its type stands")


def _packet(
    capture: RawCapture,
    section: _Section,
    interface: int,
    ticks: int | None,
    begin: int,
    captured: int,
    original: int,
    end: int,
) -> None:
    if interface >= len(section.interfaces):
        raise _Damaged(f"a packet of an interface {interface} that was not described stands")
    if captured > end - begin:
        raise _Damaged("a packet longer than its block stands")
    index = section.interfaces[interface]
    if ticks is not None:
        time_ns = capture.interfaces[index].time_ns(ticks)
    else:
        time_ns = capture.frames[-1].time_ns if capture.frames else 0
        if _UNTIMED not in capture.defects:
            capture.defects.append(_UNTIMED)
    options = _options(capture.data, section, begin + ((captured + 3) & ~3), end)
    comments = tuple(_text(value) for code, value in options if code == _OPTION_COMMENT)
    capture.frames_total += 1
    capture.frames.append(Frame(capture.frames_total, time_ns, index, begin, captured, original, comments))


def _options(data: bytes, section: _Section, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Code and value of each option in data[begin:end], up to the last or to the first that overruns."""
    while begin + 4 <= end:
        code, length = section.option(data, begin)
        begin += 4
        if code == _OPTION_END or begin + length > end:
            return
        yield code, data[begin : begin + length]
        begin += (length + 3) & ~3


def _interface(data: bytes, section: _Section, begin: int, end: int) -> Interface:
    link_type, _reserved, snaplen = section.interface(data, begin)
    interface = Interface(link_type, snaplen)
    for code, value in _options(data, section, begin + 8, end):
        if code == _INTERFACE_NAME:
            interface.name = _text(value)
        elif code == _INTERFACE_DESCRIPTION:
            interface.description = _text(value)
        elif code == _INTERFACE_TSRESOL and len(value) == 1:
            exponent = value[0] & 0x7F
            interface.units = 2**exponent if value[0] & 0x80 else 10**exponent
        elif code == _INTERFACE_TSOFFSET and len(value) == 8:
            interface.offset_ns = section.i64.unpack(value)[0] * SECOND
    return interface


def _statistics(interface: Interface, data: bytes, section: _Section, begin: int, end: int) -> None:
    for code, value in _options(data, section, begin, end):
        if code == _STATISTICS_IFRECV and len(value) == 8:
            interface.received = section.u64.unpack(value)[0]
        elif code == _STATISTICS_IFDROP and len(value) == 8:
            interface.dropped = section.u64.unpack(value)[0]


def _journal_entry(capture: RawCapture, body: bytes) -> None:
    lines = (line.partition(b"=") for line in body.rstrip(b"\0").split(b"\n"))
    fields = {_text(name): _text(value) for name, equals, value in lines if equals}
    entry = from_fields(fields)
    if entry is not None:
        capture.journal.append(JournalEntry(capture.frames_total, entry, fields.get("MESSAGE", "")))


def _text(value: bytes) -> str:
    """Text of an option: UTF-8, with what is not replaced, and without the NUL that some writers append."""
    return value.decode(errors="replace").rstrip("\0")
