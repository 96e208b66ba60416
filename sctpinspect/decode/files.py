"""Capture files: pcap and pcapng, also compressed, to frames, interfaces and journal entries.

`open_capture` takes files by anybody. What is cut or damaged gives everything up to the damage and
a sentence in `defects`; only what is no capture at all raises.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode import pcap, pcapng, source
from sctpinspect.decode.frames import CUT, SECOND, UNREADABLE, Damaged, Frames
from sctpinspect.decode.pcapng import INT64_MAX, Contents, Interface, JournalEntry

__all__ = ["CUT", "INT64_MAX", "UNREADABLE", "Interface", "JournalEntry", "RawCapture", "open_capture"]


@dataclass(slots=True)
class RawCapture:
    """What a capture file holds.

    data: the bytes of the file, decompressed; not to be changed.
    frames: FRAME, the packets. frame_comments: of those that have some, by index into `frames`.
    comments: of sections.
    defects: a sentence for each fault of the file.
    frames_total: counts all that Wireshark numbers, packets or not.
    """

    data: NDArray[np.uint8]
    frames: NDArray
    interfaces: list[Interface]
    journal: list[JournalEntry]
    comments: list[str]
    frame_comments: dict[int, tuple[str, ...]]
    defects: list[str]
    frames_total: int


_UNTIMED = "frames without a time (simple packet blocks) were given the time of the frame before"


def open_capture(path: str | Path) -> RawCapture:
    """Read a capture; "-" is standard input.

    Raises UsageError for what cannot be read, is empty, or is no capture.
    """
    data, damage = source.read(path, _foreign)
    frames, contents, defects = Frames(), Contents(), []
    if damage:
        defects.append(f"{damage}: {CUT}")
    is_pcapng = data[:4].tobytes() == pcapng.SECTION_MAGIC
    try:
        if is_pcapng:
            pcapng.walk(data, frames, contents)
        else:
            format = pcap.format_of(data)
            contents.interfaces.append(Interface(format.link_type, format.snaplen))
            pcap.walk(data, format, frames)
    except Damaged as fault:
        number = contents.number if is_pcapng else frames.count
        defects.append(f"{fault} after frame {number}: {CUT}")
    rows = frames.rows[: frames.count]
    if is_pcapng:
        _set_times(rows, contents.interfaces)
        if not _fill_times(rows, frames.is_timed[: frames.count]):
            defects.append(_UNTIMED)
    if contents.unreadable:
        number = len(contents.unreadable)
        entries = f"{number} {'entry' if number == 1 else 'entries'} {UNREADABLE}"
        defects.append(f"from frame {contents.unreadable[0]} on, {entries}")
    return RawCapture(
        data=data,
        frames=rows,
        interfaces=contents.interfaces,
        journal=contents.journal,
        comments=contents.comments,
        frame_comments=contents.frame_comments,
        defects=defects,
        frames_total=contents.number if is_pcapng else frames.count,
    )


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


def _fill_times(rows: NDArray, is_timed: NDArray[np.bool_]) -> bool:
    """Give frames without a time that of the frame before; gives whether all had one."""
    if is_timed.all():
        return True
    before = np.maximum.accumulate(np.where(is_timed, np.arange(len(rows)), -1))
    rows["time_ns"] = np.where(before < 0, 0, rows["time_ns"][before])
    return False
