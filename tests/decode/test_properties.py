"""What is built is what is decoded; and what is broken in one packet changes nothing of the others."""

import struct
from pathlib import Path

import pytest
from builders import (
    START_NS,
    asconf,
    association,
    cause,
    chunk,
    data,
    error,
    ethernet,
    forward_tsn,
    i_data,
    init,
    init_ack,
    ipv4,
    parameter,
    pcap,
    sack,
    sctp_packet,
    shutdown,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sctpinspect.decode import decode
from sctpinspect.journal.digest import digest
from sctpinspect.protocol import CauseCode, ChunkType, ParameterType
from sctpinspect.tables.primary import primary

often = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

U8, U16, U32 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32))
WORDS = st.binary(min_size=16, max_size=40)  # as long as the fields of every type
PARAMETERS = st.lists(st.tuples(st.sampled_from(ParameterType) | U16, WORDS), max_size=8)
CAUSES = st.lists(st.tuples(st.sampled_from(CauseCode) | U16, WORDS), max_size=8)


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("properties") / "capture.pcap"


def rows(file: Path, *packets: bytes) -> dict[str, list[dict]]:
    """The rows that SCTP packets give, by table."""
    file.write_bytes(
        pcap(
            [
                (START_NS + number, ethernet(ipv4("10.1.0.1", "10.1.0.2", packet)))
                for number, packet in enumerate(packets)
            ]
        )
    )
    return {name: table.to_dicts() for name, table in primary(decode(file)).items()}


@often
@given(PARAMETERS, st.sampled_from(["init", "init_ack", "asconf", "asconf_ack", "re_config"]), U32)
def test_parameters(file, items, bearer, number):
    tlvs = [parameter(type, value) for type, value in items]
    build = {
        "init": lambda: init(*tlvs, tag=number),
        "init_ack": lambda: init_ack(*tlvs, tag=number),
        "asconf": lambda: asconf(number, *tlvs),
        "asconf_ack": lambda: asconf(number, *tlvs, type=ChunkType.ASCONF_ACK),
        "re_config": lambda: chunk(ChunkType.RE_CONFIG, b"".join(tlvs)),
    }
    found = rows(file, sctp_packet(build[bearer]()))
    assert [(row["type"], row["value"]) for row in found["parameters"]] == items
    for row, (type, value) in zip(found["parameters"], items, strict=True):
        words = struct.unpack(">4I", value[:16])
        if row["request_number"] is not None:
            assert row["request_number"] == words[0]
        if row["response_number"] is not None:
            assert row["response_number"] == words[type == ParameterType.OUTGOING_SSN_RESET_REQUEST]
        if row["listed"] is not None and type == ParameterType.CHUNK_LIST:
            assert bytes(row["listed"]) == value


@often
@given(CAUSES)
def test_causes(file, items):
    found = rows(file, sctp_packet(error(*(cause(code, value) for code, value in items))))
    assert [(row["code"], row["value"]) for row in found["causes"]] == items
    assert {row["defect"] for row in found["causes"] + found["chunks"]} <= {None}


@often
@given(
    st.recursive(
        st.binary(max_size=8).map(lambda value: (0x8123, value)),
        lambda inner: st.lists(inner, max_size=3).map(lambda items: (8, items)),
        max_leaves=12,
    )
)
def test_parameters_in_parameters(file, tree):
    def built(type: int, value) -> bytes:
        return parameter(
            type, value if isinstance(value, bytes) else b"".join(built(*each) for each in value)
        )

    def flat(type: int, value, depth: int):
        yield depth, type
        if not isinstance(value, bytes):
            for each in value:
                yield from flat(*each, depth + 1)

    found = rows(file, sctp_packet(init_ack(built(*tree))))
    inside = sorted(found["held"], key=lambda row: row["offset"])
    assert [(row["depth"], row["type"]) for row in [{"depth": 0, "type": tree[0]}, *inside]] == list(
        flat(*tree, 0)
    )
    assert {row["defect"] for row in inside} <= {None}


@often
@given(U32, U16, U16, U32, st.integers(0, 15), st.binary(max_size=40))
def test_user_data(file, tsn, stream, number, last, flags, payload):
    found = rows(
        file,
        sctp_packet(
            data(tsn, payload, stream, number, last, flags),
            i_data(tsn, payload, stream, number, last, last, flags),
        ),
    )["chunks"]
    assert [row["flags"] for row in found] == [flags, flags]
    assert [(row["tsn"], row["stream"], row["payload_digest"]) for row in found] == [
        (tsn, stream, digest(payload))
    ] * 2
    assert (found[0]["ssn"], found[0]["ppid"], found[1]["mid"]) == (number, last, number)
    assert (found[1]["ppid"], found[1]["fsn"]) == ((last, 0) if flags & 2 else (None, last))


@often
@given(U32, U32, st.lists(st.tuples(U16, U16), max_size=6), st.lists(U32, max_size=6))
def test_numbers(file, tsn, a_rwnd, pairs, duplicates):
    found = rows(
        file, sctp_packet(sack(tsn, a_rwnd, pairs, duplicates), forward_tsn(tsn, pairs), shutdown(tsn))
    )
    assert [row["cumulative_tsn"] for row in found["chunks"]] == [tsn] * 3
    assert found["chunks"][0]["a_rwnd"] == a_rwnd
    blocks = [(row["start_offset"], row["end_offset"]) for row in found["gap_blocks"] if row["kind"] == "gap"]
    assert blocks == pairs
    assert [row["start"] for row in found["gap_blocks"] if row["kind"] == "duplicate"] == duplicates
    skipped = found["chunks"][1]
    assert list(zip(skipped["skipped_streams"], skipped["skipped_ssns"], strict=True)) == pairs


@often
@given(st.lists(st.tuples(U8, U8, st.binary(max_size=20)), max_size=8))
def test_chunks(file, items):
    found = rows(file, sctp_packet(*(chunk(type, value, flags) for type, flags, value in items)))["chunks"]
    assert [(row["type"], row["flags"], row["length"]) for row in found] == [
        (type, flags, 4 + len(value)) for type, flags, value in items
    ]
    for row, (type, _, value) in zip(found, items, strict=True):
        assert row["value"] in (None, value)
        assert (row["unknown_action"] is None) == (type in set(ChunkType))


# ---- one packet of several is broken

GOOD = [packet.frame() for packet in association(messages=2, heartbeats=1)]
IP_HEADERS = 14 + 20


@often
@given(st.integers(0, len(GOOD) - 1), st.sampled_from(["cut", "flip", "length"]), st.data())
def test_what_is_broken_in_a_packet_stays_in_it(file, which, how, draw):
    """Cut short, a bit flipped, a length field that lies: the rows of all other packets are as before."""
    broken = bytearray(GOOD[which])
    at = draw.draw(st.integers(IP_HEADERS, len(broken) - 1))
    if how == "cut":
        broken = broken[:at]
    elif how == "flip":
        broken[at] ^= 1 << draw.draw(st.integers(0, 7))
    else:
        at = draw.draw(st.sampled_from(range(IP_HEADERS + 14, len(broken) - 1, 4)))
        broken[at : at + 2] = draw.draw(U16).to_bytes(2)
    assert _others([*GOOD[:which], bytes(broken), *GOOD[which + 1 :]], file, which) == _others(
        GOOD, file, which
    )


def _others(frames: list[bytes], file: Path, which: int) -> dict[str, list[dict]]:
    """The rows of all packets but one."""
    file.write_bytes(pcap([(START_NS + number, frame) for number, frame in enumerate(frames)]))
    tables = {name: table.to_dicts() for name, table in primary(decode(file)).items()}
    return {
        name: [
            {column: value for column, value in row.items() if column not in ("packet", "payload_offset")}
            for row in tables[name]
            if row["frame"] != which + 1
        ]
        for name in ("packets", "chunks", "parameters", "causes", "held", "gap_blocks")
    }
