"""Journal entries to the rows of calls and events."""

import json

import pytest
from builders import START_NS, association, capture, interface_block, journal_block, section_block

from sctpinspect.decode.calls import CALL_COLUMNS
from sctpinspect.journal.entry import Call, Event, message, to_fields

PACKETS = association()


def call(
    name: str, arguments: dict | None = None, result: dict | None = None, start_ns: int = START_NS, **fields
):
    values = {
        "end_ns": start_ns + 10,
        "host": "a",
        "process": 7,
        "thread": 8,
        "socket": 1,
        "local_port": 5000,
    }
    values |= {"errno": None} | fields
    return Call(start_ns=start_ns, name=name, arguments=arguments or {}, result=result or {}, **values)


@pytest.fixture
def row(decoded):
    """The row of one call."""

    def of(entry: Call) -> dict:
        (values,) = decoded(capture(PACKETS, [entry])).calls
        return dict(zip(CALL_COLUMNS, values, strict=True))

    return of


def test_calls_stand_in_order_of_start_with_their_frame(decoded):
    late, early = call("close", start_ns=START_NS + 5), call("socket", start_ns=START_NS - 5)
    blocks = [journal_block(to_fields(entry)) for entry in (late, early)]
    table = decoded(section_block() + interface_block() + b"".join(blocks)).tables["calls"]
    assert table["name"] == ["socket", "close"]
    assert table["call"] == [0, 1]
    assert table["frame"] == [2, 1]


def test_what_every_call_has(row):
    entry = call("close", errno="EBADF")
    found = row(entry)
    for name in ("start_ns", "end_ns", "host", "process", "thread", "socket", "name", "local_port", "errno"):
        assert found[name] == getattr(entry, name)
    assert (found["message"], found["arguments"], found["result"]) == (message(entry), "{}", "{}")


def test_a_send(row):
    arguments = {
        **{"address": "10.1.0.2", "port": 4444, "association_id": 3, "stream": 2, "ppid": 60, "context": 9},
        **{
            "flags": ["SCTP_UNORDERED"],
            "length": 6,
            "digest": 255,
            "start": "444154412030",
            "control": [],
        },
    }
    found = row(call("sctp_sendmsg", arguments, {"length": 6}))
    assert (found["address"], found["port"], found["association_id"]) == ("10.1.0.2", 4444, 3)
    assert (found["stream"], found["ppid"], found["unordered"]) == (2, 60, True)
    assert (found["length"], found["digest"], found["end_of_record"]) == (6, 255, None)
    assert json.loads(found["arguments"]) == arguments


def test_a_send_without_flags_is_ordered_and_one_that_failed_keeps_its_length(row):
    found = row(call("send", {"flags": [], "length": 6}, errno="EAGAIN"))
    assert (found["unordered"], found["length"]) == (False, 6)


def test_a_receive(row):
    result = {
        **{
            "length": 2,
            "digest": 10,
            "address": "10.1.0.2",
            "port": 4444,
            "flags": ["MSG_EOR"],
            "stream": 1,
        },
        **{"ssn": 4, "ppid": 0, "tsn": 77, "unordered": False, "association_id": 3},
    }
    found = row(call("sctp_recvmsg", {"size": 100}, result))
    for name in ("length", "digest", "address", "port", "stream", "ssn", "ppid", "tsn", "association_id"):
        assert found[name] == result[name]
    assert (found["unordered"], found["end_of_record"]) == (False, True)


def test_a_notification(row):
    notification = {"type": "SCTP_PEER_ADDR_CHANGE", "state": "SCTP_ADDR_CONFIRMED", "address": "10.2.0.2"}
    result = {
        "length": 148,
        "flags": ["MSG_NOTIFICATION"],
        "notification": {**notification, "association_id": 3},
    }
    found = row(call("sctp_recvmsg", {"size": 100}, result))
    assert (found["notification"], found["state"]) == ("SCTP_PEER_ADDR_CHANGE", "SCTP_ADDR_CONFIRMED")
    assert (found["address"], found["association_id"]) == ("10.2.0.2", 3)
    assert (found["length"], found["digest"], found["end_of_record"]) == (None, None, False)


def test_addresses_and_options(row):
    found = row(
        call(
            "sctp_bindx",
            {"addresses": ["10.1.0.1", "10.2.0.1"], "port": 5000, "flags": "SCTP_BINDX_ADD_ADDR"},
        )
    )
    assert (found["addresses"], found["port"], found["unordered"]) == (["10.1.0.1", "10.2.0.1"], 5000, None)
    found = row(call("getsockopt", {"level": "IPPROTO_SCTP", "option": "SCTP_INITMSG"}, {"value": {}}))
    assert found["option"] == "SCTP_INITMSG"


def test_what_was_returned_counts_before_what_was_given(row):
    found = row(
        call(
            "sctp_getpaddrs",
            {"association_id": 3, "addresses": None},
            {"addresses": ["10.1.0.2"], "port": 4444},
        )
    )
    assert (found["association_id"], found["addresses"], found["port"]) == (3, ["10.1.0.2"], 4444)
    assert row(call("connect", {"address": "10.1.0.2"}, {"address": None}))["address"] == "10.1.0.2"


@pytest.mark.parametrize("wrong", ["x", -1, 1 << 70, 1.5, True, [], {}, [1], None])
def test_values_of_the_wrong_kind_are_null(row, wrong):
    keys = [
        "address",
        "addresses",
        "port",
        "stream",
        "ssn",
        "ppid",
        "tsn",
        "length",
        "digest",
        "option",
        "flags",
    ]
    found = row(call("sctp_recvmsg", {}, {key: wrong for key in [*keys, "notification", "unordered"]}))
    for name in ("port", "stream", "ssn", "ppid", "tsn", "length", "digest"):
        assert found[name] is None
    for name in ("address", "option"):
        assert found[name] == (wrong if isinstance(wrong, str) else None)
    assert found["addresses"] == ([] if wrong == [] else None)
    assert found["notification"] is None


def test_events(decoded):
    event = Event(START_NS, "wire", "path_down", "path 1 from a")
    table = decoded(capture(PACKETS, [event])).tables["events"]
    assert {name: values[0] for name, values in table.items()} == {
        **{"frame": 1, "time_ns": START_NS, "host": "wire", "name": "path_down", "text": "path 1 from a"}
    }
