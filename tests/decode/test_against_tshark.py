"""Every SCTP packet of captures by other projects and of our own, field by field, against tshark."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tshark
from builders import (
    START_NS,
    abort,
    asconf,
    cause,
    chunk,
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
    user_initiated_abort,
)
from external_captures import CAPTURES, needed
from wellformed import ADDRESS, CAUSES, PARAMETERS

from sctpinspect.decode import decode
from sctpinspect.protocol import PPID_NAMES, CauseCode, ChunkType, ParameterType
from sctpinspect.tables.primary import primary

OURS = sorted((Path(__file__).parents[2] / "captures").rglob("*.pcapng"))

pytestmark = pytest.mark.skipif(not tshark.is_here, reason="tshark is not installed")

PACKET = {
    "source_port": "sctp.srcport",
    "destination_port": "sctp.dstport",
    "verification_tag": "sctp.verification_tag",
    "checksum": "sctp.checksum",
}

_BITS = {bit: f"sctp.data_{bit[0]}_bit" for bit in ("unordered", "beginning", "ending", "immediate")}
_OF_CHUNK = {"type": "sctp.chunk_type", "flags": "sctp.chunk_flags", "length": "sctp.chunk_length"}


def _opening(name: str) -> dict[str, str]:
    return {
        "initiate_tag": f"sctp.{name}_initiate_tag",
        "a_rwnd": f"sctp.{name}_credit",
        "outbound_streams": f"sctp.{name}_nr_out_streams",
        "inbound_streams": f"sctp.{name}_nr_in_streams",
        "initial_tsn": f"sctp.{name}_initial_tsn",
    }


CHUNK = {
    ChunkType.DATA: {
        **{"tsn": "sctp.data_tsn_raw", "stream": "sctp.data_sid", "ssn": "sctp.data_ssn"},
        **{"ppid": "sctp.data_payload_proto_id", **_BITS},
    },
    ChunkType.I_DATA: {
        **{"tsn": "sctp.data_tsn_raw", "stream": "sctp.data_sid", "mid": "sctp.data_mid"},
        **{"fsn": "sctp.data_fsn", "ppid": "sctp.data_payload_proto_id", **_BITS},
    },
    ChunkType.INIT: _opening("init"),
    ChunkType.INIT_ACK: _opening("initack"),
    ChunkType.SACK: {
        "cumulative_tsn": "sctp.sack_cumulative_tsn_ack_raw",
        "a_rwnd": "sctp.sack_a_rwnd",
        "gap_block_count": "sctp.sack_number_of_gap_blocks",
        "duplicate_tsn_count": "sctp.sack_number_of_duplicated_tsns",
    },
    ChunkType.NR_SACK: {
        "cumulative_tsn": "sctp.nr_sack_cumulative_tsn_ack",
        "a_rwnd": "sctp.nr_sack_a_rwnd",
        "gap_block_count": "sctp.nr_sack_number_of_gap_blocks",
        "duplicate_tsn_count": "sctp.nr_sack_number_of_duplicated_tsns",
        "nr_gap_block_count": "sctp.nr_sack_number_of_nr_gap_blocks",
    },
    ChunkType.ABORT: {"tag_reflected": "sctp.abort_t_bit"},
    ChunkType.SHUTDOWN: {"cumulative_tsn": "sctp.shutdown_cumulative_tsn_ack"},
    ChunkType.ECNE: {"lowest_tsn": "sctp.ecne_lowest_tsn"},
    ChunkType.CWR: {"lowest_tsn": "sctp.cwr_lowest_tsn"},
    ChunkType.SHUTDOWN_COMPLETE: {"tag_reflected": "sctp.shutdown_complete_t_bit"},
    ChunkType.AUTH: {"shared_key_id": "sctp.shared_key_id", "hmac_id": "sctp.hmac_id"},
    ChunkType.ASCONF: {"sequence_number": "sctp.asconf_seq_nr_number"},
    ChunkType.ASCONF_ACK: {"sequence_number": "sctp.asconf_ack_seq_nr_number"},
    ChunkType.PKTDROP: {
        "bandwidth": "sctp.pktdrop_bandwidth",
        "queue_size": "sctp.pktdrop_queuesize",
        "truncated_length": "sctp.pktdrop_truncated_length",
    },
    ChunkType.FORWARD_TSN: {"cumulative_tsn": "sctp.forward_tsn_tsn"},
    ChunkType.I_FORWARD_TSN: {"cumulative_tsn": "sctp.i_forward_tsn_tsn"},
}
"""The columns of each chunk type, by Wireshark's names."""

LISTS = {
    "skipped_streams": ["sctp.forward_tsn_sid", "sctp.i_forward_tsn_sid"],
    "skipped_ssns": ["sctp.forward_tsn_ssn"],
    "skipped_mids": ["sctp.forward_tsn_mid"],
    "skipped_unordered": ["sctp.i_forward_tsn_u_bit"],
    "listed": [
        *("sctp.parameter_supported_address_type", "sctp.supported_chunk_type", "sctp.chunk_type_to_auth"),
        *("sctp.hmac_id", "sctp.parameter_reconfig_sid"),
    ],
    "missing": ["sctp.cause_missing_parameter_type"],
}
"""Columns of lists; a list that is empty is not shown."""

PARAMETER = {
    "lifespan_increment_ms": ["sctp.parameter_cookie_preservative_incr"],
    "adaptation_code": ["sctp.adaptation_layer_indication"],
    "correlation_id": ["sctp.correlation_id"],
    "request_number": ["sctp.parameter_reconfig_request_sequence_number"],
    "response_number": ["sctp.parameter_reconfig_response_sequence_number"],
    "result": ["sctp.parameter_reconfig_response_result"],
    "last_tsn": ["sctp.parameter_senders_last_assigned_tsn"],
    "next_tsn": ["sctp.parameter_senders_next_tsn"],
    "peer_next_tsn": ["sctp.parameter_receivers_next_tsn"],
    "added_streams": [f"sctp.parameter_add_{which}_streams_number" for which in ("outgoing", "incoming")],
}
CAUSE = {
    "stream": ["sctp.cause_stream_identifier"],
    "staleness_us": ["sctp.cause_measure_of_staleness"],
    "tsn": ["sctp.cause_tsn"],
    "hmac_id": ["sctp.hmac_id"],
}
_WITH_ADDRESS = [
    *(ParameterType.ADD_IP_ADDRESS, ParameterType.DELETE_IP_ADDRESS),
    ParameterType.SET_PRIMARY_ADDRESS,
]
_ACTIONS = {(0, 0): "stop", (0, 1): "stop_report", (1, 0): "skip", (1, 1): "skip_report"}

COMMON = ["type", "flags", "length", "offset", "value", "payload_length", "padding_is_zero"]
COLUMNS = sorted({column for fields in CHUNK.values() for column in fields})


class Difference(NamedTuple):
    """A value of ours that is not tshark's. type, defect: of the row that it stands in."""

    frame: int
    field: str
    ours: Any
    theirs: Any
    type: int | None = None
    defect: str | None = None


class Explained(NamedTuple):
    """Why values differ: in which file (of all, where it is empty), which field, in rows of which defect."""

    field: str
    why: str
    file: str = ""
    defect: str | None = None
    frames: Collection[int] = ()

    def covers(self, name: str, found: Difference) -> bool:
        return (
            self.field == found.field
            and self.defect == found.defect
            and self.file in ("", name)
            and (not self.frames or found.frame in self.frames)
        )


EXPLAINED = [
    Explained(
        "packets",
        "ours: it takes the last four bytes of a FabricPath frame for its FCS; here they are SCTP's checksum",
        file="zeek__cisco-fabric-path.pcap",
        defect="no_chunks",
        frames=range(66, 98, 2),
    ),
    Explained(
        "packets",
        "both: nothing is shown of a common header that is cut",
        file="mrp__sctp-fuzz-part1.pcap",
        defect="cut_by_snaplen",
        frames=[385],
    ),
    Explained(
        "packet.checksum_is_good",
        "both: the IP length reaches beyond the frame. It takes the frame for the whole packet, we do not",
        defect="cut_by_snaplen",
    ),
    Explained(
        "chunk.payload_length",
        "ours: it says what the length field says, we say how much of it lies in the packet",
        defect="chunk_overruns_packet",
    ),
    Explained(
        "parameters.value",
        "both: it shows what the chunk holds of a value that is longer, we show none",
        defect="parameter_overruns_chunk",
    ),
    Explained("causes.value", "both: likewise", defect="cause_overruns_chunk"),
    *(
        Explained(f"chunk.{column}", "both: likewise of a list", defect="chunk_overruns_packet")
        for column in ("skipped_streams", "skipped_ssns", "skipped_mids", "skipped_unordered")
    ),
    Explained(
        "chunk.fsn",
        "both: the FSN of a first fragment is 0 (RFC 8260 §2.1), though no field says so",
    ),
]
"""Every difference there is, and who is right."""


def as_tshark_shows_it(path: Path) -> dict[int, list[dict]]:
    """What tshark shows of a capture, by frame, in our terms."""
    found = defaultdict(list)
    for frame, packet in tshark.packets(path):
        row = {column: packet.number(name) for column, name in PACKET.items()}
        row["checksum_is_good"] = {0: False, 1: True}.get(packet.number("sctp.checksum.status"))
        row["chunks"] = [_chunk_of_tshark(item) for item in packet.items]
        found[frame].append(row)
    return found


def _chunk_of_tshark(item: tshark.Item) -> dict:
    fields = {**_OF_CHUNK, **CHUNK.get(item.number("sctp.chunk_type"), {})}
    row: dict[str, Any] = {column: item.number(name) for column, name in fields.items()}
    row["offset"] = item.offset
    row["value"] = item.octets[4 : row["length"]]
    row["padding_is_zero"] = _is_zero(item, "sctp.chunk_padding")
    payload = re.search(r"payload length: (\d+)", item.title)
    row["payload_length"] = int(payload[1]) if payload else None
    row["gap_blocks"] = list(_blocks(item))
    row["unknown_action"] = _action(item, "sctp.chunk")
    inside = [_tlv_of_tshark(inner) for inner in item.items]
    for kind in ("parameter", "cause"):
        row[f"{kind}s"] = [each for each in inside if each["kind"] == kind]
    row["held"] = [each for inner in item.items for each in _held_of_tshark(inner, 1)]
    return row | _lists(item)


def _tlv_of_tshark(item: tshark.Item) -> dict:
    kinds = {"sctp.parameter_type": "parameter", "sctp.cause_code": "cause", "sctp.chunk_type": "chunk"}
    type, kind = next((name, kind) for name, kind in kinds.items() if name in item.fields)
    length = item.number(f"sctp.{kind}_length")
    fields = {"parameter": PARAMETER, "cause": CAUSE}.get(kind, {})
    return {
        "kind": kind,
        "type": item.number(type),
        "length": length,
        "offset": item.offset,
        "value": item.octets[4:length],
        "padding_is_zero": _is_zero(item, f"sctp.{kind}_padding"),
        "address": next(_addresses(item), None) if kind == "parameter" else None,
        "unknown_action": _action(item, "sctp.parameter"),
        **{column: next(_numbers(item, names), None) for column, names in fields.items()},
        **(_lists(item) if kind != "cause" else {"missing": _lists(item)["missing"]}),
    }


def _held_of_tshark(item: tshark.Item, depth: int) -> Iterator[dict]:
    for inner in item.items:
        yield {**_tlv_of_tshark(inner), "depth": depth}
        yield from _held_of_tshark(inner, depth + 1)


def _numbers(item: tshark.Item, names: list[str]) -> Iterator[int]:
    return (number for name in names for number in item.numbers(name))


def _lists(item: tshark.Item) -> dict[str, list[int] | None]:
    return {column: list(_numbers(item, names)) or None for column, names in LISTS.items()}


def _action(item: tshark.Item, name: str) -> str | None:
    return _ACTIONS.get((item.number(f"{name}_bit_1"), item.number(f"{name}_bit_2")))


def _addresses(item: tshark.Item) -> Iterator[str]:
    """The address of an address parameter, and those in an ASCONF parameter."""
    for name in ("sctp.parameter_ipv4_address", "sctp.parameter_ipv6_address"):
        yield from item.fields.get(name, [])
    if item.number("sctp.parameter_type") in _WITH_ADDRESS:
        for inner in item.items:
            yield from _addresses(inner)


def _is_zero(item: tshark.Item, name: str) -> bool | None:
    padding = item.fields.get(name)
    return None if padding is None else not any(bytes.fromhex(padding[0]))


def _blocks(item: tshark.Item) -> Iterator[tuple]:
    for kind, name in (
        ("gap", "sctp.sack_gap_block"),
        ("gap", "sctp.nr_sack_gap_block"),
        ("nr_gap", "sctp.nr_sack_nr_gap_block"),
    ):
        ends = ("start", "end", "start_tsn", "end_tsn")
        numbers = [item.numbers(f"{name}_{end}") for end in ends]
        yield from ((kind, *block) for block in zip(*numbers, strict=True))
    for name in ("sctp.sack_duplicate_tsn", "sctp.nr_sack_duplicate_tsn"):
        yield from (("duplicate", None, None, tsn, tsn) for tsn in item.numbers(name))


def as_we_decode_it(path: Path) -> dict[int, list[dict]]:
    """The rows of our tables, nested like what tshark shows."""
    tables = primary(decode(path))
    packets, chunks = tables["packets"].to_dicts(), tables["chunks"].to_dicts()
    inner: dict[str, dict] = {}
    for name in ("parameters", "causes", "gap_blocks", "held"):
        inner[name] = defaultdict(list)
        for row in tables[name].to_dicts():
            inner[name][row["packet"], row["chunk"]].append(row)
    for row in chunks:
        key = row["packet"], row["chunk"]
        row["parameters"] = inner["parameters"][key]
        row["causes"] = [{**each, "type": each["code"]} for each in inner["causes"][key]]
        row["held"] = sorted(inner["held"][key], key=lambda each: (each["index"], each["offset"]))
        names = ("kind", "start_offset", "end_offset", "start", "end")
        row["gap_blocks"] = [tuple(each[name] for name in names) for each in inner["gap_blocks"][key]]
        packets[row["packet"]].setdefault("chunks", []).append(row)
    found = defaultdict(list)
    for row in packets:
        row["checksum_is_good"] = (
            None if row["checksum_state"] == "not_captured" else row["checksum_state"] == "good"
        )
        found[row["frame"]].append(row)
    return found


def compared(ours: dict[int, list[dict]], theirs: dict[int, list[dict]]) -> Iterator[Difference | None]:
    """For each value that one of the two has: None, or how they differ."""
    for frame in sorted(ours | theirs):
        mine, other = ours.get(frame, []), theirs.get(frame, [])
        yield _compare(frame, "packets", len(mine), len(other), mine[0] if mine else {})
        for packet, shown in zip(mine, other, strict=False):
            for column in (*PACKET, "checksum_is_good"):
                yield _compare(frame, f"packet.{column}", packet[column], shown[column], packet)
            yield _compare(frame, "chunks", packet["chunks_in_packet"], len(shown["chunks"]), packet)
            for row, item in zip(packet.get("chunks", []), shown["chunks"], strict=False):
                yield from _compare_chunk(frame, row, item)


def _compare_chunk(frame: int, ours: dict, theirs: dict) -> Iterator[Difference | None]:
    for column in (*COMMON, *COLUMNS, "unknown_action", *(name for name in LISTS if name.startswith("skip"))):
        mine, other = _unless_empty(ours.get(column)), theirs.get(column)
        if column == "unknown_action" and ours["type_name"]:  # it shows the bits of known types too
            continue
        if column == "value" and mine is None:  # we keep it where the columns do not say all
            continue
        if mine is not None or other is not None:
            yield _compare(frame, f"chunk.{column}", mine, other, ours)
    yield _compare(frame, "chunk.gap_blocks", ours["gap_blocks"], theirs["gap_blocks"], ours)
    for kind in ("parameters", "causes", "held"):
        mine, other = ours[kind], theirs[kind]
        yield _compare(frame, f"chunk.{kind}", len(mine), len(other), ours)
        for row, item in zip(mine, other, strict=False):
            for column in item.keys() - {"kind"}:
                if column == "unknown_action" and (kind == "causes" or row["type_name"]):
                    continue
                value = _unless_empty(row.get(column))
                if value is not None or item[column] is not None:
                    yield _compare(frame, f"{kind}.{column}", value, item[column], row)


def _unless_empty(value: Any) -> Any:
    return None if value == [] else value


def _compare(frame: int, field: str, ours: Any, theirs: Any, row: dict) -> Difference | None:
    return (
        None if ours == theirs else Difference(frame, field, ours, theirs, row.get("type"), row.get("defect"))
    )


@cache
def differences(path: Path) -> list[Difference]:
    found = list(compared(as_we_decode_it(path), as_tshark_shows_it(path)))
    assert len(found) > 1
    return [each for each in found if each]


@pytest.mark.parametrize("path", [*CAPTURES, *OURS], ids=lambda path: path.name)
def test_values_are_those_of_tshark(path):
    unexplained = [
        each for each in differences(path) if not any(entry.covers(path.name, each) for entry in EXPLAINED)
    ]
    assert unexplained == []


def built() -> Iterator[bytes]:
    """SCTP packets with every chunk, parameter and error cause type, of which the captures have few."""
    for type, (value, _) in PARAMETERS.items():
        yield sctp_packet(init(parameter(type, value), parameter(0x8123, b"?")))
        yield sctp_packet(chunk(ChunkType.RE_CONFIG, parameter(type, value)))
        yield sctp_packet(asconf(1, ADDRESS, parameter(type, value)))
        yield sctp_packet(init_ack(parameter(ParameterType.UNRECOGNIZED_PARAMETER, parameter(type, value))))
    for code, (value, _) in CAUSES.items():
        yield sctp_packet(error(cause(code, value), user_initiated_abort(b"bye")))
        yield sctp_packet(asconf(1, parameter(0xC003, bytes(4) + cause(code, value)), type=128))
    for value in (ADDRESS, parameter(0xC001, bytes(4) + ADDRESS)):
        for code in (5, 8, 11, 160, 161, 162, 164):
            yield sctp_packet(abort(cause(code, value)))
    for skipped in ([], [(1, 2), (3, 4)]):
        yield sctp_packet(forward_tsn(9, skipped))
    four = b"\0\0\0\x09"
    yield sctp_packet(chunk(ChunkType.I_FORWARD_TSN, four + b"\0\1\0\1\0\0\0\2\0\3\0\0\0\0\0\4"))
    yield sctp_packet(
        sack(9, gaps=[(2, 3), (5, 9)], duplicates=[4, 5]), i_data(3, b"hallo"), i_data(4, fsn=7, flags=0)
    )
    nr_sack = four + b"\0\0\3\xe8\0\1\0\1\0\1\0\0\0\2\0\3\0\5\0\5\0\0\0\x08"
    yield sctp_packet(chunk(ChunkType.NR_SACK, nr_sack), *(chunk(type, four, 1) for type in (7, 12, 13)))
    yield sctp_packet(*(chunk(type, flags=1) for type in (8, 11, 14)), chunk(ChunkType.PAD, bytes(7)))
    yield sctp_packet(chunk(ChunkType.AUTH, b"\0\5\0\1" + bytes(20)), chunk(ChunkType.COOKIE_ECHO, b"cookie"))
    for type in (17, 100, 150, 250):
        yield sctp_packet(chunk(type, b"value", 0xAA))
    yield sctp_packet(chunk(ChunkType.PKTDROP, b"\0\0\0\1\0\0\0\2\0\3\0\0data"))


def test_built_packets_are_shown_as_we_decode_them(tmp_path):
    path = tmp_path / "built.pcap"
    path.write_bytes(pcap([(START_NS, ethernet(ipv4("10.1.0.1", "10.1.0.2", packet))) for packet in built()]))
    unexplained = [
        each for each in differences(path) if not any(entry.covers(path.name, each) for entry in EXPLAINED)
    ]
    assert unexplained == []


@pytest.mark.parametrize(
    ("field", "ours", "theirs_only"),
    [
        ("sctp.chunk_type", set(ChunkType), {255}),  # reserved, not assigned
        ("sctp.parameter_type", set(ParameterType), set()),
        ("sctp.cause_code", set(CauseCode), set()),
        ("sctp.data_payload_proto_id", set(PPID_NAMES), {0, 26}),  # unspecified, unassigned
    ],
)
def test_every_number_that_tshark_names_has_a_name(field, ours, theirs_only):
    assert tshark.named(field) - ours == theirs_only


@needed
def test_no_explanation_is_for_nothing():
    files = {entry.file for entry in EXPLAINED} | {"mrp__sctp-fuzz-part1.pcap", "tcpdump__sctp-i-data.pcap"}
    found = [(path.name, each) for path in CAPTURES if path.name in files for each in differences(path)]
    assert [entry for entry in EXPLAINED if not any(entry.covers(*each) for each in found)] == []
