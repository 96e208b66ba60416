"""The ladder: hosts and paths as lanes, calls and packets in one time line.

Each lane is one path (in a recording of ours) or one pair of addresses (in anybody else's). A packet is
an arrow in the lane it took; a call stands at the outer edge of its host, at the moment it began or, if
it waits for the peer, at the moment it returned. What broke a rule is marked below its frame. Where there
is no room for all lanes, the last ones share one, and their packets say which path they took.
"""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import polars as pl
from rich.text import Text

from sctpinspect.protocol.errors import UsageError
from sctpinspect.protocol.numbers import ChunkType
from sctpinspect.report.escape import clip, escape
from sctpinspect.report.lines import count, line
from sctpinspect.report.notation import call_notes, fit, notes
from sctpinspect.tables import Tables

MIN_WIDTH, PLAIN_WIDTH = 60, 120
FOLD_ABOVE, FOLD_RUN = 200, 10

_TIME = 9  # digits
_ROOMY = 80  # from this width on (less time and frame) lanes stand well apart
_LANE_MIN, _LANE_MAX = 15, 56  # between the two verticals of a lane
_TEXT_LINES = 4  # of one call, remark or finding
_PAUSE_NS = 100_000_000  # a longer silence is drawn
_MS_SPAN_NS = 1_000_000_000_000  # times of longer captures are in seconds
_UNITS = {"ms": 1e6, "s": 1e9}
_MARKS = 3  # findings shown below one frame

_LEGEND = (
    "+N: TSN, counted from its sender's initial TSN; s: stream; os, mis: outbound streams, most inbound"
    " streams; ●: a call, where it began, or where it returned if it waits for the peer; ⋮: over 100 ms"
)

_CONNECTS = {"connect", "sctp_connectx"}
_WAITS = {"accept", "recv", "recvmsg", "sctp_recvmsg", "sctp_recvv"}
_HEARTBEATS = (ChunkType.HEARTBEAT, ChunkType.HEARTBEAT_ACK)
_SIDE_STYLES = ("cyan", "magenta")


class Lane(NamedTuple):
    """One path: its name, the addresses at its ends, and where it is drawn."""

    name: str
    left: str
    right: str
    start: int
    width: int


class Place(NamedTuple):
    """Where a packet is drawn; `by` tells its path in a lane that several share."""

    lane: Lane
    by: str = ""


class Row(NamedTuple):
    """One entry of the time line; `asks` and `answers` count the chunks of a packet of HEARTBEATs only."""

    time_ns: int
    frame: int | None
    lines: list[Text]
    asks: int = 0
    answers: int = 0


class Mark(NamedTuple):
    """A finding."""

    rule: str
    level: str
    message: str


Marks = dict[int | None, list[Mark]]


def ladder(
    tables: Tables[pl.DataFrame],
    association: int | None = None,
    findings: pl.DataFrame | None = None,
    width: int = PLAIN_WIDTH,
    among: int | None = None,
) -> Iterator[Text]:
    """The lines of the ladder of one association (the first unless given), at least 60 columns wide.

    `findings` are marked in place. Runs of HEARTBEATs are folded in ladders of more than 200 rows only.
    among: the number of associations in the capture, where these are not all its tables. Raises UsageError
    if there is no such association.
    """
    number = pick_association(tables, association)
    packets = tables.packets.filter((pl.col("association") == number) & ~pl.col("is_copy").fill_null(False))
    digits = max(len("frame"), len(str(tables.frames)))
    across = max(width, MIN_WIDTH) - _gutter(digits)
    place_of, lanes = _lanes(tables, packets, across)
    rails, edges = _rails(lanes, across), _edges(tables, number)
    rows = sorted(
        [
            *_packet_rows(tables, packets, place_of, rails),
            *_call_rows(tables, number, edges, packets["time_ns"], rails),
            *_event_rows(tables, edges, rails),
        ],
        key=lambda row: row.time_ns,
    )
    marks = _marks(findings, number)
    if len(rows) > FOLD_ABOVE:
        rows = list(_folded(rows, marks, rails))
    unit = "ms" if not rows or rows[-1].time_ns - rows[0].time_ns < _MS_SPAN_NS else "s"
    yield from _header(tables, number, among or tables.associations.height, unit, digits, lanes, rails)
    yield from _body(rows, unit, digits, marks, rails)
    yield from (line((text, "dim")) for text in textwrap.wrap(_LEGEND, max(width, MIN_WIDTH)))


def _gutter(digits: int) -> int:
    """Columns of time and frame, with the space after each."""
    return _TIME + 2 + digits + 2


def pick_association(tables: Tables, association: int | None) -> int:
    """The association asked for, or the first. Raises UsageError if the capture has no such one."""
    known = tables.associations.lazy().select("association").collect().to_series()
    if known.is_empty():
        raise UsageError("no association in the capture can be told; `show FILE` says what it holds")
    if association is None:
        return int(known[0])
    if association not in known:
        has = f"only association {known[0]}" if len(known) == 1 else f"associations {known[0]} to {known[-1]}"
        raise UsageError(f"there is no association {association}: the capture has {has}")
    return association


# ------------------------------------------------------------------ lanes


def _lanes(
    tables: Tables[pl.DataFrame], packets: pl.DataFrame, across: int
) -> tuple[dict[int, Place], list[Lane]]:
    """Packet to place, and the lanes: a path each where the recipe tells it, else a pair of addresses."""
    path_of = _path_of_interface(tables)
    lane_key: dict[int, tuple] = {}
    ends: dict[tuple, tuple[str, str]] = {}
    target: dict[int, str] = {}
    columns = ("packet", "interface", "source", "destination", "side")
    for packet, interface, source, destination, side in packets.select(columns).iter_rows():
        pair = (destination, source) if side == 1 else (source, destination)
        key = (path_of[interface],) if interface in path_of else pair
        lane_key[packet], target[packet] = key, destination
        ends.setdefault(key, pair)
    keys = sorted(ends, key=lambda key: key if len(key) == 1 else ())  # pairs stay in order of first use
    titles = [(f"path {key[0]}" if len(key) == 1 else "", *ends[key]) for key in keys]

    edge, gap = (2, 3) if across >= _ROOMY else (1, 1)
    most = max((across - 2 * edge + gap) // (_LANE_MIN + 2 + gap), 1)
    own = len(keys) if len(keys) <= most else most - 1
    if rest := len(keys) - own:
        kind = "paths" if path_of else "pairs"
        titles = [*titles[:own], (f"{rest} other {kind}" if own else f"{rest} {kind}", "", "")]
    step = min((across - 2 * edge + gap) // max(len(titles), 1), _LANE_MAX + 2 + gap)
    first = (across - step * len(titles) + gap) // 2
    lanes = [Lane(*title, first + n * step, step - 2 - gap) for n, title in enumerate(titles)]

    number_of = {key: number for number, key in enumerate(keys)}
    places = {}
    for packet, key in lane_key.items():
        by = f"path {key[0]}" if len(key) == 1 else f"to {target[packet]}"
        number = number_of[key]
        places[packet] = Place(lanes[number]) if number < own else Place(lanes[own], by)
    return places, lanes


def _path_of_interface(tables: Tables[pl.DataFrame]) -> dict[int, int]:
    """Row of interfaces to path, by the recipe; empty for a capture made by others."""
    entries = tables.recipe.get("interfaces")
    named = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    paths = {str(entry.get("name")): path for entry in named if isinstance(path := entry.get("path"), int)}
    rows = tables.interfaces.select("interface", "name").rows()
    return {interface: paths[name] for interface, name in rows if name in paths}


def _rails(lanes: list[Lane], across: int) -> Text:
    """The verticals of the lanes, over which everything is written."""
    cells = [" "] * across
    for lane in lanes:
        cells[lane.start] = cells[lane.start + lane.width + 1] = "│"
    return Text("".join(cells), style="dim", no_wrap=True)


def _over(rails: Text, at: int, part: Text) -> Text:
    """The rails with a text over them from column `at`."""
    return rails[:at] + part + rails[at + part.cell_len :]


# ------------------------------------------------------------------ rows


def _packet_rows(
    tables: Tables[pl.DataFrame],
    packets: pl.DataFrame,
    place_of: dict[int, Place],
    rails: Text,
) -> Iterator[Row]:
    chunks_of = notes(tables, packets)
    columns = ("packet", "frame", "time_ns", "side", "delivery", "checksum_state", "defect")
    for packet, frame, time_ns, side, delivery, checksum, defect in packets.select(columns).iter_rows():
        (lane, by), chunks = place_of[packet], chunks_of[packet]
        remarks = [remark for remark in (checksum == "bad" and "bad checksum", defect) if remark]
        beats = Counter(chunk.type for chunk in chunks)
        only_beats = bool(chunks) and set(beats) <= set(_HEARTBEATS)
        style = "red" if remarks or delivery == "lost" else "dim" if only_beats else ""
        label = fit(chunks, [by, *remarks] if by else remarks, lane.width - 4)
        text = _over(rails, lane.start + 1, Text(_arrow(label, lane.width, side, delivery), style=style))
        foldable = only_beats and style == "dim"
        asks, answers = (beats[kind] for kind in _HEARTBEATS) if foldable else (0, 0)
        yield Row(time_ns, frame, [text], asks, answers)


def _arrow(label: str, width: int, side: int | None, delivery: str | None) -> str:
    """`──── INIT ────▶`, from the left for side 0; lost packets end in ✗, duplicated ones have two heads."""
    tip = "◀" if side == 1 else "▶"
    head = {"lost": "✗", "duplicated": 2 * tip}.get(delivery or "", tip)
    shaft = f" {label} ".center(width - len(head), "─")
    return head + shaft if side == 1 else shaft + head


def _edges(tables: Tables[pl.DataFrame], number: int) -> dict[str, int]:
    """Host to side, of the hosts at the ends; none if both ends are on one host."""
    ends = tables.endpoints.filter(pl.col("association") == number).select("host", "side").drop_nulls()
    return dict(ends.rows()) if ends["host"].is_unique().all() else {}


def _call_rows(
    tables: Tables[pl.DataFrame], number: int, edges: dict[str, int], packet_times: pl.Series, rails: Text
) -> Iterator[Row]:
    calls = tables.calls.filter((pl.col("association") == number) | pl.col("association").is_null())
    texts = call_notes(calls)
    columns = ("call", "frame", "start_ns", "end_ns", "host", "side", "name", "errno")
    for call, frame, start, end, host, side, name, errno in calls.select(columns).iter_rows():
        edge = edges.get(host) if side is None else side
        if edge is None:
            continue
        style = "red" if errno else _SIDE_STYLES[edge]
        if name in _CONNECTS and packet_times.is_between(start, end, closed="none").any():
            asked = texts[call].removesuffix(f" = {errno}")
            yield Row(start, frame, _at_edge(asked, edge, style, rails))
            yield Row(end, None, _at_edge(f"{name} returns {errno or 0}", edge, style, rails))
        else:
            yield Row(end if name in _WAITS else start, frame, _at_edge(texts[call], edge, style, rails))


def _at_edge(text: str, edge: int, style: str, rails: Text) -> list[Text]:
    """A text that begins at the left host's edge or ends at the right host's; its first line has the mark."""
    parts = _wrapped(text, len(rails) - 3)
    width = max(map(len, parts))
    lines = []
    for mark, part in zip("●" + " " * len(parts), parts, strict=False):
        if edge == 0:
            lines.append(_over(rails, 0, Text(f"{mark} {part} ", style)))
        else:
            lines.append(_over(rails, len(rails) - width - 3, Text(f" {part:<{width}} {mark}", style)))
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    """A text in lines of some width, the later ones indented; what is too long ends in `…`."""
    return textwrap.wrap(
        escape(text), width, subsequent_indent="  ", max_lines=_TEXT_LINES, placeholder="…"
    ) or [""]


def _event_rows(tables: Tables[pl.DataFrame], edges: dict[str, int], rails: Text) -> Iterator[Row]:
    """What a host said, at its edge, and what was done to the wire; not the signals between the programs."""
    events = tables.events.filter(pl.col("name") != "signal")
    for frame, time_ns, host, name, text in events.select("frame", "time_ns", "host", "name", "text").rows():
        if host in edges:
            said = text if name == "print" else f"{name} {text}"
            yield Row(time_ns, frame, _at_edge(said, edges[host], "italic", rails))
        else:
            yield Row(time_ns, frame, _note(f"{host}: {name} {text}", "yellow", rails))


def _note(text: str, style: str, rails: Text) -> list[Text]:
    """A remark in the middle."""
    parts = [f" {part} " for part in _wrapped(text, len(rails) - 2)]
    return [_over(rails, (len(rails) - len(part)) // 2, Text(part, style=style)) for part in parts]


def _folded(rows: Iterable[Row], marks: Marks, rails: Text) -> Iterator[Row]:
    """The rows, with each long run of HEARTBEATs that broke no rule as one row."""
    for foldable, group in groupby(rows, lambda row: row.asks + row.answers > 0 and row.frame not in marks):
        run = list(group)
        if foldable and len(run) >= FOLD_RUN:
            yield _fold(run, rails)
        else:
            yield from run


def _fold(run: list[Row], rails: Text) -> Row:
    asks = count(sum(row.asks for row in run), "HEARTBEAT")
    answers = count(sum(row.answers for row in run), "HEARTBEAT_ACK")
    seconds = (run[-1].time_ns - run[0].time_ns) / 1e9
    text = f"⋮ {asks}, {answers} in {seconds:.3f} s, to frame {run[-1].frame} ⋮"
    return Row(run[0].time_ns, run[0].frame, _note(text, "dim", rails))


# ------------------------------------------------------------------ lines


def _header(
    tables: Tables[pl.DataFrame],
    number: int,
    among: int,
    unit: str,
    digits: int,
    lanes: list[Lane],
    rails: Text,
) -> Iterator[Text]:
    if among > 1:
        yield line((f"association {number}, one of {among}; --association N draws another", "dim"))
    left, right = (_host(tables, number, side) for side in (0, 1))
    middle = " " * max(len(rails) - len(left) - len(right), 2)
    yield line(
        (f"{f'time {unit}':>{_TIME}}  {'frame':>{digits}}  ", "dim"),
        (left, f"bold {_SIDE_STYLES[0]}"),
        middle,
        (right, f"bold {_SIDE_STYLES[1]}"),
    )
    blank = Text(" " * len(rails), no_wrap=True)
    for texts in _titles(lanes):
        row = blank
        for lane, text in zip(lanes, texts, strict=True):
            row = _over(row, lane.start, Text(text, style="bold"))
        yield Text(" " * _gutter(digits)) + row


def _host(tables: Tables[pl.DataFrame], number: int, side: int) -> str:
    end = tables.endpoints.filter((pl.col("association") == number) & (pl.col("side") == side))
    host, port = end.select("host", "port").row(0) if end.height else (None, None)
    return escape(f"{host or f'side {side}'} port {port}")


def _titles(lanes: list[Lane]) -> Iterator[list[str]]:
    """The lines above the lanes: names, and the addresses, on lines of their own where they are long."""
    if any(lane.name for lane in lanes):
        yield [clip(lane.name, lane.width + 2).center(lane.width + 2) for lane in lanes]
    if all(len(lane.left) + len(lane.right) < lane.width for lane in lanes):
        yield [lane.left + lane.right.rjust(lane.width + 2 - len(lane.left)) for lane in lanes]
    else:
        yield [clip(lane.left, lane.width + 2).ljust(lane.width + 2) for lane in lanes]
        yield [clip(lane.right, lane.width + 2).rjust(lane.width + 2) for lane in lanes]


def _marks(findings: pl.DataFrame | None, number: int) -> Marks:
    """Frame to the findings on it."""
    marks: Marks = {}
    if findings is not None:
        here = findings.filter((pl.col("association") == number) | pl.col("association").is_null())
        for frame, *finding in here.select("frame", "rule", "level", "message").iter_rows():
            marks.setdefault(frame, []).append(Mark(*finding))
    return marks


def _body(rows: list[Row], unit: str, digits: int, marks: Marks, rails: Text) -> Iterator[Text]:
    zero = before = rows[0].time_ns if rows else 0
    blank = Text(" " * _gutter(digits), no_wrap=True)
    pause = blank + Text(rails.plain.replace("│", "⋮"), style="dim")
    for row in rows:
        if row.time_ns - before > _PAUSE_NS:
            yield pause
        before = row.time_ns
        time = f"{(row.time_ns - zero) / _UNITS[unit]:.3f}"[:_TIME].rstrip(".")
        frame = "" if row.frame is None else row.frame
        first, *rest = row.lines
        yield Text(f"{time:>{_TIME}}  {frame:>{digits}}  ", style="dim", no_wrap=True) + first
        yield from (blank + more for more in [*rest, *_marked(marks.get(row.frame, []), len(rails))])
    drawn = {row.frame for row in rows}
    for number in [number for number in marks if number not in drawn]:
        yield line("Not drawn here: " + ("the whole capture" if number is None else f"frame {number}"))
        yield from (blank + text for text in _marked(marks[number], len(rails)))


def _marked(found: list[Mark], width: int) -> Iterator[Text]:
    for rule, level, message in found[:_MARKS]:
        style = "bold red" if level == "MUST" else "yellow"
        yield from (Text(text, style=style) for text in _wrapped(f"✗ {rule}: {message}", width))
    if len(found) > _MARKS:
        yield line((f"… {len(found) - _MARKS} more", "red"))
