"""Transport addresses: (text, port) <-> the socket address structures of Linux.

IPv4-mapped IPv6 addresses, a form that only the API knows, are given as the IPv4 addresses they mean;
a link-local IPv6 address keeps the index of its interface (`fe80::1%3`).
"""

import socket
import sys
from typing import Literal

from sctpinspect.journal.linux import AF_INET, AF_INET6

Address = tuple[str, int]

BYTE_ORDER: Literal["little", "big"] = sys.byteorder
MAPPED = bytes(10) + b"\xff\xff"


def pack_inet(text: str) -> bytes:
    """The 4 or 16 bytes of an IP address. Raises ValueError if it is none."""
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except OSError:
        raise ValueError(f"{text!r} is not an IP address") from None


def unpack_inet(data: bytes) -> str:
    """The text of 4 or 16 bytes."""
    if len(data) == 4:
        return socket.inet_ntop(socket.AF_INET, data)
    if data.startswith(MAPPED):
        return socket.inet_ntop(socket.AF_INET, data[12:])
    return socket.inet_ntop(socket.AF_INET6, data)


def pack_sockaddr(address: Address) -> bytes:
    """struct sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes). Raises ValueError if it is no address."""
    text, _, scope = address[0].partition("%")
    data, port = pack_inet(text), address[1].to_bytes(2, "big")
    if len(data) == 4:
        return AF_INET.to_bytes(2, BYTE_ORDER) + port + data + bytes(8)
    return AF_INET6.to_bytes(2, BYTE_ORDER) + port + bytes(4) + data + int(scope or 0).to_bytes(4, BYTE_ORDER)


def unpack_sockaddr(data: bytes) -> Address | None:
    """The address in a sockaddr_in, sockaddr_in6 or sockaddr_storage; None if it is of no IP family."""
    family, port = int.from_bytes(data[:2], BYTE_ORDER), int.from_bytes(data[2:4], "big")
    if family == AF_INET and len(data) >= 8:
        return unpack_inet(data[4:8]), port
    if family == AF_INET6 and len(data) >= 28:
        scope = int.from_bytes(data[24:28], BYTE_ORDER)
        return unpack_inet(data[8:24]) + (f"%{scope}" if scope else ""), port
    return None
