"""The digest by which user data is told apart: the same for calls and for what is on the wire."""

import hashlib


def digest(data: bytes) -> str:
    """BLAKE2b of `data`, 8 bytes as 16 hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()
