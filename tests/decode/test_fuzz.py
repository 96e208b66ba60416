"""Whatever the bytes: the decoder gives tables of their schema, or a UsageError."""

import contextlib
import tarfile
from pathlib import Path

import pytest
from builders import (
    START_NS,
    association,
    capture,
    ethernet,
    icmp,
    interface_block,
    ipv4,
    ipv6,
    linux_cooked,
    linux_cooked_v2,
    option,
    packet_block,
    pcap,
    sctp_packet,
    section_block,
    simple_packet_block,
    udp,
)
from external_captures import FOLDER
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sctpinspect.decode import DEFECTS, decode
from sctpinspect.journal.entry import Call, Event
from sctpinspect.protocol import UsageError
from sctpinspect.tables.primary import primary
from sctpinspect.tables.schema import TABLES, polars_schema

CALLS = [
    Call(START_NS + 1, START_NS + 2, "a", 1, 1, 1, "sctp_sendmsg", {"stream": 0, "flags": []}, {"length": 6}),
    Event(START_NS + 3, "a", "signal", "listening"),
]
SEEDS = [
    capture(association(messages=2, heartbeats=1), CALLS, recipe='{"scenario": "x"}'),
    pcap([(packet.time_ns, packet.frame()) for packet in association(messages=1, heartbeats=1)], order=">"),
]


def check(path: Path) -> None:
    """Decode: all tables must come out, every defect be a documented one, every offset within bounds."""
    with contextlib.suppress(UsageError):
        columns = decode(path)
        tables = primary(columns)
        for name, frame in tables.items():
            assert frame.schema == polars_schema(TABLES[name])
            if "defect" in frame.columns:
                assert set(frame["defect"].drop_nulls()) <= set(DEFECTS)
        packets, chunks = tables["packets"], tables["chunks"]
        assert (packets["captured_length"] <= packets["length"]).all()
        assert packets["chunks_in_packet"].sum() == len(chunks)
        assert (chunks["offset"] % 4 == 0).all()
        size = len(columns.data.file) + len(columns.data.reassembled)
        whole = chunks.filter(chunks["payload_digest"].is_not_null())
        assert (whole["payload_offset"] + whole["payload_length"] <= size).all()


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "capture"


fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzz
@given(st.binary(max_size=400))
def test_chunks_of_any_bytes(file, value):
    frames = [(START_NS, ethernet(ipv4("10.1.0.1", "10.1.0.2", sctp_packet(value)))), (START_NS, value)]
    file.write_bytes(pcap(frames))
    check(file)


TLV = st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 40), st.binary(max_size=40)).map(
    lambda parts: bytes([parts[0], parts[1]]) + parts[2].to_bytes(2) + parts[3]
)


@fuzz
@given(st.lists(TLV, max_size=12).map(b"".join), st.integers(1, 500))
def test_chunks_with_plausible_lengths(file, value, snaplen):
    file.write_bytes(
        pcap([(START_NS, ethernet(ipv4("10.1.0.1", "10.1.0.2", sctp_packet(value))))], snaplen=snaplen)
    )
    check(file)


WRAPPED = {
    1: [
        ethernet(ipv4("10.1.0.1", "10.1.0.2", sctp_packet(b"\0\3\0\x14" + bytes(16)))),
        ethernet(
            ipv6("fd00::1", "fd00::2", sctp_packet(bytes(20)), extensions=[(0, bytes(7)), (44, bytes(7))])
        ),
        ethernet(ipv4("10.1.0.1", "10.1.0.2", udp(sctp_packet(bytes(20))), protocol=17), vlans=[(0x8100, 1)]),
        ethernet(
            ipv4("10.1.0.1", "10.1.0.2", icmp(3, 3, ipv4("10.1.0.2", "10.1.0.1", sctp_packet())), protocol=1)
        ),
    ],
    113: [linux_cooked(ipv4("10.1.0.1", "10.1.0.2", sctp_packet(bytes(20))))],
    276: [linux_cooked_v2(ipv6("fd00::1", "fd00::2", sctp_packet(bytes(20))))],
}


@fuzz
@given(st.sampled_from([0, 1, 12, 101, 108, 113, 228, 229, 276]), st.data())
def test_headers_with_changed_bytes(file, link_type, draw):
    frame = bytearray(draw.draw(st.sampled_from(WRAPPED.get(link_type, WRAPPED[1]))))
    for _ in range(draw.draw(st.integers(0, 4))):
        frame[draw.draw(st.integers(0, min(80, len(frame) - 1)))] = draw.draw(st.integers(0, 255))
    frame = frame[: draw.draw(st.integers(0, len(frame)))]
    file.write_bytes(pcap([(START_NS, bytes(frame))], link_type=link_type))
    check(file)


@fuzz
@given(st.sampled_from(SEEDS), st.data())
def test_files_with_changed_bytes(file, seed, draw):
    content = bytearray(seed)
    for _ in range(draw.draw(st.integers(1, 8))):
        at = draw.draw(st.integers(0, len(content) - 1))
        kind = draw.draw(st.sampled_from(["change", "cut out", "insert"]))
        some = draw.draw(st.binary(min_size=1, max_size=8))
        content[at : at + (0 if kind == "insert" else len(some))] = b"" if kind == "cut out" else some
    file.write_bytes(content)
    check(file)


@fuzz
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 2, 3, 4, 5, 6, 9, 0xBAD, 77]), st.binary(max_size=80)), max_size=8
    )
)
def test_blocks_of_any_bytes(file, blocks):
    content = section_block() + interface_block()
    for type, body in blocks:
        body += bytes(-len(body) % 4)
        total = (12 + len(body)).to_bytes(4, "little")
        content += type.to_bytes(4, "little") + total + body + total
    file.write_bytes(content + simple_packet_block(b"") + packet_block(0, b"", option(1, b"")))
    check(file)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = [
    "address",
    "addresses",
    "port",
    "association_id",
    "stream",
    "ppid",
    "flags",
    "length",
    "notification",
    "option",
]


@fuzz
@given(st.dictionaries(st.sampled_from(KEYS), JSON), st.dictionaries(st.sampled_from(KEYS), JSON))
def test_calls_of_any_json(file, arguments, result):
    call = Call(START_NS, START_NS, "a", 1, 1, 1, "sctp_recvmsg", arguments, result)
    file.write_bytes(capture([], [call]))
    check(file)


CORPUS = FOLDER / "sctp-fuzz-corpus.tar.gz"


@pytest.mark.skipif(not CORPUS.exists(), reason=f"no {CORPUS.name} among the captures by others")
def test_inputs_that_once_broke_a_stack(file):
    with tarfile.open(CORPUS) as corpus:
        inputs = [corpus.extractfile(member).read() for member in corpus if member.isfile()]
    assert len(inputs) > 200
    packets = [sctp_packet(value) for value in inputs] + [sctp_packet(value[1:]) for value in inputs] + inputs
    frames = [ethernet(ipv4("10.1.0.1", "10.1.0.2", packet[:65_000])) for packet in packets]
    file.write_bytes(pcap([(START_NS, frame) for frame in frames]))
    check(file)
    assert len(decode(file).packets) == len(frames)
