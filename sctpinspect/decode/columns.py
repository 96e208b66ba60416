"""From a capture file to columns: the way through files, links, SCTP and the journal."""

import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sctpinspect.decode import calls, crc32c, files, links, sctp

INTERFACE_COLUMNS = ["interface", "name", "description", "link_type", "snaplen", "received", "dropped"]
PACKET_COLUMNS = [
    *[
        "packet",
        "frame",
        "time_ns",
        "delivered_ns",
        "delivery",
        "interface",
        "place",
        "source",
        "destination",
    ],
    *["source_port", "destination_port", "encapsulation_port", "verification_tag", "checksum"],
    *["identification", "begin", "length", "captured_length", "ttl", "dscp", "ecn"],
    *["chunks_in_packet", "defect"],
]
ICMP_ERROR_COLUMNS = [
    *["frame", "time_ns", "source", "destination", "type", "code", "quoted_source", "quoted_destination"],
    *["quoted_source_port", "quoted_destination_port", "quoted_verification_tag"],
]


MAXIMUM_ROWS = 1_000_000
"""So many chunks, parameters, error causes and gap ack blocks are decoded: up to the verdict each takes a
kilobyte or more, and a file can hold one in every four bytes."""


@dataclass
class Columns:
    """A capture as columns.

    tables: name of a table (interfaces, packets, chunks, parameters, causes, gap_blocks, icmp_errors,
        calls, events) to name of a column to its values, as in `sctpinspect.tables.schema` without what
        needs associations. `packets` has three columns more: `place`, which together with the interface
        says where the packet was captured, `identification`, that of IPv4 or 0, and `begin`, where the
        packet begins in `data`.
    data: the bytes of the file, which `chunks.payload_offset` points into.
    recipe: how sctpinspect made the capture; empty for captures by others.
    defects: a sentence for each fault of the file itself.
    frames: number of frames as Wireshark counts, packets or not.
    """

    tables: dict[str, dict[str, list]]
    data: bytes
    recipe: dict[str, Any]
    defects: list[str]
    frames: int


def decode(path: str | Path) -> Columns:
    """Decode a capture file; "-" is standard input.

    Raises UsageError for what cannot be read, is empty, or is no capture. Anything else that is wrong
    with it is stated in `defects` columns and in `Columns.defects`.
    """
    capture = files.open_capture(path)
    found = _Found([], [], sctp.Rows([], [], [], []))
    for frame in capture.frames:
        if sum(map(len, found.rows)) >= MAXIMUM_ROWS:
            _cut_before(capture, frame.number)
            break
        _frame(capture.data, frame, capture.interfaces[frame.interface].link_type, found)
    packets = _columns(PACKET_COLUMNS, found.packets)
    packets["checksum_state"] = _checksum_states(capture.data, packets)
    interfaces = [
        (index, each.name, each.description, each.link_type, each.snaplen, each.received, each.dropped)
        for index, each in enumerate(capture.interfaces)
    ]
    tables = {
        "interfaces": _columns(INTERFACE_COLUMNS, interfaces),
        "packets": packets,
        "chunks": _columns(sctp.CHUNK_COLUMNS, found.rows.chunks),
        "parameters": _columns(sctp.PARAMETER_COLUMNS, found.rows.parameters),
        "causes": _columns(sctp.CAUSE_COLUMNS, found.rows.causes),
        "gap_blocks": _columns(sctp.GAP_BLOCK_COLUMNS, found.rows.gap_blocks),
        "icmp_errors": _columns(ICMP_ERROR_COLUMNS, found.icmp_errors),
        "calls": _columns(calls.CALL_COLUMNS, calls.call_rows(capture.journal)),
        "events": _columns(calls.EVENT_COLUMNS, calls.event_rows(capture.journal)),
    }
    defects = capture.defects + _unknown_links(capture)
    return Columns(tables, capture.data, _recipe(capture.comments), defects, capture.frames_total)


def _cut_before(capture: files.RawCapture, frame: int) -> None:
    """Leave out what follows in the file, calls too, and say so."""
    capture.journal = [entry for entry in capture.journal if entry.frame < frame]
    capture.defects.append(
        f"{MAXIMUM_ROWS:,} chunks and parameters stand up to frame {frame - 1}: {files.CUT}"
    )


class _Found(NamedTuple):
    """The rows of all frames so far."""

    packets: list[tuple]
    icmp_errors: list[tuple]
    rows: sctp.Rows


def _columns(names: list[str], rows: list[tuple]) -> dict[str, list]:
    values = zip(*rows, strict=True) if rows else ([] for _ in names)
    return {name: list(column) for name, column in zip(names, values, strict=True)}


def _frame(data: bytes, frame: files.Frame, link_type: int, found: _Found) -> None:
    """Append what one frame holds: a SCTP packet, an ICMP error that quotes one, or nothing."""
    end = frame.offset + frame.captured
    link = links.link_payload(data, link_type, frame.offset, end)
    if link is None:
        return
    begin, place = link
    datagram = links.datagram(data, begin, end)
    if datagram is None:
        return
    packet = links.sctp_in(data, datagram, end)
    if packet is not None:
        found.packets.append(
            _packet_row(data, frame, place, datagram, packet, len(found.packets), found.rows)
        )
    elif links.is_icmp_error(data, datagram, end):
        row = _icmp_error_row(data, frame, datagram, end)
        if row is not None:
            found.icmp_errors.append(row)


def _packet_row(
    data: bytes,
    frame: files.Frame,
    place: int,
    datagram: links.Datagram,
    packet: links.Packet,
    number: int,
    rows: sctp.Rows,
) -> tuple:
    """The row of one SCTP packet; its chunks are appended to `rows`."""
    begin, stated_end = packet.begin, packet.end
    end = max(begin, min(stated_end, frame.offset + frame.captured))
    length = max(0, stated_end - begin)
    cut: str | None = "cut_by_snaplen" if end < stated_end else None
    if datagram.is_fragment:  # then where the packet ends is not known
        cut, stated_end = "cut_by_fragmentation", begin + _MAXIMUM_LENGTH
    header = sctp.common_header(data, begin, end)
    defect: str | None
    if header.checksum is None:
        count, defect = 0, cut or "common_header_cut"
    else:
        count, defect = sctp.chunks(
            data, begin, end, stated_end, cut, number, frame.number, frame.time_ns, rows
        )
    return (
        *(number, frame.number, frame.time_ns, *_delivery(frame), frame.interface, place),
        *(links.address_text(datagram.source), links.address_text(datagram.destination)),
        *(header.source_port, header.destination_port, packet.encapsulation_port),
        *(header.verification_tag, header.checksum, datagram.identification, begin, length, end - begin),
        *(datagram.ttl, datagram.traffic_class >> 2, datagram.traffic_class & 3, count, defect),
    )


_MAXIMUM_LENGTH = 1 << 16

_DELIVERY = re.compile(r"sctpinspect delivery: (delivered|lost|duplicated)((?: \+\d{1,18} ns)*)")


def _delivery(frame: files.Frame) -> tuple[int | None, str | None]:
    """delivered_ns and delivery, which the recorder wrote into a comment of the frame."""
    for comment in frame.comments:
        if match := _DELIVERY.fullmatch(comment):
            delays = match[2].split()[::2]  # "+1234", "ns", ...
            delivered_ns = min(frame.time_ns + int(delays[0]), files.INT64_MAX) if delays else None
            return delivered_ns, match[1]
    return None, None


def _icmp_error_row(data: bytes, frame: files.Frame, datagram: links.Datagram, end: int) -> tuple | None:
    """The row of an ICMP error; None if what it quotes is not SCTP."""
    end = min(end, datagram.end)
    quoted = links.datagram(data, datagram.begin + 8, end)
    packet = links.sctp_in(data, quoted, end) if quoted is not None else None
    if quoted is None or packet is None:
        return None
    header = sctp.common_header(data, packet.begin, end)
    return (
        *(frame.number, frame.time_ns),
        *(links.address_text(datagram.source), links.address_text(datagram.destination)),
        *(data[datagram.begin], data[datagram.begin + 1]),
        *(links.address_text(quoted.source), links.address_text(quoted.destination)),
        *(header.source_port, header.destination_port, header.verification_tag),
    )


def _checksum_states(data: bytes, packets: dict[str, list]) -> list[str]:
    """What each checksum field is worth; a field of zero is taken as left to the sender's network device."""
    whole = [
        index
        for index, (defect, checksum) in enumerate(zip(packets["defect"], packets["checksum"], strict=True))
        if checksum is not None and defect not in ("cut_by_snaplen", "cut_by_fragmentation")
    ]
    begins = [packets["begin"][index] for index in whole]
    lengths = [packets["length"][index] for index in whole]
    states = ["not_captured"] * len(packets["packet"])
    for index, begin, length, right in zip(
        whole, begins, lengths, crc32c.checksums(data, begins, lengths).tolist(), strict=True
    ):
        checksum = packets["checksum"][index]
        if checksum == right:
            states[index] = "good"
        elif checksum == 0:
            states[index] = "offloaded"
        else:
            packet = data[begin : begin + length]
            is_adler32 = checksum == zlib.adler32(packet[:8] + bytes(4) + packet[12:])  # RFC 2960 §6.8
            states[index] = "adler32" if is_adler32 else "bad"
    return states


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


def _unknown_links(capture: files.RawCapture) -> list[str]:
    used = {frame.interface for frame in capture.frames}
    types = {capture.interfaces[index].link_type for index in used}
    return [
        f"frames of link type {type} were not decoded" for type in sorted(types) if not links.is_known(type)
    ]
