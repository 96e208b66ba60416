"""Frames as the packet finder takes them, and the layers and tunnels that packets come in."""

import struct
from collections.abc import Callable, Sequence

import numpy as np
from builders import START_NS, data, ethernet, ethertype, ip, ipv4, ipv6, sctp_packet, udp

from sctpinspect.decode.packets import Found, find_packets
from sctpinspect.decode.rows import FRAME


def laid_out(
    frames: Sequence[bytes],
    *,
    interfaces: Sequence[int] | None = None,
    times: Sequence[int] | None = None,
    snaplen: int = 1 << 18,
) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of frames one behind the other, and their rows (FRAME)."""
    rows = np.zeros(len(frames), dtype=FRAME)
    rows["number"] = np.arange(1, len(frames) + 1)
    rows["interface"] = interfaces if interfaces is not None else 0
    rows["time_ns"] = times if times is not None else START_NS + np.arange(len(frames))
    rows["original"] = [len(frame) for frame in frames]
    rows["captured"] = np.minimum(rows["original"], snaplen)
    rows["offset"] = np.cumsum(rows["captured"]) - rows["captured"]
    return np.frombuffer(b"".join(frame[:snaplen] for frame in frames), dtype=np.uint8), rows


def find(frames: Sequence[bytes], link_type: int = 1, udp_ports: Sequence[int] = (), **where) -> Found:
    """What the packet finder finds in frames of one link type."""
    data, rows = laid_out(frames, **where)
    return find_packets(data, rows, [link_type] * (int(rows["interface"].max(initial=0)) + 1), udp_ports)


def payloads(frames: Sequence[bytes], found: Found, **where) -> list[bytes]:
    """The bytes of each SCTP packet, as far as they are at hand."""
    data, _ = laid_out(frames, **where)
    sources = [found.reassembled if packet["reassembled"] else data for packet in found.packets]
    return [
        source[packet["begin"] :][: packet["captured_length"]].tobytes()
        for source, packet in zip(sources, found.packets, strict=True)
    ]


# ---- what carries an IP packet: in a frame of some link type

SNAP = b"\xaa\xaa\x03\0\0\0"


def typed(packet: bytes) -> bytes:
    """With its EtherType before it."""
    return struct.pack(">H", ethertype(packet)) + packet


def in_802_3(packet: bytes) -> bytes:
    body = SNAP + typed(packet)
    return ethernet(packet)[:12] + struct.pack(">H", len(body)) + body


def ppp(packet: bytes) -> bytes:
    return (b"\0\x57" if packet[0] >> 4 == 6 else b"\0\x21") + packet


def pppoe(packet: bytes) -> bytes:
    return b"\x11\0\0\x05" + struct.pack(">H", len(ppp(packet))) + ppp(packet)


def in_ethernet(type: int, body: bytes) -> bytes:
    return ethernet(b"\x40")[:12] + struct.pack(">H", type) + body


def labelled(body: bytes, labels: int = 2) -> bytes:
    """Behind MPLS labels."""
    return (
        b"".join(struct.pack(">I", (16 + n) << 12 | (n == labels - 1) << 8 | 64) for n in range(labels))
        + body
    )


def wlan(packet: bytes) -> bytes:
    return b"\x08\x01" + bytes(22) + SNAP + typed(packet)


def erf(packet: bytes) -> bytes:
    """With one extension header."""
    frame = ethernet(packet)
    head = struct.pack(">8xBBHHH", 0x82, 4, 26 + len(frame), 0, len(frame))
    return head + b"\x01" + bytes(7) + bytes(2) + frame


def nflog(packet: bytes) -> bytes:
    attributes = [(1, bytes(4)), (10, b"prefix\0"), (9, packet)]
    return b"\x02\0\0\0" + b"".join(
        struct.pack("<HH", 4 + len(value), type) + value + bytes(-len(value) % 4)
        for type, value in attributes
    )


def exported(name: bytes, body: bytes, *tags: tuple[int, bytes]) -> bytes:
    """What Wireshark exports (LINKTYPE_WIRESHARK_UPPER_PDU)."""
    tags = ((12, name + bytes(-len(name) % 4)), *tags, (0, b""))
    return b"".join(struct.pack(">HH", tag, len(value)) + value for tag, value in tags) + body


Wrap = Callable[[bytes], bytes]

LINKS: dict[str, tuple[int, Wrap]] = {
    "Ethernet": (1, ethernet),
    "802.1Q": (1, lambda packet: ethernet(packet, vlans=[(0x8100, 5)])),
    "802.1ad": (1, lambda packet: ethernet(packet, vlans=[(0x88A8, 5), (0x8100, 7)])),
    "QinQ": (1, lambda packet: ethernet(packet, vlans=[(0x9100, 5), (0x9100, 6), (0x8100, 7)])),
    "802.3": (1, in_802_3),
    "802.1ah": (1, lambda packet: in_ethernet(0x88E7, bytes(4) + ethernet(packet))),
    "802.1BR": (1, lambda packet: in_ethernet(0x893F, bytes(6) + typed(packet))),
    "802.1CB": (1, lambda packet: in_ethernet(0xF1C1, bytes(4) + typed(packet))),
    "VN-Tag": (1, lambda packet: in_ethernet(0x8926, bytes(4) + typed(packet))),
    "FabricPath": (1, lambda packet: in_ethernet(0x8903, bytes(2) + ethernet(packet))),
    "TRILL": (1, lambda packet: in_ethernet(0x22F3, b"\0\x40" + bytes(8) + ethernet(packet))),
    "NSH": (1, lambda packet: in_ethernet(0x894F, b"\x0f\xc2\x02\x03" + bytes(4) + ethernet(packet))),
    "PPPoE": (1, lambda packet: in_ethernet(0x8864, pppoe(packet))),
    "MPLS": (1, lambda packet: in_ethernet(0x8847, labelled(packet))),
    "MPLS, upstream": (1, lambda packet: in_ethernet(0x8848, labelled(packet, 1))),
    "MPLS, Ethernet": (1, lambda packet: in_ethernet(0x8847, labelled(ethernet(packet)))),
    "MPLS, control word": (1, lambda packet: in_ethernet(0x8847, labelled(bytes(4) + ethernet(packet)))),
    "null": (0, lambda packet: struct.pack("<I", 2 if packet[0] >> 4 == 4 else 30) + packet),
    "loop": (108, lambda packet: struct.pack(">I", 2 if packet[0] >> 4 == 4 else 24) + packet),
    "raw 12": (12, bytes),
    "raw 14": (14, bytes),
    "raw 101": (101, bytes),
    "PPP 9": (9, ppp),
    "PPP 9, HDLC": (9, lambda packet: b"\xff\x03" + ppp(packet)),
    "PPP 50": (50, ppp),
    "PPP 50, HDLC": (50, lambda packet: b"\xff\x03" + ppp(packet)),
    "PPP 50, compressed": (50, lambda packet: ppp(packet)[1:]),
    "PPP 50, Cisco": (50, lambda packet: b"\x0f\0" + typed(packet)),
    "PPPoE 51": (51, pppoe),
    "Cisco HDLC": (104, lambda packet: b"\x0f\0" + typed(packet)),
    "Frame Relay": (
        107,
        lambda packet: b"\x18\x41\x03" + (b"\x8e" if packet[0] >> 4 == 6 else b"\xcc") + packet,
    ),
    "Frame Relay, Cisco": (107, lambda packet: b"\x18\x41" + typed(packet)),
    "Frame Relay, SNAP": (107, lambda packet: b"\x18\x41\x03\0\x80\0\0\0" + typed(packet)),
    "RFC 1483": (100, lambda packet: SNAP + typed(packet)),
    "802.11": (105, wlan),
    "802.11, four addresses": (105, lambda packet: b"\x08\x03" + bytes(28) + SNAP + typed(packet)),
    "802.11, QoS": (105, lambda packet: b"\x88\x01" + bytes(24) + SNAP + typed(packet)),
    "Radiotap": (127, lambda packet: b"\0\0\x08\0" + bytes(4) + wlan(packet)),
    "PPI": (192, lambda packet: b"\0\0\x08\0\x01\0\0\0" + ethernet(packet)),
    "ERF": (197, erf),
    "MPLS 219": (219, labelled),
    "netfilter log": (239, nflog),
    "exported IP": (252, lambda packet: exported(b"ip", packet)),
    "exported Ethernet": (252, lambda packet: exported(b"eth_withoutfcs", ethernet(packet))),
    "pktap": (258, lambda packet: struct.pack("<III", 108, 1, 1) + bytes(96) + ethernet(packet)),
}
"""LINKTYPE_ and what puts an IP packet into a frame of it."""


# ---- what carries an IP packet: in an IP packet

OUTER = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}


def in_ip(protocol: int, version: int = 4) -> Callable[[bytes], bytes]:
    """What puts a payload into IP."""
    return lambda body: ip(*OUTER[version], body, **{"protocol" if version == 4 else "next_header": protocol})


def in_udp(port: int, source_port: int = 50_000) -> Callable[[bytes], bytes]:
    return lambda body: in_ip(17)(udp(body, source_port, port))


def gre(flags: int, type: int, *fields: bytes) -> bytes:
    return struct.pack(">HH", flags, type) + b"".join(fields)


def gtp(body: bytes, flags: int = 0x30, options: bytes = b"") -> bytes:
    return struct.pack(">BBHI", flags, 255, len(options + body), 7) + options + body


TUNNELS: dict[str, Wrap] = {
    "IPv4": lambda packet: in_ip(41 if packet[0] >> 4 == 6 else 4)(packet),
    "IPv6": lambda packet: in_ip(41 if packet[0] >> 4 == 6 else 4, 6)(packet),
    "AH": lambda packet: in_ip(51)(bytes([41 if packet[0] >> 4 == 6 else 4, 4]) + bytes(22) + packet),
    "GRE": lambda packet: in_ip(47)(gre(0, ethertype(packet)) + packet),
    "GRE, all fields": lambda packet: in_ip(47)(gre(0xB000, ethertype(packet), bytes(12)) + packet),
    "GRE, key, IPv6": lambda packet: in_ip(47, 6)(gre(0x2000, ethertype(packet), bytes(4)) + packet),
    "GRE, Ethernet": lambda packet: in_ip(47)(gre(0x2000, 0x6558, bytes(4)) + ethernet(packet)),
    "GRE, MPLS": lambda packet: in_ip(47)(gre(0, 0x8847) + labelled(packet)),
    "PPTP": lambda packet: in_ip(47)(gre(0x3081, 0x880B, bytes(12)) + b"\xff\x03" + ppp(packet)),
    "ERSPAN I": lambda packet: in_ip(47)(gre(0, 0x88BE) + ethernet(packet)),
    "ERSPAN II": lambda packet: in_ip(47)(
        gre(0x1000, 0x88BE, bytes(4), b"\x10" + bytes(7)) + ethernet(packet)
    ),
    "ERSPAN III": lambda packet: in_ip(47)(
        gre(0x1000, 0x22EB, bytes(4), b"\x20" + bytes(11)) + ethernet(packet)
    ),
    "EtherIP": lambda packet: in_ip(97)(b"\x30\0" + ethernet(packet)),
    "MPLS in IP": lambda packet: in_ip(137)(labelled(packet)),
    "Ethernet in IPv6": lambda packet: in_ip(143, 6)(ethernet(packet)),
    "VXLAN": lambda packet: in_udp(4789)(b"\x08" + bytes(7) + ethernet(packet)),
    "VXLAN, Linux": lambda packet: in_udp(8472)(b"\x08" + bytes(7) + ethernet(packet)),
    "VXLAN-GPE": lambda packet: in_udp(4790)(
        bytes([0x0C, 0, 0, 2 if packet[0] >> 4 == 6 else 1]) + bytes(4) + packet
    ),
    "Geneve": lambda packet: in_udp(6081)(b"\x02\0\x65\x58" + bytes(4) + bytes(8) + ethernet(packet)),
    "Geneve, IP": lambda packet: in_udp(6081)(struct.pack(">HH", 0, ethertype(packet)) + bytes(4) + packet),
    "GTP-U": lambda packet: in_udp(2152)(gtp(packet)),
    "GTP-U, sequence": lambda packet: in_udp(2152)(gtp(packet, 0x32, bytes(4))),
    "GTP-U, extensions": lambda packet: in_udp(2152)(
        gtp(packet, 0x34, b"\0\0\0\x85\x01\x10\x09\x85\x02" + bytes(6) + b"\0")
    ),
    "MPLS in UDP": lambda packet: in_udp(6635)(labelled(packet)),
    "GRE in UDP": lambda packet: in_udp(4754)(gre(0, ethertype(packet)) + packet),
    "L2TP": lambda packet: in_udp(1701, 1701)(b"\0\x02" + bytes(4) + b"\xff\x03" + ppp(packet)),
    "L2TP, all fields": lambda packet: in_udp(1701, 1701)(
        b"\x4a\x02" + struct.pack(">H", 18 + len(ppp(packet))) + bytes(8) + b"\0\4" + bytes(4) + ppp(packet)
    ),
    "Teredo": lambda packet: in_udp(3544)(
        ipv6("2001::1", "2001::2", packet, next_header=41 if packet[0] >> 4 == 6 else 4)
    ),
}
"""What puts an IP packet into an IP packet."""


# ---- a packet in frames that show it, and in frames that only look like it

SCTP = sctp_packet(data(tsn=7, payload=b"hello", ppid=60), tag=0xABCD)
V4 = ipv4("10.1.0.1", "10.1.0.2", SCTP, ttl=61, tos=0xB9, identification=77)
V6 = ipv6("fd00::1", "fd00::2", SCTP, hop_limit=61, traffic_class=0xB9)

WRONG = {
    "another EtherType": in_ethernet(0x0806, V4),
    "802.3 without SNAP": in_ethernet(len(V4) + 3, b"\x42\x42\x03" + V4),
    "SNAP of another organisation": in_ethernet(len(V4) + 8, b"\xaa\xaa\x03\0\0\x0c\x08\0" + V4),
    "802.3 that ends before": in_ethernet(8, b"\xaa\xaa\x03\0\0\0\x08\0" + V4),
    "PPPoE discovery": in_ethernet(0x8863, b"\x11\0\0\x05" + struct.pack(">H", 2 + len(V4)) + ppp(V4)),
    "PPP of another protocol": in_ethernet(
        0x8864, b"\x11\0\0\x05" + struct.pack(">H", 2 + len(V4)) + b"\xc0\x21" + V4
    ),
    "MPLS without bottom": in_ethernet(0x8847, bytes(8) + labelled(b"")[:4]),
    "MPLS with an associated channel": in_ethernet(0x8847, labelled(b"\x10\0\0\x07" + V4)),
    "IP of version 5": ethernet(b"\x55" + V4[1:])[:12] + b"\x08\0\x55" + V4[1:],
    "TCP": ethernet(ipv4("10.1.0.1", "10.1.0.2", SCTP, protocol=6)),
    "ESP": ethernet(in_ip(50)(V4)),
    "GRE of version 2": ethernet(in_ip(47)(gre(2, 0x0800) + V4)),
    "GRE with source routes": ethernet(in_ip(47)(gre(0x4000, 0x0800, bytes(8)) + V4)),
    "GRE that carries nothing": ethernet(in_ip(47)(gre(0, 0))),
    "VXLAN without its flag": ethernet(in_udp(4789)(bytes(8) + ethernet(V4))),
    "Geneve of version 1": ethernet(in_udp(6081)(b"\x40\0\x08\0" + bytes(4) + V4)),
    "GTP-U, no G-PDU": ethernet(in_udp(2152)(gtp(V4)[:1] + b"\x01" + gtp(V4)[2:])),
    "GTP prime": ethernet(in_udp(2152)(gtp(V4, 0x20))),
    "GTP-U, an extension of no length": ethernet(in_udp(2152)(gtp(V4, 0x34, b"\0\0\0\x85\0\0\0\0"))),
    "L2TP control": ethernet(in_udp(1701)(b"\xc8\x02" + bytes(10) + ppp(V4))),
    "a tunnel on another port": ethernet(in_udp(4788)(b"\x08" + bytes(7) + ethernet(V4))),
    "IPv4 header too short": ethernet(b"\x44" + V4[1:]),
}
"""Ethernet frames."""


# ---- fragments

INNER = {4: ("10.1.0.1", "10.1.0.2"), 6: ("fd00::1", "fd00::2")}


def fragment(
    payload: bytes, begin: int, end: int, *, version=4, identification=9, protocol=132, more=None, **fields
) -> bytes:
    """Bytes begin to end of an IP payload, as a fragment."""
    more = end < len(payload) if more is None else more
    part = payload[begin:end]
    if version == 4:
        word = (0x2000 if more else 0) | begin // 8
        return ipv4(
            *INNER[4], part, protocol=protocol, identification=identification, fragment=word, **fields
        )
    header = b"\0" + struct.pack(">HI", begin | more, identification)
    return ipv6(*INNER[6], part, next_header=protocol, extensions=[(44, header)], **fields)


def pieces(payload: bytes, size: int, **fields) -> list[bytes]:
    return [
        fragment(payload, begin, min(begin + size, len(payload)), **fields)
        for begin in range(0, len(payload), size)
    ]
