"""A complete association with a journal, as the sandbox would have recorded it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from builders import CLIENT, MILLISECOND, SERVER, START_NS, Packet, association, capture

from sctpinspect import Capture, read
from sctpinspect.journal.entry import Call, Event

RECIPE = {
    "sctpinspect": "0.1.0",
    "scenario": "sample/multihoming",
    "variant": "",
    "kernel": {"name": "uml", "release": "6.1.176"},
    "hosts": {"a": {"addresses": list(CLIENT)}, "b": {"addresses": list(SERVER)}},
    "interfaces": [{"name": "a0", "host": "a", "path": 0}],
    "impaired": False,
}


def call(number: int, host: str, name: str, *, took_ms: float = 0.1, port: int | None = None, **more) -> Call:
    """A call that starts `number` ms after the association's first packet (before it, if negative)."""
    start = START_NS + int(number * MILLISECOND)
    values = {"arguments": {}, "result": {}, "errno": None, **more}
    return Call(start, start + int(took_ms * MILLISECOND), host, 1, 1, 1, name, local_port=port, **values)


def journal() -> list[Call | Event]:
    return [
        call(-9, "b", "bind", port=4444, arguments={"address": "10.1.0.2", "port": 4444}),
        call(-8, "b", "recvmsg", port=4444, took_ms=30, arguments={"size": 100}, result={"length": 6}),
        call(-7, "a", "bind", port=5000, arguments={"address": "10.1.0.1", "port": 5000}),
        call(
            -1,
            "a",
            "sctp_connectx",
            port=5000,
            took_ms=5,
            arguments={"addresses": ["10.1.0.2"], "port": 4444},
        ),
        Event(START_NS + 6 * MILLISECOND, "a", "print", "peer addresses: 10.1.0.2"),
        call(8, "a", "connect", port=5000, errno="EISCONN", arguments={"address": "10.1.0.2", "port": 4444}),
    ]


@pytest.fixture
def save(tmp_path) -> Callable[..., Path]:
    """Write packets (and calls) as a capture file."""

    def write(packets: Sequence[Packet], calls: Sequence = (), recipe: object = None, **counters) -> Path:
        path = tmp_path / "capture.pcapng"
        text = "" if recipe is None else json.dumps(recipe)
        path.write_bytes(capture(packets, calls, recipe=text, **counters))
        return path

    return write


@pytest.fixture
def good(save) -> Capture:
    """A correct association with calls."""
    return read(save(association(), journal(), RECIPE))


@pytest.fixture
def wrong_tag(save) -> Capture:
    """The same with a wrong verification tag in the packet with the first HEARTBEAT."""
    packets = association()
    packets[4] = replace(packets[4], tag=packets[4].tag ^ 1)
    return read(save(packets, journal(), RECIPE))
