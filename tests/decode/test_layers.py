"""Every link layer and every tunnel, alone and nested: the packet is found at its place."""

import struct

import numpy as np
import pytest
from builders import data, ethernet, ipv4, sctp_packet, udp
from frames import (
    LINKS,
    OUTER,
    SCTP,
    TUNNELS,
    V4,
    V6,
    WRONG,
    find,
    find_packets,
    in_ethernet,
    labelled,
    laid_out,
    payloads,
)
from hypothesis import given, settings
from hypothesis import strategies as st


def check(packet, family: int) -> None:
    """It is the packet of V4 or V6."""
    assert packet["family"] == family
    v4, v6 = (0, 0x0A010001, 0, 0x0A010002), (0xFD << 56, 1, 0xFD << 56, 2)
    names = "source_high", "source_low", "destination_high", "destination_low"
    assert tuple(packet[name] for name in names) == (v4 if family == 4 else v6)
    assert (packet["ttl"], packet["traffic_class"]) == (61, 0xB9)
    assert packet["identification"] == (77 if family == 4 else 0)
    assert packet["encapsulation_port"] == -1
    assert (packet["length"], packet["is_fragment"], packet["reassembled"]) == (len(SCTP), False, False)


@pytest.mark.parametrize("packet", [V4, V6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("name", LINKS)
def test_links(name, packet):
    link_type, wrap = LINKS[name]
    frame = wrap(packet)
    found = find([frame], link_type)
    assert payloads([frame], found) == [SCTP]
    check(found.packets[0], packet[0] >> 4)


@pytest.mark.parametrize("packet", [V4, V6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("name", TUNNELS)
def test_tunnels(name, packet):
    frame = ethernet(TUNNELS[name](packet))
    found = find([frame])
    assert payloads([frame], found) == [SCTP]
    check(found.packets[0], packet[0] >> 4)
    assert (found.learned_ports, found.unknown_links) == ([], [])


WRAPPED = [(name, link_type, wrap(V4)) for name, (link_type, wrap) in LINKS.items()]
WRAPPED += [(name, 1, ethernet(wrap(V6))) for name, wrap in TUNNELS.items()]


@pytest.mark.parametrize(("name", "link_type", "frame"), WRAPPED, ids=[each[0] for each in WRAPPED])
def test_a_frame_cut_anywhere_has_no_packet_or_a_cut_one(name, link_type, frame):
    for captured in range(len(frame)):
        found = find([frame], link_type, snaplen=captured)
        assert len(found.packets) <= 1
        for packet in found.packets:
            assert packet["length"] == len(SCTP) > packet["captured_length"]
            assert not packet["is_fragment"]
        at_hand = captured - (len(frame) - len(SCTP))
        assert payloads([frame], found, snaplen=captured) in ([], [SCTP[: max(0, at_hand)]])
        assert at_hand < 0 or len(found.packets) == 1


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(LINKS)), st.lists(st.sampled_from(sorted(TUNNELS)), max_size=6), st.booleans())
def test_nested_in_any_order(link, tunnels, is_v4):
    packet = V4 if is_v4 else V6
    for name in tunnels:
        packet = TUNNELS[name](packet)
    link_type, wrap = LINKS[link]
    frame = wrap(packet)
    found = find([frame], link_type)
    assert payloads([frame], found) == [SCTP]
    check(found.packets[0], 4 if is_v4 else 6)


def test_nested_too_deep():
    def nested(times: int) -> bytes:
        packet = V4
        for _ in range(times):
            packet = TUNNELS["IPv4"](packet)
        return ethernet(packet)

    assert len(find([nested(20)]).packets) == 1
    assert len(find([nested(100)]).packets) == 0
    assert len(find([ethernet(V4, vlans=[(0x8100, 1)] * 50)]).packets) == 1
    assert len(find([ethernet(V4, vlans=[(0x8100, 1)] * 5000)]).packets) == 0


# ---- what only looks like it


@pytest.mark.parametrize("name", WRONG)
def test_no_packet(name):
    assert len(find([WRONG[name]]).packets) == 0


def test_no_packet_in_other_links():
    assert len(find([struct.pack("<I", 7) + V4], 0).packets) == 0
    assert len(find([b""], 101).packets) == 0
    assert len(find([b"\x48" + bytes(23) + V4], 105).packets) == 0  # 802.11 without data
    assert (
        len(find([b"\x08\x41" + bytes(22) + b"\xaa\xaa\x03\0\0\0\x08\0" + V4], 105).packets) == 0
    )  # encrypted
    assert len(find([bytes(8) + b"\x01\0" + bytes(6) + V4], 197).packets) == 0  # ERF of HDLC


def test_unknown_links_are_stated():
    data, rows = (np.frombuffer(V4 * 3, dtype=np.uint8), laid_out([V4] * 3)[1])
    rows["interface"] = [0, 2, 3]
    found = find_packets(data, rows, [147, 148, 101, 0xFFFF])
    assert found.unknown_links == [147, 0xFFFF]  # no frame is of interface 1
    assert found.packets["frame"].tolist() == [1]


# ---- a packet without IP around it


def test_sctp_as_the_link():
    found = find([SCTP, SCTP], 248, snaplen=20)
    assert found.packets["family"].tolist() == [0, 0]
    assert found.packets["length"].tolist() == [len(SCTP)] * 2
    assert found.packets["captured_length"].tolist() == [20, 20]


def test_sctp_that_wireshark_exported():
    tags = [(20, b"\x0a\1\0\1"), (21, b"\x0a\1\0\2")]
    frame = (
        struct.pack(">HH4s", 12, 4, b"sctp")
        + b"".join(struct.pack(">HH", tag, len(value)) + value for tag, value in tags)
        + bytes(4)
    )
    overrun = frame[:8] + b"\0\x14\xff\xff"
    found = find([frame + SCTP, frame[:8] + bytes(4) + SCTP, overrun + SCTP, frame[:8]], 252)
    assert found.packets["frame"].tolist() == [0, 1]
    assert found.packets["family"].tolist() == [4, 0]
    assert found.packets["destination_low"].tolist() == [0x0A010002, 0]
    assert found.packets["length"].tolist() == [len(SCTP)] * 2


# ---- lengths


def test_a_trailer_is_not_part_of_the_packet():
    found = find([ethernet(V4, trailer=b"\xff" * 14), in_ethernet(0x8847, labelled(V4) + bytes(4))])
    assert found.packets["length"].tolist() == found.packets["captured_length"].tolist() == [len(SCTP)] * 2


def test_an_inner_length_beyond_the_outer_datagram_is_not_believed():
    inner = ipv4("10.1.0.1", "10.1.0.2", SCTP, length=1000)
    found = find([ethernet(TUNNELS["IPv4"](inner)), ethernet(inner)])
    assert found.packets["length"].tolist() == [len(SCTP), 1000 - 20]
    assert found.packets["captured_length"].tolist() == [len(SCTP)] * 2


def test_the_outermost_sctp_counts():
    outer = ipv4("192.0.2.1", "192.0.2.2", sctp_packet(data(tsn=1, payload=V4)))
    found = find([ethernet(outer)])
    assert found.packets["source_low"].tolist() == [0xC0000201]


def test_the_outer_header_says_nothing_of_the_packet():
    packet = ipv4(*OUTER[4], udp(SCTP), protocol=17, ttl=3)
    found = find([ethernet(TUNNELS["GTP-U"](packet))])
    assert (found.packets["ttl"].tolist(), found.packets["encapsulation_port"].tolist()) == ([3], [9899])
