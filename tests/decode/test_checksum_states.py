"""Checksum fields of zero: left to the device, accepted by the receiver, or wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from builders import (
    START_NS,
    Packet,
    association,
    capture,
    ethernet,
    init,
    init_ack,
    interface_block,
    ipv4,
    packet_block,
    parameter,
    pcap,
    sctp_packet,
    section_block,
    udp,
)

from sctpinspect.protocol import ChunkType
from sctpinspect.tables.primary import primary

PACKETS = association()
CLIENT_TAG, SERVER_TAG = PACKETS[1].tag, PACKETS[2].tag
RECIPE = '{"scenario": "x"}'
ACCEPTABLE = parameter(0x8001, b"\0\0\0\1")


def is_of_client(packet: Packet) -> bool:
    return packet.source_port == PACKETS[0].source_port


def blank(packets: list[Packet], which: Callable[[int, Packet], bool]) -> list[Packet]:
    return [
        replace(packet, checksum=0) if which(index, packet) else packet
        for index, packet in enumerate(packets)
    ]


@pytest.fixture
def states(decoded) -> Callable[[bytes], list[str]]:
    return lambda content: primary(decoded(content).columns)["packets"]["checksum_state"].to_list()


@pytest.mark.parametrize(("recipe", "state"), [("", "offloaded"), (RECIPE, "bad")])
def test_blank_ones_of_one_side_are_left_to_its_device_except_in_our_own_recordings(states, recipe, state):
    packets = blank(PACKETS, lambda _, packet: is_of_client(packet))
    expected = [state if is_of_client(packet) else "good" for packet in PACKETS]
    assert states(capture(packets, recipe=recipe)) == expected


def test_a_blank_one_among_right_ones_is_bad(states):
    ack = next(i for i, packet in enumerate(PACKETS) if packet.chunks[0][0] == ChunkType.HEARTBEAT_ACK)
    found = states(capture(blank(PACKETS, lambda index, _: index == ack)))
    assert [index for index, state in enumerate(found) if state != "good"] == [ack]
    assert found[ack] == "bad"


def test_right_ones_of_longer_packets_prove_nothing(states):
    """Linux computes the checksum of a packet that may have to be fragmented, whatever the device can do."""
    longest = {source: 0 for packet in PACKETS for source in [packet.source]}
    for packet in PACKETS:
        longest[packet.source] = max(longest[packet.source], sum(map(len, packet.chunks)))
    packets = blank(PACKETS, lambda _, packet: sum(map(len, packet.chunks)) < longest[packet.source])
    found = states(capture(packets))
    assert set(found) == {"good", "offloaded"}
    assert [state == "offloaded" for state in found] == [packet.checksum == 0 for packet in packets]


@pytest.mark.parametrize(
    ("source", "encapsulated", "interface", "state"),
    [
        ("10.1.0.1", False, 0, "bad"),
        ("10.1.0.9", False, 0, "offloaded"),
        ("10.1.0.1", True, 0, "offloaded"),
        ("10.1.0.1", False, 1, "offloaded"),
    ],
)
def test_right_ones_of_others_prove_nothing(states, source, encapsulated, interface, state):
    right, wrong = sctp_packet(PACKETS[4].chunks[0]), sctp_packet(PACKETS[4].chunks[0], checksum=0)
    carried = (udp(right), 17) if encapsulated else (right, 132)
    frames = [
        (interface, ipv4(source, "10.1.0.2", carried[0], protocol=carried[1])),
        (0, ipv4("10.1.0.1", "10.1.0.2", wrong)),
    ]
    blocks = [packet_block(START_NS, ethernet(frame), interface=index) for index, frame in frames]
    content = section_block() + interface_block() + interface_block() + b"".join(blocks)
    assert states(content) == ["good", state]


def test_packets_without_addresses_prove_nothing(states):
    right, wrong = sctp_packet(PACKETS[4].chunks[0]), sctp_packet(PACKETS[4].chunks[0], checksum=0)
    assert states(pcap([(START_NS, right), (START_NS, wrong)], link_type=248)) == ["good", "offloaded"]


def negotiated(client: bool, server: bool) -> list[Packet]:
    """The association, whose sides have said whether they accept zero."""
    opening = init(*[ACCEPTABLE] * client, tag=CLIENT_TAG), init_ack(*[ACCEPTABLE] * server, tag=SERVER_TAG)
    return [replace(PACKETS[index], chunks=[opening[index]]) for index in (0, 1)] + PACKETS[2:]


@pytest.mark.parametrize("recipe", ["", RECIPE])
def test_zero_is_accepted_on_all_paths_by_those_who_said_so(states, recipe):
    zero = blank(negotiated(client=False, server=True), lambda index, _: index > 3)
    to_server = [is_of_client(packet) for packet in PACKETS]
    assert {packet.source for packet in zero if packet.checksum == 0} > {"10.1.0.1", "10.2.0.1"}
    found = states(capture(zero, recipe=recipe))
    assert found[:4] == ["good"] * 4
    assert [state == "zero_accepted" for state in found[4:]] == to_server[4:]
    assert "good" not in found[4:]


def test_zero_is_not_accepted_of_packets_of_the_handshake(states):
    zero = blank(negotiated(client=True, server=True), lambda _, packet: True)
    kinds = [packet.chunks[0][0] for packet in PACKETS]
    assert kinds[:3] == [ChunkType.INIT, ChunkType.INIT_ACK, ChunkType.COOKIE_ECHO]
    found = states(capture(zero, recipe=RECIPE))
    assert found[:4] == ["bad", "zero_accepted", "bad", "zero_accepted"]
    assert set(found[4:]) == {"zero_accepted"}


def test_another_association_has_accepted_nothing(states):
    other = association(client_tag=CLIENT_TAG + 1, server_tag=SERVER_TAG + 1, client_port=6000)
    packets = negotiated(client=True, server=True) + blank(other, lambda _, packet: True)
    found = states(capture([replace(packet, time_ns=START_NS) for packet in packets], recipe=RECIPE))
    assert found == ["good"] * len(PACKETS) + ["bad"] * len(other)
