"""Whatever a file holds, it is shown: no report raises, and no line acts on a terminal."""

import pytest
from builders import Packet, association, capture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sctpinspect import UsageError, read
from sctpinspect.journal.entry import Call, Event
from sctpinspect.report import summary
from sctpinspect.report.ladder import ladder

WHOLE = capture(association(heartbeats=1))
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
JSON = st.recursive(
    st.none() | st.integers(0, 1 << 40) | TEXT, lambda inner: st.dictionaries(TEXT, inner), max_leaves=5
)
NUMBER = st.integers(0, 1 << 31)


def show_everything(path) -> None:
    try:
        found = read(path)
    except UsageError:
        return
    lines = [*summary.summary("x", found), *summary.call_lines(found)]
    if found.associations.height:
        lines += ladder(found)
    for frame in range(1, min(found.frames, 3) + 1):
        lines += summary.frame_lines(found, frame)
    assert all(line.plain.isprintable() for line in lines)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=40)
)
def test_changed_bytes(tmp_path, changes):
    data = bytearray(WHOLE)
    for position, value in changes:
        data[position] = value
    (tmp_path / "x").write_bytes(data)
    show_everything(tmp_path / "x")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(
        st.builds(
            Call,
            start_ns=NUMBER,
            end_ns=NUMBER,
            host=TEXT,
            process=NUMBER,
            thread=NUMBER,
            socket=NUMBER,
            name=TEXT | st.sampled_from(["sctp_sendmsg", "recvmsg", "connect", "bind"]),
            arguments=st.dictionaries(TEXT | st.sampled_from(["address", "length", "addresses"]), JSON),
            result=st.dictionaries(TEXT | st.sampled_from(["notification", "start", "length"]), JSON),
            local_port=st.none() | st.integers(0, 65535),
            errno=st.none() | TEXT,
        )
        | st.builds(Event, time_ns=NUMBER, host=TEXT, name=TEXT, text=TEXT),
        max_size=5,
    )
)
def test_any_journal(tmp_path, calls):
    (tmp_path / "x").write_bytes(capture(association(messages=1, heartbeats=1), calls))
    show_everything(tmp_path / "x")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chunks=st.lists(st.binary(max_size=64), max_size=6),
    times=st.lists(st.integers(0, (1 << 63) - 1), min_size=2),
)
def test_any_chunks_at_any_time(tmp_path, chunks, times):
    packets = [
        Packet(time, "10.0.0.1", "10.0.0.2", 1, 2, 3, chunks[number % 2 :])
        for number, time in enumerate(times)
    ]
    (tmp_path / "x").write_bytes(capture(packets))
    show_everything(tmp_path / "x")


def test_a_file_of_no_use_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(capture([]))
    with pytest.raises(UsageError):
        read(tmp_path / "x")
