"""The SCTP checksum, CRC32c (RFC 9260 §6.8 and Appendix A), of many packets at once."""

import numpy as np
from numpy.typing import NDArray

_BATCH_BYTES = 1 << 24


def _table() -> NDArray[np.uint32]:
    """The remainders of all 16-bit words by the polynomial 0x1EDC6F41, bits reflected."""
    table: NDArray[np.uint32] = np.arange(1 << 16, dtype=np.uint32)
    for _ in range(16):
        table = table >> np.uint32(1) ^ (table & np.uint32(1)) * np.uint32(0x82F63B78)
    return table


_TABLE = _table()


def checksums(data: bytes, begins: list[int], lengths: list[int]) -> NDArray[np.uint32]:
    """The right checksum of each packet data[begin : begin + length], as Wireshark shows the field.

    Packets have at least the 12 bytes of the common header; the checksum field in it counts as zero.
    Gives uint32, one per packet.
    """
    result = np.empty(len(begins), dtype=np.uint32)
    longest_first = sorted(range(len(begins)), key=lengths.__getitem__, reverse=True)
    done = 0
    while done < len(longest_first):
        width = lengths[longest_first[done]] + 1 & ~1
        batch = longest_first[done : done + max(1, _BATCH_BYTES // width)]
        result[batch] = _crcs(
            [data[begins[index] : begins[index] + lengths[index]] for index in batch], width
        )
        done += len(batch)
    # the CRC is sent with its low byte first, where all other fields have their high byte first
    return result.byteswap()


def _crcs(packets: list[bytes], width: int) -> NDArray[np.uint32]:
    """CRC32c of packets of at most `width` bytes, an even number; each step takes a word of all packets.

    Zeros before a packet do not count in a CRC that starts with zero, so packets are aligned at their
    ends; that it starts with 0xFFFFFFFF is the same as inverting the first four bytes.
    """
    rows = np.frombuffer(bytearray().join(packet.rjust(width, b"\0") for packet in packets), dtype=np.uint8)
    rows = rows.reshape(-1, width)
    each = np.arange(len(packets))[:, None]
    begin = width - np.array([len(packet) for packet in packets])[:, None]
    rows[each, begin + np.arange(0, 4)] ^= 0xFF
    rows[each, begin + np.arange(8, 12)] = 0
    crc = np.zeros(len(packets), dtype=np.uint32)
    for words in np.ascontiguousarray(rows.view("<u2").T):
        crc = _TABLE[crc & 0xFFFF ^ words] ^ crc >> 16
    return ~crc
