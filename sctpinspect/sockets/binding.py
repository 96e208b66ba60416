"""System calls that the standard library's socket lacks: by pysctp where it is right, else by libc.

The standard library does not let the kernel see an address of another family than the socket's.
pysctp 0.7.3 leaves parts of IPv6 addresses uninitialised and holds the GIL in connectx();
tests/sockets pins these faults. What goes through libc here releases the GIL.
"""

import ctypes
import errno
import os
import struct

import _sctp

from sctpinspect.journal.addresses import Address, pack_sockaddr
from sctpinspect.journal.linux import (
    IPPROTO_SCTP,
    SCTP_BINDX_ADD_ADDR,
    SCTP_BINDX_REM_ADDR,
    SCTP_SOCKOPT_BINDX_ADD,
    SCTP_SOCKOPT_BINDX_REM,
    SCTP_SOCKOPT_CONNECTX3,
)

_BINDX_OPTIONS = {
    SCTP_BINDX_ADD_ADDR: SCTP_SOCKOPT_BINDX_ADD,
    SCTP_BINDX_REM_ADDR: SCTP_SOCKOPT_BINDX_REM,
}
_libc = ctypes.CDLL(None, use_errno=True)
_libc.sendto.restype = ctypes.c_ssize_t


def bindx(fd: int, addresses: list[Address], flags: int) -> None:
    """sctp_bindx() (RFC 6458 §9.1). Raises OSError."""
    if all(":" not in text for text, _port in addresses):
        _sctp.bindx(fd, addresses, flags)
    elif flags in _BINDX_OPTIONS:
        setsockopt(fd, IPPROTO_SCTP, _BINDX_OPTIONS[flags], b"".join(map(pack_sockaddr, addresses)))
    else:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def bind(fd: int, address: Address) -> None:
    """bind() to an address of any family, of which the kernel is the judge. Raises OSError."""
    packed = pack_sockaddr(address)
    _check(_libc.bind(fd, packed, len(packed)))


def connect(fd: int, address: Address) -> None:
    """connect() likewise. Raises OSError."""
    packed = pack_sockaddr(address)
    _check(_libc.connect(fd, packed, len(packed)))


def sendto(fd: int, data: bytes, flags: int, address: Address) -> int:
    """sendto() likewise: the bytes taken. Raises OSError."""
    packed = pack_sockaddr(address)
    length = _libc.sendto(fd, data, ctypes.c_size_t(len(data)), flags, packed, len(packed))
    _check(length)
    return int(length)


def connectx(fd: int, addresses: list[Address]) -> int:
    """sctp_connectx() (RFC 6458 §9.9): the association's id. Raises OSError."""
    packed = b"".join(map(pack_sockaddr, addresses))
    memory = ctypes.create_string_buffer(packed, len(packed))
    request = struct.pack("@iiP", 0, len(packed), ctypes.addressof(memory))
    answer = getsockopt(fd, IPPROTO_SCTP, SCTP_SOCKOPT_CONNECTX3, request)
    return int(struct.unpack_from("@i", answer)[0])


def getpaddrs(fd: int, association_id: int) -> list[Address]:
    """sctp_getpaddrs() (RFC 6458 §9.3). Raises OSError."""
    return list(_sctp.getpaddrs(fd, association_id))


def getladdrs(fd: int, association_id: int) -> list[Address]:
    """sctp_getladdrs() (RFC 6458 §9.5). Raises OSError."""
    return list(_sctp.getladdrs(fd, association_id))


def peeloff(fd: int, association_id: int) -> int:
    """sctp_peeloff() (RFC 6458 §9.2): the new descriptor. Raises OSError."""
    return int(_sctp.peeloff(fd, association_id))


def setsockopt(fd: int, level: int, option: int, value: bytes) -> None:
    """setsockopt(). Raises OSError."""
    _check(_libc.setsockopt(fd, level, option, value, len(value)))


def getsockopt(fd: int, level: int, option: int, value: bytes) -> bytes:
    """getsockopt(): `value` is the input (an association id, an address) and the room for the answer.

    Raises OSError.
    """
    buffer = ctypes.create_string_buffer(value, len(value))
    length = ctypes.c_uint(len(value))
    _check(_libc.getsockopt(fd, level, option, buffer, ctypes.byref(length)))
    return buffer.raw[: length.value]


def _check(status: int) -> None:
    if status < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
