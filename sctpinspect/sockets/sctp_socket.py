"""The SCTP socket of RFC 6458: each method is one call, timed and recorded in the journal.

A waiting call never holds the GIL. Errors are recorded and raised as OSError. IPv4 addresses are
written plainly on IPv6 sockets too, both ways; PPIDs are in host byte order.
"""

import errno
import math
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Self, TypeVar

from sctpinspect.journal import Call
from sctpinspect.journal.addresses import pack_inet
from sctpinspect.journal.layout import LINUX, Json, Layouts, Numbers, Structure, flag_names
from sctpinspect.journal.linux import (
    IPPROTO_SCTP,
    SO_RCVTIMEO,
    SO_SNDTIMEO,
    SOL_SOCKET,
)
from sctpinspect.journal.structures import CALL_FLAGS, AuthInfo, Control, Option, PrInfo, SndInfo, SndRcvInfo
from sctpinspect.protocol.errors import UsageError
from sctpinspect.sockets import binding, message
from sctpinspect.sockets.addresses import AddressList, TransportAddress, plain, transport_address
from sctpinspect.sockets.journal import Journal
from sctpinspect.sockets.message import Message

Raw = TypeVar("Raw")
Value = TypeVar("Value")
AnOption = TypeVar("AnOption", bound=Option)

CONTROL_ROOM = 1024  # for all control messages of a received message
LIST_ROOM = 4096  # for the list at the end of an option

BINDX_FLAGS = ("SCTP_BINDX_ADD_ADDR", "SCTP_BINDX_REM_ADDR")
HOW = {socket.SHUT_RD: "SHUT_RD", socket.SHUT_WR: "SHUT_WR", socket.SHUT_RDWR: "SHUT_RDWR"}


class Socket:
    """A one-to-one (SOCK_STREAM) or one-to-many (SOCK_SEQPACKET) SCTP socket.

    numbers: what RFC 6458's names stand for in the stack that the socket is of.
    """

    numbers: ClassVar[Numbers] = LINUX
    _layouts: ClassVar[Layouts] = {}
    _calls: Any = binding

    def __init__(self, journal: Journal, family: int, type: int):
        """socket() (§3.1.1, §4.1.1). Raises OSError: EPROTONOSUPPORT where the kernel has no SCTP."""
        self._journal = journal
        self._number = journal.number_socket()
        self._local_port = 0
        self._socket = self._do(
            "socket",
            {"family": socket.AddressFamily(family).name, "type": socket.SocketKind(type).name},
            lambda: self._open(family, type),
        )

    def _open(self, family: int, type: int) -> Any:
        """What the stack has for a socket, with the methods of the standard library's."""
        return socket.socket(family, type, IPPROTO_SCTP)

    def _of_descriptor(self, descriptor: int) -> Any:
        return socket.socket(fileno=descriptor)

    def _adopt(self, made: Any) -> Self:
        """The socket that the stack made of this one."""
        new = self.__new__(type(self))
        new._calls, new._journal = self._calls, self._journal
        new._socket, new._local_port = made, self._local_port
        new._number = self._journal.number_socket()
        return new

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def fileno(self) -> int:
        """The descriptor; -1 when closed."""
        return self._socket.fileno()

    def settimeout(self, seconds: float | None) -> None:
        """How long a call waits: None for ever, 0 not at all; then it raises EAGAIN or EINPROGRESS.

        The kernel does the waiting (SO_RCVTIMEO, SO_SNDTIMEO), since poll() cannot tell when an
        association of a one-to-many socket is set up. Not recorded.
        """
        self._socket.setblocking(seconds != 0)
        timeval = struct.pack("@ll", *divmod(math.ceil((seconds or 0) * 1e6), 1_000_000))
        self._socket.setsockopt(SOL_SOCKET, SO_RCVTIMEO, timeval)
        self._socket.setsockopt(SOL_SOCKET, SO_SNDTIMEO, timeval)

    # addresses

    def bind(self, address: str, port: int = 0) -> None:
        """bind() (§3.1.2, §4.1.2)."""
        arguments = {"address": address, "port": port}
        if self._is_foreign(address):
            self._do("bind", arguments, lambda: self._calls.bind(self.fileno(), (address, port)))
        else:
            target = self._target(address, port)
            self._do("bind", arguments, lambda: self._socket.bind(target))

    def bindx(self, addresses: Iterable[str], port: int = 0, flags: int | None = None) -> None:
        """sctp_bindx() (§9.1): add addresses to the endpoint, or remove them (SCTP_BINDX_REM_ADDR)."""
        texts = list(addresses)
        flags = self.numbers["SCTP_BINDX_ADD_ADDR"] if flags is None else flags
        shown = next((name for name in BINDX_FLAGS if self.numbers[name] == flags), flags)
        self._do(
            "sctp_bindx",
            {"addresses": texts, "port": port, "flags": shown},
            lambda: self._calls.bindx(self.fileno(), [(text, port) for text in texts], flags),
        )

    def getladdrs(self, association_id: int = 0) -> AddressList:
        """sctp_getladdrs() (§9.5): the local addresses of an association; of the endpoint for 0."""
        return self._address_list("sctp_getladdrs", association_id, self._calls.getladdrs)

    def getpaddrs(self, association_id: int = 0) -> AddressList:
        """sctp_getpaddrs() (§9.3): the peer's addresses; one-to-one sockets need no id."""
        return self._address_list("sctp_getpaddrs", association_id, self._calls.getpaddrs)

    def _address_list(
        self, name: str, association_id: int, ask: Callable[[int, int], list[tuple[str, int]]]
    ) -> AddressList:
        def finish(listed: list[tuple[str, int]]) -> tuple[AddressList, Json]:
            value = AddressList([plain(text) for text, _port in listed], listed[0][1] if listed else 0)
            return value, value._asdict()

        return self._do(
            name, {"association_id": association_id}, lambda: ask(self.fileno(), association_id), finish
        )

    def getsockname(self) -> TransportAddress:
        """getsockname() (§7.4)."""
        return self._do("getsockname", {}, self._socket.getsockname, _address_result)

    def getpeername(self) -> TransportAddress:
        """getpeername() (§7.4): the peer's primary address."""
        return self._do("getpeername", {}, self._socket.getpeername, _address_result)

    # associations

    def connect(self, address: str, port: int) -> None:
        """connect() (§3.1.6, §4.1.5)."""
        arguments = {"address": address, "port": port}
        if self._is_foreign(address):
            self._do("connect", arguments, lambda: self._calls.connect(self.fileno(), (address, port)))
        else:
            target = self._target(address, port)
            self._do("connect", arguments, lambda: self._socket.connect(target))

    def connectx(self, addresses: Iterable[str], port: int) -> int:
        """sctp_connectx() (§9.9): set up an association with an endpoint of several addresses; its id."""
        texts = list(addresses)
        return self._do(
            "sctp_connectx",
            {"addresses": texts, "port": port},
            lambda: self._calls.connectx(self.fileno(), [(text, port) for text in texts]),
            lambda association_id: (association_id, {"association_id": association_id}),
        )

    def listen(self, backlog: int = 16) -> None:
        """listen() (§3.1.3, §4.1.3)."""
        self._do("listen", {"backlog": backlog}, lambda: self._socket.listen(backlog))

    def accept(self) -> "Socket":
        """accept() (§4.1.4): a socket of its own for the next association."""

        def finish(accepted: tuple[socket.socket, Any]) -> tuple[Socket, Json]:
            new = self._adopt(accepted[0])
            return new, {"socket": new._number, **transport_address(accepted[1])._asdict()}

        return self._do("accept", {}, self._socket.accept, finish)

    def peeloff(self, association_id: int) -> "Socket":
        """sctp_peeloff() (§9.2): a socket of its own for an association."""

        def finish(fd: int) -> tuple[Socket, Json]:
            new = self._adopt(self._of_descriptor(fd))
            return new, {"socket": new._number}

        return self._do(
            "sctp_peeloff",
            {"association_id": association_id},
            lambda: self._calls.peeloff(self.fileno(), association_id),
            finish,
        )

    def shutdown(self, how: int = socket.SHUT_RDWR) -> None:
        """shutdown() (§4.1.7)."""
        self._do("shutdown", {"how": HOW.get(how, how)}, lambda: self._socket.shutdown(how))

    def close(self) -> None:
        """close() (§3.1.5, §4.1.6); nothing if it is closed already."""
        if self.fileno() >= 0:
            self._do("close", {}, self._socket.close)

    # messages

    def send(self, data: bytes, flags: int = 0) -> int:
        """send() (§4.2): a message by the socket's defaults; the bytes taken."""
        return self._send("send", data, None, 0, (), flags)

    def sendmsg(
        self,
        data: bytes,
        address: str | None = None,
        port: int = 0,
        control: Iterable[Control] = (),
        flags: int = 0,
    ) -> int:
        """sendmsg() (§3.1.4, §5): a message with control messages (SndInfo, PrInfo, ...); the bytes taken."""
        return self._send("sendmsg", data, address, port, tuple(control), flags)

    def sctp_sendmsg(
        self,
        data: bytes,
        address: str | None = None,
        port: int = 0,
        ppid: int = 0,
        flags: int = 0,
        stream: int = 0,
        time_to_live: int = 0,
        context: int = 0,
    ) -> int:
        """sctp_sendmsg() (§9.7): a message, its lifetime in ms; the bytes taken."""
        info = SndRcvInfo(
            sinfo_stream=stream,
            sinfo_flags=flags,
            sinfo_ppid=ppid,
            sinfo_context=context,
            sinfo_timetolive=time_to_live,
        )
        return self._send("sctp_sendmsg", data, address, port, (info,), 0)

    def sctp_sendv(
        self,
        data: bytes,
        address: str | None = None,
        port: int = 0,
        info: Iterable[SndInfo | PrInfo | AuthInfo] = (),
        flags: int = 0,
    ) -> int:
        """sctp_sendv() (§9.12): a message with what is said of it; the bytes taken."""
        return self._send("sctp_sendv", data, address, port, tuple(info), flags)

    def _send(
        self, name: str, data: bytes, address: str | None, port: int, control: tuple[Control, ...], flags: int
    ) -> int:
        foreign = address is not None and self._is_foreign(address)
        target = None if address is None or foreign else self._target(address, port)
        ancillary = [(IPPROTO_SCTP, self.numbers[item.NAME], item.pack()) for item in control]
        shown = control if name != "sctp_sendmsg" else ()  # its own arguments, of which we made one
        arguments = {
            "address": address,
            "port": None if address is None else port,
            **message.send_info(control, flags, self.numbers),
            **message.user_data(data),
            "control": [message.show_control(item, self.numbers) for item in shown],
        }

        def take() -> int:
            if address is not None and foreign:
                return self._calls.sendto(self.fileno(), data, flags, (address, port))
            return self._socket.sendmsg([data], ancillary, flags, target)

        return self._do(name, arguments, take, lambda length: (length, {"length": length}))

    def recv(self, size: int = 65536, flags: int = 0) -> bytes:
        """recv() (§4.2): user data, or the bytes of a notification."""
        return self._receive("recv", size, flags).data

    def recvmsg(self, size: int = 65536, flags: int = 0) -> Message:
        """recvmsg() (§3.1.4, §5): a message with its control messages, or a notification."""
        return self._receive("recvmsg", size, flags)

    def sctp_recvmsg(self, size: int = 65536) -> Message:
        """sctp_recvmsg() (§9.8): a message, or a notification."""
        return self._receive("sctp_recvmsg", size, 0)

    def sctp_recvv(self, size: int = 65536, flags: int = 0) -> Message:
        """sctp_recvv() (§9.13): a message, with what is asked for of it and the next, or a notification."""
        return self._receive("sctp_recvv", size, flags)

    def _receive(self, name: str, size: int, flags: int) -> Message:
        arguments: Json = {"size": size}
        if flags:
            arguments["flags"] = flag_names(flags, CALL_FLAGS, self.numbers)

        def finish(received: tuple[bytes, list[tuple[int, int, bytes]], int, Any]) -> tuple[Message, Json]:
            value = message.received(*received, self.numbers, self._layouts)
            return value, message.show(value, self.numbers)

        return self._do(name, arguments, lambda: self._socket.recvmsg(size, CONTROL_ROOM, flags), finish)

    # options

    def setsockopt(self, option: Option) -> None:
        """setsockopt() (§8)."""
        level, number, value = self._as_bytes(option)
        self._do(
            "setsockopt",
            {"level": option.LEVEL, "option": option.NAME, "value": option.show(self.numbers)},
            lambda: self._calls.setsockopt(self.fileno(), level, number, value),
        )

    def getsockopt(self, option: AnOption) -> AnOption:
        """getsockopt() (§8); `option` holds the input, such as an association id or an address."""
        return self._getsockopt("getsockopt", option)

    def opt_info(self, association_id: int, option: AnOption) -> AnOption:
        """sctp_opt_info() (§8): getsockopt() for an association."""
        field = next(name for name in option.FIELDS if name.endswith("assoc_id"))
        return self._getsockopt("sctp_opt_info", option.replace(**{field: association_id}))

    def _getsockopt(self, name: str, option: AnOption) -> AnOption:
        level, number, value = self._as_bytes(option)
        room = bytes(LIST_ROOM) if option.ENDS_IN_LIST else b""

        def finish(answer: bytes) -> tuple[AnOption, Json]:
            got = self._layout(option).unpack(answer).laid_out(type(option))
            return got, {"value": got.given(self.numbers)}

        return self._do(
            name,
            {"level": option.LEVEL, "option": option.NAME, "value": option.given(self.numbers) or None},
            lambda: self._calls.getsockopt(self.fileno(), level, number, value + room),
            finish,
        )

    def _as_bytes(self, option: Option) -> tuple[int, int, bytes]:
        """Level, number and value of an option, as the stack wants them. Raises UsageError if it has none."""
        if option.NAME not in self.numbers:
            raise UsageError(f"this stack has no socket option {option.NAME}")
        value = option.laid_out(self._layout(option)).pack()
        return self.numbers[option.LEVEL], self.numbers[option.NAME], value

    def _layout(self, option: Option) -> type[Structure]:
        return self._layouts.get(type(option), type(option))

    # how a call is made and recorded

    def _do(
        self,
        name: str,
        arguments: Json,
        action: Callable[[], Raw],
        finish: Callable[[Raw], tuple[Value, Json]] | None = None,
    ) -> Any:
        """Make the system call and record it; `finish` splits its result for caller and journal."""
        start = time.time_ns()
        try:
            raw = action()
        except OSError as error:
            end = time.time_ns()
            self._record(start, end, name, arguments, {}, _error_name(error.errno or 0))
            raise
        end = time.time_ns()
        value, result = finish(raw) if finish else (raw, {})
        self._record(start, end, name, arguments, result, None)
        return value

    def _record(
        self, start: int, end: int, name: str, arguments: Json, result: Json, error: str | None
    ) -> None:
        # what was just made, or could not be, has no port yet
        if not self._local_port and name != "socket":
            self._local_port = self._look_up_port()
        self._journal.record(
            Call(
                start_ns=start,
                end_ns=end,
                host=self._journal.host,
                process=os.getpid(),
                thread=threading.get_native_id(),
                socket=self._number,
                name=name,
                arguments=arguments,
                result=result,
                local_port=self._local_port or None,
                errno=error,
            )
        )

    def _look_up_port(self) -> int:
        try:
            return int(self._socket.getsockname()[1])
        except OSError:
            return 0

    def _is_foreign(self, address: str) -> bool:
        """Whether it is of another family than an IPv4 socket; an IPv6 socket takes both."""
        return self._socket.family == socket.AF_INET and ":" in address

    def _target(self, address: str, port: int) -> tuple[str, int]:
        """The standard library's form of an address. Raises ValueError for a name: nothing is looked up."""
        pack_inet(address.partition("%")[0])
        mapped = self._socket.family == socket.AF_INET6 and ":" not in address
        return (f"::ffff:{address}" if mapped else address, port)


def _error_name(number: int) -> str:
    # of the two names of this number, errno.errorcode has the one that RFC 6458 does not use
    return "EOPNOTSUPP" if number == errno.EOPNOTSUPP else errno.errorcode.get(number, str(number))


def _address_result(address: tuple[Any, ...]) -> tuple[TransportAddress, Json]:
    value = transport_address(address)
    return value, value._asdict()
