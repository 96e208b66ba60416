"""From a capture file to columns: the way through files, links, SCTP and the journal."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode import calls, files, sctp
from sctpinspect.decode.addresses import addresses
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
    capture = files.open_capture(path)
    link_types = [interface.link_type for interface in capture.interfaces]
    found = find_packets(capture.data, capture.frames, link_types, udp_ports)
    unknown = [f"frames of link type {type} were not decoded" for type in found.unknown_links]
    rows = sctp.walk(capture.data, found.reassembled, found.packets, MAXIMUM_ROWS)
    packets = found.packets[: rows.packets]
    if len(packets) < len(found.packets):
        _cut_before(capture, capture.frames[found.packets[rows.packets]["frame"]]["number"])
    texts, sources, destinations = addresses(packets)
    recipe = _recipe(capture.comments)
    unseen = _cut_away(capture.frames, found.packets) if recipe else []
    return Columns(
        interfaces=capture.interfaces,
        frame_rows=capture.frames,
        packets=packets,
        rows=rows,
        addresses=texts,
        sources=sources,
        destinations=destinations,
        deliveries=_deliveries(capture),
        icmp_errors=found.icmp_errors,
        calls=calls.call_rows(capture.journal),
        events=calls.event_rows(capture.journal),
        data=Bytes(capture.data, found.reassembled),
        recipe=recipe,
        defects=capture.defects + unknown + unseen,
        frames=capture.frames_total,
    )


def _cut_before(capture: files.RawCapture, frame: int) -> None:
    """Leave out the calls that follow in the file, and say that the packets there were left out."""
    capture.journal = [entry for entry in capture.journal if entry.frame < frame]
    capture.defects.append(
        f"{MAXIMUM_ROWS:,} packets, chunks and parameters stand up to frame {frame - 1}: {files.CUT}"
    )


def _cut_away(frames: NDArray, packets: NDArray) -> list[str]:
    """A sentence if frames of a recording were cut so far that they are no SCTP packets any more."""
    cut = frames["captured"] < frames["original"]
    cut[packets["frame"]] = False
    return [f"{cut.sum()} frames were cut before their SCTP header"] if cut.any() else []


_DELIVERY = re.compile(r"sctpinspect delivery: (delivered|lost|duplicated)((?: \+\d{1,18} ns)*)")


def _deliveries(capture: files.RawCapture) -> dict[int, Delivery]:
    """What the recorder wrote into comments of frames."""
    deliveries = {}
    for index, comments in capture.frame_comments.items():
        for comment in comments:
            if match := _DELIVERY.fullmatch(comment):
                delays = match[2].split()[::2]  # "+1234", "ns", ...
                delivered_ns = int(capture.frames[index]["time_ns"]) + int(delays[0]) if delays else None
                if delivered_ns is not None:
                    delivered_ns = min(delivered_ns, files.INT64_MAX)
                deliveries[index] = Delivery(match[1], delivered_ns)
                break
    return deliveries


_RECIPE = "sctpinspect recipe: "


def _recipe(comments: list[str]) -> dict[str, Any]:
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
