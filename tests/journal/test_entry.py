"""Entries of the journal survive both of their forms; what is damaged or foreign is no entry."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sctpinspect.journal import Call, Event, digest, from_fields, from_line, message, to_fields, to_line
from sctpinspect.journal.text import describe

CALL = Call(
    start_ns=1_700_000_000_123_456_789,
    end_ns=1_700_000_000_123_556_789,
    host="a",
    process=12,
    thread=13,
    socket=1,
    name="sctp_sendmsg",
    arguments={
        "address": "10.0.0.2",
        "port": 4444,
        "association_id": None,
        "stream": 0,
        "ppid": 0,
        "flags": [],
        "context": 0,
        "time_to_live": 0,
        "length": 6,
        "digest": digest(b"DATA 0"),
        "start": b"DATA 0".hex(),
        "control": [],
    },
    result={"length": 6},
    local_port=5000,
)
EVENT = Event(1_700_000_000_000_000_001, "wire", "path_down", "path 0 from a to b")

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"))
calls = st.builds(
    Call,
    start_ns=st.integers(0, 2**63 - 1),
    end_ns=st.integers(0, 2**63 - 1),
    host=texts,
    process=st.integers(0, 2**32 - 1),
    thread=st.integers(0, 2**32 - 1),
    socket=st.integers(0, 2**32 - 1),
    name=texts,
    arguments=st.dictionaries(st.sampled_from(list(CALL.arguments)), json_values),
    result=st.dictionaries(st.sampled_from(["length", "notification", "addresses", "value"]), json_values),
    local_port=st.none() | st.integers(0, 65535),
    errno=st.none() | texts,
)
events = st.builds(Event, time_ns=st.integers(0, 2**63 - 1), host=texts, name=texts, text=texts)


@given(calls | events)
def test_an_entry_survives_both_forms(entry):
    assert from_line(to_line(entry)) == entry
    fields = to_fields(entry)
    assert from_fields(fields) == entry
    assert type(from_fields(fields)) is type(entry)


@given(calls | events)
def test_fields_are_lines_of_utf8_text(entry):
    for name, value in to_fields(entry).items():
        assert name.replace("_", "").isalnum() and name.isupper()
        assert not set(value) & {"\n", "\r", "\0"}
        value.encode()
    assert "\n" not in to_line(entry)


def test_fields_are_those_that_wireshark_shows():
    assert to_fields(CALL) == {
        "__REALTIME_TIMESTAMP": "1700000000123456",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "sctpinspect",
        "MESSAGE": 'a: sctp_sendmsg(socket 1, "DATA 0", 6 bytes, 10.0.0.2:4444, stream 0, ppid 0) = 6',
        "SCTP_KIND": "call",
        "SCTP_START_NS": "1700000000123456789",
        "SCTP_END_NS": "1700000000123556789",
        "SCTP_HOST": "a",
        "SCTP_PROCESS": "12",
        "SCTP_THREAD": "13",
        "SCTP_SOCKET": "1",
        "SCTP_CALL": "sctp_sendmsg",
        "SCTP_LOCAL_PORT": "5000",
        "SCTP_ARGUMENTS": json.dumps(CALL.arguments, separators=(",", ":")),
        "SCTP_RESULT": '{"length":6}',
    }
    assert to_fields(CALL._replace(errno="EPIPE"))["SCTP_ERRNO"] == "EPIPE"
    assert to_fields(EVENT) == {
        "__REALTIME_TIMESTAMP": "1700000000000000",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "sctpinspect",
        "MESSAGE": "wire: path_down: path 0 from a to b",
        "SCTP_KIND": "event",
        "SCTP_TIME_NS": "1700000000000000001",
        "SCTP_HOST": "wire",
        "SCTP_EVENT": "path_down",
        "SCTP_TEXT": "path 0 from a to b",
    }


def test_texts_of_a_program_cannot_break_a_field():
    fields = to_fields(EVENT._replace(text="one\ntwo\0three\udcff"))
    assert fields["SCTP_TEXT"] == "one two three?"
    assert fields["MESSAGE"] == "wire: path_down: one two three?"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("SYSLOG_IDENTIFIER", "sshd"),
        ("SCTP_KIND", "other"),
        ("SCTP_START_NS", "soon"),
        ("SCTP_START_NS", "-1"),
        ("SCTP_START_NS", str(2**63)),
        ("SCTP_START_NS", "9" * 5000),
        ("SCTP_PROCESS", str(2**32)),
        ("SCTP_LOCAL_PORT", "65536"),
        ("SCTP_ARGUMENTS", "{"),
        ("SCTP_ARGUMENTS", "[]"),
        ("SCTP_ARGUMENTS", '{"stream":NaN}'),
        ("SCTP_ARGUMENTS", '{"address":"\\ud800"}'),
        ("SCTP_ARGUMENTS", "[" * 100_000),
        ("SCTP_ARGUMENTS", '{"value":' * 50 + "0" + "}" * 50),
        ("SCTP_RESULT", None),
        ("SCTP_HOST", None),
        ("SCTP_KIND", None),
        ("SYSLOG_IDENTIFIER", None),
    ],
)
def test_a_damaged_or_foreign_block_is_no_entry(field, value):
    fields = to_fields(CALL)
    assert from_fields(fields) == CALL
    del fields[field]
    if value is not None:
        fields[field] = value
    assert from_fields(fields) is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[]",
        "7",
        to_line(CALL)[:-1],
        to_line(CALL).replace('"call"', '"event"'),
        to_line(CALL).replace('"host":"a"', '"host":7'),
        to_line(CALL).replace('"socket":1', '"socket":true'),
        to_line(CALL).replace('"socket":1', '"socket":1,"colour":2'),
        to_line(EVENT).replace('"time_ns"', '"time"'),
        "[" * 100_000,
    ],
)
def test_a_damaged_line_is_no_entry(line):
    assert from_line(line) is None


@given(st.dictionaries(st.sampled_from(list(to_fields(CALL))), st.text()))
def test_no_block_raises(changes):
    entry = from_fields({**to_fields(CALL), **changes})
    assert entry is None or to_fields(entry)


@pytest.mark.parametrize(
    ("name", "arguments", "result", "errno", "text"),
    [
        (
            "socket",
            {"family": "AF_INET", "type": "SOCK_SEQPACKET"},
            {},
            None,
            "socket(AF_INET, SOCK_SEQPACKET) = socket 1",
        ),
        (
            "sctp_bindx",
            {"addresses": ["10.0.0.1", "10.0.1.1"], "port": 4444, "flags": "SCTP_BINDX_ADD_ADDR"},
            {},
            None,
            "sctp_bindx(socket 1, 10.0.0.1 10.0.1.1 port 4444, SCTP_BINDX_ADD_ADDR) = 0",
        ),
        (
            "connect",
            {"address": "fd00::1", "port": 7},
            {},
            "ECONNREFUSED",
            "connect(socket 1, [fd00::1]:7) = ECONNREFUSED",
        ),
        (
            "sctp_connectx",
            {"addresses": ["10.0.0.2"], "port": 4444},
            {"association_id": 3},
            None,
            "sctp_connectx(socket 1, 10.0.0.2 port 4444) = association 3",
        ),
        (
            "accept",
            {},
            {"socket": 4, "address": "10.0.0.1", "port": 5},
            None,
            "accept(socket 1) = socket 4, 10.0.0.1:5",
        ),
        (
            "send",
            {"length": 40, "start": (b"\1" * 32).hex(), "flags": None, "stream": None},
            {"length": 40},
            None,
            f"send(socket 1, 0x{'01' * 32}..., 40 bytes) = 40",
        ),
        (
            "sctp_recvmsg",
            {"size": 100},
            {
                "length": 2,
                "start": b"OK".hex(),
                "address": "10.0.0.2",
                "port": 4444,
                "flags": ["MSG_EOR"],
                "stream": 1,
                "ssn": 2,
                "ppid": 46,
                "notification": None,
            },
            None,
            'sctp_recvmsg(socket 1, at most 100) = "OK", 2 bytes, 10.0.0.2:4444, '
            "stream 1, ssn 2, ppid 46, MSG_EOR",
        ),
        (
            "sctp_recvmsg",
            {"size": 100},
            {
                "association_id": 3,
                "flags": ["MSG_NOTIFICATION", "MSG_EOR"],
                "notification": {
                    "type": "SCTP_PEER_ADDR_CHANGE",
                    "state": "SCTP_ADDR_CONFIRMED",
                    "address": "10.0.1.2",
                },
            },
            None,
            "sctp_recvmsg(socket 1, at most 100) = SCTP_PEER_ADDR_CHANGE SCTP_ADDR_CONFIRMED 10.0.1.2, "
            "association 3, MSG_NOTIFICATION|MSG_EOR",
        ),
        ("recv", {"size": 9}, {"length": 0, "start": ""}, None, "recv(socket 1, at most 9) = 0 bytes"),
        (
            "setsockopt",
            {
                "level": "IPPROTO_SCTP",
                "option": "SCTP_PEER_ADDR_PARAMS",
                "value": {
                    "spp_assoc_id": 0,
                    "spp_hbinterval": 200,
                    "spp_flags": ["SPP_HB_ENABLE", "SPP_DSCP"],
                },
            },
            {},
            None,
            "setsockopt(socket 1, SCTP_PEER_ADDR_PARAMS, "
            "{spp_hbinterval 200, spp_flags SPP_HB_ENABLE|SPP_DSCP}) = 0",
        ),
        ("shutdown", {"how": "SHUT_WR"}, {}, None, "shutdown(socket 1, SHUT_WR) = 0"),
        ("close", {}, {}, None, "close(socket 1) = 0"),
    ],
)
def test_messages_are_what_a_person_would_write(name, arguments, result, errno, text):
    assert describe(name, 1, arguments, result, errno) == text


def test_a_message_names_the_host():
    assert message(CALL).startswith("a: sctp_sendmsg(socket 1, ")
    assert message(EVENT) == "wire: path_down: path 0 from a to b"


def test_digest_tells_data_apart():
    assert digest(b"DATA 0") != digest(b"DATA 1")
    assert digest(b"") == 0


def test_importing_needs_the_standard_library_only():
    program = (
        "import sys; before = set(sys.modules); import sctpinspect.journal.structures; "
        "print('\\n'.join({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert imported - {"sctpinspect"} <= sys.stdlib_module_names
    assert not imported & {"dataclasses", "inspect", "ctypes"}  # slow in a guest, or no business of these
