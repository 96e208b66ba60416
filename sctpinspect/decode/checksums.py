"""CRC32c, the checksum of SCTP (RFC 9260 §6.8 and Appendix A), and CRC-32, the digest of user data.

Both go eight bytes a step through eight tables: the remainders of a byte that 0 to 7 bytes follow.
"""

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode.compiled import compiled
from sctpinspect.decode.octets import u8, u32_little


def _tables(polynomial: int) -> NDArray[np.int64]:
    """The eight tables of a polynomial, bits reflected."""
    tables = np.zeros((8, 256), dtype=np.uint32)
    row = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        row = row >> np.uint32(1) ^ (row & np.uint32(1)) * np.uint32(polynomial)
    tables[0] = row
    for index in range(1, 8):
        before = tables[index - 1]
        tables[index] = tables[0][before & np.uint32(0xFF)] ^ before >> np.uint32(8)
    return tables.astype(np.int64)


_CRC32C = _tables(0x82F63B78)
_CRC32 = _tables(0xEDB88320)


@compiled
def _step(tables: NDArray, crc: int, data: NDArray, begin: int, end: int) -> int:
    """The remainder `crc` carried on over data[begin:end]."""
    while end - begin >= 8:
        crc ^= u32_little(data, begin)
        crc = (
            tables[7, crc & 0xFF]
            ^ tables[6, crc >> 8 & 0xFF]
            ^ tables[5, crc >> 16 & 0xFF]
            ^ tables[4, crc >> 24]
            ^ tables[3, data[begin + 4]]
            ^ tables[2, data[begin + 5]]
            ^ tables[1, data[begin + 6]]
            ^ tables[0, data[begin + 7]]
        )
        begin += 8
    while begin < end:
        crc = tables[0, (crc ^ u8(data, begin)) & 0xFF] ^ crc >> 8
        begin += 1
    return crc


@compiled
def checksum(data: NDArray, begin: int, end: int) -> int:
    """The right checksum of the packet data[begin:end], which has its common header, as Wireshark shows it.

    The checksum field in it counts as zero.
    """
    crc = _step(_CRC32C, 0xFFFFFFFF, data, begin, begin + 8)
    for _ in range(4):
        crc = _CRC32C[0, crc & 0xFF] ^ crc >> 8
    crc = _step(_CRC32C, crc, data, begin + 12, end) ^ 0xFFFFFFFF
    # it is sent with its low byte first, where all other fields have their high byte first
    return crc >> 24 | crc >> 8 & 0xFF00 | (crc & 0xFF00) << 8 | (crc & 0xFF) << 24


@compiled
def digest(data: NDArray, begin: int, end: int) -> int:
    """What `journal.digest` gives for data[begin:end]."""
    return _step(_CRC32, 0xFFFFFFFF, data, begin, end) ^ 0xFFFFFFFF
