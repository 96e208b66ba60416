"""Every SCTP packet of captures by other projects and of our own, field by field, against tshark."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tshark
from external_captures import CAPTURES, needed

from sctpinspect.decode import decode
from sctpinspect.protocol import ChunkType
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
    },
    ChunkType.ABORT: {"tag_reflected": "sctp.abort_t_bit"},
    ChunkType.SHUTDOWN: {"cumulative_tsn": "sctp.shutdown_cumulative_tsn_ack"},
    ChunkType.ECNE: {"lowest_tsn": "sctp.ecne_lowest_tsn"},
    ChunkType.CWR: {"lowest_tsn": "sctp.cwr_lowest_tsn"},
    ChunkType.SHUTDOWN_COMPLETE: {"tag_reflected": "sctp.shutdown_complete_t_bit"},
    ChunkType.AUTH: {"shared_key_id": "sctp.shared_key_id", "hmac_id": "sctp.hmac_id"},
    ChunkType.ASCONF: {"sequence_number": "sctp.asconf_seq_nr_number"},
    ChunkType.ASCONF_ACK: {"sequence_number": "sctp.asconf_ack_seq_nr_number"},
    ChunkType.FORWARD_TSN: {"cumulative_tsn": "sctp.forward_tsn_tsn"},
    ChunkType.I_FORWARD_TSN: {"cumulative_tsn": "sctp.i_forward_tsn_tsn"},
}
"""The columns of each chunk type, by Wireshark's names."""

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
    Explained(
        "chunk.fsn",
        "both: the FSN of a first fragment is 0 (RFC 8260 §2.1), though no field says so",
        file="tcpdump__sctp-i-data.pcap",
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
    for kind, name in (("parameters", "sctp.parameter"), ("causes", "sctp.cause")):
        row[kind] = [
            _tlv_of_tshark(inner, name)
            for inner in item.items
            if any(each.startswith(name) for each in inner.fields)
        ]
    return row


def _tlv_of_tshark(item: tshark.Item, name: str) -> dict:
    length = item.number(f"{name}_length")
    return {
        "type": item.number(f"{name}_{'code' if name == 'sctp.cause' else 'type'}"),
        "length": length,
        "offset": item.offset,
        "value": item.octets[4:length],
        "padding_is_zero": _is_zero(item, f"{name}_padding"),
        "address": next(_addresses(item), None),
    }


def _addresses(item: tshark.Item) -> Iterator[str]:
    for name in ("sctp.parameter_ipv4_address", "sctp.parameter_ipv6_address"):
        yield from item.fields.get(name, [])
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
    for name in ("parameters", "causes", "gap_blocks"):
        inner[name] = defaultdict(list)
        for row in tables[name].to_dicts():
            inner[name][row["packet"], row["chunk"]].append(row)
    for row in chunks:
        key = row["packet"], row["chunk"]
        row["parameters"] = inner["parameters"][key]
        row["causes"] = [{**each, "type": each["code"]} for each in inner["causes"][key]]
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
            for chunk, item in zip(packet.get("chunks", []), shown["chunks"], strict=False):
                yield from _compare_chunk(frame, chunk, item)


def _compare_chunk(frame: int, ours: dict, theirs: dict) -> Iterator[Difference | None]:
    for column in (*COMMON, *COLUMNS):
        mine, other = ours.get(column), theirs.get(column)
        if column == "value" and mine is None:  # we keep it where the columns do not say all
            continue
        if mine is not None or other is not None:
            yield _compare(frame, f"chunk.{column}", mine, other, ours)
    yield _compare(frame, "chunk.gap_blocks", ours["gap_blocks"], theirs["gap_blocks"], ours)
    for kind in ("parameters", "causes"):
        mine, other = ours[kind], theirs[kind]
        yield _compare(frame, f"chunk.{kind}", len(mine), len(other), ours)
        for row, item in zip(mine, other, strict=False):
            for column in ("type", "length", "offset", "value", "padding_is_zero", "address"):
                if row.get(column) is not None or item[column] is not None:
                    yield _compare(frame, f"{kind}.{column}", row.get(column), item[column], row)


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


@needed
def test_no_explanation_is_for_nothing():
    files = {entry.file for entry in EXPLAINED} | {"mrp__sctp-fuzz-part1.pcap"}
    found = [(path.name, each) for path in CAPTURES if path.name in files for each in differences(path)]
    assert [entry for entry in EXPLAINED if not any(entry.covers(*each) for each in found)] == []
