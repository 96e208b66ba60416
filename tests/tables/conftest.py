"""Shared by the tests of the tables."""

import json
from collections.abc import Callable, Sequence

import pytest
from builders import Packet, capture

from sctpinspect.decode import decode
from sctpinspect.tables import Tables
from sctpinspect.tables.build import build


@pytest.fixture
def tables(tmp_path) -> Callable[..., Tables]:
    """The tables of packets and calls, written as a capture file and read again."""

    def tables_of(
        packets: Sequence[Packet], calls: Sequence = (), recipe: dict | None = None, **counters
    ) -> Tables:
        path = tmp_path / "capture.pcapng"
        text = json.dumps(recipe) if recipe else ""
        path.write_bytes(capture(packets, calls, recipe=text, **counters))
        return build(decode(path))

    return tables_of
