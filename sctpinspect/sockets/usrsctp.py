"""FreeBSD's SCTP stack in user space, usrsctp: a socket of it, and its calls by ctypes.

The stack is a library in the program: no kernel sees its calls, and it ends with the process. Its sockets
have sctp_sendv() and sctp_recvv() alone for messages. A waiting call never holds the GIL.
"""

import ctypes
import errno
import os
import time
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_ssize_t, c_uint, c_uint16, c_uint32, c_void_p
from typing import Any, ClassVar, NoReturn

from sctpinspect.journal import freebsd
from sctpinspect.journal.addresses import Address, pack_sockaddr, unpack_sockaddr
from sctpinspect.journal.freebsd_structures import FREEBSD, LAYOUTS
from sctpinspect.journal.layout import Layouts, Numbers
from sctpinspect.journal.structures import AuthInfo, Control, NxtInfo, PrInfo, RcvInfo, SndInfo
from sctpinspect.protocol.errors import EnvironmentLacks, UsageError
from sctpinspect.sockets.journal import Journal
from sctpinspect.sockets.sctp_socket import Socket

Ancillary = list[tuple[int, int, bytes]]

CLOSED = -1
_ADDRESS_ROOM = 128
_SENDV_NOINFO, _SENDV_SNDINFO, _SENDV_SPA = 0, 1, 4
_RECVV_RCVINFO, _RECVV_NXTINFO, _RECVV_RN = 1, 2, 3
_SOCKADDR_SIZE = {freebsd.AF_INET: 16, freebsd.AF_INET6: 28}


class Stack:
    """usrsctp in this process, begun: its calls, with the names and the form of those in `sockets.binding`.

    A socket is a number, the address of usrsctp's structure. Every call raises OSError.
    """

    def __init__(self, library: str | os.PathLike[str], udp_port: int = 0):
        """Load and begin it, with the addresses that this network namespace has now.

        udp_port: the port on which it takes SCTP in UDP (RFC 6951); 0: it does not.
        Raises EnvironmentLacks if the library cannot be loaded.
        """
        try:
            self._library = ctypes.CDLL(os.fspath(library), use_errno=True)
        except OSError as error:
            raise EnvironmentLacks(f"usrsctp cannot be loaded ({error}); install libusrsctp2") from None
        for name, (result, *arguments) in _PROTOTYPES.items():
            function = getattr(self._library, f"usrsctp_{name}")
            function.restype, function.argtypes = result, arguments
        self._library.usrsctp_init(udp_port, None, None)

    def end(self, limit_s: float) -> None:
        """Wait until the associations of closed sockets have ended too, and end the stack."""
        deadline = time.monotonic() + limit_s
        while self._library.usrsctp_finish() and time.monotonic() < deadline:
            time.sleep(0.01)

    def call(self, name: str, *arguments: Any) -> Any:
        """The call's result; one that is negative, or no address, is an error."""
        if arguments[0] == CLOSED:  # an address to usrsctp, which would follow it
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        function = getattr(self._library, f"usrsctp_{name}")
        result = function(*arguments)
        if (result or 0) < 0 or (function.restype is c_void_p and result is None):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result

    def bindx(self, handle: int, addresses: list[Address], flags: int) -> None:
        self.call("bindx", handle, b"".join(map(pack_sockaddr, addresses)), len(addresses), flags)

    def connectx(self, handle: int, addresses: list[Address]) -> int:
        association_id = c_uint32()
        packed = b"".join(map(pack_sockaddr, addresses))
        self.call("connectx", handle, packed, len(addresses), byref(association_id))
        return association_id.value

    def peeloff(self, handle: int, association_id: int) -> int:
        return int(self.call("peeloff", handle, association_id))

    def getladdrs(self, handle: int, association_id: int) -> list[Address]:
        return self._addresses("getladdrs", "freeladdrs", handle, association_id)

    def getpaddrs(self, handle: int, association_id: int) -> list[Address]:
        return self._addresses("getpaddrs", "freepaddrs", handle, association_id)

    def _addresses(self, name: str, free: str, handle: int, association_id: int) -> list[Address]:
        listed = c_void_p()
        count = self.call(name, handle, association_id, byref(listed))
        addresses = []
        at = listed.value or 0
        for _ in range(count if at else 0):
            size = _SOCKADDR_SIZE[c_uint16.from_address(at).value]
            addresses.append(unpack_sockaddr(ctypes.string_at(at, size)) or ("", 0))
            at += size
        self.call(free, listed)
        return addresses

    def setsockopt(self, handle: int, level: int, option: int, value: bytes) -> None:
        self.call("setsockopt", handle, level, option, value, len(value))

    def getsockopt(self, handle: int, level: int, option: int, value: bytes) -> bytes:
        """`value` is the input (an association id, an address) and the room for the answer."""
        buffer, size = ctypes.create_string_buffer(value, len(value)), c_uint(len(value))
        self.call("getsockopt", handle, level, option, buffer, byref(size))
        return buffer.raw[: size.value]


def _send_info(given: dict[int, bytes]) -> tuple[bytes | None, int]:
    """What usrsctp_sendv() takes for control messages, and its kind."""
    if not given:
        return None, _SENDV_NOINFO
    if given.keys() == {freebsd.SCTP_SNDINFO}:
        return given[freebsd.SCTP_SNDINFO], _SENDV_SNDINFO
    parts: dict[int, type[Control]] = {
        freebsd.SCTP_SNDINFO: SndInfo,
        freebsd.SCTP_PRINFO: PrInfo,
        freebsd.SCTP_AUTHINFO: AuthInfo,
    }
    valid = sum(1 << bit for bit, number in enumerate(parts) if number in given)
    spa = valid.to_bytes(4, "little") + b"".join(
        given.get(number, bytes(part.SIZE)) for number, part in parts.items()
    )
    return spa.ljust(-(-len(spa) // 4) * 4, b"\0"), _SENDV_SPA


def _received_info(kind: int, info: bytes) -> Ancillary:
    """What usrsctp_recvv() gave, as control messages."""
    level, next_at = freebsd.IPPROTO_SCTP, RcvInfo.SIZE if kind == _RECVV_RN else 0
    items = []
    if kind in (_RECVV_RCVINFO, _RECVV_RN):
        items.append((level, freebsd.SCTP_RCVINFO, info[: RcvInfo.SIZE]))
    if kind in (_RECVV_NXTINFO, _RECVV_RN):
        items.append((level, freebsd.SCTP_NXTINFO, info[next_at : next_at + NxtInfo.SIZE]))
    return items


_ADDRESS, _SIZE = c_char_p, c_uint
_PROTOTYPES: dict[str, tuple[Any, ...]] = {
    "init": (None, c_uint16, c_void_p, c_void_p),
    "finish": (c_int,),
    "socket": (c_void_p, c_int, c_int, c_int, c_void_p, c_void_p, c_uint32, c_void_p),
    "bind": (c_int, c_void_p, _ADDRESS, _SIZE),
    "bindx": (c_int, c_void_p, _ADDRESS, c_int, c_int),
    "connect": (c_int, c_void_p, _ADDRESS, _SIZE),
    "connectx": (c_int, c_void_p, _ADDRESS, c_int, POINTER(c_uint32)),
    "listen": (c_int, c_void_p, c_int),
    "accept": (c_void_p, c_void_p, c_void_p, POINTER(_SIZE)),
    "peeloff": (c_void_p, c_void_p, c_uint32),
    "shutdown": (c_int, c_void_p, c_int),
    "close": (None, c_void_p),
    "getladdrs": (c_int, c_void_p, c_uint32, POINTER(c_void_p)),
    "getpaddrs": (c_int, c_void_p, c_uint32, POINTER(c_void_p)),
    "freeladdrs": (None, c_void_p),
    "freepaddrs": (None, c_void_p),
    "setsockopt": (c_int, c_void_p, c_int, c_int, c_char_p, _SIZE),
    "getsockopt": (c_int, c_void_p, c_int, c_int, c_void_p, POINTER(_SIZE)),
    "sendv": (c_ssize_t, c_void_p, c_char_p, c_size_t, _ADDRESS, c_int, c_char_p, _SIZE, c_uint, c_int),
    "recvv": (
        *(c_ssize_t, c_void_p, c_void_p, c_size_t, c_void_p, POINTER(_SIZE)),
        *(c_void_p, POINTER(_SIZE), POINTER(c_uint), POINTER(c_int)),
    ),
}
"""Of each of usrsctp's functions the type of the result and those of the arguments (usrsctp.h)."""


class _Endpoint:
    """A socket of usrsctp with what `Socket` uses of the standard library's."""

    def __init__(self, stack: Stack, family: int, handle: int):
        self.family, self._stack, self._handle = family, stack, handle

    def fileno(self) -> int:
        return self._handle

    def bind(self, address: Address) -> None:
        packed = pack_sockaddr(address)
        self._stack.call("bind", self._handle, packed, len(packed))

    def connect(self, address: Address) -> None:
        packed = pack_sockaddr(address)
        self._stack.call("connect", self._handle, packed, len(packed))

    def listen(self, backlog: int) -> None:
        self._stack.call("listen", self._handle, backlog)

    def accept(self) -> tuple["_Endpoint", Address]:
        room, size = ctypes.create_string_buffer(_ADDRESS_ROOM), c_uint(_ADDRESS_ROOM)
        made = self._stack.call("accept", self._handle, room, byref(size))
        return _Endpoint(self._stack, self.family, made), unpack_sockaddr(room.raw) or ("", 0)

    def shutdown(self, how: int) -> None:
        self._stack.call("shutdown", self._handle, how)

    def close(self) -> None:
        handle, self._handle = self._handle, CLOSED
        self._stack.call("close", handle)

    def getsockname(self) -> Address:
        return self._stack.getladdrs(self._handle, 0)[0]

    def sendmsg(self, data: list[bytes], ancillary: Ancillary, flags: int, target: Address | None) -> int:
        """Here usrsctp_sendv()."""
        message, packed = b"".join(data), pack_sockaddr(target) if target else None
        info, kind = _send_info({number: value for _level, number, value in ancillary})
        return int(
            self._stack.call(
                *("sendv", self._handle, message, len(message), packed, packed is not None),
                *(info, len(info or b""), kind, flags),
            )
        )

    def recvmsg(self, size: int, _room: int, flags: int) -> tuple[bytes, Ancillary, int, Address | None]:
        """Here usrsctp_recvv(), whose information comes as control messages."""
        data, source = ctypes.create_string_buffer(size), ctypes.create_string_buffer(_ADDRESS_ROOM)
        info = ctypes.create_string_buffer(RcvInfo.SIZE + NxtInfo.SIZE)
        source_size, info_size = c_uint(_ADDRESS_ROOM), c_uint(len(info))
        kind, told = c_uint(0), c_int(flags)
        length = self._stack.call(
            *("recvv", self._handle, data, size, source, byref(source_size)),
            *(info, byref(info_size), byref(kind), byref(told)),
        )
        # with the end of file comes what happened to be in memory
        ancillary = _received_info(kind.value, info.raw) if length else []
        return data.raw[:length], ancillary, told.value, unpack_sockaddr(source.raw)


class UsrsctpSocket(Socket):
    """A socket of usrsctp. It has no descriptor: fileno() gives the address of usrsctp's structure."""

    numbers: ClassVar[Numbers] = FREEBSD
    _layouts: ClassVar[Layouts] = LAYOUTS

    def __init__(self, stack: Stack, journal: Journal, family: int, type: int):
        """socket() (§3.1.1, §4.1.1), of a stack that has begun."""
        self._calls = stack
        super().__init__(journal, family, type)

    def _open(self, family: int, type: int) -> _Endpoint:
        handle = self._calls.call("socket", family, type, freebsd.IPPROTO_SCTP, None, None, 0, None)
        return _Endpoint(self._calls, family, handle)

    def _of_descriptor(self, descriptor: int) -> _Endpoint:
        return _Endpoint(self._calls, self._socket.family, descriptor)

    def _is_foreign(self, address: str) -> bool:
        return False  # usrsctp sees every address as it is given

    def settimeout(self, seconds: float | None) -> None:
        """usrsctp has no time-outs. Raises UsageError."""
        _missing()


def _missing(*_arguments: Any, **_keywords: Any) -> NoReturn:
    raise UsageError(
        "usrsctp has no such call; for messages it has sctp_sendv() and sctp_recvv(), for addresses"
        " sctp_getladdrs() and sctp_getpaddrs()"
    )


MISSING_CALLS = (
    *("send", "sendmsg", "sctp_sendmsg", "recv", "recvmsg", "sctp_recvmsg"),
    *("getsockname", "getpeername"),
)
"""Calls of RFC 6458 that the stack does not have: they raise UsageError."""
for _name in MISSING_CALLS:
    setattr(UsrsctpSocket, _name, _missing)
