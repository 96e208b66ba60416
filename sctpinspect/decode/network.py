"""IP, and what carries it besides link layers and UDP: MPLS, GRE, other protocols of IP.

Lengths are those that the headers state: they can lie beyond the captured end.
"""

from numpy.typing import NDArray

from sctpinspect.decode.compiled import compiled
from sctpinspect.decode.layers import (
    AH,
    ETHERNET,
    GRE,
    IP,
    MPLS,
    NOTHING,
    PPP,
    PROTOCOL,
)
from sctpinspect.decode.links import Bounds
from sctpinspect.decode.octets import u8, u16, u32

_MAXIMUM_LENGTH = 0xFFFF

Datagram = tuple[int, int, int, int, int, bool, int]
"""Layer, begin and stated end of the payload; identification; offset in the datagram of which it is a
fragment, and whether more follow; where the number of the protocol stands that the fragments share."""


@compiled
def ip(data: NDArray, begin: int, end: int, into_fragments: bool) -> Datagram:
    """The IPv4 (RFC 791) or IPv6 (RFC 8200) datagram whose header begins at `begin`.

    Extension headers in an IPv6 fragment are not passed unless `into_fragments`.
    """
    if begin < end and data[begin] >> 4 == 4:
        return _ipv4(data, begin, end)
    if begin < end and data[begin] >> 4 == 6:
        return _ipv6(data, begin, end, into_fragments)
    return NOTHING, begin, end, 0, 0, False, 0


@compiled
def _ipv4(data: NDArray, begin: int, end: int) -> Datagram:
    head_length = 4 * (u8(data, begin) & 0x0F)
    if end - begin < 20 or head_length < 20:
        return NOTHING, begin, end, 0, 0, False, 0
    total, fragment = u16(data, begin + 2), u16(data, begin + 6)
    # segmentation offload can leave the length to the device
    stated_end = begin + total if total >= head_length else min(end, begin + _MAXIMUM_LENGTH)
    return (
        PROTOCOL + u8(data, begin + 9),
        begin + head_length,
        stated_end,
        u16(data, begin + 4),
        8 * (fragment & 0x1FFF),
        fragment & 0x2000 != 0,
        begin + 9,
    )


_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AH, _DESTINATION, _MOBILITY, _HIP, _SHIM6 = (
    *(0, 43, 44, 51, 60, 135, 139, 140),
)
_EXTENSIONS = (_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AH, _DESTINATION, _MOBILITY, _HIP, _SHIM6)


@compiled
def _ipv6(data: NDArray, begin: int, end: int, into_fragments: bool) -> Datagram:
    if end - begin < 40:
        return NOTHING, begin, end, 0, 0, False, 0
    length, number_at = u16(data, begin + 4), begin + 6
    begin += 40
    stated_end = begin + length if length else min(end, begin + _MAXIMUM_LENGTH)
    identification, offset, more = 0, 0, False
    while True:
        number = u8(data, number_at)
        if number not in _EXTENSIONS:
            break
        if end - begin < 8:
            return NOTHING, begin, end, 0, 0, False, 0
        if number == _FRAGMENT:
            fragment = u16(data, begin + 2)
            identification, offset, more = u32(data, begin + 4), fragment & 0xFFF8, fragment & 1 != 0
            if (offset or more) and not into_fragments:
                number = u8(data, begin)
                begin += 8
                break
            length = 8
        elif number == _AH:
            length = 4 * (u8(data, begin + 1) + 2)
        else:
            length = 8 * (u8(data, begin + 1) + 1)
        number_at, begin = begin, begin + length
    return PROTOCOL + number, begin, stated_end, identification, offset, more, number_at


@compiled
def mpls(data: NDArray, begin: int, end: int) -> Bounds:
    """Past the label stack (RFC 3032): IP, or an Ethernet frame (RFC 4448) that shows IP in it."""
    last = False
    while not last:
        if end - begin < 4:
            return NOTHING, begin, end
        last = data[begin + 2] & 1 != 0
        begin += 4
    if begin >= end:
        return NOTHING, begin, end
    version = data[begin] >> 4
    if version == 4 or version == 6:
        return IP, begin, end
    if version == 0 and _is_ethernet_with_ip(data, begin + 4, end):  # after a control word
        return ETHERNET, begin + 4, end
    return (ETHERNET if _is_ethernet_with_ip(data, begin, end) else NOTHING), begin, end


@compiled
def _is_ethernet_with_ip(data: NDArray, begin: int, end: int) -> bool:
    """Whether an EtherType, perhaps after VLAN tags, stands before an IP header of its version."""
    begin += 12
    while end - begin >= 4 and u16(data, begin) in (0x8100, 0x88A8, 0x9100):
        begin += 4
    if end - begin < 3:
        return False
    type = u16(data, begin)
    return (type == 0x0800 and 0x45 <= data[begin + 2] <= 0x4F) or (
        type == 0x86DD and data[begin + 2] >> 4 == 6
    )


@compiled
def protocol(data: NDArray, layer: int, begin: int, end: int) -> Bounds:
    """What a protocol of IP carries, other than SCTP, UDP and ICMP."""
    number = layer - PROTOCOL
    if number == 4 or number == 41 or number == 94:  # RFC 2003, RFC 2473, KA9Q
        return IP, begin, end
    if layer == GRE:
        return gre(data, begin, end)
    if layer == AH and end - begin >= 12:  # RFC 4302
        return PROTOCOL + u8(data, begin), begin + 4 * (u8(data, begin + 1) + 2), end
    if number == 97:  # RFC 3378, after the version
        return ETHERNET, begin + 2, end
    if number == 137:  # RFC 4023
        return MPLS, begin, end
    if number == 143:  # RFC 8986
        return ETHERNET, begin, end
    return NOTHING, begin, end


@compiled
def gre(data: NDArray, begin: int, end: int) -> Bounds:
    """Version 0 (RFC 2784, RFC 2890), also with ERSPAN, and version 1 with PPP (RFC 2637)."""
    if end - begin < 4:
        return NOTHING, begin, end
    flags, type = u16(data, begin), u16(data, begin + 2)
    version = flags & 7
    has_sequence = flags & 0x1000 != 0
    if version > 1 or flags & 0x4000:  # with source routes: deprecated
        return NOTHING, begin, end
    begin += 4
    if flags & 0x8000:
        begin += 4
    if flags & 0x2000:
        begin += 4
    if has_sequence:
        begin += 4
    if version == 1:
        if flags & 0x80:
            begin += 4
        return (PPP if type == 0x880B else NOTHING), begin, end
    if type == 0x88BE:  # ERSPAN: type II has a sequence number and a header
        return ETHERNET, begin + (8 if has_sequence else 0), end
    if type == 0x22EB:  # type III: its last bit says whether 8 bytes more follow
        if end - begin < 12:
            return NOTHING, begin, end
        return ETHERNET, begin + (20 if data[begin + 11] & 1 else 12), end
    return type, begin, end
