"""The digest by which user data is told apart: the same for calls and for what is on the wire."""

import zlib


def digest(data: bytes, before: int = 0) -> int:
    """CRC-32 of `data`, 32 bits; `before`: that of what comes before it, so that fragments can follow."""
    return zlib.crc32(data, before)
