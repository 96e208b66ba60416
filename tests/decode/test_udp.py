"""SCTP in UDP (RFC 6951): on known ports, and on those where it proves to be."""

import random
import struct

import numpy as np
import pytest
from builders import chunk, data, ethernet, icmp, ip, ipv4, ipv6, sack, sctp_packet, udp
from frames import TUNNELS, find, payloads
from hypothesis import given, settings
from hypothesis import strategies as st

from sctpinspect.decode import udp as decoder

SCTP = sctp_packet(data(tsn=7, payload=b"hello"), tag=0xABCD)
BAD = sctp_packet(data(tsn=8, payload=b"hello"), tag=0xABCD, checksum=0)


def frame(payload: bytes, source_port: int, destination_port: int, *, version: int = 4) -> bytes:
    datagram = udp(payload, source_port, destination_port)
    if version == 6:
        return ethernet(ipv6("fd00::1", "fd00::2", datagram, next_header=17))
    return ethernet(ipv4("10.1.0.1", "10.1.0.2", datagram, protocol=17))


def frames_of(found) -> list[int]:
    return found.packets["frame"].tolist()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("ports", [(9899, 9899), (40_000, 9899), (9899, 40_000)])
@pytest.mark.parametrize("payload", [SCTP, BAD], ids=["right checksum", "wrong checksum"])
def test_the_usual_port(ports, payload, version):
    found = find([frame(payload, *ports, version=version)])
    assert payloads([frame(payload, *ports, version=version)], found) == [payload]
    assert found.packets["encapsulation_port"].tolist() == [ports[0]]
    assert found.learned_ports == []


def test_another_services_client_on_the_usual_port():
    dns = bytes.fromhex("12348180000100010000000003777777076578616d706c6503636f6d0000010001")
    assert frames_of(find([frame(dns, 53, 9899)])) == []
    assert frames_of(find([frame(SCTP, 53, 9899)])) == [0]
    # between two usual ports all is SCTP, however broken
    assert frames_of(find([frame(dns, 9899, 9899), frame(b"", 9899, 9899)])) == [0, 1]
    # and on a pair that is proved
    assert frames_of(find([frame(dns, 53, 9899), frame(BAD, 53, 9899), frame(SCTP, 53, 9899)])) == [1, 2]


def test_given_ports():
    frames = [frame(BAD, 40_000, 22_220), frame(BAD, 22_220, 40_000), frame(BAD, 22_221, 40_000)]
    assert frames_of(find(frames)) == []
    assert frames_of(find(frames, udp_ports=[22_220])) == [0, 1]
    assert frames_of(find(frames, udp_ports=[22_220, 22_221])) == [0, 1, 2]
    # even that of a tunnel
    assert frames_of(find([frame(BAD, 2152, 2152)], udp_ports=[2152])) == [0]


def test_learned_ports():
    """One packet proves its pair of ports: for both directions, all addresses, before it and after it."""
    frames = [
        frame(BAD, 40_000, 22_220),
        frame(BAD, 22_220, 40_000, version=6),
        frame(b"keepalive", 40_000, 22_220),
        frame(SCTP, 22_220, 40_000),
        frame(BAD, 40_000, 22_220),
        frame(BAD, 40_001, 22_220),
    ]
    found = find(frames)
    assert frames_of(found) == [0, 1, 2, 3, 4]
    assert found.learned_ports == [(22_220, 40_000)]
    assert frames_of(find(frames[:3])) == []


def test_learned_from_a_tunnel_and_from_fragments():
    inner = ipv4("10.1.0.1", "10.1.0.2", udp(SCTP, 5, 6), protocol=17)
    frames = [frame(BAD, 5, 6), ethernet(TUNNELS["VXLAN"](inner))]
    assert frames_of(find(frames)) == [0, 1]
    datagram = udp(SCTP, 5, 6)
    for part, word in ((datagram[:24], 0x2000), (datagram[24:], 3)):
        frames.append(ethernet(ipv4("10.1.0.1", "10.1.0.2", part, protocol=17, fragment=word)))
    assert frames_of(find([frames[0], *frames[2:]])) == [0, 2]


@pytest.mark.parametrize(
    "payload",
    [
        BAD,
        SCTP[:-1],
        SCTP + bytes(4),
        sctp_packet(),
        sctp_packet(chunk(0, bytes(12), length=3)),
        sctp_packet(chunk(0, bytes(12), length=20)),
        sctp_packet(sack(1), b"\0\0"),
        bytes(64),
        b"",
    ],
)
def test_what_proves_nothing(payload):
    found = find([frame(payload, 40_000, 22_220)])
    assert (frames_of(found), found.learned_ports) == ([], [])


def test_a_cut_packet_proves_nothing():
    assert frames_of(find([frame(SCTP, 1, 2)], snaplen=len(frame(SCTP, 1, 2)) - 1)) == []


def test_a_quoted_packet_proves_nothing():
    quoted = ipv4("10.1.0.1", "10.1.0.2", udp(SCTP, 5, 6), protocol=17)
    error = ethernet(ipv4("10.9.0.1", "10.1.0.1", icmp(3, 3, quoted), protocol=1))
    found = find([error])
    assert (found.icmp_errors, found.learned_ports) == ([], [])
    found = find([error, frame(SCTP, 6, 5)])
    assert [row[0] for row in found.icmp_errors] == [1]


def test_random_payloads_are_no_sctp():
    """Even if they look like a packet but for the checksum."""
    chance = random.Random(1)
    frames = []
    for _ in range(3000):
        payload = bytearray(chance.randbytes(chance.randrange(16, 100, 4)))
        if chance.random() < 0.5:
            payload[14:16] = (len(payload) - 12).to_bytes(2)
        frames.append(frame(bytes(payload), chance.randrange(1 << 16), chance.randrange(1 << 16)))
    ports = decoder.UDP_ENCAPSULATION_PORT.to_bytes(2)
    frames = [each for each in frames if ports not in each[34:38]]
    found = find(frames)
    assert (frames_of(found), found.learned_ports) == ([], [])


def test_so_many_pairs_are_learned():
    frames = [frame(SCTP, 1000 + index, 70) for index in range(decoder.MAXIMUM_LEARNED + 10)]
    found = find([*frames, frame(BAD, 1000, 70), frame(BAD, 1000 + decoder.MAXIMUM_LEARNED, 70)])
    assert len(found.learned_ports) == decoder.MAXIMUM_LEARNED
    assert frames_of(found) == list(range(len(frames) + 1))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)), max_size=200))
def test_the_table_of_pairs(ports):
    learned = decoder.no_pairs()
    packet = np.frombuffer(SCTP, dtype=np.uint8)
    packet.flags.writeable = False
    for one, other in ports:
        assert decoder.learn(packet, learned, one, other, 0, len(packet))
    assert decoder.pairs(learned) == sorted({(min(pair), max(pair)) for pair in ports})
    known = decoder.known_ports([])
    for one, other in ports:
        assert decoder.carries_sctp(packet, known, learned, other, one, 0, 0, 0)


def test_lengths():
    datagram = udp(SCTP)
    for stated in (b"\xff\xff", b"\0\0", b"\0\7"):  # beyond the datagram, left to the device, impossible
        wrong = datagram[:4] + stated + datagram[6:]
        packet = ethernet(ip("10.1.0.1", "10.1.0.2", wrong, protocol=17))
        assert payloads([packet], find([packet])) == [SCTP]
    longer = ethernet(ip("10.1.0.1", "10.1.0.2", datagram + bytes(4), protocol=17))
    assert payloads([longer], find([longer])) == [SCTP]
    header_cut = ethernet(ip("10.1.0.1", "10.1.0.2", struct.pack(">HHH", 9899, 9899, 8), protocol=17))
    assert frames_of(find([header_cut])) == []
