"""CRC32c against RFC 3720's vectors, the builders' own, and the crc32c package; CRC-32 against zlib."""

import struct

import crc32c as judge
import numpy as np
import pytest
from builders import crc32c, data, init, sctp_packet
from hypothesis import given
from hypothesis import strategies as st

from sctpinspect.decode.checksums import checksum, digest
from sctpinspect.journal import digest as journal_digest

# RFC 3720 §B.4: CRC32c as the number whose low byte is sent first
VECTORS = [(bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)]


@pytest.mark.parametrize(("message", "crc"), VECTORS)
def test_the_builders_agree_with_rfc_3720(message, crc):
    assert crc32c(message) == crc == judge.crc32c(message)


def octets(content: bytes) -> np.ndarray:
    return np.frombuffer(content, dtype=np.uint8)


def right(packet: bytes) -> int:
    """The checksum field as a big-endian number."""
    return struct.unpack(">I", struct.pack("<I", judge.crc32c(packet[:8] + bytes(4) + packet[12:])))[0]


@given(st.binary(max_size=9), st.binary(min_size=12, max_size=300), st.binary(max_size=9))
def test_the_checksum_of_a_packet_between_other_bytes(before, packet, behind):
    content = octets(before + packet + behind)
    assert checksum(content, len(before), len(before) + len(packet)) == right(packet)


def test_a_long_packet():
    packet = sctp_packet(init(), *[data(tsn=n, payload=bytes(1400)) for n in range(40)])
    assert checksum(octets(packet), 0, len(packet)) == right(packet) == int.from_bytes(packet[8:12])


@given(st.binary(max_size=9), st.binary(max_size=300), st.binary(max_size=9))
def test_the_digest_is_that_of_the_journal(before, payload, behind):
    content = octets(before + payload + behind)
    assert digest(content, len(before), len(before) + len(payload)) == journal_digest(payload)


@given(st.binary(max_size=99), st.binary(max_size=99))
def test_the_digests_of_fragments_follow_each_other(one, other):
    assert journal_digest(other, journal_digest(one)) == journal_digest(one + other)
