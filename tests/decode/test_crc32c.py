"""CRC32c against RFC 3720's vectors, the builders' own, and the crc32c package."""

import itertools
import struct

import crc32c as judge
import pytest
from builders import crc32c, data, init, sctp_packet
from hypothesis import given
from hypothesis import strategies as st

from sctpinspect.decode.crc32c import checksums

# RFC 3720 §B.4: CRC32c as the number whose low byte is sent first
VECTORS = [(bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)]


@pytest.mark.parametrize(("message", "crc"), VECTORS)
def test_the_builders_agree_with_rfc_3720(message, crc):
    assert crc32c(message) == crc == judge.crc32c(message)


def right(packet: bytes) -> int:
    """The checksum field as a big-endian number."""
    return struct.unpack(">I", struct.pack("<I", judge.crc32c(packet[:8] + bytes(4) + packet[12:])))[0]


@given(st.lists(st.binary(min_size=12, max_size=300), min_size=1, max_size=30), st.binary(max_size=5))
def test_packets_of_any_length_in_any_order(packets, between):
    stream, begins = between, []
    for packet in packets:
        begins.append(len(stream))
        stream += packet + between
    found = checksums(stream, begins, [len(packet) for packet in packets])
    assert found.tolist() == [right(packet) for packet in packets]


@pytest.mark.parametrize("size", [1, 50, 100, 1000])
def test_batches_of_any_size(monkeypatch, size):
    monkeypatch.setattr("sctpinspect.decode.crc32c._BATCH_BYTES", size)
    packets = [sctp_packet(data(tsn=number, payload=bytes(number % 7), padding=b"")) for number in range(50)]
    begins = [0, *itertools.accumulate(map(len, packets))][:-1]
    found = checksums(b"".join(packets), begins, [len(packet) for packet in packets])
    assert found.tolist() == [int.from_bytes(packet[8:12]) for packet in packets]


def test_no_packets():
    assert checksums(b"", [], []).tolist() == []


def test_a_long_packet():
    packet = sctp_packet(init(), *[data(tsn=n, payload=bytes(1400)) for n in range(40)])
    assert checksums(packet, [0], [len(packet)]).tolist() == [right(packet)]
