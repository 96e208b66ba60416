"""Entries of the journal and their two forms: a JSON line, and the text fields of a pcapng block.

The line is what a running program appends to its file. The fields are those of a systemd Journal
Export block (pcapng block type 9), which Wireshark shows between the packets.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sctpinspect.journal.text import describe

IDENTIFIER = "sctpinspect"

RECORDING_ENDED = "recording_ended"
"""Name of the event that ends a recording: up to it, what is not there was not sent."""

STALLED = "stalled"
"""Name of the event that ends a time in which the machine ran nothing; its text is that of `stall`."""


class Call(NamedTuple):
    """One call of the socket API.

    start_ns, end_ns: nanoseconds since the epoch (CLOCK_REALTIME, the packets' clock) taken just before
    and just after the system call. thread: the kernel's thread id. socket: number of the socket, unique
    in its host. name: the full name in RFC 6458 (sctp_bindx, sendmsg). arguments, result: JSON values;
    addresses are text, PPIDs numbers in host byte order, flags names. local_port: the socket's port at
    the end of the call, None if not bound. errno: name of the error (ECONNREFUSED), None on success.
    """

    start_ns: int
    end_ns: int
    host: str
    process: int
    thread: int
    socket: int
    name: str
    arguments: dict[str, Any]
    result: dict[str, Any]
    local_port: int | None = None
    errno: str | None = None


class Event(NamedTuple):
    """Something else that happened at `time_ns`: a signal between hosts, a path taken down."""

    time_ns: int
    host: str
    name: str
    text: str


def stall(since_ns: int, until_ns: int) -> Event:
    """The event that tells of a stall."""
    return Event(until_ns, "wire", STALLED, f"nothing ran for {(until_ns - since_ns) // 1_000_000} ms")


def to_line(entry: Call | Event) -> str:
    """The entry as one line of JSON, without the newline."""
    return _json({"kind": _kind(entry), **entry._asdict()})


def from_line(line: str) -> Call | Event | None:
    """The entry of a line; None if the line is foreign or damaged."""
    try:
        values = _read_json(line)
        return _checked(Call(**values) if values.pop("kind") == "call" else Event(**values))
    except _DAMAGE:
        return None


def to_fields(entry: Call | Event) -> dict[str, str]:
    """The entry as the fields of a Journal Export block; no value holds a newline or a NUL."""
    fields = {
        "__REALTIME_TIMESTAMP": str(entry[0] // 1000),
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        "MESSAGE": message(entry),
        "SCTP_KIND": _kind(entry),
    }
    for field, value in zip(_FIELDS[_kind(entry)], entry, strict=True):
        if value is not None:
            fields[field] = _json(value) if isinstance(value, dict) else str(value)
    return {field: _one_line(value) for field, value in fields.items()}


def from_fields(fields: Mapping[str, str]) -> Call | Event | None:
    """The entry of a Journal Export block; None if the block is foreign or damaged."""
    try:
        if fields["SYSLOG_IDENTIFIER"] != IDENTIFIER:
            return None
        kind = fields["SCTP_KIND"]
        entry = Call if kind == "call" else Event
        values = {
            attribute: _reader(attribute)(fields[field])
            for field, attribute in zip(_FIELDS[kind], entry._fields, strict=True)
            if field in fields or attribute not in _OPTIONAL
        }
        return _checked(entry(**values))
    except _DAMAGE:
        return None


def message(entry: Call | Event) -> str:
    """One line for people: `a: sctp_sendmsg(socket 1, "DATA 0", 6 bytes, stream 0, ppid 0) = 6`."""
    if isinstance(entry, Call):
        text = describe(entry.name, entry.socket, entry.arguments, entry.result, entry.errno)
    else:
        text = f"{entry.name}: {entry.text}"
    return _one_line(f"{entry.host}: {text}")


_FIELDS = {
    "call": (
        "SCTP_START_NS",
        "SCTP_END_NS",
        "SCTP_HOST",
        "SCTP_PROCESS",
        "SCTP_THREAD",
        "SCTP_SOCKET",
        "SCTP_CALL",
        "SCTP_ARGUMENTS",
        "SCTP_RESULT",
        "SCTP_LOCAL_PORT",
        "SCTP_ERRNO",
    ),
    "event": ("SCTP_TIME_NS", "SCTP_HOST", "SCTP_EVENT", "SCTP_TEXT"),
}
_BITS = {
    "start_ns": 63,
    "end_ns": 63,
    "time_ns": 63,
    "process": 32,
    "thread": 32,
    "socket": 32,
    "local_port": 16,
}
_OBJECTS = {"arguments", "result"}
_OPTIONAL = {"local_port", "errno"}
_DEPTH = 16
_DAMAGE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


def _kind(entry: Call | Event) -> str:
    return "call" if isinstance(entry, Call) else "event"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _read_json(text: str) -> Any:
    value = json.loads(text)
    # json.loads lets lone surrogates and NaN through, which no table can hold
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    if _depth(value) > _DEPTH:
        raise ValueError("nested more deeply than any entry")
    return value


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


def _one_line(text: str) -> str:
    return text.encode(errors="replace").decode().translate({0: " ", 10: " ", 13: " "})


def _reader(attribute: str) -> Callable[[str], Any]:
    return int if attribute in _BITS else _read_json if attribute in _OBJECTS else str


def _checked(entry: Call | Event) -> Call | Event:
    """The entry itself; ValueError if a value has not the type and size that the tables give it."""
    for attribute, value in entry._asdict().items():
        if value is None:
            right = attribute in _OPTIONAL
        elif attribute in _BITS:
            right = type(value) is int and 0 <= value < 1 << _BITS[attribute]
        else:
            right = isinstance(value, dict if attribute in _OBJECTS else str)
        if not right:
            raise ValueError(f"{attribute} is {value!r:.40}")
    return entry
