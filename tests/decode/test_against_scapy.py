"""Every well-formed SCTP packet of captures by other projects, field by field, against Scapy.

Not against its idea of malformed packets; and a chunk or parameter that it does not know swallows what
follows, such as some parameters of RE_CONFIG.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from external_captures import CAPTURES, needed
from scapy.compat import raw
from scapy.layers.sctp import SCTP
from scapy.packet import Packet

from sctpinspect.decode import decode
from sctpinspect.tables.primary import primary

pytestmark = needed

_FLAGS = {
    "immediate": "delay_sack",
    "unordered": "unordered",
    "beginning": "beginning",
    "ending": "ending",
}
_OPENING = {
    "initiate_tag": "init_tag",
    "a_rwnd": "a_rwnd",
    "outbound_streams": "n_out_streams",
    "inbound_streams": "n_in_streams",
    "initial_tsn": "init_tsn",
}
FIELDS = {
    "SCTPChunkData": {
        **{"tsn": "tsn", "stream": "stream_id", "ssn": "stream_seq", "ppid": "proto_id", **_FLAGS},
    },
    "SCTPChunkIData": {"tsn": "tsn", "stream": "stream_id", "mid": "message_id", **_FLAGS},
    "SCTPChunkInit": _OPENING,
    "SCTPChunkInitAck": _OPENING,
    "SCTPChunkSACK": {
        **{"cumulative_tsn": "cumul_tsn_ack", "a_rwnd": "a_rwnd"},
        **{"gap_block_count": "n_gap_ack", "duplicate_tsn_count": "n_dup_tsn"},
    },
    "SCTPChunkAbort": {"tag_reflected": "TCB"},
    "SCTPChunkShutdown": {"cumulative_tsn": "cumul_tsn_ack"},
    "SCTPChunkShutdownComplete": {"tag_reflected": "TCB"},
    "SCTPChunkCookieEcho": {"value": "cookie"},
    "SCTPChunkAddressConf": {"sequence_number": "seq"},
    "SCTPChunkAddressConfAck": {"sequence_number": "seq"},
    "SCTPChunkForwardTSN": {"cumulative_tsn": "new_tsn"},
}
"""The columns of each chunk, by Scapy's names."""

MOST = 300
"""So many packets of a file are compared."""


def dissected(packet: Packet) -> Iterator[Packet]:
    """The chunks of a packet, payloads of one another, up to the first that Scapy does not know."""
    chunk = packet.payload
    while type(chunk).__name__.startswith("SCTPChunk"):
        yield chunk
        chunk = chunk.payload


def compare(chunk: dict, parameters: list[dict], blocks: list[dict], theirs: Packet) -> Iterator[tuple]:
    """Pairs that must be equal: the name of the value, ours and Scapy's."""
    name = type(theirs).__name__
    yield f"{name}.type", chunk["type"], theirs.type
    yield f"{name}.len", chunk["length"], theirs.len
    for ours, field in FIELDS.get(name, {}).items():
        yield f"{name}.{field}", chunk[ours], getattr(theirs, field)
    if name == "SCTPChunkSACK":
        gaps = [f"{each['start_offset']}:{each['end_offset']}" for each in blocks if each["kind"] == "gap"]
        yield f"{name}.gap_ack_list", gaps, theirs.gap_ack_list
        duplicates = [each["start"] for each in blocks if each["kind"] == "duplicate"]
        yield f"{name}.dup_tsn_list", duplicates, theirs.dup_tsn_list
    if hasattr(theirs, "params"):
        known = [each for each in theirs.params if type(each).__name__.startswith("SCTPChunk")]
        if len(known) == len(theirs.params):  # else one swallows those that follow
            yield f"{name}.params", len(parameters), len(known)
        for row, parameter in zip(parameters, known, strict=False):
            kind = type(parameter).__name__
            yield f"{kind}.type", row["type"], parameter.type
            yield f"{kind}.len", row["length"], parameter.len
            yield f"{kind}.value", row["value"], raw(parameter)[4 : row["length"]]
            if hasattr(parameter, "addr"):
                yield f"{kind}.addr", row["address"], parameter.addr


def rows_of(path: Path) -> Iterator[tuple[bytes, list[dict], dict, dict]]:
    """Bytes of each packet without a defect, its chunks, and their parameters and gap blocks."""
    columns = decode(path)
    tables = primary(columns)
    chunks = defaultdict(list)
    for row in tables["chunks"].to_dicts():
        chunks[row["packet"]].append(row)
    inner = {name: defaultdict(list) for name in ("parameters", "gap_blocks")}
    for name, found in inner.items():
        for row in tables[name].to_dicts():
            found[row["packet"], row["chunk"]].append(row)
    bad = {
        packet
        for name in ("packets", "chunks", "parameters", "causes")
        for packet in tables[name].drop_nulls("defect")["packet"]
    }
    for packet in range(len(columns.packets)):
        if packet not in bad:
            place = columns.packets[packet]
            source = columns.data.reassembled if place["reassembled"] else columns.data.file
            data = source[place["begin"] :][: place["length"]].tobytes()
            yield data, chunks[packet], inner["parameters"], inner["gap_blocks"]


def test_values_are_those_of_scapy():
    compared: Counter[str] = Counter()
    different = []
    for path in CAPTURES:
        for data, chunks, parameters, blocks in islice(rows_of(path), MOST):
            for chunk, theirs in zip(chunks, dissected(SCTP(data)), strict=False):
                key = chunk["packet"], chunk["chunk"]
                for name, ours, other in compare(chunk, parameters[key], blocks[key], theirs):
                    compared[name] += 1
                    if ours != other:
                        different.append((path.name, chunk["frame"], name, ours, other))
    assert different == []
    assert set(FIELDS) <= {name.split(".")[0] for name in compared} | {"SCTPChunkForwardTSN"}
    assert compared.total() > 100_000
