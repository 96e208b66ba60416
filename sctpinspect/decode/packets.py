"""From frames to the SCTP packets in them, through whatever links, tunnels and fragments.

A frame holds one SCTP packet at most: the outermost, as Wireshark has it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode import icmp, udp
from sctpinspect.decode.compiled import compiled
from sctpinspect.decode.fragments import FRAGMENT, Sources, as_frames, reassemble, without_copies
from sctpinspect.decode.icmp import QUOTE
from sctpinspect.decode.layers import (
    EXPORTED,
    ICMP,
    ICMPV6,
    IPV4,
    IPV6,
    LINK,
    MPLS,
    NOTHING,
    PROTOCOL,
    SCTP,
    UDP,
    UNKNOWN_LINK,
)
from sctpinspect.decode.links import ether_type, exported, link, place
from sctpinspect.decode.network import ip, mpls, protocol
from sctpinspect.decode.octets import u8, u16, u32, u64
from sctpinspect.decode.rows import PACKET

LAYERS = 64
"""So many headers are passed in a frame, VLAN tags too."""

REASSEMBLIES = 4
"""So many times fragments are put together that lie in what was put together."""

_RAW_IP = 101


class Found(NamedTuple):
    """What frames hold.

    packets: PACKET, in order of frames, as far as the way to the SCTP packet says; the rest is zero.
    reassembled: the datagrams put together from fragments, which packets with that flag point into.
    icmp_errors: ICMP errors that quote SCTP, as tuples in the order of `columns.ICMP_ERROR_COLUMNS`.
    unknown_links: link types of frames that are not decoded, in order.
    learned_ports: pairs of UDP ports between which SCTP was found though nobody said so.
    """

    packets: NDArray
    reassembled: NDArray[np.uint8]
    icmp_errors: list[tuple]
    unknown_links: list[int]
    learned_ports: list[tuple[int, int]]


class Knowledge(NamedTuple):
    """What is known of UDP ports: those that carry SCTP, and the pairs that are learned on the way."""

    ports: NDArray
    learned: NDArray


class Held(NamedTuple):
    """What was found in frames: PACKET, FRAGMENT, QUOTE, whose `frame` is an index into these.

    unknown: of each interface whether its link type is not decoded.
    """

    packets: NDArray
    fragments: NDArray
    quotes: NDArray
    unknown: NDArray[np.bool_]


class Joined(NamedTuple):
    """What was found in fragments; `reassembled` as in `Found`."""

    packets: NDArray
    quotes: NDArray
    reassembled: NDArray[np.uint8]


def find_packets(
    data: NDArray[np.uint8], frames: NDArray, link_types: Sequence[int], udp_ports: Iterable[int] = ()
) -> Found:
    """The SCTP packets in frames (FRAME), whose offsets point into `data`.

    link_types: LINKTYPE_ of each interface. udp_ports: ports that carry SCTP, beside 9899.
    """
    knowledge = Knowledge(udp.known_ports(udp_ports), udp.no_pairs())
    found = _find(data, frames, link_types, knowledge)
    if knowledge.learned[-1]:  # what came before the proof is SCTP too
        found = _find(data, frames, link_types, knowledge)
    return found


def _find(data: NDArray, frames: NDArray, link_types: Sequence[int], knowledge: Knowledge) -> Found:
    held = scan(data, frames, link_types, knowledge)
    joined = rejoin(data, held.fragments, link_types, knowledge)
    return Found(
        packets=in_order([held.packets, joined.packets]),
        reassembled=joined.reassembled,
        icmp_errors=icmp.error_rows(in_order([held.quotes, joined.quotes]), frames),
        unknown_links=sorted(set(np.array(link_types, np.int64)[held.unknown].tolist())),
        learned_ports=udp.pairs(knowledge.learned),
    )


def scan(data: NDArray, frames: NDArray, link_types: Sequence[int], knowledge: Knowledge) -> Held:
    """What frames hold, without what lies in fragments; new ports are learned."""
    return _scan(data, frames, np.array(link_types, np.int64), False, *knowledge)


def rejoin(data: NDArray, fragments: NDArray, link_types: Sequence[int], knowledge: Knowledge) -> Joined:
    """What all the fragments (FRAGMENT) of a capture hold, put together where that is possible."""
    types = np.array(link_types, np.int64)
    parts, left, used = [], fragments, [fragments[:0]]
    sources, latest = Sources(data, data[:0]), fragments

    def scan_for(pieces: NDArray, source: NDArray, begins: NDArray, ends: NDArray, into: bool) -> Held:
        """What source[begin:end] holds for each of the fragments in whose place it stands."""
        raw_ip = np.full(len(types), _RAW_IP, dtype=np.int64)
        again = _scan(source, as_frames(pieces, begins, ends - begins), raw_ip, into, *knowledge)
        for rows in (again.packets, again.fragments):
            rows["place"] = pieces["place"][rows["frame"]]
            rows["reassembled"] = source is sources.reassembled
        for rows in (again.packets, again.fragments, again.quotes):
            rows["frame"] = pieces["frame"][rows["frame"]]
        return again

    for _ in range(REASSEMBLIES):
        if not len(latest):
            break
        whole = reassemble(sources, left)
        closing = left[whole.closing]
        used.append(left[whole.used])
        ends = len(sources.reassembled) + np.cumsum(
            [len(datagram) for datagram in whole.datagrams], dtype=int
        )
        begins = np.concatenate([[len(sources.reassembled)], ends])[:-1]
        joined = sources.reassembled.tobytes() + b"".join(whole.datagrams)
        sources = Sources(data, np.frombuffer(joined, dtype=np.uint8))
        parts.append(scan_for(closing, sources.reassembled, begins, ends, False))
        latest = parts[-1].fragments
        left = in_order([left[~whole.used], latest])
    left = without_copies(sources, left, np.concatenate(used))
    for source, pieces in (
        (sources.file, left[~left["reassembled"]]),
        (sources.reassembled, left[left["reassembled"]]),
    ):
        parts.append(scan_for(pieces, source, pieces["header"], pieces["end"], True))
    return Joined(
        packets=in_order([part.packets for part in parts]),
        quotes=in_order([part.quotes for part in parts]),
        reassembled=sources.reassembled,
    )


def in_order(parts: list[NDArray]) -> NDArray:
    """Rows of all parts in order of their frames."""
    parts = [rows for rows in parts if len(rows)] or parts[:1]
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate(parts)
    return rows[np.argsort(rows["frame"], kind="stable")]


def _read_only(rows: NDArray) -> NDArray:
    """The same rows, whoever made them, as the compiled functions take them."""
    rows = np.ascontiguousarray(rows).view()
    rows.flags.writeable = False
    return rows


def _scan(
    data: NDArray,
    frames: NDArray,
    types: NDArray,
    into_fragments: bool,
    ports: NDArray,
    learned: NDArray,
) -> Held:
    """What frames hold. into_fragments: first fragments are decoded as far as they go."""
    # memory that is not written to costs nothing
    packets, pieces, quotes = (np.zeros(len(frames), dtype=type) for type in (PACKET, FRAGMENT, QUOTE))
    unknown = np.zeros(len(types), dtype=np.bool_)
    counts = _fill(
        *(_read_only(data), _read_only(frames), types, into_fragments, ports, learned),
        *(packets, pieces, quotes, unknown),
    )
    return Held(packets[: counts[0]], pieces[: counts[1]], quotes[: counts[2]], unknown)


@compiled
def _fill(
    data: NDArray,
    frames: NDArray,
    types: NDArray,
    into_fragments: bool,
    ports: NDArray,
    learned: NDArray,
    packets: NDArray,
    pieces: NDArray,
    quotes: NDArray,
    unknown: NDArray,
) -> tuple[int, int, int]:
    """Fill the rows of `Held`; gives how many of each there are."""
    packet_count, piece_count, quote_count = 0, 0, 0
    for index in range(len(frames)):
        interface, begin = frames[index]["interface"], frames[index]["offset"]
        end = min(begin + frames[index]["captured"], len(data))
        frame_end = max(end, begin + frames[index]["original"])
        type = types[interface]
        held = _walk(
            *(data, type, begin, end, frame_end, into_fragments, ports, learned),
            *(packets, packet_count, pieces, piece_count, quotes, quote_count),
        )
        if held == SCTP:
            packets[packet_count]["frame"] = index
            packets[packet_count]["place"] = place(data, type, begin, end)
            packet_count += 1
        elif held == _FRAGMENT:
            pieces[piece_count]["frame"] = index
            pieces[piece_count]["interface"] = interface
            pieces[piece_count]["time_ns"] = frames[index]["time_ns"]
            pieces[piece_count]["place"] = place(data, type, begin, end)
            piece_count += 1
        elif held == ICMP:
            quotes[quote_count]["frame"] = index
            quote_count += 1
        elif held == UNKNOWN_LINK:
            unknown[interface] = True
    return packet_count, piece_count, quote_count


_FRAGMENT = -3
_UNLIMITED = 1 << 62


@compiled
def _walk(
    data: NDArray,
    link_type: int,
    begin: int,
    end: int,
    frame_end: int,
    into_fragments: bool,
    ports: NDArray,
    learned: NDArray,
    packets: NDArray,
    packet: int,
    pieces: NDArray,
    piece: int,
    quotes: NDArray,
    quote: int,
) -> int:
    """Go through the headers of the frame data[begin:end], which was longer when it was sent, to `frame_end`.

    Gives what of the rows at the indices it has filled: SCTP (a packet), _FRAGMENT, ICMP (a quote); or
    UNKNOWN_LINK, NOTHING.
    """
    layer = LINK + link_type
    # what the innermost IP header says, and where it and its addresses stand
    family, header, source, destination = 0, -1, -1, -1
    # where, by the headers, the innermost layer ends; whether that is the end of a fragment
    stated_end, is_open = _UNLIMITED, False
    encapsulation_port, encapsulation_destination_port, is_quoted = -1, -1, False
    for step in range(LAYERS):
        if layer == SCTP:
            if is_quoted:
                _put_quoted(data, quotes, quote, family, source, destination, begin, end)
                return ICMP
            if stated_end == _UNLIMITED:
                stated_end = frame_end
            packets[packet]["begin"] = begin
            packets[packet]["length"] = max(0, stated_end - begin)
            packets[packet]["captured_length"] = max(0, min(end, stated_end) - begin)
            packets[packet]["encapsulation_port"] = encapsulation_port
            packets[packet]["encapsulation_destination_port"] = encapsulation_destination_port
            packets[packet]["is_fragment"] = is_open
            _put_addresses(data, packets, packet, family, source, destination)
            _put_header(data, packets, packet, family, header)
            return SCTP
        elif layer in (IPV4, IPV6):
            next, payload, its_end, identification, offset, more, number_at = ip(
                data, begin, end, into_fragments or is_quoted
            )
            if next == NOTHING:
                return NOTHING
            header, begin = begin, payload
            family = u8(data, header) >> 4
            source = header + (12 if family == 4 else 8)
            destination = source + (4 if family == 4 else 16)
            stated_end, is_open = _narrowed(its_end, stated_end, is_open)
            end = min(end, stated_end)
            if offset or more:
                if not (into_fragments or is_quoted):
                    if next not in _FRAGMENTED:
                        return NOTHING
                    pieces[piece]["is_promising"] = not offset and (
                        next != UDP or udp.may_carry_sctp(data, ports, learned, begin, end)
                    )
                    pieces[piece]["header"] = header
                    pieces[piece]["number_at"] = number_at
                    pieces[piece]["begin"] = begin
                    pieces[piece]["end"] = max(begin, end)
                    pieces[piece]["stated_end"] = stated_end
                    pieces[piece]["offset"] = offset
                    pieces[piece]["more"] = more
                    pieces[piece]["identification"] = identification
                    pieces[piece]["protocol"] = next - PROTOCOL
                    _put_addresses(data, pieces, piece, family, source, destination)
                    return _FRAGMENT
                if offset:
                    return NOTHING
                is_open = True
            layer = next
        elif layer == UDP:
            if end - begin < 8:
                return NOTHING
            source_port, destination_port = u16(data, begin), u16(data, begin + 2)
            length = u16(data, begin + 4)
            if length >= 8:
                stated_end, is_open = _narrowed(begin + length, stated_end, is_open)
                end = min(end, stated_end)
            begin += 8
            is_whole = not (is_open or is_quoted) and end == stated_end
            if udp.carries_sctp(
                data, ports, learned, source_port, destination_port, begin, end, stated_end
            ) or (is_whole and udp.learn(data, learned, source_port, destination_port, begin, end)):
                layer, encapsulation_port, encapsulation_destination_port = (
                    SCTP,
                    source_port,
                    destination_port,
                )
            else:
                layer, begin, end = udp.tunnel(data, source_port, destination_port, begin, end)
        elif layer in (ICMP, ICMPV6):
            if is_quoted or end - begin < 8 or not icmp.is_error(layer, u8(data, begin)):
                return NOTHING
            _put_addresses(data, quotes, quote, family, source, destination)
            quotes[quote]["type"] = data[begin]
            quotes[quote]["code"] = data[begin + 1]
            begin, layer, is_quoted = begin + 8, IPV4, True
            stated_end, is_open = _UNLIMITED, False
        elif layer == EXPORTED:
            layer, begin, end, family, source, destination = exported(data, begin, end)
        elif layer >= LINK:
            layer, begin, end = link(data, layer - LINK, begin, end)
            if layer == UNKNOWN_LINK:
                return UNKNOWN_LINK if step == 0 else NOTHING
        elif layer >= PROTOCOL:
            layer, begin, end = protocol(data, layer, begin, end)
        elif layer == MPLS or layer == MPLS + 1:
            layer, begin, end = mpls(data, begin, end)
        else:
            layer, begin, end = ether_type(data, layer, begin, end)
        if layer == NOTHING:
            return NOTHING
    return NOTHING


_FRAGMENTED = tuple(PROTOCOL + number for number in (132, 17, 4, 41, 47, 51, 1, 58, 60, 43, 94, 97, 137, 143))
"""What fragments are put together of; TCP above all is not."""


@compiled
def _narrowed(its_end: int, stated_end: int, is_open: bool) -> tuple[int, bool]:
    """Where a layer ends that says `its_end`, in one that ends at `stated_end`, if open as a fragment."""
    if its_end <= stated_end:
        return its_end, False
    return (its_end, True) if is_open else (stated_end, False)


@compiled
def _put_addresses(
    data: NDArray, rows: NDArray, row: int, family: int, source: int, destination: int
) -> None:
    rows[row]["family"] = family
    if family == 4:
        rows[row]["source_high"] = 0  # an earlier frame may have left its own here
        rows[row]["source_low"] = u32(data, source)
        rows[row]["destination_high"] = 0
        rows[row]["destination_low"] = u32(data, destination)
    elif family == 6:
        rows[row]["source_high"] = u64(data, source)
        rows[row]["source_low"] = u64(data, source + 8)
        rows[row]["destination_high"] = u64(data, destination)
        rows[row]["destination_low"] = u64(data, destination + 8)


@compiled
def _put_header(data: NDArray, packets: NDArray, packet: int, family: int, header: int) -> None:
    """What the header of IP says of its way."""
    if header < 0:
        return
    if family == 4:
        packets[packet]["identification"] = u16(data, header + 4)
        packets[packet]["ttl"] = data[header + 8]
        packets[packet]["traffic_class"] = data[header + 1]
    else:
        packets[packet]["ttl"] = data[header + 7]
        packets[packet]["traffic_class"] = u16(data, header) >> 4 & 0xFF


@compiled
def _put_quoted(
    data: NDArray,
    quotes: NDArray,
    quote: int,
    family: int,
    source: int,
    destination: int,
    begin: int,
    end: int,
) -> None:
    quotes[quote]["quoted_family"] = family
    quotes[quote]["quoted_source_high"] = u64(data, source) if family == 6 else np.uint64(0)
    quotes[quote]["quoted_source_low"] = (
        u64(data, source + 8) if family == 6 else np.uint64(u32(data, source))
    )
    quotes[quote]["quoted_destination_high"] = u64(data, destination) if family == 6 else np.uint64(0)
    quotes[quote]["quoted_destination_low"] = (
        u64(data, destination + 8) if family == 6 else np.uint64(u32(data, destination))
    )
    quotes[quote]["source_port"] = u16(data, begin) if end - begin >= 2 else -1
    quotes[quote]["destination_port"] = u16(data, begin + 2) if end - begin >= 4 else -1
    quotes[quote]["verification_tag"] = u32(data, begin + 4) if end - begin >= 8 else -1
