"""Capture files: pcap and pcapng, also compressed, to frames, interfaces and journal entries.

`open_capture` takes files by anybody. What is cut or damaged gives everything up to the damage and
a sentence in `defects`; only what is no capture at all raises.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode import frames, pcap, pcapng, source
from sctpinspect.decode.defects import CUT, UNREADABLE
from sctpinspect.decode.frames import NUMBERS, SECOND, Damaged, Frames
from sctpinspect.decode.pcapng import INT64_MAX, Contents, Interface, JournalEntry
from sctpinspect.decode.rows import FRAME

__all__ = [
    "CUT",
    "INT64_MAX",
    "UNREADABLE",
    "Interface",
    "JournalEntry",
    "RawCapture",
    "batches",
    "open_capture",
    "opened",
    "take_frames",
]


@dataclass(slots=True)
class RawCapture:
    """What a capture file holds.

    data: the bytes of the file, decompressed; not to be changed. damage: what is wrong with the compression.
    frames: FRAME, the packets. frame_comments: of those that have some, by index into `frames`.
    comments: of sections.
    defects: a sentence for each fault of the file.
    frames_total: counts all that Wireshark numbers, packets or not.
    """

    data: NDArray[np.uint8]
    damage: str | None = None
    frames: NDArray = field(default_factory=lambda: np.empty(0, FRAME))
    interfaces: list[Interface] = field(default_factory=list)
    journal: list[JournalEntry] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    frame_comments: dict[int, tuple[str, ...]] = field(default_factory=dict)
    defects: list[str] = field(default_factory=list)
    frames_total: int = 0


_UNTIMED = "frames without a time (simple packet blocks) were given the time of the frame before"


def open_capture(path: str | Path) -> RawCapture:
    """Read a capture; "-" is standard input.

    Raises UsageError for what cannot be read, is empty, or is no capture.
    """
    capture = opened(path)
    take_frames(capture)
    return capture


def take_frames(capture: RawCapture) -> None:
    """Fill in all but the bytes of a capture (`opened`)."""
    parts = list(batches(capture, frames.MAXIMUM_FRAMES))
    capture.frames = parts[0] if len(parts) == 1 else np.concatenate(parts)


def opened(path: str | Path) -> RawCapture:
    """The same with the bytes alone, for `take_frames` or `batches`."""
    return RawCapture(*source.read(path, _foreign))


def batches(capture: RawCapture, limit: int = NUMBERS) -> Iterator[NDArray]:
    """The frames (FRAME) of `capture.data`, some at a time; at the end `capture` has all the rest.

    limit: so many frames are taken.
    """
    taken, contents = Frames(limit), Contents()
    capture.interfaces, capture.journal, capture.comments = (
        contents.interfaces,
        contents.journal,
        contents.comments,
    )
    capture.frame_comments = contents.frame_comments
    if capture.damage:
        capture.defects.append(f"{capture.damage}: {CUT}")
    is_pcapng = capture.data[:4].tobytes() == pcapng.SECTION_MAGIC
    before_ns, are_timed = 0, True

    def timed(rows: NDArray, is_timed: NDArray[np.bool_]) -> NDArray:
        nonlocal before_ns, are_timed
        if is_pcapng:
            _set_times(rows, contents.interfaces)
            are_timed &= _fill_times(rows, is_timed, before_ns)
            before_ns = rows["time_ns"][-1] if len(rows) else before_ns
        return rows

    try:
        if is_pcapng:
            for part in pcapng.walk(capture.data, taken, contents):
                yield timed(*part)
        else:
            format = pcap.format_of(capture.data)
            contents.interfaces.append(Interface(format.link_type, format.snaplen))
            for part in pcap.walk(capture.data, format, taken):
                yield timed(*part)
    except Damaged as fault:
        number = contents.number if is_pcapng else taken.before + taken.count
        capture.defects.append(f"{fault} after frame {number}: {CUT}")
    yield timed(*taken.take())
    if not are_timed:
        capture.defects.append(_UNTIMED)
    if contents.unreadable:
        number = len(contents.unreadable)
        entries = f"{number} {'entry' if number == 1 else 'entries'} {UNREADABLE}"
        capture.defects.append(f"from frame {contents.unreadable[0]} on, {entries}")
    capture.frames_total = contents.number if is_pcapng else taken.before


_COMPRESSED = {b"\x04\x22\x4d\x18": "unlz4", b"PK\x03\x04": "unzip", b"7z\xbc\xaf\x27\x1c": "7z x"}


def _foreign(head: bytes) -> str | None:
    """What is wrong with a file that begins so, if it is no capture."""
    for magic, command in _COMPRESSED.items():
        if head.startswith(magic):
            return f"is compressed; decompress it first ({command})"
    if head.startswith(pcapng.SECTION_MAGIC) and (len(head) < 12 or head[8:12] in pcapng.BYTE_ORDERS):
        return None
    if head[:4] in pcap.MAGICS and len(head) >= pcap.HEADER_LENGTH:
        return None
    return f"is no pcap or pcapng file: it begins with {head[:4].hex(' ')}"


def _set_times(rows: NDArray, interfaces: list[Interface]) -> None:
    """Make nanoseconds of the ticks, clock by clock."""
    clocks = {(interface.units, interface.offset_ns): interface for interface in interfaces}
    if len(clocks) <= 1:
        for clock in clocks.values():
            rows["time_ns"] = _nanoseconds(rows["time_ns"], clock)
        return
    numbers = {clock: number for number, clock in enumerate(clocks)}
    of_interface = np.array([numbers[each.units, each.offset_ns] for each in interfaces])
    of_frame = of_interface[rows["interface"]]
    in_order = np.argsort(of_frame, kind="stable")
    bounds = np.searchsorted(of_frame[in_order], np.arange(1, len(clocks)))
    for clock, some in zip(clocks.values(), np.split(in_order, bounds), strict=True):
        rows["time_ns"][some] = _nanoseconds(rows["time_ns"][some], clock)


def _nanoseconds(ticks: NDArray[np.int64], clock: Interface) -> NDArray[np.int64]:
    """The times of ticks, which are unsigned."""
    if not len(ticks):
        return ticks
    ticks = np.ascontiguousarray(ticks).view(np.uint64)
    per_tick, rest = divmod(SECOND, clock.units)
    if not rest and int(ticks.max()) * per_tick + abs(clock.offset_ns) <= INT64_MAX:
        return ticks.astype(np.int64) * per_tick + clock.offset_ns
    return np.array([clock.time_ns(tick) for tick in ticks.tolist()], np.int64)


def _fill_times(rows: NDArray, is_timed: NDArray[np.bool_], before_ns: int) -> bool:
    """Give frames without a time that of the frame before; gives whether all had one."""
    if is_timed.all():
        return True
    before = np.maximum.accumulate(np.where(is_timed, np.arange(len(rows)), -1))
    rows["time_ns"] = np.where(before < 0, before_ns, rows["time_ns"][before])
    return False
