"""All tables of a capture: their schema, and that nothing in a file can make them fail."""

from dataclasses import replace

import polars as pl
import pytest
from builders import START_NS, abort, association, capture, data, heartbeat, sack
from conversation import Conversation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sctpinspect.decode import decode
from sctpinspect.journal.entry import Call, Event
from sctpinspect.protocol import UsageError
from sctpinspect.tables import TABLES, polars_schema
from sctpinspect.tables.build import build

CALLS = [
    Call(START_NS - 10, START_NS - 5, "a", 1, 1, 1, "socket", {"family": "AF_INET"}, {}),
    Event(START_NS + 5, "a", "signal", "ready"),
]


CAPTURES = {
    "nothing": [],
    "an association": association(),
    "out of the blue": Conversation().send(0, abort()).packets,
}


@pytest.mark.parametrize("calls", [[], CALLS], ids=["without calls", "with calls"])
@pytest.mark.parametrize("packets", CAPTURES.values(), ids=CAPTURES)
def test_tables_have_their_schema(tables, packets, calls):
    found = tables(packets, calls, {"hosts": {"a": {"addresses": ["10.1.0.1"]}}})
    for name, schema in TABLES.items():
        assert getattr(found, name).schema == polars_schema(schema), name
        assert getattr(found.lazy(), name).collect().equals(getattr(found, name)), name
    assert found.packets.height == len(packets)


def test_rows_keep_their_order_and_number(tables):
    packets = association()
    found = tables(packets, CALLS)
    assert found.packets["time_ns"].to_list() == [packet.time_ns for packet in packets]
    assert found.packets["packet"].to_list() == list(range(len(packets)))
    assert found.chunks["packet"].is_sorted()
    assert found.frames == len(packets) + len(CALLS)
    for name in ("chunks", "parameters"):
        table = getattr(found, name)
        of_packet = table.select("packet").join(found.packets, on="packet", maintain_order="left")
        assert table.select("association", "side").equals(of_packet.select("association", "side"))


def test_recipe_of_any_shape_does_no_harm(tables):
    for recipe in ({"hosts": [1]}, {"hosts": {"a": 1, "b": {"addresses": [1, None]}}}, {"impaired": "yes"}):
        assert tables(association(), CALLS, recipe).associations.height == 1


BYTES = capture(association(messages=2, heartbeats=2), CALLS)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, len(BYTES) - 1), st.integers(0, 255)), min_size=1, max_size=30))
def test_altered_bytes_never_raise(tmp_path, changes):
    altered = bytearray(BYTES)
    for offset, value in changes:
        altered[offset] = value
    path = tmp_path / "altered.pcapng"
    path.write_bytes(altered)
    try:
        columns = decode(path)
    except UsageError:
        return
    found = build(columns)
    assert found.packets.height == len(columns.packets)


FIELD = st.sampled_from([0, 1, 2, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8), FIELD, FIELD), max_size=25))
def test_any_sequence_of_packets_has_tables(tables, steps):
    """Few tags and TSNs, so that everything collides with everything."""
    talk = Conversation(ports=(7, 7))
    for side, kind, tag, number in steps:
        if kind == 0:
            talk.init(side, tag=number, tsn=number)
        elif kind == 1:
            talk.init_ack(side, tag=number)
            talk.packets[-1] = replace(talk.packets[-1], tag=tag)
        else:
            chunk = [
                *(data(number), data(number, flags=1), data(number, flags=2), sack(number, gaps=[(1, 9)])),
                *(abort(), abort(reflected=True), heartbeat(b"%d" % number)),
            ][kind - 2]
            talk.send(side, chunk, tag=tag)
    found = tables(talk.packets)
    assert found.packets.height == len(steps)
    sides = found.packets.filter(pl.col("association").is_not_null())["side"]
    assert sides.is_in([0, 1]).all()
    assert found.endpoints.height == 2 * found.associations.height
