"""What UDP carries: SCTP (RFC 6951) on known ports and on those where it proves to be, and tunnels.

SCTP proves to be in UDP by a payload that is a whole SCTP packet: its CRC32c is right, and its chunks end
where it ends. Then all that its two UDP ports exchange is SCTP.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode.checksums import checksum
from sctpinspect.decode.compiled import compiled
from sctpinspect.decode.layers import ETHERNET, IP, MPLS, NOTHING, PPP
from sctpinspect.decode.links import Bounds, next_protocol
from sctpinspect.decode.network import gre
from sctpinspect.decode.octets import u8, u16, u32
from sctpinspect.protocol import COMMON_HEADER_LENGTH, UDP_ENCAPSULATION_PORT

MAXIMUM_LEARNED = 4096
"""So many pairs of ports are learned."""

_USUAL, _GIVEN = 1, 2

_GTP_U, _VXLAN, _LINUX_VXLAN, _VXLAN_GPE, _GENEVE = 2152, 4789, 8472, 4790, 6081
_MPLS_IN_UDP, _GRE_IN_UDP, _L2TP, _TEREDO = 6635, 4754, 1701, 3544
_TUNNELS = (
    *(_GTP_U, _VXLAN, _LINUX_VXLAN, _VXLAN_GPE, _GENEVE),
    *(_MPLS_IN_UDP, _GRE_IN_UDP, _L2TP, _TEREDO),
)


def known_ports(given: Iterable[int]) -> NDArray[np.uint8]:
    """For each port whether it carries SCTP: the usual one, those given."""
    ports = np.zeros(1 << 16, dtype=np.uint8)
    ports[UDP_ENCAPSULATION_PORT] = _USUAL
    for port in given:
        ports[port] = _GIVEN
    return ports


def no_pairs() -> NDArray[np.int64]:
    """A hash table of learned pairs of ports, empty; its last number counts them."""
    table = np.full((1 << 16) + 1, -1, dtype=np.int64)
    table[-1] = 0
    return table


def pairs(table: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The learned pairs, in order, each with the smaller port first."""
    if not table[-1]:
        return []
    return [(int(pair) >> 16, int(pair) & 0xFFFF) for pair in np.sort(table[:-1][table[:-1] >= 0])]


@compiled
def _slot(table: NDArray, pair: int) -> int:
    """Where a pair stands in the table, or is to be put."""
    slot = ((pair >> 16) * 31 + pair * 40503) & 0xFFFF
    while table[slot] >= 0 and table[slot] != pair:
        slot = (slot + 1) & 0xFFFF
    return slot


@compiled
def _pair(one: int, other: int) -> int:
    return min(one, other) << 16 | max(one, other)


@compiled
def carries_sctp(
    data: NDArray,
    ports: NDArray,
    learned: NDArray,
    source: int,
    destination: int,
    begin: int,
    end: int,
    stated_end: int,
) -> bool:
    """Whether the payload is SCTP by what is known of its ports.

    Other services' clients can have got the usual port too: if it is but one of the two, chunks must follow.
    """
    kinds = ports[source] | ports[destination]
    if kinds >= _GIVEN or (kinds and source == destination):
        return True
    if learned[-1] and learned[_slot(learned, _pair(source, destination))] >= 0:
        return True
    return kinds == _USUAL and _are_chunks(data, begin, end, stated_end)


@compiled
def may_carry_sctp(data: NDArray, ports: NDArray, learned: NDArray, begin: int, end: int) -> bool:
    """Whether a UDP datagram of which only data[begin:end] is known can hold SCTP, in a tunnel too."""
    if end - begin < 8:
        return False
    source, destination, length = u16(data, begin), u16(data, begin + 2), u16(data, begin + 4)
    if ports[source] or ports[destination] or source in _TUNNELS or destination in _TUNNELS:
        return True
    if learned[-1] and learned[_slot(learned, _pair(source, destination))] >= 0:
        return True
    room = length - 8 - COMMON_HEADER_LENGTH
    begin += 8 + COMMON_HEADER_LENGTH
    return room >= 4 and not room & 3 and (begin + 4 > end or 4 <= u16(data, begin + 2) <= room)


@compiled
def learn(data: NDArray, learned: NDArray, source: int, destination: int, begin: int, end: int) -> bool:
    """Whether the payload data[begin:end] proves to be SCTP. Its ports are learned then."""
    if end - begin < COMMON_HEADER_LENGTH + 4 or (end - begin) & 3:
        return False
    if not _are_chunks(data, begin, end, end) or checksum(data, begin, end) != u32(data, begin + 8):
        return False
    if learned[-1] < MAXIMUM_LEARNED:
        pair = _pair(source, destination)
        slot = _slot(learned, pair)
        if learned[slot] < 0:
            learned[slot] = pair
            learned[-1] += 1
    return True


@compiled
def _are_chunks(data: NDArray, begin: int, end: int, stated_end: int) -> bool:
    """Whether chunks follow a common header until the packet ends, as far as data[begin:end] shows it."""
    begin += COMMON_HEADER_LENGTH
    if begin + 4 > stated_end:
        return False
    while begin + 4 <= end:
        length = u16(data, begin + 2)
        if length < 4 or begin + length > stated_end:
            return False
        begin += length + 3 & ~3
    return begin >= stated_end or end < stated_end


@compiled
def tunnel(data: NDArray, source: int, destination: int, begin: int, end: int) -> Bounds:
    """What a payload to or from the port of a tunnel carries."""
    for port in (destination, source):
        if port == _GTP_U:
            return _gtp_u(data, begin, end)
        if port in (_VXLAN, _LINUX_VXLAN):
            return _vxlan(data, begin, end)
        if port == _VXLAN_GPE:
            return _vxlan_gpe(data, begin, end)
        if port == _GENEVE:
            return _geneve(data, begin, end)
        if port == _MPLS_IN_UDP:  # RFC 7510
            return MPLS, begin, end
        if port == _GRE_IN_UDP:  # RFC 8086
            return gre(data, begin, end)
        if port == _L2TP:
            return _l2tp(data, begin, end)
        if port == _TEREDO and begin < end and data[begin] >> 4 == 6:  # Teredo, RFC 4380
            return IP, begin, end
    return NOTHING, begin, end


@compiled
def _gtp_u(data: NDArray, begin: int, end: int) -> Bounds:
    """A G-PDU of GTP-U (3GPP TS 29.281 §5), with an IP packet in it."""
    if end - begin < 8 or data[begin] & 0xF0 != 0x30 or data[begin + 1] != 255:
        return NOTHING, begin, end
    flags = u8(data, begin)
    end = min(end, begin + 8 + u16(data, begin + 2))
    begin += 8
    if flags & 7:
        begin += 4
        while flags & 4 and begin <= end and data[begin - 1]:  # extension headers
            if begin >= end or data[begin] == 0:
                return NOTHING, begin, end
            begin += 4 * u8(data, begin)
    return IP, begin, end


@compiled
def _vxlan(data: NDArray, begin: int, end: int) -> Bounds:
    """RFC 7348 §5"""
    if end - begin < 8 or not data[begin] & 8:
        return NOTHING, begin, end
    return ETHERNET, begin + 8, end


@compiled
def _vxlan_gpe(data: NDArray, begin: int, end: int) -> Bounds:
    """draft-ietf-nvo3-vxlan-gpe: its next protocols are those of RFC 8300."""
    if end - begin < 8 or not data[begin] & 4:
        return _vxlan(data, begin, end)
    return next_protocol(u8(data, begin + 3)), begin + 8, end


@compiled
def _geneve(data: NDArray, begin: int, end: int) -> Bounds:
    """RFC 8926 §3.4"""
    if end - begin < 8 or data[begin] >> 6:
        return NOTHING, begin, end
    return u16(data, begin + 2), begin + 8 + 4 * (u8(data, begin) & 0x3F), end


@compiled
def _l2tp(data: NDArray, begin: int, end: int) -> Bounds:
    """A data message of L2TP version 2 (RFC 2661 §3.1), with PPP in it."""
    if end - begin < 2 or u16(data, begin) & 0x800F != 2:
        return NOTHING, begin, end
    flags = u16(data, begin)
    begin += 2
    if flags & 0x4000:  # length
        begin += 2
    begin += 4
    if flags & 0x0800:  # numbers
        begin += 4
    if flags & 0x0200:  # offset
        if end - begin < 2:
            return NOTHING, begin, end
        begin += 2 + u16(data, begin)
    return PPP, begin, end
