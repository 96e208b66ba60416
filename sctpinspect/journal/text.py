"""A call as people write it: `sctp_bindx(socket 1, 10.1.0.1 10.1.1.1 port 4444, SCTP_BINDX_ADD_ADDR) = 0`."""

from collections.abc import Callable, Mapping
from typing import Any


def describe(
    name: str, socket: int, arguments: Mapping[str, Any], result: Mapping[str, Any], errno: str | None
) -> str:
    """The call with what it was given and what it gave; never raises on odd values."""
    # socket() is not given a socket, it gives one
    given = _list(arguments) if name == "socket" else [f"socket {socket}", *_list(arguments)]
    if errno is not None:
        outcome = errno
    elif name == "socket":
        outcome = f"socket {socket}"
    elif "send" in name:
        outcome = str(result.get("length", 0))
    else:
        outcome = ", ".join(_list(result)) or "0"
    return f"{name}({', '.join(given)}) = {outcome}"


def _list(values: Mapping[str, Any]) -> list[str]:
    """What is worth showing of arguments or results, in the order of `_PARTS`."""
    shown = ((key, show(values)) for key, show in _PARTS.items() if values.get(key) not in (None, [], {}))
    return [text for _key, text in shown if text]


def _plain(key: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda values: str(values[key])


def _named(key: str, label: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda values: f"{label} {values[key]}"


def _names(key: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda values: _joined(values[key])


def _joined(names: Any) -> str:
    return "|".join(map(str, names)) if isinstance(names, list) else str(names)


def _endpoint(values: Mapping[str, Any]) -> str:
    address, port = str(values["address"]), values.get("port")
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _addresses(values: Mapping[str, Any]) -> str:
    addresses = values["addresses"]
    text = " ".join(map(str, addresses)) if isinstance(addresses, list) else str(addresses)
    return text if values.get("port") is None else f"{text} port {values['port']}"


def _payload(values: Mapping[str, Any]) -> str:
    length = values["length"]
    if values.get("notification"):
        return ""
    return ", ".join(filter(None, [_quoted(values.get("start"), length), f"{length} bytes"]))


def _quoted(start: Any, length: Any) -> str:
    """The first bytes of user data: as text if they are printable ASCII, else in hexadecimal."""
    try:
        data = bytes.fromhex(start)
    except (TypeError, ValueError):
        return ""
    more = "..." if isinstance(length, int) and length > len(data) else ""
    if not data:
        return ""
    if all(0x20 <= byte < 0x7F for byte in data):
        return f'"{data.decode()}"{more}'
    return f"0x{data.hex()}{more}"


def _structure(values: Any) -> str:
    """Fields of an option or notification without those that are zero or empty."""
    if not isinstance(values, dict):
        return str(values)
    fields = [
        f"{key} {_structure(value) if isinstance(value, dict) else _joined(value)}"
        for key, value in values.items()
        if value not in (0, None, "", [], {})
    ]
    return f"{{{', '.join(fields)}}}"


def _notification(values: Mapping[str, Any]) -> str:
    notification = values["notification"]
    if not isinstance(notification, dict):
        return str(notification)
    return " ".join(str(notification[key]) for key in ("type", "state", "address") if notification.get(key))


_PARTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "notification": _notification,
    "length": _payload,
    "family": _plain("family"),
    "type": _plain("type"),
    "socket": _named("socket", "socket"),
    "address": _endpoint,
    "addresses": _addresses,
    "association_id": _named("association_id", "association"),
    "backlog": _named("backlog", "backlog"),
    "how": _plain("how"),
    "option": _plain("option"),
    "value": lambda values: _structure(values["value"]),
    "size": _named("size", "at most"),
    "stream": _named("stream", "stream"),
    "ssn": _named("ssn", "ssn"),
    "ppid": _named("ppid", "ppid"),
    "time_to_live": lambda values: f"lifetime {values['time_to_live']} ms" if values["time_to_live"] else "",
    "flags": _names("flags"),
}
