"""The chunk walk: every chunk type, every defect, and where the walk goes on."""

import zlib

import pytest
from builders import (
    START_NS,
    abort,
    address_parameter,
    asconf,
    cause,
    chunk,
    cookie_ack,
    cookie_echo,
    data,
    error,
    ethernet,
    forward_tsn,
    heartbeat,
    heartbeat_ack,
    i_data,
    init,
    init_ack,
    ipv4,
    parameter,
    pcap,
    sack,
    sctp_packet,
    shutdown,
    shutdown_ack,
    shutdown_complete,
    state_cookie,
    user_initiated_abort,
)
from wellformed import CAUSES, PARAMETERS

from sctpinspect.decode import DEFECTS
from sctpinspect.journal.digest import digest
from sctpinspect.protocol import CauseCode, ChunkType, DataFlag, ParameterType


@pytest.fixture
def rows(decoded):
    """The rows, as dicts, that one SCTP packet gives: tables by name."""

    def of(packet: bytes, **options) -> dict[str, list[dict]]:
        columns = decoded(pcap([(START_NS, ethernet(ipv4("10.1.0.1", "10.1.0.2", packet)))], **options))
        return {
            name: [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
            for name, table in columns.tables.items()
        }

    return of


def known(row: dict) -> dict:
    """What of a chunk's row is neither null nor the same for every chunk."""
    common = {"packet", "frame", "chunk", "time_ns", "type", "type_name", "flags", "length", "offset"}
    return {name: value for name, value in row.items() if value is not None and name not in common}


# ---- every chunk type

BITS = {"unordered": False, "beginning": True, "ending": True, "immediate": False}
HEARTBEAT_INFO = b"\0\1\0\x0ahallo!"  # the parameter as a chunk's value
ADDRESS = b"\0\5\0\x08\x0a\1\0\1"

CHUNKS = {
    ChunkType.DATA: (
        data(tsn=7, payload=b"hello", stream=3, ssn=4, ppid=60),
        {
            **{"tsn": 7, "stream": 3, "ssn": 4, "ppid": 60, "ppid_name": "NGAP", **BITS, "payload_length": 5},
            **{"payload_offset": 24 + 16 + 14 + 20 + 16 + 16, "payload_digest": digest(b"hello")},
            "padding_is_zero": True,
        },
    ),
    ChunkType.INIT: (
        init(tag=1, tsn=2, a_rwnd=3, outbound=4, inbound=5),
        {"a_rwnd": 3, "initiate_tag": 1, "outbound_streams": 4, "inbound_streams": 5, "initial_tsn": 2},
    ),
    ChunkType.INIT_ACK: (
        init_ack(tag=0xFFFFFFFF, tsn=0xFFFFFFFF, a_rwnd=0, outbound=0, inbound=0),
        {
            **{"a_rwnd": 0, "initiate_tag": 0xFFFFFFFF, "outbound_streams": 0, "inbound_streams": 0},
            "initial_tsn": 0xFFFFFFFF,
        },
    ),
    ChunkType.SACK: (
        sack(9, a_rwnd=1000),
        {"cumulative_tsn": 9, "a_rwnd": 1000, "gap_block_count": 0, "duplicate_tsn_count": 0},
    ),
    ChunkType.HEARTBEAT: (heartbeat(b"hallo!"), {"value": HEARTBEAT_INFO, "padding_is_zero": True}),
    ChunkType.HEARTBEAT_ACK: (heartbeat_ack(b"hallo!"), {"value": HEARTBEAT_INFO, "padding_is_zero": True}),
    ChunkType.ABORT: (abort(reflected=True), {"tag_reflected": True}),
    ChunkType.SHUTDOWN: (shutdown(8), {"cumulative_tsn": 8}),
    ChunkType.SHUTDOWN_ACK: (shutdown_ack(), {}),
    ChunkType.ERROR: (error(), {}),
    ChunkType.COOKIE_ECHO: (cookie_echo(b"cookie"), {"value": b"cookie", "padding_is_zero": True}),
    ChunkType.COOKIE_ACK: (cookie_ack(), {}),
    ChunkType.ECNE: (chunk(ChunkType.ECNE, b"\0\0\0\7"), {"lowest_tsn": 7}),
    ChunkType.CWR: (chunk(ChunkType.CWR, b"\0\0\0\7"), {"lowest_tsn": 7}),
    ChunkType.SHUTDOWN_COMPLETE: (shutdown_complete(), {"tag_reflected": False}),
    ChunkType.AUTH: (
        chunk(ChunkType.AUTH, b"\0\5\0\3" + bytes(32)),
        {"shared_key_id": 5, "hmac_id": 3, "value": b"\0\5\0\3" + bytes(32)},
    ),
    ChunkType.NR_SACK: (
        chunk(ChunkType.NR_SACK, b"\0\0\0\x09\0\0\3\xe8\0\1\0\1\0\1\0\0\0\2\0\3\0\5\0\5\0\0\0\x08"),
        {"cumulative_tsn": 9, "a_rwnd": 1000, "gap_block_count": 1, "duplicate_tsn_count": 1}
        | {"nr_gap_block_count": 1},
    ),
    ChunkType.I_DATA: (
        i_data(
            tsn=7, payload=b"hello", stream=3, mid=4, ppid=51, flags=DataFlag.BEGINNING | DataFlag.UNORDERED
        ),
        {
            **{"tsn": 7, "stream": 3, "mid": 4, "fsn": 0, "ppid": 51, "ppid_name": "WebRTC String"},
            **{"unordered": True, "beginning": True, "ending": False, "immediate": False},
            **{"payload_length": 5, "payload_offset": 24 + 16 + 14 + 20 + 16 + 20},
            **{"payload_digest": digest(b"hello"), "padding_is_zero": True},
        },
    ),
    ChunkType.ASCONF_ACK: (
        asconf(6, type=ChunkType.ASCONF_ACK),
        {"sequence_number": 6, "value": b"\0\0\0\6"},
    ),
    ChunkType.PKTDROP: (
        chunk(ChunkType.PKTDROP, b"\0\0\0\1\0\0\0\2\0\3\0\0data"),
        {
            **{"bandwidth": 1, "queue_size": 2, "truncated_length": 3},
            "value": b"\0\0\0\1\0\0\0\2\0\3\0\0data",
        },
    ),
    ChunkType.RE_CONFIG: (chunk(ChunkType.RE_CONFIG), {"value": b""}),
    ChunkType.PAD: (chunk(ChunkType.PAD, bytes(8)), {}),
    ChunkType.FORWARD_TSN: (
        forward_tsn(9, [(1, 2), (3, 4)]),
        {
            **{"cumulative_tsn": 9, "skipped_streams": [1, 3], "skipped_ssns": [2, 4]},
            "value": b"\0\0\0\x09\0\1\0\2\0\3\0\4",
        },
    ),
    ChunkType.ASCONF: (
        asconf(6, address_parameter("10.1.0.1")),
        {"sequence_number": 6, "value": b"\0\0\0\6" + ADDRESS},
    ),
    ChunkType.I_FORWARD_TSN: (
        chunk(ChunkType.I_FORWARD_TSN, b"\0\0\0\x09\0\1\0\1\0\0\0\2"),
        {
            **{"cumulative_tsn": 9, "skipped_streams": [1], "skipped_mids": [2], "skipped_unordered": [True]},
            "value": b"\0\0\0\x09\0\1\0\1\0\0\0\2",
        },
    ),
}


@pytest.mark.parametrize("type", ChunkType)
def test_every_chunk_type(rows, type):
    body, expected = CHUNKS[type]
    # each stands between others, which must be found too
    found = rows(sctp_packet(cookie_ack(), body, data(tsn=99)))
    assert [row["type_name"] for row in found["chunks"]] == ["COOKIE_ACK", type.name, "DATA"]
    row = found["chunks"][1]
    assert known(row) == expected
    assert (row["type"], row["chunk"], row["offset"]) == (type, 1, 16)
    assert row["length"] in range(len(body) - 3, len(body) + 1)
    assert found["chunks"][2]["tsn"] == 99
    assert found["packets"][0]["chunks_in_packet"] == 3
    assert found["packets"][0]["defect"] is None


def test_an_nr_sack_has_gap_blocks_of_two_kinds(rows):
    blocks = rows(sctp_packet(CHUNKS[ChunkType.NR_SACK][0]))["gap_blocks"]
    assert [(row["kind"], row["start"], row["end"]) for row in blocks] == [
        ("gap", 11, 12),
        ("nr_gap", 14, 14),
        ("duplicate", 8, 8),
    ]


@pytest.mark.parametrize("type", [17, 63, 65, 127, 133, 191, 200, 255])
def test_unknown_chunk_types_keep_their_value(rows, type):
    found = rows(sctp_packet(chunk(type, b"value", flags=0xAA), cookie_ack()))
    row = found["chunks"][0]
    assert (row["type"], row["type_name"], row["flags"], row["value"]) == (type, None, 0xAA, b"value")
    assert row["unknown_action"] == ["stop", "stop_report", "skip", "skip_report"][type >> 6]
    assert found["chunks"][1]["type_name"] == "COOKIE_ACK"


def test_data_flags(rows):
    flags = [0, DataFlag.ENDING, DataFlag.BEGINNING, DataFlag.UNORDERED, DataFlag.IMMEDIATE]
    found = rows(sctp_packet(*[data(tsn=1, payload=b"x", flags=flag) for flag in flags]))
    names = ["ending", "beginning", "unordered", "immediate"]
    assert [[row[name] for name in names].count(True) for row in found["chunks"]] == [0, 1, 1, 1, 1]
    assert [found["chunks"][index + 1][name] for index, name in enumerate(names)] == [True] * 4


def test_a_later_fragment_of_i_data_has_no_ppid(rows):
    row = rows(sctp_packet(i_data(tsn=7, payload=b"x", fsn=5, flags=0)))["chunks"][0]
    assert (row["ppid"], row["ppid_name"], row["fsn"], row["ssn"]) == (None, None, 5, None)


def test_data_without_user_data(rows):
    row = rows(sctp_packet(data(tsn=7)))["chunks"][0]
    assert (row["payload_length"], row["payload_digest"], row["defect"]) == (0, digest(b""), None)


def test_gap_blocks_and_duplicates_are_absolute_tsns(rows):
    found = rows(sctp_packet(sack(0xFFFFFFFE, gaps=[(2, 3), (0xFFFF, 0xFFFF)], duplicates=[5, 0xFFFFFFFF])))
    assert [
        (row["index"], row["kind"], row["start_offset"], row["end_offset"], row["start"], row["end"])
        for row in found["gap_blocks"]
    ] == [
        (0, "gap", 2, 3, 0, 1),
        (1, "gap", 0xFFFF, 0xFFFF, 0xFFFD, 0xFFFD),
        (2, "duplicate", None, None, 5, 5),
        (3, "duplicate", None, None, 0xFFFFFFFF, 0xFFFFFFFF),
    ]


# ---- parameters and causes


def test_parameters_of_init(rows):
    parameters = [
        address_parameter("10.1.0.1"),
        address_parameter("fd00::1"),
        parameter(ParameterType.SUPPORTED_ADDRESS_TYPES, b"\0\5"),
        parameter(0x8123, b"?"),
        state_cookie(bytes(5)),
    ]
    found = rows(sctp_packet(init(*parameters)))["parameters"]
    assert [row["index"] for row in found] == [0, 1, 2, 3, 4]
    assert [row["type_name"] for row in found] == [
        "IPV4_ADDRESS",
        "IPV6_ADDRESS",
        "SUPPORTED_ADDRESS_TYPES",
        None,
        "STATE_COOKIE",
    ]
    assert [row["address"] for row in found] == ["10.1.0.1", "fd00::1", None, None, None]
    assert [row["length"] for row in found] == [8, 20, 6, 5, 9]
    assert [row["offset"] for row in found] == [32, 40, 60, 68, 76]
    assert [row["value"] for row in found][2:] == [b"\0\5", b"?", bytes(5)]
    assert [row["padding_is_zero"] for row in found] == [None, None, True, True, None]
    assert {row["chunk_type"] for row in found} == {ChunkType.INIT}
    assert {row["defect"] for row in found} == {None}


def test_a_last_parameter_may_leave_its_padding_to_the_chunk(rows):
    body = init(parameter(0x8123, b"?", padding=b""))
    found = rows(sctp_packet(body, cookie_ack()))
    assert [row["defect"] for row in found["chunks"]] == [None, None]
    assert found["chunks"][0]["length"] == 25
    assert (found["parameters"][0]["value"], found["parameters"][0]["defect"]) == (b"?", None)


def test_addresses_inside_asconf_parameters(rows):
    correlation = b"\0\0\0\1"
    packet = sctp_packet(
        asconf(
            1,
            address_parameter("10.1.0.1"),
            parameter(ParameterType.ADD_IP_ADDRESS, correlation + address_parameter("10.3.0.1")),
            parameter(ParameterType.DELETE_IP_ADDRESS, correlation + address_parameter("fd00::3")),
            parameter(ParameterType.SET_PRIMARY_ADDRESS, correlation + b"\0\5\0\4"),
        )
    )
    found = rows(packet)["parameters"]
    assert [row["address"] for row in found] == ["10.1.0.1", "10.3.0.1", "fd00::3", None]


def test_parameters_of_re_config_and_heartbeat(rows):
    packet = sctp_packet(
        chunk(ChunkType.RE_CONFIG, parameter(ParameterType.OUTGOING_SSN_RESET_REQUEST, bytes(12))),
        heartbeat(b"info"),
    )
    found = rows(packet)["parameters"]
    assert [(row["chunk"], row["type_name"], row["value"]) for row in found] == [
        (0, "OUTGOING_SSN_RESET_REQUEST", bytes(12)),
        (1, "HEARTBEAT_INFO", b"info"),
    ]


def test_causes(rows):
    packet = sctp_packet(
        abort(user_initiated_abort(b"bye"), cause(0x7777, b"")),
        error(cause(CauseCode.STALE_COOKIE, bytes(4))),
    )
    found = rows(packet)["causes"]
    assert [(row["chunk"], row["index"], row["code_name"], row["value"]) for row in found] == [
        (0, 0, "USER_INITIATED_ABORT", b"bye"),
        (0, 1, None, b""),
        (1, 0, "STALE_COOKIE", bytes(4)),
    ]


OF_EVERY = {"packet", "frame", "chunk", "index", "chunk_type", "length", "offset", "value", "padding_is_zero"}


@pytest.mark.parametrize("type", ParameterType)
def test_every_parameter_type(rows, type):
    value, fields = PARAMETERS[type]
    found = rows(sctp_packet(init(parameter(type, value), parameter(0x8123, b"?"))))["parameters"]
    assert [row["type_name"] for row in found] == [type.name, None]
    assert [row["unknown_action"] for row in found] == [None, "skip"]
    assert found[0]["value"] == value
    assert {
        name: found[0][name] for name in found[0] if found[0][name] is not None and name not in OF_EVERY
    } == {
        **fields,
        "type": type,
        "type_name": type.name,
    }


@pytest.mark.parametrize("code", CauseCode)
def test_every_cause_code(rows, code):
    value, fields = CAUSES[code]
    found = rows(sctp_packet(error(cause(code, value), user_initiated_abort(b"bye"))))["causes"]
    assert [row["code_name"] for row in found] == [code.name, "USER_INITIATED_ABORT"]
    assert found[0]["value"] == value
    assert {
        name: found[0][name] for name in found[0] if found[0][name] is not None and name not in OF_EVERY
    } == {
        **fields,
        "code": code,
        "code_name": code.name,
    }


def test_unknown_parameters_say_what_is_to_be_done(rows):
    found = rows(sctp_packet(init(*(parameter(type) for type in (0x0123, 0x4123, 0x8123, 0xC123, 5)))))
    actions = [row["unknown_action"] for row in found["parameters"]]
    assert actions == ["stop", "stop_report", "skip", "skip_report", None]


def test_what_parameters_and_causes_hold(rows):
    refused = cause(
        CauseCode.OPERATION_REFUSED_DUE_TO_RESOURCE_SHORTAGE,
        parameter(ParameterType.ADD_IP_ADDRESS, b"\0\0\0\1" + ADDRESS),
    )
    found = rows(
        sctp_packet(
            asconf(1, parameter(ParameterType.ERROR_CAUSE_INDICATION, bytes(4) + refused), type=128),
            error(
                cause(CauseCode.STALE_COOKIE, bytes(4)),
                cause(CauseCode.UNRECOGNIZED_CHUNK_TYPE, chunk(200, b"?")),
                cause(CauseCode.UNRECOGNIZED_PARAMETERS, parameter(0x8123, b"?") + parameter(0x8124)),
            ),
        )
    )["held"]
    columns = ("chunk", "index", "depth", "kind", "type_name", "type", "length", "offset", "address")
    assert [tuple(row[column] for column in columns) for row in found] == [
        (0, 0, 1, "cause", "OPERATION_REFUSED_DUE_TO_RESOURCE_SHORTAGE", 161, 20, 28, None),
        (0, 0, 2, "parameter", "ADD_IP_ADDRESS", 0xC001, 16, 32, "10.1.0.1"),
        (0, 0, 3, "parameter", "IPV4_ADDRESS", 5, 8, 40, "10.1.0.1"),
        (1, 1, 1, "chunk", None, 200, 5, 64, None),
        (1, 2, 1, "parameter", None, 0x8123, 5, 76, None),
        (1, 2, 1, "parameter", None, 0x8124, 4, 84, None),
    ]
    assert [row["value"] for row in found[3:]] == [b"?", b"?", b""]
    assert found[1]["correlation_id"] == 1
    assert {row["defect"] for row in found} == {None}


def test_parameters_in_one_another_down_to_the_last(rows):
    value = b""
    for _ in range(5000):
        value = parameter(ParameterType.UNRECOGNIZED_PARAMETER, value)
    found = rows(sctp_packet(init_ack(value)))["held"]
    assert [row["depth"] for row in found] == list(range(1, 5000))


def test_padding_that_is_not_zero(rows):
    found = rows(
        sctp_packet(
            data(tsn=1, payload=b"x", padding=b"\0\0\1"),
            init(parameter(0x8001, b"abc", padding=b"\1"), state_cookie(b"1234")),
        )
    )
    assert [row["padding_is_zero"] for row in found["chunks"]] == [False, None]
    assert [row["padding_is_zero"] for row in found["parameters"]] == [False, None]


# ---- every defect

GOOD = cookie_ack()
SHORT_VALUES = {
    ChunkType.DATA: 11,
    ChunkType.I_DATA: 15,
    ChunkType.INIT: 15,
    ChunkType.INIT_ACK: 15,
    ChunkType.SACK: 11,
    ChunkType.SHUTDOWN: 3,
    ChunkType.ECNE: 3,
    ChunkType.CWR: 3,
    ChunkType.AUTH: 3,
    ChunkType.FORWARD_TSN: 3,
    ChunkType.I_FORWARD_TSN: 3,
    ChunkType.ASCONF: 3,
    ChunkType.ASCONF_ACK: 3,
    ChunkType.PKTDROP: 11,
}

MALFORMED = {
    # name: (packet, table, defects of its rows, number of chunks)
    "common_header_cut": (sctp_packet()[:11], "packets", ["common_header_cut"], 0),
    "no_chunks": (sctp_packet(), "packets", ["no_chunks"], 0),
    "bytes_after_chunks": (sctp_packet(GOOD, b"\0\0\0"), "packets", ["bytes_after_chunks"], 1),
    "chunk_length_short": (
        sctp_packet(GOOD, chunk(0, bytes(12), length=3), GOOD),
        "chunks",
        [None, "chunk_length_short"],
        2,
    ),
    "chunk_length_zero": (
        sctp_packet(chunk(0, bytes(12), length=0), GOOD),
        "chunks",
        ["chunk_length_short"],
        1,
    ),
    "chunk_overruns_packet": (
        sctp_packet(GOOD, data(tsn=1, payload=b"12345678", length=999)),
        "chunks",
        [None, "chunk_overruns_packet"],
        2,
    ),
    "chunk_padding_missing": (
        sctp_packet(data(tsn=1, payload=b"x", padding=b"")),
        "chunks",
        ["chunk_padding_missing"],
        1,
    ),
    "sack_counts_overrun_chunk": (
        sctp_packet(sack(9, gaps=[(2, 3)], counts=(1, 1)), GOOD),
        "chunks",
        ["sack_counts_overrun_chunk", None],
        2,
    ),
    "bytes_after_parameters": (
        sctp_packet(init(address_parameter("10.1.0.1"), b"\0\0\0"), GOOD),
        "chunks",
        ["bytes_after_parameters", None],
        2,
    ),
    "bytes_after_causes": (
        sctp_packet(abort(user_initiated_abort(), b"\0"), GOOD),
        "chunks",
        ["bytes_after_parameters", None],
        2,
    ),
    "parameter_length_short": (
        sctp_packet(init(address_parameter("10.1.0.1"), parameter(7, bytes(8), length=3)), GOOD),
        "parameters",
        [None, "parameter_length_short"],
        2,
    ),
    "parameter_length_zero": (
        sctp_packet(heartbeat(b"info")[:6] + b"\0\0" + b"info", GOOD),
        "parameters",
        ["parameter_length_short"],
        2,
    ),
    "parameter_overruns_chunk": (
        sctp_packet(init(parameter(7, bytes(8), length=13)), GOOD),
        "parameters",
        ["parameter_overruns_chunk"],
        2,
    ),
    "parameter_length_wrong": (
        sctp_packet(init(parameter(ParameterType.IPV4_ADDRESS, bytes(16)), address_parameter("10.1.0.1"))),
        "parameters",
        ["parameter_length_wrong", None],
        1,
    ),
    "parameter_value_short": (
        sctp_packet(chunk(ChunkType.RE_CONFIG, parameter(13, bytes(8))), GOOD),
        "parameters",
        ["parameter_value_short"],
        2,
    ),
    "cause_value_short": (
        sctp_packet(error(cause(CauseCode.STALE_COOKIE, b"\0\0"), user_initiated_abort()), GOOD),
        "causes",
        ["cause_value_short", None],
        2,
    ),
    "held_length_short": (
        sctp_packet(init(parameter(8, b"\0\5\0\3" + bytes(8)), address_parameter("10.1.0.1"))),
        "held",
        ["held_length_short"],
        1,
    ),
    "held_overruns_holder": (
        sctp_packet(init(parameter(8, b"\0\5\0\x0d" + bytes(8)), address_parameter("10.1.0.1"))),
        "held",
        ["held_overruns_holder"],
        1,
    ),
    "cause_length_short": (
        sctp_packet(abort(user_initiated_abort(), cause(12, bytes(4), length=1)), GOOD),
        "causes",
        [None, "cause_length_short"],
        2,
    ),
    "cause_overruns_chunk": (
        sctp_packet(error(cause(12, bytes(4), length=99)), GOOD),
        "causes",
        ["cause_overruns_chunk"],
        2,
    ),
    **{
        f"chunk_value_short in {type.name}": (
            sctp_packet(chunk(type, bytes(length)), GOOD),
            "chunks",
            ["chunk_value_short", None],
            2,
        )
        for type, length in SHORT_VALUES.items()
    },
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_packets_stay_rows_with_a_defect(rows, name):
    packet, table, defects, count = MALFORMED[name]
    found = rows(packet)
    assert [row["defect"] for row in found[table]] == defects
    assert found["packets"][0]["chunks_in_packet"] == len(found["chunks"]) == count
    if len(packet) >= 12:
        assert found["packets"][0]["checksum_state"] == "good"


def test_every_defect_is_documented_and_produced_here():
    produced = {defect for _, _, defects, _ in MALFORMED.values() for defect in defects if defect}
    elsewhere = {"cut_by_snaplen", "cut_by_fragmentation"}  # test_links
    assert produced | elsewhere == set(DEFECTS)


def test_a_chunk_with_a_defect_keeps_what_is_known(rows):
    row = rows(sctp_packet(data(tsn=1, stream=2, payload=b"12345678", length=999)))["chunks"][0]
    assert (row["tsn"], row["stream"], row["length"], row["payload_length"]) == (1, 2, 999, 8)
    assert row["payload_digest"] is None
    row = rows(sctp_packet(cookie_echo(b"12345678", length=999)))["chunks"][0]
    assert row["value"] is None


def test_a_parameter_with_a_defect_has_no_value(rows):
    row = rows(sctp_packet(init(parameter(7, bytes(8), length=13))))["parameters"][0]
    assert (row["type_name"], row["length"], row["value"]) == ("STATE_COOKIE", 13, None)


def test_parameters_cut_by_what_cut_their_chunk(rows):
    packet = sctp_packet(init(address_parameter("10.1.0.1"), state_cookie(bytes(500))))
    found = rows(packet, snaplen=34 + len(packet) - 100)["parameters"]
    assert [(row["type_name"], row["defect"]) for row in found] == [
        ("IPV4_ADDRESS", None),
        ("STATE_COOKIE", "cut_by_snaplen"),
    ]


def test_gap_blocks_cut_by_snaplen(rows):
    packet = sctp_packet(sack(9, gaps=[(2, 3), (5, 6), (8, 9)]))
    found = rows(packet, snaplen=34 + len(packet) - 5)
    assert [row["start"] for row in found["gap_blocks"]] == [11]
    assert [row["defect"] for row in found["chunks"]] == ["cut_by_snaplen"]
    assert found["chunks"][0]["gap_block_count"] == 3


def test_padding_that_was_not_captured_is_not_judged(rows):
    packet = sctp_packet(data(tsn=1, payload=b"x"))
    for missing, padding_is_zero in [(0, True), (1, None), (3, None)]:
        row = rows(packet, snaplen=34 + len(packet) - missing)["chunks"][0]
        assert (row["padding_is_zero"], row["defect"]) == (padding_is_zero, None)
        assert row["payload_digest"] == digest(b"x")


# ---- checksums


@pytest.mark.parametrize(
    ("checksum", "state"), [(None, "good"), (0, "offloaded"), (1, "bad"), ("adler32", "adler32")]
)
def test_checksum_states(rows, checksum, state):
    if checksum == "adler32":
        checksum = zlib.adler32(sctp_packet(data(tsn=1, payload=b"hello"), checksum=0))
    packet = sctp_packet(data(tsn=1, payload=b"hello"), checksum=checksum)
    row = rows(packet)["packets"][0]
    assert (row["checksum_state"], row["checksum"]) == (state, int.from_bytes(packet[8:12]))


def test_a_changed_byte_makes_the_checksum_bad(rows):
    packet = bytearray(sctp_packet(data(tsn=1, payload=b"hello")))
    packet[-5] ^= 1
    assert rows(bytes(packet))["packets"][0]["checksum_state"] == "bad"
