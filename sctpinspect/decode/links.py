"""Link layers: from a captured frame to what it carries.

Formats: www.tcpdump.org/linktypes; for what is ambiguous: Wireshark 4.0. What an Ethernet frame holds
behind its IP datagram (padding, FCS) is left to the IP length.
"""

from numpy.typing import NDArray

from sctpinspect.decode.compiled import compiled
from sctpinspect.decode.layers import (
    BRIDGED,
    ETHERNET,
    FABRIC_PATH,
    IP,
    LINK,
    MPLS,
    NOTHING,
    PPP_SESSION,
    SCTP,
    UNKNOWN_LINK,
)
from sctpinspect.decode.octets import u8, u16, u16_little, u32, u32_little

Bounds = tuple[int, int, int]
"""A layer, and where it begins and ends."""


@compiled
def place(data: NDArray, type: int, begin: int, end: int) -> int:
    """At which of several places of one interface a frame was taken.

    It tells copies apart: on Linux's "any" device each packet shows at every interface and direction it
    passes.
    """
    if type == 113 and end - begin >= 2:
        return u16(data, begin)
    if type == 276 and end - begin >= 11:
        return u32(data, begin + 4) << 8 | u8(data, begin + 10)
    return 0


@compiled
def link(data: NDArray, type: int, begin: int, end: int) -> Bounds:
    """What a frame of this LINKTYPE_ carries; UNKNOWN_LINK for types that are not decoded."""
    if type == 1:
        return _ethernet(data, begin, end)
    if type == 113:
        return _behind_type(data, begin, end, 14, 16)
    if type == 276:
        return _behind_type(data, begin, end, 0, 20)
    if type == 12 or type == 14 or type == 101 or type == 228 or type == 229:  # raw IP
        return IP, begin, end
    if type == 0 or type == 108:
        return _null(data, begin, end)
    if type == 9 or type == 50:
        return _ppp(data, begin, end)
    if type == 51:
        return _pppoe(data, begin, end)
    if type == 104:  # Cisco HDLC
        return _behind_type(data, begin, end, 2, 4)
    if type == 107:
        return _frame_relay(data, begin, end)
    if type == 100:  # ATM, RFC 1483
        return _llc(data, begin, end)
    if type == 105:
        return _wlan(data, begin, end)
    if type == 127 or type == 192:  # Radiotap, PPI
        return _behind_description(data, type, begin, end)
    if type == 197:
        return _erf(data, begin, end)
    if type == 219:
        return MPLS, begin, end
    if type == 239:
        return _nflog(data, begin, end)
    if type == 248:
        return SCTP, begin, end
    if type == 258:
        return _pktap(data, begin, end)
    return UNKNOWN_LINK, begin, end


@compiled
def ether_type(data: NDArray, type: int, begin: int, end: int) -> Bounds:
    """What a protocol with an EtherType carries, other than IP and MPLS."""
    if type in (0x8100, 0x88A8, 0x9100, 0x9200):  # 802.1Q, 802.1ad, older ones
        return _behind_type(data, begin, end, 2, 4)
    if type == PPP_SESSION:
        return _pppoe(data, begin, end)
    if type == BRIDGED:
        return ETHERNET, begin, end
    if type == FABRIC_PATH:  # after FTag and TTL
        return ETHERNET, begin + 2, end
    if type == 0x88E7:  # 802.1ah, after I-SID
        return ETHERNET, begin + 4, end
    if type == 0x893F:  # 802.1BR
        return _behind_type(data, begin, end, 6, 8)
    if type == 0xF1C1 or type == 0x8926:  # 802.1CB, VN-Tag
        return _behind_type(data, begin, end, 4, 6)
    if type == 0x22F3 and end - begin >= 6:  # TRILL, RFC 6325 §3
        return ETHERNET, begin + 6 + 4 * (u16(data, begin) >> 6 & 0x1F), end
    if type == 0x894F:
        return _service_header(data, begin, end)
    return NOTHING, begin, end


@compiled
def _behind_type(data: NDArray, begin: int, end: int, at: int, length: int) -> Bounds:
    """A header of `length` bytes with an EtherType `at` some place."""
    if end - begin < length:
        return NOTHING, begin, end
    return _typed(data, u16(data, begin + at), begin + length, end)


@compiled
def _typed(data: NDArray, type: int, begin: int, end: int) -> Bounds:
    """What follows an EtherType, which is in 802.3 the length of what follows."""
    if type >= 0x600:
        return type, begin, end
    if type == 4:  # of Linux: 802.2
        return _llc(data, begin, end)
    return _llc(data, begin, min(end, begin + type))


@compiled
def _ethernet(data: NDArray, begin: int, end: int) -> Bounds:
    return _behind_type(data, begin, end, 12, 14)


@compiled
def _llc(data: NDArray, begin: int, end: int) -> Bounds:
    """802.2, with SNAP (RFC 1042), with the access point of IP (RFC 948), or with an NLPID (RFC 2684)."""
    if end - begin < 3 or data[begin + 2] != 3:
        return NOTHING, begin, end
    points = u16(data, begin)
    if points == 0xAAAA and end - begin >= 8:
        organisation = u32(data, begin + 2) & 0xFFFFFF
        if organisation == 0 or organisation == 0xF8:
            return u16(data, begin + 6), begin + 8, end
    elif points == 0x0606:
        return IP, begin + 3, end
    elif points == 0xFEFE:
        return _nlpid(data, begin + 3, end)
    return NOTHING, begin, end


@compiled
def _nlpid(data: NDArray, begin: int, end: int) -> Bounds:
    """IPv4, IPv6, or SNAP without the rest of LLC."""
    if end - begin < 1:
        return NOTHING, begin, end
    if data[begin] == 0xCC or data[begin] == 0x8E:
        return IP, begin + 1, end
    if data[begin] == 0x80 and end - begin >= 6 and u32(data, begin) & 0xFFFFFF == 0:
        return u16(data, begin + 4), begin + 6, end
    return NOTHING, begin, end


@compiled
def _null(data: NDArray, begin: int, end: int) -> Bounds:
    """The address family before the packet is in the byte order of the machine that captured."""
    if end - begin < 4:
        return NOTHING, begin, end
    for family in (u32(data, begin), u32_little(data, begin)):
        # AF_INET, and AF_INET6 of Linux, NetBSD, FreeBSD and macOS
        if family in (2, 10, 24, 28, 30):
            return IP, begin + 4, end
    return NOTHING, begin, end


@compiled
def _ppp(data: NDArray, begin: int, end: int) -> Bounds:
    """PPP (RFC 1661) with or without the HDLC address and control (RFC 1662); or Cisco HDLC."""
    if end - begin >= 4 and (data[begin] == 0x0F or data[begin] == 0x8F) and data[begin + 1] == 0:
        return _behind_type(data, begin, end, 2, 4)
    if end - begin >= 2 and u16(data, begin) == 0xFF03:
        begin += 2
    return _ppp_protocol(data, begin, end)


@compiled
def _ppp_protocol(data: NDArray, begin: int, end: int) -> Bounds:
    """The protocol field can be compressed to one byte (RFC 1661 §6.5); the last one of each is odd."""
    if end - begin < 2:
        return NOTHING, begin, end
    if data[begin] & 1:
        protocol, begin = u8(data, begin), begin + 1
    else:
        protocol, begin = u16(data, begin), begin + 2
    if protocol == 0x21 or protocol == 0x57:
        return IP, begin, end
    return (MPLS, begin, end) if protocol == 0x281 or protocol == 0x283 else (NOTHING, begin, end)


@compiled
def _pppoe(data: NDArray, begin: int, end: int) -> Bounds:
    """A PPPoE session (RFC 2516 §4)"""
    if end - begin < 6 or data[begin] != 0x11:
        return NOTHING, begin, end
    return _ppp_protocol(data, begin + 6, min(end, begin + 6 + u16(data, begin + 4)))


@compiled
def _frame_relay(data: NDArray, begin: int, end: int) -> Bounds:
    """RFC 2427, or Cisco's way: an EtherType after the address."""
    while begin < end and not data[begin] & 1:
        begin += 1
    begin += 1
    if end - begin < 3:
        return NOTHING, begin, end
    if data[begin] != 3:
        return _behind_type(data, begin, end, 0, 2)
    begin += 2 if data[begin + 1] == 0 else 1
    return _nlpid(data, begin, end)


@compiled
def _wlan(data: NDArray, begin: int, end: int) -> Bounds:
    """A data frame of 802.11 that is neither encrypted nor an aggregate."""
    if end - begin < 24:
        return NOTHING, begin, end
    kind, flags = u8(data, begin), u8(data, begin + 1)
    if kind & 0x4F != 0x08 or flags & 0x40:  # data with a body, not protected
        return NOTHING, begin, end
    length = 24 + (6 if flags & 3 == 3 else 0)
    if kind & 0x80:  # quality of service
        if end - begin < length + 2 or data[begin + length] & 0x80:
            return NOTHING, begin, end
        length += 6 if flags & 0x80 else 2
    return _llc(data, begin + length, end)


@compiled
def _behind_description(data: NDArray, type: int, begin: int, end: int) -> Bounds:
    """Radiotap, or PPI with the link type in it, before the frame."""
    if end - begin < 8:
        return NOTHING, begin, end
    length = u16_little(data, begin + 2)
    if length < 8:
        return NOTHING, begin, end
    inner = 105 if type == 127 else u32_little(data, begin + 4) & 0xFFFF
    return LINK + inner, begin + length, end


@compiled
def _erf(data: NDArray, begin: int, end: int) -> Bounds:
    """A record of Endace's format, of Ethernet or IP."""
    if end - begin < 16:
        return NOTHING, begin, end
    type = u8(data, begin + 8)
    begin += 16
    more = type & 0x80
    while more and end - begin >= 8:  # extension headers
        more = u8(data, begin) & 0x80
        begin += 8
    type &= 0x7F
    if type in (2, 11, 16, 20):  # an offset and a pad byte stand before the frame
        return ETHERNET, begin + 2, end
    return (IP if type == 22 or type == 23 else NOTHING), begin, end


@compiled
def _nflog(data: NDArray, begin: int, end: int) -> Bounds:
    """Linux's netfilter log: attributes in the byte order of the host, one of which is the packet."""
    begin += 4
    while end - begin >= 4:
        length, type = u16_little(data, begin), u16_little(data, begin + 2)
        if type & 0xFF == 0:  # types are below 256: the other order
            length, type = u16(data, begin), type >> 8
        if type == 9:
            return IP, begin + 4, end if length < 4 else min(end, begin + length)
        if length < 4:
            return NOTHING, begin, end
        begin += length + 3 & ~3
    return NOTHING, begin, end


@compiled
def _pktap(data: NDArray, begin: int, end: int) -> Bounds:
    """macOS's description of a packet, with its length and the link type in it."""
    if end - begin < 12:
        return NOTHING, begin, end
    length = u32_little(data, begin)
    if length < 12:
        return NOTHING, begin, end
    return LINK + (u32_little(data, begin + 8) & 0xFFFF), begin + length, end


@compiled
def _service_header(data: NDArray, begin: int, end: int) -> Bounds:
    """A network service header (RFC 8300 §2.2)."""
    if end - begin < 8:
        return NOTHING, begin, end
    length = 4 * (u16(data, begin) & 0x3F)
    if length < 8:
        return NOTHING, begin, end
    return next_protocol(u8(data, begin + 3)), begin + length, end


Exported = tuple[int, int, int, int, int, int]
"""Layer, begin and end; family of the addresses, and where source and destination stand."""


@compiled
def exported(data: NDArray, begin: int, end: int) -> Exported:
    """What Wireshark exported: tags, which name the protocol and can hold addresses, then its bytes."""
    layer, family, source, destination = NOTHING, 0, 0, 0
    while end - begin >= 4:
        tag, length = u16(data, begin), u16(data, begin + 2)
        begin += 4
        if tag == 0:
            if source == 0 or destination == 0:
                family = 0
            return layer, begin + length, end, family, source, destination
        if begin + length > end:
            break
        if tag == 12:
            layer = _named(data, begin, length)
        elif (tag == 20 and length == 4) or (tag == 22 and length == 16):
            family, source = 4 if tag == 20 else 6, begin
        elif (tag == 21 and length == 4) or (tag == 23 and length == 16):
            family, destination = 4 if tag == 21 else 6, begin
        begin += length
    return NOTHING, begin, end, 0, 0, 0


@compiled
def _named(data: NDArray, begin: int, length: int) -> int:
    """The layer of a name, which zeros may follow: sctp, ip, ipv6, or Ethernet's eth, eth_withoutfcs, ..."""
    if length >= 4 and u32(data, begin) == 0x73637470:
        return SCTP
    if length >= 2 and u16(data, begin) == 0x6970:
        return IP
    if length >= 3 and u16(data, begin) == 0x6574 and data[begin + 2] == 0x68:
        return ETHERNET
    return NOTHING


@compiled
def next_protocol(number: int) -> int:
    """The layer for a Next Protocol of RFC 8300 §2.2."""
    if number == 1 or number == 2:
        return IP
    if number == 3:
        return ETHERNET
    if number == 4:
        return 0x894F
    return MPLS if number == 5 else NOTHING
