"""IP fragments: put together in whatever order they come, or left as they are."""

import itertools
import random
import struct

import numpy as np
import pytest
from builders import SECOND, START_NS, data, ethernet, icmp, ip, ipv4, ipv6, linux_cooked, sctp_packet, udp
from frames import INNER, TUNNELS, find, fragment, payloads, pieces
from hypothesis import given, settings
from hypothesis import strategies as st

from sctpinspect.decode import fragments
from sctpinspect.decode.packets import REASSEMBLIES

SCTP = sctp_packet(data(tsn=7, payload=bytes(range(100)), ppid=60), tag=0xABCD)


def found_in(packets: list[bytes], **where) -> list[tuple[int, bytes]]:
    """Index of the frame and bytes of each SCTP packet that is whole."""
    frames = [ethernet(packet) for packet in packets]
    found = find(frames, **where)
    return [
        (int(packet["frame"]), payload)
        for packet, payload in zip(found.packets, payloads(frames, found, **where), strict=True)
        if not packet["is_fragment"]
    ]


def cut_ones(packets: list[bytes], **where) -> list[tuple[int, bytes]]:
    """The same of first fragments."""
    frames = [ethernet(packet) for packet in packets]
    found = find(frames, **where)
    return [
        (int(packet["frame"]), payload)
        for packet, payload in zip(found.packets, payloads(frames, found, **where), strict=True)
        if packet["is_fragment"]
    ]


@pytest.mark.parametrize("version", [4, 6])
def test_in_every_order(version):
    parts = pieces(SCTP, 40, version=version)
    assert len(parts) == 4
    for order in itertools.permutations(parts):
        assert found_in(list(order)) == [(3, SCTP)]


@pytest.mark.parametrize("version", [4, 6])
def test_the_packet_is_of_the_frame_that_completes_it(version):
    frames = [ethernet(ip(*INNER[version], SCTP)), *map(ethernet, pieces(SCTP, 64, version=version))]
    frames += frames[:1]
    found = find(frames)
    assert found.packets["frame"].tolist() == [0, 2, 3]
    assert found.packets["reassembled"].tolist() == [False, True, False]
    packet, whole = found.packets[1], found.packets[0]
    for name in ("family", "length", "captured_length", "source_high", "source_low", "ttl", "traffic_class"):
        assert packet[name] == whole[name]
    assert packet["identification"] == (9 if version == 4 else 0)
    assert payloads(frames, found) == [SCTP] * 3


@pytest.mark.parametrize("version", [4, 6])
def test_options_and_extension_headers(version):
    if version == 4:
        parts = pieces(SCTP, 64, options=b"\x94\x04\0\0")
        parts[1] = pieces(SCTP, 64)[1]
    else:
        routed = bytes([132]) + bytes(7) + SCTP  # a destination header after the Fragment header
        parts = [
            ipv6(
                *INNER[6],
                routed[begin : begin + 72],
                next_header=60,
                extensions=[(0, bytes(7)), (44, b"\0" + struct.pack(">HI", begin | (begin == 0), 5))],
            )
            for begin in (0, 72)
        ]
    for order in (parts, parts[::-1]):
        assert [payload for _, payload in found_in(order)] == [SCTP]


@pytest.mark.parametrize("version", [4, 6])
def test_incomplete_ones_show_their_first_fragment(version):
    first, second, third, last = pieces(SCTP, 40, version=version)
    for missing in ([first, second, third], [third, first, last], [first], [first, first, first]):
        assert found_in(missing) == []
        shown = cut_ones(missing)
        assert [payload for _, payload in shown] == [SCTP[:40]] * missing.count(first)
        assert [missing[frame] for frame, _ in shown] == [first] * missing.count(first)
    assert find([ethernet(packet) for packet in (second, third, last)]).packets.size == 0


def test_what_the_row_says_of_a_first_fragment():
    packet = find([ethernet(pieces(SCTP, 40)[0])]).packets[0]
    assert (packet["length"], packet["captured_length"]) == (40, 40)
    assert (packet["is_fragment"], packet["reassembled"]) == (True, False)


@pytest.mark.parametrize("version", [4, 6])
def test_duplicates(version):
    first, second, third, last = pieces(SCTP, 40, version=version)
    assert found_in([first, first, second, third, third, last, last]) == [(5, SCTP)]
    # copies of what is known whole are nothing new
    assert cut_ones([first, second, third, last, first]) == []
    assert found_in([first, second, third, last] * 2) == [(3, SCTP), (7, SCTP)]
    # another datagram that happens to have the same identification is
    other = bytes(40) + SCTP[40:]
    assert len(cut_ones([first, second, third, last, fragment(other, 0, 40, version=version)])) == 1


def test_datagrams_that_mix():
    other = sctp_packet(data(tsn=8, payload=bytes(90)), tag=0xDCBA)
    streams = [
        pieces(SCTP, 40),
        pieces(other, 40, identification=10),
        pieces(SCTP, 40, version=6),
        pieces(other, 40, version=6, identification=10),
        pieces(other, 40, protocol=6),  # the same identification, another protocol
    ]
    mixed = [part for parts in itertools.zip_longest(*streams) for part in parts if part]
    assert sorted(payload for _, payload in found_in(mixed)) == sorted([SCTP, SCTP, other, other])


def test_overlaps():
    """As in Wireshark: where fragments overlap the one that begins earlier counts, then the first."""
    good = pieces(SCTP, 64)
    wrong = bytes(len(SCTP))
    # teardrop: inside another one
    assert found_in([good[0], fragment(wrong, 8, 24, more=True), good[1]]) == [(2, SCTP)]
    # behind the first, over its end
    behind = fragment(SCTP[:64].ljust(72, b"\xff") + SCTP[72:], 56, len(SCTP))
    changed = SCTP[:64] + b"\xff" * 8 + SCTP[72:]
    assert found_in([good[0], behind]) == [(1, changed)]
    assert found_in([behind, good[0]]) == [(1, changed)]
    # at the same place
    assert found_in([good[0], fragment(wrong, 0, 64, more=True), good[1]]) == [(2, SCTP)]
    mixed = wrong[:64] + SCTP[64:]
    assert found_in([fragment(wrong, 0, 64, more=True), good[0], good[1]]) == [(2, mixed)]
    # ends that contradict each other: the first one counts
    assert found_in([good[1], fragment(SCTP + bytes(8), 64, len(SCTP) + 8), good[0]]) == [(2, SCTP)]
    # more behind the end
    assert found_in([fragment(bytes(200), 128, 144, more=True), good[1], good[0]]) == [(2, SCTP)]


def test_time():
    first, last = (ethernet(part) for part in pieces(SCTP, 64))
    for gap, count in ((fragments.LIFETIME_NS, 1), (fragments.LIFETIME_NS + 1, 0), (-5 * SECOND, 1)):
        found = find([first, last], times=[START_NS, START_NS + gap])
        assert int((~found.packets["is_fragment"]).sum()) == count


def test_many_that_are_never_complete(monkeypatch):
    monkeypatch.setattr(fragments, "MAXIMUM_PENDING", 10)
    lone = [fragment(SCTP, 0, 64, identification=number) for number in range(100, 120)]
    first, last = pieces(SCTP, 64)
    assert found_in([first, *lone[:9], last]) == [(10, SCTP)]
    assert len(cut_ones([first, *lone[:9], last])) == 9
    assert found_in([first, *lone, last]) == []
    assert len(cut_ones([first, *lone, last])) == 21


def test_longer_than_a_datagram_can_be():
    """The ping of death"""
    last = fragment(bytes(0xFFF8) + SCTP, 0xFFF8, 0xFFF8 + len(SCTP))
    parts = [fragment(bytes(0xFFF8), begin, begin + 0x5550, more=True) for begin in range(0, 0xFFF0, 0x5550)]
    assert found_in([*parts, last]) == []
    assert found_in([fragment(bytes(0xFFF8), 0xFFE0, 0xFFF8, more=False), *parts[:3]]) != [(0, b"")]


def test_fragments_that_were_not_captured_whole():
    first, last = pieces(SCTP, 64)
    frames = [ethernet(first), ethernet(last)]
    assert found_in([first, last], snaplen=len(frames[1]) - 1) == []
    assert cut_ones([first, last], snaplen=len(frames[1]) - 1) == [(0, SCTP[: len(frames[1]) - 35])]


def test_at_several_places():
    """On Linux's "any" device each fragment shows at each interface that it passes."""
    first, last = pieces(SCTP, 64)
    frames = [linux_cooked(part, packet_type=place) for part in (first, last) for place in (0, 4)]
    found = find(frames, 113)
    assert found.packets["frame"].tolist() == [2, 3]
    assert found.packets["place"].tolist() == [0, 4]
    # and a datagram can take several
    found = find([ethernet(first), ethernet(last)], interfaces=[0, 1])
    assert payloads([ethernet(first), ethernet(last)], found) == [SCTP]


def test_in_tunnels():
    parts = [TUNNELS["GTP-U"](part) for part in pieces(SCTP, 64)]
    assert found_in(parts) == [(1, SCTP)]
    outer = TUNNELS["GTP-U"](ipv4(*INNER[4], SCTP))[20:]
    assert found_in(pieces(outer, 64, protocol=17)) == [(2, SCTP)]
    assert found_in(pieces(udp(SCTP), 64, protocol=17)) == [(2, SCTP)]


def test_the_whole_packet_in_a_first_fragment_is_whole():
    inner = ipv4(*INNER[4], SCTP)
    outer = inner + bytes(64)
    parts = pieces(outer, len(inner) // 8 * 8 + 8, protocol=4)
    assert found_in(parts[:1]) == [(0, SCTP)]
    parts = pieces(inner, 64, protocol=4)
    (packet,) = find([ethernet(parts[0])]).packets
    assert (packet["length"], packet["captured_length"], packet["is_fragment"]) == (len(SCTP), 44, True)


def nested(depth: int) -> list[bytes]:
    """A packet in fragments, of which each is in fragments, and so on."""
    packets = [ipv4(*INNER[4], SCTP)]
    for level in range(depth):
        packets = [
            part
            for number, packet in enumerate(packets)
            for part in pieces(packet, 64, protocol=4, identification=1000 * level + number)
        ]
    return packets


def test_fragments_in_fragments():
    for depth in range(REASSEMBLIES + 1):
        packets = nested(depth)
        assert found_in(packets) == [(len(packets) - 1, SCTP)]
    assert found_in(nested(REASSEMBLIES + 1)) == []


def test_icmp_errors_in_fragments():
    error = icmp(3, 2, ipv4(*INNER[4], SCTP))
    frames = [ethernet(part) for part in pieces(error, 64, protocol=1)]
    found = find(frames)
    assert [row[0] for row in found.icmp_errors] == [len(frames)]
    assert found.packets.size == 0


def test_a_quoted_fragment_is_not_put_together():
    first, last = pieces(SCTP, 64)
    frames = [ethernet(ipv4("10.9.0.1", "10.1.0.1", icmp(11, 1, first), protocol=1)), ethernet(last)]
    found = find(frames)
    assert (len(found.icmp_errors), found.packets.size, found.reassembled.size) == (1, 0, 0)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from([4, 6]))
def test_any_cuts_in_any_order(seed, version):
    chance = random.Random(seed)
    cuts = sorted({0, *(chance.randrange(0, len(SCTP), 8) for _ in range(6)), len(SCTP)})
    parts = [fragment(SCTP, begin, end, version=version) for begin, end in itertools.pairwise(cuts)]
    if len(parts) == 1:
        parts = pieces(SCTP, 64, version=version)
    for _ in range(chance.randrange(4)):  # more of the same, that overlap
        begin = chance.randrange(0, len(SCTP), 8)
        parts.append(
            fragment(
                SCTP, begin, chance.randrange(begin, len(SCTP) - 1) // 8 * 8 + 8, more=True, version=version
            )
        )
    chance.shuffle(parts)
    whole = [payload for _, payload in found_in(parts)]
    assert whole[:1] == [SCTP]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 100), st.booleans(), st.integers(0, 2)), max_size=12
    ),
    st.sampled_from([4, 6]),
)
def test_any_fragments(parts, version):
    packets = [
        fragment(SCTP, 8 * begin, 8 * begin + length, more=more, identification=number, version=version)
        for begin, length, more, number in parts
    ]
    frames = [ethernet(packet) for packet in packets]
    found = find(frames)
    assert all(len(payload) <= len(SCTP) for payload in payloads(frames, found))
    assert np.all(np.diff(found.packets["frame"].astype(np.int64)) > 0)
