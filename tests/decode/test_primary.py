"""The primary tables: exactly the schema, and copies."""

from dataclasses import replace

import pytest
from builders import (
    MILLISECOND,
    SECOND,
    START_NS,
    abort,
    association,
    capture,
    chunk,
    data,
    ethernet,
    interface_block,
    ipv4,
    ipv6,
    journal_block,
    linux_cooked,
    linux_cooked_v2,
    packet_block,
    pcap,
    sctp_packet,
    section_block,
)

from sctpinspect.decode import columns
from sctpinspect.journal.entry import Call, Event, to_fields
from sctpinspect.protocol import ChunkType
from sctpinspect.tables.primary import primary
from sctpinspect.tables.schema import TABLES, polars_schema

PACKETS = association()


@pytest.mark.parametrize(
    "content",
    [capture(PACKETS, [Event(START_NS, "a", "signal", "x")]), capture([]), pcap([(0, b"")]), section_block()],
    ids=["association", "no packets", "no SCTP", "no interfaces"],
)
def test_tables_have_their_schema(decoded, content):
    tables = primary(decoded(content))
    assert set(tables) <= set(TABLES)
    for name, frame in tables.items():
        assert frame.schema == polars_schema(TABLES[name]), name


def test_an_association(decoded):
    tables = primary(decoded(capture(PACKETS, received=60, dropped=3)))
    packets, chunks = tables["packets"], tables["chunks"]
    assert packets["frame"].to_list() == list(range(1, len(PACKETS) + 1))
    assert packets["time_ns"].to_list() == [packet.time_ns for packet in PACKETS]
    assert packets["verification_tag"].to_list() == [packet.tag for packet in PACKETS]
    assert set(packets["checksum_state"]) == {"good"}
    assert not packets["is_copy"].any()
    assert chunks["type_name"].to_list()[:4] == ["INIT", "INIT_ACK", "COOKIE_ECHO", "COOKIE_ACK"]
    assert chunks["defect"].null_count() == packets["defect"].null_count() == len(PACKETS)
    assert tables["parameters"]["defect"].null_count() == len(tables["parameters"])
    assert tables["interfaces"].row(0) == (0, "a0", None, 1, 262_144, 60, 3)


def test_null_values_of_a_cut_header(decoded):
    packet = ethernet(ipv4("10.1.0.1", "10.1.0.2", sctp_packet()[:3]))
    packets = primary(decoded(pcap([(START_NS, packet)])))["packets"]
    assert packets.select("source_port", "destination_port", "verification_tag", "checksum").row(0) == (
        5000,
        None,
        None,
        None,
    )


def test_a_file_of_too_many_chunks_is_read_up_to_there_and_says_so(decoded, monkeypatch):
    """Nothing but COOKIE_ACKs: each takes four bytes in the file, and hundreds of times that in memory."""
    monkeypatch.setattr(columns, "MAXIMUM_ROWS", 1000)
    dense = ethernet(ipv4("10.1.0.1", "10.1.0.2", sctp_packet(*[chunk(ChunkType.COOKIE_ACK)] * 600)))
    calls = [
        Call(START_NS + time_ns, START_NS + time_ns, "a", 1, 1, 1, "socket", {}, {}, None, None)
        for time_ns in (0, 9)
    ]
    first, last = (journal_block(to_fields(call)) for call in calls)
    packets = [packet_block(START_NS + time_ns, dense) for time_ns in (1, 2, 3)]
    found = decoded(b"".join([section_block(), interface_block(), first, *packets, last]))
    assert found.tables["packets"]["frame"] == [2, 3]
    assert len(found.tables["chunks"]["type"]) == 1200
    assert found.tables["calls"]["frame"] == [1]
    assert found.defects == [
        "1,000 packets, chunks and parameters stand up to frame 3: what follows was not read"
    ]


def test_packets_without_chunks_count_too(decoded, monkeypatch):
    monkeypatch.setattr(columns, "MAXIMUM_ROWS", 10)
    empty = ethernet(ipv4("10.1.0.1", "10.1.0.2", sctp_packet()))
    assert decoded(pcap([(START_NS, empty)] * 10)).defects == []
    found = decoded(pcap([(START_NS, empty)] * 11))
    assert len(found.tables["packets"]["frame"]) == 10
    assert found.defects == [
        "10 packets, chunks and parameters stand up to frame 10: what follows was not read"
    ]


# ---- copies

SCTP = sctp_packet(data(tsn=7, payload=b"hello"))
ABORT = sctp_packet(abort(reflected=True))


def v4(identification: int = 0, packet: bytes = SCTP) -> bytes:
    return ipv4("10.1.0.1", "10.1.0.2", packet, identification=identification)


def on_interfaces(*frames: tuple[int, int, bytes]) -> bytes:
    """A capture of (time after start in ns, interface, frame) on two Ethernet interfaces."""
    blocks = [
        packet_block(START_NS + time_ns, frame, interface=interface) for time_ns, interface, frame in frames
    ]
    return section_block() + interface_block() + interface_block() + b"".join(blocks)


def copies(found) -> list[bool]:
    return primary(found)["packets"]["is_copy"].to_list()


def test_the_same_packet_at_the_other_end_is_a_copy(decoded):
    frame = ethernet(v4())
    assert copies(decoded(on_interfaces((0, 0, frame), (5 * MILLISECOND, 1, frame)))) == [False, True]


def test_a_retransmission_seen_at_both_ends_is_one_packet_and_its_copy(decoded):
    frame, later = ethernet(v4()), 200 * MILLISECOND
    seen = [(0, 0, frame), (5, 1, frame), (later, 0, frame), (later + 5, 1, frame)]
    assert copies(decoded(on_interfaces(*seen))) == [False, True, False, True]


def test_a_retransmission_that_overtakes_the_copy(decoded):
    frame = ethernet(v4())
    seen = [
        (0, 0, frame),
        (2 * MILLISECOND, 0, frame),
        (3 * MILLISECOND, 1, frame),
        (4 * MILLISECOND, 1, frame),
    ]
    assert copies(decoded(on_interfaces(*seen))) == [False, False, True, True]


def test_what_comes_much_later_elsewhere_is_no_copy(decoded):
    frame = ethernet(v4())
    assert copies(decoded(on_interfaces((0, 0, frame), (2 * SECOND, 1, frame)))) == [False, False]


def test_other_bytes_or_addresses_are_no_copies(decoded):
    other = ethernet(v4(packet=sctp_packet(data(tsn=7, payload=b"hellO"))))
    elsewhere = ethernet(ipv4("10.2.0.1", "10.2.0.2", SCTP))
    assert (
        copies(decoded(on_interfaces((0, 0, ethernet(v4())), (1, 1, other), (2, 1, elsewhere))))
        == [False] * 3
    )


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([(0, v4(9)), (5, v4(9))], [False, True]),  # a loopback capture, each packet twice
        ([(0, v4(9)), (5, v4(10))], [False, False]),  # two packets
        ([(0, v4(0, ABORT)), (5, v4(0, ABORT))], [False, False]),  # two answers, without identification
        ([(0, v4(9)), (2 * MILLISECOND, v4(9))], [False, False]),  # too late
        ([(0, ipv6("fd00::1", "fd00::2", SCTP)), (5, ipv6("fd00::1", "fd00::2", SCTP))], [False, False]),
    ],
)
def test_equal_packets_at_one_place(decoded, frames, expected):
    content = on_interfaces(*[(time_ns, 0, ethernet(packet)) for time_ns, packet in frames])
    assert copies(decoded(content)) == expected


@pytest.mark.parametrize(
    "wrap",
    [lambda type: linux_cooked(v4(), packet_type=type), lambda type: linux_cooked_v2(v4(), packet_type=type)],
)
def test_the_any_device_sees_a_packet_at_each_device_it_passes(decoded, wrap):
    link_type = 113 if len(wrap(0)) == len(v4()) + 16 else 276
    sent = [(0, 4), (3, 4), (5, 3), (5, 0)]
    times = [*sent, *[(time_ns + 300 * MILLISECOND, type) for time_ns, type in sent]]
    frames = [(START_NS + time_ns, wrap(type)) for time_ns, type in times]
    assert copies(decoded(pcap(frames, link_type=link_type))) == [False, True, True, True] * 2


def test_equal_packets_at_very_many_places_are_compared_in_time_that_does_not_explode(decoded):
    frames = [
        (START_NS + number, linux_cooked_v2(v4(), packet_type=4, ifindex=number)) for number in range(30_000)
    ]
    assert copies(decoded(pcap(frames, link_type=276))) == [False] + [True] * 29_999


def test_an_association_captured_at_both_ends(decoded):
    blocks = [
        packet_block(packet.time_ns + 100 * interface, packet.frame(), interface=interface)
        for packet in PACKETS
        for interface in (0, 1)
    ]
    packets = primary(decoded(section_block() + interface_block() + interface_block() + b"".join(blocks)))[
        "packets"
    ]
    assert packets["is_copy"].to_list() == [False, True] * len(PACKETS)
    assert packets.filter("is_copy")["interface"].to_list() == [1] * len(PACKETS)


def test_a_wrong_checksum_is_seen_in_the_packet_that_has_it(decoded):
    packets = [*PACKETS[:5], replace(PACKETS[5], checksum=1), *PACKETS[6:]]
    states = primary(decoded(capture(packets)))["packets"]["checksum_state"].to_list()
    assert [index for index, state in enumerate(states) if state != "good"] == [5]
