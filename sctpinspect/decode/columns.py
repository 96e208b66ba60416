"""From a capture file to columns: the way through files, links, SCTP and the journal."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode import calls, files, sctp
from sctpinspect.decode.addresses import addresses
from sctpinspect.decode.offloading import NOWHERE
from sctpinspect.decode.packets import find_packets

MAXIMUM_ROWS = 4_000_000
"""So many packets, chunks, parameters, error causes and gap ack blocks are decoded; a file can hold one in
every four bytes. Up to the verdict each takes 0.6 to 0.9 kB (measured: one association of a million packets,
100,000 associations, INITs full of parameters), so all take less than 4 GB."""

ICMP_ERROR_COLUMNS = [
    *["frame", "time_ns", "source", "destination", "type", "code", "quoted_source", "quoted_destination"],
    *["quoted_source_port", "quoted_destination_port", "quoted_verification_tag"],
]


class Bytes(NamedTuple):
    """The bytes that packets lie in: those of the file, and behind them those put together from fragments."""

    file: NDArray[np.uint8]
    reassembled: NDArray[np.uint8]

    def slice(self, begin: int, length: int) -> bytes:
        """`length` bytes from `begin` on, which lie in one of the two."""
        behind = begin - len(self.file)
        source, begin = (self.file, begin) if behind < 0 else (self.reassembled, behind)
        return source[begin : begin + length].tobytes()


@dataclass
class Columns:
    """A capture as arrays (`sctpinspect.decode.rows`) and, of what is rare, as rows.

    frame_rows, packets: FRAME and PACKET; `packets.frame` is an index into the first.
    rows: chunks, parameters, error causes, gap ack blocks. addresses: text of each address of the packets;
        sources, destinations: per packet the index into it; -1: no IP around the packet.
    deliveries: what the recorder says of packets on impaired links, by index into the frames.
    witnesses: PLACE, of other packets of the capture: where right checksums were captured too.
    icmp_errors, calls, events: tuples, in the order of the `*_COLUMNS` here and in `decode.calls`.
    data: what `value_begin` and the like point into.
    recipe: how sctpinspect made the capture; empty for captures by others.
    defects: a sentence for each fault of the file itself.
    frames: number of frames as Wireshark counts, packets or not.
    """

    interfaces: list[files.Interface]
    frame_rows: NDArray
    packets: NDArray
    rows: sctp.Rows
    addresses: list[str]
    sources: NDArray[np.int32]
    destinations: NDArray[np.int32]
    deliveries: dict[int, "Delivery"]
    witnesses: NDArray
    icmp_errors: list[tuple]
    calls: list[tuple]
    events: list[tuple]
    data: Bytes
    recipe: dict[str, Any]
    defects: list[str]
    frames: int


class Delivery(NamedTuple):
    """What an impaired link did to a packet (`delivered`, `lost`, `duplicated`), and when it left it."""

    kind: str
    delivered_ns: int | None


def decode(path: str | Path, udp_ports: Iterable[int] = ()) -> Columns:
    """Decode a capture file; "-" is standard input. udp_ports: UDP ports, beside 9899, that carry SCTP.

    Raises UsageError for what cannot be read, is empty, or is no capture. Anything else that is wrong
    with it is stated in `defect` columns and in `Columns.defects`.
    """
    return decode_opened(files.opened(path), udp_ports)


def decode_opened(capture: files.RawCapture, udp_ports: Iterable[int] = ()) -> Columns:
    """The same for a capture that `files.opened` gave."""
    files.take_frames(capture)
    link_types = [interface.link_type for interface in capture.interfaces]
    found = find_packets(capture.data, capture.frames, link_types, udp_ports)
    cut = cut_away(capture.frames, found.packets)
    capture.defects += faults(capture, found.unknown_links, cut)
    return columns_of(
        capture,
        capture.frames,
        found.packets,
        Bytes(capture.data, found.reassembled),
        found.icmp_errors,
        deliveries_of(capture.frame_comments, capture.frames),
    )


def columns_of(
    capture: files.RawCapture,
    frames: NDArray,
    packets: NDArray,
    data: Bytes,
    icmp_errors: list[tuple],
    deliveries: dict[int, "Delivery"],
    witnesses: NDArray = NOWHERE,
) -> Columns:
    """The columns of packets (PACKET) in frames (FRAME), whose bytes are in `data`, and all the rest."""
    rows = sctp.walk(*data, packets, MAXIMUM_ROWS)
    journal, defects = capture.journal, capture.defects
    if rows.packets < len(packets):
        frame = frames[packets[rows.packets]["frame"]]["number"]
        journal = [entry for entry in journal if entry.frame < frame]
        defects = [
            *defects,
            f"{MAXIMUM_ROWS:,} packets, chunks and parameters stand up to frame {frame - 1}: {files.CUT}",
        ]
    packets = packets[: rows.packets]
    texts, sources, destinations = addresses(packets)
    return Columns(
        interfaces=capture.interfaces,
        frame_rows=frames,
        packets=packets,
        rows=rows,
        addresses=texts,
        sources=sources,
        destinations=destinations,
        deliveries=deliveries,
        witnesses=witnesses,
        icmp_errors=icmp_errors,
        calls=calls.call_rows(journal),
        events=calls.event_rows(journal),
        data=data,
        recipe=recipe_of(capture.comments),
        defects=defects,
        frames=capture.frames_total,
    )


def faults(capture: files.RawCapture, unknown_links: Iterable[int], cut: int) -> list[str]:
    """What is wrong with frames. cut: so many were cut so far that they are no SCTP packets any more."""
    told = [f"frames of link type {type} were not decoded" for type in unknown_links]
    is_ours = bool(recipe_of(capture.comments))
    return told + ([f"{cut} frames were cut before their SCTP header"] if cut and is_ours else [])


def cut_away(frames: NDArray, packets: NDArray) -> int:
    """How many of the frames were cut and hold none of the packets."""
    cut = frames["captured"] < frames["original"]
    cut[packets["frame"]] = False
    return int(cut.sum())


_DELIVERY = re.compile(r"sctpinspect delivery: (delivered|lost|duplicated)((?: \+\d{1,18} ns)*)")


def deliveries_of(
    comments: Mapping[int, Iterable[str]], frames: NDArray, before: int = 0
) -> dict[int, Delivery]:
    """What the recorder wrote into comments, by index into the frames; comments count `before` more."""
    deliveries = {}
    for index, texts in comments.items():
        for text in texts:
            if match := _DELIVERY.fullmatch(text):
                delays = match[2].split()[::2]  # "+1234", "ns", ...
                delivered_ns = int(frames[index - before]["time_ns"]) + int(delays[0]) if delays else None
                if delivered_ns is not None:
                    delivered_ns = min(delivered_ns, files.INT64_MAX)
                deliveries[index - before] = Delivery(match[1], delivered_ns)
                break
    return deliveries


_RECIPE = "sctpinspect recipe: "


def recipe_of(comments: list[str]) -> dict[str, Any]:
    """The recipe in a section's comment; empty if there is none or it is damaged."""
    for comment in comments:
        if comment.startswith(_RECIPE):
            try:
                recipe = json.loads(comment.removeprefix(_RECIPE))
            except (ValueError, RecursionError):
                continue
            if isinstance(recipe, dict):
                return recipe
    return {}
