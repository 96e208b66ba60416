"""Chunks and calls in short. Chunks: type, TSNs relative to their sender's initial TSN, stream, PPID, bytes.

`DATA tsn=+0 s=0 ppid=0 6 bytes`, `SACK +3 gaps +5..+7`, `INIT os=10 mis=65535`,
`ABORT (USER_INITIATED_ABORT)`. Calls without what the packets beside them show anyway.
"""

import itertools
import json
from collections import defaultdict
from typing import Any, NamedTuple

import polars as pl

from sctpinspect.journal.text import describe
from sctpinspect.protocol.numbers import ChunkType
from sctpinspect.protocol.serial import distance
from sctpinspect.report.escape import clip
from sctpinspect.report.lines import count
from sctpinspect.tables import Tables

_LEFT_OUT = {"address", "association_id", "size", "ssn"}
_ADDRESS_MATTERS = {"bind", "connect", "accept", "getsockname", "getpeername"}
_USUAL_FLAGS = {"SCTP_BINDX_ADD_ADDR", "MSG_EOR", "MSG_NOTIFICATION"}
_ABBREVIATED = {
    "HEARTBEAT": "HB",
    "HEARTBEAT_ACK": "HB_ACK",
    "SHUTDOWN": "SHUT",
    "SHUTDOWN_ACK": "SHUT_ACK",
    "SHUTDOWN_COMPLETE": "SHUT_COMP",
    "COOKIE_ECHO": "COOKIE",
}
_SHOWN = 3  # gaps, causes, parameters of one chunk
_DATA = (ChunkType.DATA, ChunkType.I_DATA)
_WITH_PARAMETERS = [ChunkType.RE_CONFIG, ChunkType.ASCONF, ChunkType.ASCONF_ACK]


class Note(NamedTuple):
    """One chunk: its type, its type's name, and texts for more and more narrow places."""

    type: int
    name: str
    full: str
    short: str
    brief: str


def notes(tables: Tables[pl.DataFrame], packets: pl.DataFrame) -> dict[int, list[Note]]:
    """The chunks of some packets (rows of `tables.packets`), by packet."""
    wanted = packets.select("packet")
    chunks = tables.chunks.join(wanted, on="packet", how="semi")
    details = _details(tables, wanted)
    bases = _initial_tsns(tables, chunks)
    by_packet: dict[int, list[Note]] = defaultdict(list)
    for chunk in chunks.sort("packet", "chunk").iter_rows(named=True):
        by_packet[chunk["packet"]].append(
            _note(chunk, details.get((chunk["packet"], chunk["chunk"]), []), bases)
        )
    return by_packet


def fit(chunks: list[Note], remarks: list[str], width: int) -> str:
    """The chunks of a packet and the remarks on it, in as much detail as `width` allows."""
    levels = ([getattr(chunk, level) for chunk in chunks] for level in ("full", "short", "brief"))
    names = [chunk.name for chunk in chunks]
    for texts in (*levels, _counted(names), _counted([_ABBREVIATED.get(name, name) for name in names])):
        label = ", ".join([*texts, *remarks]) or "no chunk"
        if len(label) <= width:
            break
    return clip(label, width)


def _counted(names: list[str]) -> list[str]:
    """Type names, with their number where one repeats."""
    runs = ((name, len(list(run))) for name, run in itertools.groupby(names))
    return [f"{times} {name}" if times > 1 else name for name, times in runs]


def _note(chunk: dict[str, Any], details: list[Any], bases: dict[tuple[int, int], int]) -> Note:
    kind, name, side = chunk["type"], chunk["type_name"] or f"type {chunk['type']}", chunk["side"]

    def relative(tsn: int, owner: int | None) -> str:
        base = None if owner is None else bases.get((chunk["association"], owner))
        return str(tsn) if base is None else f"{distance(base, tsn):+d}"

    full = short = brief = name
    if kind in _DATA and chunk["tsn"] is not None:
        tsn, stream, size = relative(chunk["tsn"], side), chunk["stream"], chunk["payload_length"]
        remarks = "".join(f" {remark}" for remark in _data_remarks(chunk))
        full = f"{name} tsn={tsn} s={stream} ppid={chunk['ppid']} {count(size, 'byte')}{remarks}"
        ppid = f" ppid={chunk['ppid']}" if chunk["ppid"] else ""
        short = f"{name} {tsn} s={stream}{ppid} {size} B{remarks}"
        brief = f"{name} {tsn}"
    elif chunk["cumulative_tsn"] is not None:
        # a FORWARD_TSN speaks of its sender's own TSNs, a SACK or SHUTDOWN of the peer's
        forward = kind in (ChunkType.FORWARD_TSN, ChunkType.I_FORWARD_TSN)
        owner = side if forward or side is None else 1 - side
        full = short = brief = f"{name} {relative(chunk['cumulative_tsn'], owner)}"
        if details:
            spans = [_span(relative(start, owner), relative(end, owner)) for start, end in details]
            full, short = f"{brief} gaps {_some(spans)}", f"{brief} {count(len(spans), 'gap')}"
    elif kind in (ChunkType.INIT, ChunkType.INIT_ACK) and chunk["outbound_streams"] is not None:
        full = f"{name} os={chunk['outbound_streams']} mis={chunk['inbound_streams']}"
    elif details:
        full = f"{name} ({_some(details)})"
    if chunk["defect"]:
        full, short, brief = f"{full} ({chunk['defect']})", f"{short} (malformed)", f"{brief} (malformed)"
    return Note(kind, name, full, short, brief)


def _data_remarks(chunk: dict[str, Any]) -> list[str]:
    fragment = {(True, False): "first", (False, False): "middle", (False, True): "last"}
    part = fragment.get((chunk["beginning"], chunk["ending"]))
    remarks = (chunk["unordered"] and "unordered", part, chunk["is_retransmission"] and "again")
    return [remark for remark in remarks if remark]


def _span(start: str, end: str) -> str:
    return start if start == end else f"{start}..{end}"


def _some(texts: list[str]) -> str:
    """The first few, and how many more."""
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f", {more} more" if more > 0 else "")


def _details(tables: Tables[pl.DataFrame], packets: pl.DataFrame) -> dict[tuple[int, int], list[Any]]:
    """(packet, chunk) to what is told of it beyond its own columns: gaps, causes, parameters."""
    found: dict[tuple[int, int], list[Any]] = defaultdict(list)
    gaps = tables.gap_blocks.filter(pl.col("kind") == "gap")
    for packet, chunk, start, end in _rows(gaps, packets, "start", "end"):
        found[packet, chunk].append((start, end))
    for packet, chunk, code, name in _rows(tables.causes, packets, "code", "code_name"):
        found[packet, chunk].append(name or f"cause {code}")
    parameters = tables.parameters.filter(pl.col("chunk_type").is_in(_WITH_PARAMETERS))
    for packet, chunk, kind, name in _rows(parameters, packets, "type", "type_name"):
        found[packet, chunk].append(name or f"parameter {kind}")
    return found


def _rows(table: pl.DataFrame, packets: pl.DataFrame, *columns: str) -> list[tuple]:
    kept = table.join(packets, on="packet", how="semi").sort("packet", "chunk", "index")
    return kept.select("packet", "chunk", *columns).rows()


def _initial_tsns(tables: Tables[pl.DataFrame], chunks: pl.DataFrame) -> dict[tuple[int, int], int]:
    """(association, side) to the TSN that counts as +0: the initial TSN, else the first one seen."""
    seen = chunks.filter(pl.col("tsn").is_not_null()).unique(
        ["association", "side"], keep="first", maintain_order=True
    )
    columns = ("association", "side", "initial_tsn")
    known = tables.endpoints.select(columns).drop_nulls()
    both = [*seen.select("association", "side", "tsn").rows(), *known.rows()]
    return {(association, side): tsn for association, side, tsn in both}


def call_notes(calls: pl.DataFrame) -> dict[int, str]:
    """Some calls (rows of `tables.calls`) by number: `sctp_sendmsg("OK", 2 bytes, stream 0, ppid 0) = 2`.

    The socket is named only if its host has several.
    """
    sockets = dict(calls.group_by("host").agg(pl.col("socket").n_unique()).rows())
    columns = ("call", "host", "socket", "name", "arguments", "result", "errno")
    texts = {}
    for call, host, socket, name, arguments, result, errno in calls.select(columns).iter_rows():
        text = describe(name, socket, _kept(arguments, name), _kept(result, name), errno)
        if sockets[host] == 1:
            text = text.replace(f"(socket {socket}, ", "(").replace(f"(socket {socket})", "()")
        texts[call] = text.removesuffix(" = 0")
    return texts


def _kept(values: str, name: str) -> dict[str, Any]:
    left_out = _LEFT_OUT - ({"address"} if name in _ADDRESS_MATTERS else set())
    kept = {key: value for key, value in json.loads(values).items() if key not in left_out}
    flags = kept.pop("flags", None)
    unusual = [flag for flag in (flags if isinstance(flags, list) else [flags]) if flag not in _USUAL_FLAGS]
    return kept | ({"flags": unusual} if any(unusual) else {})
