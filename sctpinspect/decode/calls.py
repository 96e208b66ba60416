"""Journal entries to rows of the tables calls and events.

A call's arguments and results are anybody's JSON: a value that has not the type and size of its
column gives None there, and stays in the columns `arguments` and `result`.
"""

import json
from collections.abc import Mapping
from typing import Any

from sctpinspect.decode.files import JournalEntry
from sctpinspect.journal.entry import Call, Event

CALL_COLUMNS = [
    *["call", "frame", "start_ns", "end_ns", "host", "process", "thread", "socket"],
    *["name", "local_port", "errno", "address", "addresses", "port", "association_id"],
    *["stream", "ssn", "ppid", "tsn", "unordered", "length", "digest", "end_of_record"],
    *["option", "notification", "state", "arguments", "result", "message"],
]
EVENT_COLUMNS = ["frame", "time_ns", "host", "name", "text"]


def call_rows(journal: list[JournalEntry]) -> list[tuple]:
    """One row per call, in order of start."""
    calls = [(entry.frame, entry.entry, entry.message) for entry in journal if isinstance(entry.entry, Call)]
    calls.sort(key=lambda call: call[1].start_ns)
    return [_call_row(number, *call) for number, call in enumerate(calls)]


def event_rows(journal: list[JournalEntry]) -> list[tuple]:
    """One row per event, in the order of the file."""
    events = [(entry.frame, entry.entry) for entry in journal if isinstance(entry.entry, Event)]
    return [(frame, event.time_ns, event.host, event.name, event.text) for frame, event in events]


def _call_row(number: int, frame: int, call: Call, message: str) -> tuple:
    # what was returned counts before what was given: a receive's address is its sender's
    values = {**call.arguments, **{key: value for key, value in call.result.items() if value is not None}}
    notification = values.get("notification")
    is_notification = isinstance(notification, dict)
    notified: Mapping[str, Any] = notification if isinstance(notification, dict) else {}
    return (
        *(number, frame, call.start_ns, call.end_ns, call.host, call.process, call.thread, call.socket),
        *(call.name, call.local_port, call.errno),
        _text(values, "address") or _text(notified, "address"),
        _texts(values, "addresses"),
        _number(values, "port", 0, 1 << 16),
        _number({**notified, **values}, "association_id", -(1 << 63), 1 << 63),
        *(_number(values, "stream", 0, 1 << 16), _number(values, "ssn", 0, 1 << 16)),
        *(_number(values, "ppid", 0, 1 << 32), _number(values, "tsn", 0, 1 << 32)),
        _unordered(call),
        None if is_notification else _number(values, "length", 0, 1 << 32),
        None if is_notification else _number(values, "digest", 0, 1 << 32),
        _has_flag(call.result, "MSG_EOR"),
        *(_text(values, "option"), _text(notified, "type"), _text(notified, "state")),
        *(json.dumps(call.arguments), json.dumps(call.result)),
        message,
    )


def _unordered(call: Call) -> bool | None:
    """Of a receive what it returned, of a send what it was given."""
    returned = call.result.get("unordered")
    return returned if isinstance(returned, bool) else _has_flag(call.arguments, "SCTP_UNORDERED")


def _has_flag(values: Mapping[str, Any], flag: str) -> bool | None:
    flags = values.get("flags")
    return flag in flags if isinstance(flags, list) else None


def _number(values: Mapping[str, Any], key: str, least: int, beyond: int) -> int | None:
    value = values.get(key)
    return value if type(value) is int and least <= value < beyond else None


def _text(values: Mapping[str, Any], key: str) -> str | None:
    value = values.get(key)
    return value if isinstance(value, str) else None


def _texts(values: Mapping[str, Any], key: str) -> list[str] | None:
    value = values.get(key)
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else None
