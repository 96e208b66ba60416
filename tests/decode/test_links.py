"""Link layers, IP, UDP encapsulation and ICMP errors."""

import struct

import pytest
from builders import (
    START_NS,
    data,
    ethernet,
    heartbeat,
    icmp,
    interface_block,
    ip,
    ipv4,
    ipv6,
    linux_cooked,
    linux_cooked_v2,
    option,
    packet_block,
    pcap,
    sctp_packet,
    section_block,
    shutdown_ack,
    udp,
)

SCTP = sctp_packet(data(tsn=7, payload=b"hello", ppid=60), tag=0xABCD)
V4 = ipv4("10.1.0.1", "10.1.0.2", SCTP, ttl=61, tos=0xB9)
V6 = ipv6("fd00::1", "fd00::2", SCTP, hop_limit=61, traffic_class=0xB9)


@pytest.fixture
def one(decoded):
    """The one packet that a frame holds, as a dict; None if it holds none."""

    def of(frame: bytes, link_type: int = 1, **options):
        columns = decoded(pcap([(START_NS, frame)], link_type=link_type, **options))
        packets = columns.tables["packets"]
        assert len(packets["packet"]) <= 1
        return {name: values[0] for name, values in packets.items()} if packets["packet"] else None

    return of


LINKS = {
    "Ethernet": (1, ethernet),
    "802.1Q": (1, lambda packet: ethernet(packet, vlans=[(0x8100, 5)])),
    "802.1ad": (1, lambda packet: ethernet(packet, vlans=[(0x88A8, 5), (0x8100, 7)])),
    "Linux cooked": (113, linux_cooked),
    "Linux cooked, VLAN": (
        113,
        lambda packet: linux_cooked(packet)[:14] + b"\x81\0\0\5" + linux_cooked(packet)[14:],
    ),
    "Linux cooked v2": (276, linux_cooked_v2),
    "raw 101": (101, bytes),
    "raw 12": (12, bytes),
    "raw 14": (14, bytes),
}


@pytest.mark.parametrize("packet", [V4, V6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("name", LINKS)
def test_link_layers(one, name, packet):
    link_type, wrap = LINKS[name]
    found = one(wrap(packet), link_type)
    assert found["verification_tag"] == 0xABCD
    assert found["source"] == ("10.1.0.1" if packet is V4 else "fd00::1")
    assert found["destination"] == ("10.1.0.2" if packet is V4 else "fd00::2")
    assert (found["ttl"], found["dscp"], found["ecn"]) == (61, 46, 1)
    assert (found["source_port"], found["destination_port"]) == (5000, 4444)
    assert (found["length"], found["captured_length"]) == (len(SCTP), len(SCTP))
    assert (found["checksum_state"], found["defect"], found["chunks_in_packet"]) == ("good", None, 1)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("family", "packet"), [(2, V4), (24, V6), (28, V6), (30, V6), (10, V6)])
@pytest.mark.parametrize("link_type", [0, 108])
def test_null_and_loop(one, link_type, family, packet, order):
    assert one(struct.pack(order + "I", family) + packet, link_type)["verification_tag"] == 0xABCD


@pytest.mark.parametrize(("link_type", "packet"), [(228, V4), (229, V6)])
def test_raw_ip_of_one_version(one, link_type, packet):
    assert one(packet, link_type)["verification_tag"] == 0xABCD


@pytest.mark.parametrize("name", LINKS)
def test_a_frame_cut_anywhere_is_no_packet_or_a_cut_one(one, name):
    link_type, wrap = LINKS[name]
    for packet in (V4, V6):
        frame = wrap(packet)
        for length in range(len(frame)):
            found = one(frame, link_type, snaplen=length) if length else None
            assert found is None or found["defect"] == "cut_by_snaplen"
            assert found is None or found["checksum_state"] == "not_captured"


def test_other_protocols_are_no_packets(one):
    assert one(ethernet(V4)[:12] + b"\x08\x06" + bytes(46)) is None
    assert one(ethernet(ipv4("10.1.0.1", "10.1.0.2", SCTP, protocol=6))) is None
    assert one(struct.pack("<I", 7) + V4, 0) is None
    assert one(b"", 101) is None
    assert one(b"\x50" + V4[1:], 101) is None


def test_an_unknown_link_type_is_stated(decoded):
    columns = decoded(pcap([(START_NS, V4)], link_type=147))
    assert columns.defects == ["frames of link type 147 were not decoded"]
    assert columns.frames == 1


def test_an_ethernet_trailer_is_not_part_of_the_packet(one):
    found = one(ethernet(ipv4("10.1.0.1", "10.1.0.2", sctp_packet(shutdown_ack())), trailer=b"\xff" * 14))
    assert (found["length"], found["captured_length"], found["chunks_in_packet"]) == (16, 16, 1)
    assert (found["defect"], found["checksum_state"]) == (None, "good")


def test_a_packet_cut_by_snaplen_keeps_what_is_there(decoded):
    frame = ethernet(
        ipv4("10.1.0.1", "10.1.0.2", sctp_packet(data(tsn=7, payload=bytes(1000)), heartbeat(b"x")))
    )
    columns = decoded(pcap([(START_NS, frame)], snaplen=96))
    packet, chunk = ({k: v[0] for k, v in columns.tables[name].items()} for name in ("packets", "chunks"))
    assert (packet["length"], packet["captured_length"]) == (12 + 16 + 1000 + 12, 62)
    assert (packet["defect"], packet["chunks_in_packet"]) == ("cut_by_snaplen", 1)
    assert (chunk["tsn"], chunk["payload_length"], chunk["payload_digest"]) == (7, 1000, None)
    assert (chunk["length"], chunk["defect"]) == (1016, "cut_by_snaplen")


# ---- IP


def test_ipv4_options(one):
    packet = ipv4("10.1.0.1", "10.1.0.2", SCTP, options=b"\x94\x04\0\0\x01")
    assert one(ethernet(packet))["verification_tag"] == 0xABCD


def test_ipv4_header_lengths_that_cannot_be(one):
    assert one(ethernet(b"\x44" + V4[1:])) is None
    assert one(ethernet(b"\x4f" + V4[1:])) is not None  # into the payload: some nonsense, but bounded


@pytest.mark.parametrize(
    ("fragment", "defect"), [(0x2000, "cut_by_fragmentation"), (0x4000, None), (0x8000, None)]
)
def test_ipv4_first_fragment_is_a_cut_packet(one, fragment, defect):
    packet = ipv4("10.1.0.1", "10.1.0.2", sctp_packet(data(tsn=7, payload=bytes(20)))[:40], fragment=fragment)
    found = one(ethernet(packet))
    assert found["defect"] == defect
    assert found["checksum_state"] == ("not_captured" if defect else "bad")


def test_ipv4_later_fragments_are_left_out(one):
    assert one(ethernet(ipv4("10.1.0.1", "10.1.0.2", SCTP, fragment=0x2003))) is None
    assert one(ethernet(ipv4("10.1.0.1", "10.1.0.2", SCTP, fragment=0x0003))) is None


def test_a_chunk_that_a_fragment_cuts(decoded):
    packet = ipv4("10.1.0.1", "10.1.0.2", sctp_packet(data(tsn=7, payload=bytes(20)))[:40], fragment=0x2000)
    chunks = decoded(pcap([(START_NS, ethernet(packet))])).tables["chunks"]
    assert (chunks["defect"], chunks["tsn"], chunks["payload_length"]) == (
        ["cut_by_fragmentation"],
        [7],
        [20],
    )


def test_fragments_that_complete_a_packet(decoded):
    later = ipv4("10.1.0.1", "10.1.0.2", SCTP[16:], fragment=2)
    first = ipv4("10.1.0.1", "10.1.0.2", SCTP[:16], fragment=0x2000)
    columns = decoded(pcap([(START_NS, ethernet(later)), (START_NS + 9, ethernet(first))]))
    packet, chunk = ({k: v[0] for k, v in columns.tables[name].items()} for name in ("packets", "chunks"))
    assert (packet["frame"], packet["time_ns"], packet["defect"]) == (2, START_NS + 9, None)
    assert (packet["checksum_state"], packet["length"], packet["chunks_in_packet"]) == ("good", len(SCTP), 1)
    assert (chunk["frame"], chunk["tsn"], chunk["payload_length"]) == (2, 7, 5)
    offset = chunk["payload_offset"]
    assert columns.columns.data.slice(offset, 5) == b"hello"


@pytest.mark.parametrize("make", [ipv4, ipv6])
def test_a_length_left_to_the_device_is_the_captured_one(one, make):
    source, destination = ("10.1.0.1", "10.1.0.2") if make is ipv4 else ("fd00::1", "fd00::2")
    found = one(ethernet(make(source, destination, SCTP, length=0)))
    assert (found["length"], found["checksum_state"], found["defect"]) == (len(SCTP), "good", None)


@pytest.mark.parametrize("make", [ipv4, ipv6])
def test_a_length_left_to_the_device_is_bounded(one, make):
    source, destination = ("10.1.0.1", "10.1.0.2") if make is ipv4 else ("fd00::1", "fd00::2")
    found = one(ethernet(make(source, destination, SCTP + bytes(200_000), length=0)))
    assert found["length"] <= 0xFFFF


HOP_BY_HOP = (0, bytes(7))
ROUTING = (43, b"\0" + bytes(6))
DESTINATION = (60, b"\1" + bytes(14))
AH = (51, b"\4" + bytes(22))
FIRST_FRAGMENT = (44, b"\0\0\1" + bytes(4))
ATOMIC_FRAGMENT = (44, b"\0\0\0" + bytes(4))
LATER_FRAGMENT = (44, b"\0\0\x10" + bytes(4))


@pytest.mark.parametrize(
    ("extensions", "found_defect"),
    [
        ([HOP_BY_HOP], None),
        ([HOP_BY_HOP, DESTINATION, ROUTING, AH], None),
        ([ATOMIC_FRAGMENT], None),
        ([FIRST_FRAGMENT, DESTINATION], "cut_by_fragmentation"),
    ],
)
def test_ipv6_extension_headers(one, extensions, found_defect):
    found = one(ethernet(ipv6("fd00::1", "fd00::2", SCTP, extensions=extensions)))
    assert (found["verification_tag"], found["defect"]) == (0xABCD, found_defect)


def test_ipv6_later_fragments_are_left_out(one):
    assert one(ethernet(ipv6("fd00::1", "fd00::2", SCTP, extensions=[LATER_FRAGMENT]))) is None


def test_ipv6_extension_headers_that_overrun(one):
    packet = ipv6("fd00::1", "fd00::2", b"", extensions=[(0, b"\xff" + bytes(6))] * 3)
    assert one(ethernet(packet)) is None or one(ethernet(packet))["chunks_in_packet"] == 0


# ---- UDP encapsulation (RFC 6951)


@pytest.mark.parametrize("source_and_destination", [("10.1.0.1", "10.1.0.2"), ("fd00::1", "fd00::2")])
@pytest.mark.parametrize("ports", [(9899, 9899), (40000, 9899), (9899, 40000)])
def test_sctp_in_udp(one, source_and_destination, ports):
    datagram = udp(SCTP, *ports)
    protocol = {"next_header": 17} if ":" in source_and_destination[0] else {"protocol": 17}
    found = one(ethernet(ip(*source_and_destination, datagram, **protocol)))
    assert (found["encapsulation_port"], found["verification_tag"]) == (ports[0], 0xABCD)
    assert (found["length"], found["checksum_state"]) == (len(SCTP), "good")


def test_udp_of_other_ports_is_a_packet_if_its_checksum_proves_it(one):
    assert one(ethernet(ipv4("10.1.0.1", "10.1.0.2", udp(SCTP, 53, 53), protocol=17)))["length"] == len(SCTP)
    wrong = SCTP[:8] + bytes(4) + SCTP[12:]
    assert one(ethernet(ipv4("10.1.0.1", "10.1.0.2", udp(wrong, 53, 53), protocol=17))) is None


def test_given_udp_ports(decoded):
    wrong = SCTP[:8] + bytes(4) + SCTP[12:]
    frame = ethernet(ipv4("10.1.0.1", "10.1.0.2", udp(wrong, 53, 54), protocol=17))
    capture = pcap([(START_NS, frame)])
    assert decoded(capture, udp_ports=[54]).tables["packets"]["checksum_state"] == ["offloaded"]
    assert decoded(capture, udp_ports=[55]).tables["packets"]["frame"] == []


def test_udp_without_encapsulation_has_no_port(one):
    assert one(ethernet(V4))["encapsulation_port"] is None


def test_a_udp_length_beyond_the_datagram_is_not_believed(one):
    datagram = udp(SCTP)[:4] + b"\xff\xff" + udp(SCTP)[6:]
    found = one(ethernet(ipv4("10.1.0.1", "10.1.0.2", datagram, protocol=17)))
    assert (found["length"], found["checksum_state"]) == (len(SCTP), "good")


# ---- ICMP errors


def test_sctp_quoted_in_icmp_is_no_packet_but_an_error(decoded):
    quoted = ipv4("10.1.0.1", "10.1.0.2", SCTP)[:28]
    frame = ethernet(ipv4("10.9.0.1", "10.1.0.1", icmp(3, 2, quoted), protocol=1))
    columns = decoded(pcap([(START_NS, ethernet(V4)), (START_NS + 5, frame)]))
    assert columns.tables["packets"]["frame"] == [1]
    errors = columns.tables["icmp_errors"]
    assert {name: values[0] for name, values in errors.items()} == {
        "frame": 2,
        "time_ns": START_NS + 5,
        "source": "10.9.0.1",
        "destination": "10.1.0.1",
        "type": 3,
        "code": 2,
        "quoted_source": "10.1.0.1",
        "quoted_destination": "10.1.0.2",
        "quoted_source_port": 5000,
        "quoted_destination_port": 4444,
        "quoted_verification_tag": 0xABCD,
    }


@pytest.mark.parametrize(("kept", "ports", "tag"), [(24, 4444, None), (23, None, None), (20, None, None)])
def test_quotes_that_are_cut(decoded, kept, ports, tag):
    frame = ethernet(ipv4("10.9.0.1", "10.1.0.1", icmp(11, 0, V4[:kept]), protocol=1))
    errors = decoded(pcap([(START_NS, frame)])).tables["icmp_errors"]
    assert (errors["quoted_destination_port"], errors["quoted_verification_tag"]) == ([ports], [tag])


def test_icmpv6_quotes_too_even_through_udp(decoded):
    quoted = ipv6("fd00::1", "fd00::2", udp(SCTP), next_header=17)
    frame = ethernet(ipv6("fd00::9", "fd00::1", icmp(1, 4, quoted), next_header=58))
    errors = decoded(pcap([(START_NS, frame)])).tables["icmp_errors"]
    assert (errors["type"], errors["code"], errors["quoted_verification_tag"]) == ([1], [4], [0xABCD])


def test_icmp_that_is_no_error_or_quotes_something_else(decoded):
    frames = [
        ethernet(ipv4("10.9.0.1", "10.1.0.1", icmp(8, 0, V4), protocol=1)),
        ethernet(ipv6("fd00::9", "fd00::1", icmp(128, 0, V6), next_header=58)),
        ethernet(
            ipv4(
                "10.9.0.1", "10.1.0.1", icmp(3, 3, ipv4("10.1.0.1", "10.1.0.2", SCTP, protocol=6)), protocol=1
            )
        ),
        ethernet(ipv4("10.9.0.1", "10.1.0.1", icmp(3, 3, b""), protocol=1)),
    ]
    columns = decoded(pcap([(START_NS, frame) for frame in frames]))
    assert columns.tables["icmp_errors"]["frame"] == []
    assert columns.tables["packets"]["frame"] == []


# ---- what the recorder writes about links


@pytest.mark.parametrize(
    ("comment", "delivery", "delivered_ns"),
    [
        (b"sctpinspect delivery: delivered +1234 ns", "delivered", START_NS + 1234),
        (b"sctpinspect delivery: lost", "lost", None),
        (b"sctpinspect delivery: duplicated +1234 ns +1300 ns", "duplicated", START_NS + 1234),
        (b"sctpinspect delivery: stolen", None, None),
        (b"sctpinspect delivery: delivered +1234567890123456789012 ns", None, None),
        (b"a comment", None, None),
    ],
)
def test_delivery_comments(decoded, comment, delivery, delivered_ns):
    block = packet_block(START_NS, ethernet(V4), option(1, comment))
    packets = decoded(section_block() + interface_block() + block).tables["packets"]
    assert (packets["delivery"], packets["delivered_ns"]) == ([delivery], [delivered_ns])


def test_a_delivery_beyond_the_end_of_time(decoded):
    interface, comment = interface_block(resolution=0), b"sctpinspect delivery: delivered +5 ns"
    packet = packet_block((1 << 64) - 1, ethernet(V4), option(1, comment))
    packets = decoded(section_block() + interface + packet).tables["packets"]
    assert packets["delivered_ns"] == packets["time_ns"] == [(1 << 63) - 1]


@pytest.mark.parametrize(
    ("comment", "recipe"),
    [
        (b'sctpinspect recipe: {"scenario": "sample/multihoming"}', {"scenario": "sample/multihoming"}),
        (b"sctpinspect recipe: {", {}),
        (b"sctpinspect recipe: [1]", {}),
        (b"sctpinspect recipe: " + b"[" * 60_000, {}),
        (b"by hand", {}),
    ],
)
def test_recipe(decoded, comment, recipe):
    assert decoded(section_block(option(1, comment)) + interface_block()).recipe == recipe
