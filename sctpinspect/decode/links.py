"""From a captured frame to its IP datagram, and through UDP (RFC 6951) or ICMP to SCTP.

Every function takes the bytes of the whole file with the bounds of what it may look at, and gives
None for what is not its kind. Lengths are those that the headers state: they can lie beyond the
frame's captured end, and what an Ethernet frame holds behind them (padding, FCS) is not seen.
"""

import socket
import struct
from functools import lru_cache
from typing import NamedTuple

from sctpinspect.protocol import UDP_ENCAPSULATION_PORT

ICMP, UDP, ICMPV6, SCTP = 1, 17, 58, 132


class Datagram(NamedTuple):
    """An IP datagram; its payload is data[begin:end], where `end` follows from the IP length.

    identification: that of IPv4, 0 in IPv6. is_fragment: the first fragment of a longer one, so that
    `end` is not where the payload ends.
    """

    source: bytes
    destination: bytes
    protocol: int
    begin: int
    end: int
    ttl: int
    traffic_class: int
    identification: int
    is_fragment: bool


class Packet(NamedTuple):
    """Where a SCTP packet lies in a datagram; encapsulation_port is the UDP source port, if in UDP."""

    begin: int
    end: int
    encapsulation_port: int | None


_u16 = struct.Struct(">H").unpack_from
_u16_u16_u16 = struct.Struct(">HHH").unpack_from
_ethernet_type = struct.Struct(">12xH").unpack_from
_cooked = struct.Struct(">H12xH").unpack_from
_cooked_v2 = struct.Struct(">HxxIHB").unpack_from
_ipv4 = struct.Struct(">BBHHHBBxx4s4s").unpack_from
_ipv6 = struct.Struct(">IHBB16s16s").unpack_from

_IPV4, _IPV6 = 0x0800, 0x86DD
_MAXIMUM_LENGTH = 0xFFFF
_VLAN_TAGS = {0x8100, 0x88A8, 0x9100}
_NULL_FAMILIES = {2, 10, 24, 28, 30}
"""AF_INET, and AF_INET6 of Linux, NetBSD, FreeBSD and macOS."""


def link_payload(data: bytes, link_type: int, begin: int, end: int) -> tuple[int, int] | None:
    """Where the IP header of a frame begins, and at which of several places of one interface it was taken.

    The place tells copies apart: on Linux's "any" device each packet shows at every interface and
    direction it passes. Formats: www.tcpdump.org/linktypes.
    """
    layer = _LINKS.get(link_type)
    return layer(data, begin, end) if layer else None


def is_known(link_type: int) -> bool:
    """Whether frames of this LINKTYPE_ are decoded."""
    return link_type in _LINKS


def _ethernet(data: bytes, begin: int, end: int) -> tuple[int, int] | None:
    if end - begin < 14:
        return None
    return _ether_type(data, _ethernet_type(data, begin)[0], begin + 14, end, 0)


def _linux_cooked(data: bytes, begin: int, end: int) -> tuple[int, int] | None:
    if end - begin < 16:
        return None
    packet_type, ether_type = _cooked(data, begin)
    return _ether_type(data, ether_type, begin + 16, end, packet_type)


def _linux_cooked_v2(data: bytes, begin: int, end: int) -> tuple[int, int] | None:
    if end - begin < 20:
        return None
    ether_type, ifindex, _hardware, packet_type = _cooked_v2(data, begin)
    return _ether_type(data, ether_type, begin + 20, end, ifindex << 8 | packet_type)


def _ether_type(data: bytes, ether_type: int, begin: int, end: int, place: int) -> tuple[int, int] | None:
    """Past VLAN tags (802.1Q, 802.1ad) to IP."""
    while ether_type in _VLAN_TAGS:
        if end - begin < 4:
            return None
        ether_type = _u16(data, begin + 2)[0]
        begin += 4
    return (begin, place) if ether_type in (_IPV4, _IPV6) else None


def _raw(data: bytes, begin: int, end: int) -> tuple[int, int] | None:
    return begin, 0


def _null(data: bytes, begin: int, end: int) -> tuple[int, int] | None:
    """The address family before the packet is in the byte order of the machine that captured."""
    family = data[begin : min(begin + 4, end)]
    if {int.from_bytes(family, "big"), int.from_bytes(family, "little")} & _NULL_FAMILIES:
        return begin + 4, 0
    return None


_LINKS = {
    0: _null,
    1: _ethernet,
    12: _raw,
    14: _raw,
    101: _raw,
    108: _null,
    113: _linux_cooked,
    228: _raw,
    229: _raw,
    276: _linux_cooked_v2,
}


def datagram(data: bytes, begin: int, end: int) -> Datagram | None:
    """The IPv4 (RFC 791) or IPv6 (RFC 8200) datagram whose header begins at `begin`; no later fragment."""
    if begin >= end:
        return None
    version = data[begin] >> 4
    if version == 4:
        return _datagram_ipv4(data, begin, end)
    return _datagram_ipv6(data, begin, end) if version == 6 else None


def _datagram_ipv4(data: bytes, begin: int, end: int) -> Datagram | None:
    if end - begin < 20:
        return None
    head, tos, total, identification, fragment, ttl, protocol, source, destination = _ipv4(data, begin)
    head_length = (head & 0x0F) * 4
    if head_length < 20 or fragment & 0x1FFF:
        return None
    # segmentation offload can leave the length to the device
    limit = begin + total if total >= head_length else min(end, begin + _MAXIMUM_LENGTH)
    return Datagram(
        source,
        destination,
        protocol,
        begin + head_length,
        limit,
        ttl,
        tos,
        identification,
        bool(fragment & 0x2000),
    )


_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AH, _DESTINATION, _MOBILITY, _HIP, _SHIM6 = (
    0,
    43,
    44,
    51,
    60,
    135,
    139,
    140,
)
_EXTENSIONS = {_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AH, _DESTINATION, _MOBILITY, _HIP, _SHIM6}


def _datagram_ipv6(data: bytes, begin: int, end: int) -> Datagram | None:
    if end - begin < 40:
        return None
    word, payload_length, protocol, hop_limit, source, destination = _ipv6(data, begin)
    begin += 40
    limit = begin + payload_length if payload_length else min(end, begin + _MAXIMUM_LENGTH)
    is_fragment = False
    while protocol in _EXTENSIONS:
        if end - begin < 8:
            return None
        if protocol == _FRAGMENT:
            fragment = _u16(data, begin + 2)[0]
            if fragment & 0xFFF8:
                return None
            is_fragment = bool(fragment & 1)
            length = 8
        elif protocol == _AH:
            length = (data[begin + 1] + 2) * 4
        else:
            length = (data[begin + 1] + 1) * 8
        protocol = data[begin]
        begin += length
    traffic_class = word >> 20 & 0xFF
    return Datagram(source, destination, protocol, begin, limit, hop_limit, traffic_class, 0, is_fragment)


def sctp_in(data: bytes, found: Datagram, end: int) -> Packet | None:
    """The SCTP packet that a datagram carries, directly or in UDP to or from port 9899 (RFC 6951 §5)."""
    if found.protocol == SCTP:
        return Packet(found.begin, found.end, None)
    begin = found.begin
    if found.protocol != UDP or end - begin < 8:
        return None
    source_port, destination_port, length = _u16_u16_u16(data, begin)
    if UDP_ENCAPSULATION_PORT not in (source_port, destination_port):
        return None
    return Packet(begin + 8, min(begin + length, found.end) if length >= 8 else found.end, source_port)


def is_icmp_error(data: bytes, found: Datagram, end: int) -> bool:
    """Whether it is an ICMP (RFC 792) or ICMPv6 (RFC 4443) error, which quotes a datagram after 8 bytes."""
    if end - found.begin < 8:
        return False
    if found.protocol == ICMP:
        return data[found.begin] in (3, 4, 5, 11, 12)
    return found.protocol == ICMPV6 and data[found.begin] < 128


@lru_cache(maxsize=4096)
def address_text(address: bytes) -> str:
    """An IPv4 or IPv6 address as text (RFC 5952)."""
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)
