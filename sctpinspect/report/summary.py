"""What a capture holds, for `show`: the file, its associations and paths, its calls, and one frame's rows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import polars as pl
from rich.text import Text

from sctpinspect.report.escape import clip
from sctpinspect.report.lines import aligned, line
from sctpinspect.report.text import contents, origin_of, remarks
from sctpinspect.tables import Tables
from sctpinspect.tables.schema import TABLES

DETAILED = 5  # more associations than this are shown as one line each
LISTED = 10_000  # of more the first ones are shown
_VALUE_WIDTH = 200
_HEXADECIMAL = {"verification_tag", "quoted_verification_tag", "initiate_tag", "checksum"}  # as in Wireshark


def summary(file: str, tables: Tables, association: int | None = None) -> Iterator[Text]:
    """The file's facts, then each association's endpoints and paths, or one line each if there are many."""
    yield line((origin_of(tables.recipe) or file, "bold"))
    yield from _facts(file, tables)
    if tables.height("interfaces"):
        yield Text()
        yield from _interfaces(tables)
    associations = tables.associations.lazy()
    if association is not None:
        associations = associations.filter(pl.col("association") == association)
    shown = associations.head(LISTED).collect()
    if shown.height > DETAILED:
        yield Text()
        yield from _overview(tables, shown)
        return
    for row in shown.iter_rows(named=True):
        yield Text()
        yield from _association(tables, row)


def _facts(file: str, tables: Tables) -> Iterator[Text]:
    first, last = _times(tables)
    span = ""
    if first is not None and last is not None:
        start = datetime.fromtimestamp(first // 1_000_000_000, UTC)
        span = f" over {(last - first) / 1e9:.3f} s from {start:%Y-%m-%d %H:%M:%S} UTC"
    if origin_of(tables.recipe):
        yield line("  ", file)
    yield line("  ", f"{tables.frames} frames{span}")
    yield line("  ", contents(tables))
    yield from remarks(tables, "  ")


def _times(tables: Tables) -> tuple[int | None, int | None]:
    """The first and the last time when a packet was captured, a call began or an event happened."""
    columns = ((tables.packets, "time_ns"), (tables.calls, "start_ns"), (tables.events, "time_ns"))
    ends = [table.lazy().select(first=pl.col(name).min(), last=pl.col(name).max()) for table, name in columns]
    first, last = pl.concat(ends).select(pl.col("first").min(), pl.col("last").max()).collect().row(0)
    return first, last


def _interfaces(tables: Tables) -> Iterator[Text]:
    sent = tables.packets.lazy().group_by("interface").len()
    rows = tables.interfaces.lazy().join(sent, on="interface", how="left").sort("interface").collect()
    columns = ("interface", "name", "description", "len", "received", "dropped")
    yield from aligned(
        [
            ("interface", "name", "description", "SCTP packets", "received", "dropped"),
            *(
                (number, name, text, sctp or 0, got, lost)
                for number, name, text, sctp, got, lost in rows.select(columns).rows()
            ),
        ],
        right={0, 3, 4, 5},
        indent=2,
    )


def _overview(tables: Tables, associations: pl.DataFrame) -> Iterator[Text]:
    rows: list[tuple] = [("association", "frames", "packets", "handshake", "end", "endpoints")]
    columns = ["association", "addresses", "port"]
    found = tables.endpoints.lazy().join(associations.lazy(), on="association", how="semi").select(columns)
    parties: dict[int, list[dict[str, Any]]] = {}
    for end in found.collect().iter_rows(named=True):
        parties.setdefault(end["association"], []).append(end)
    for row in associations.iter_rows(named=True):
        ends = " - ".join(f"{_addresses(end)} port {end['port']}" for end in parties[row["association"]])
        frames = f"{row['first_frame']}-{row['last_frame']}"
        seen = "seen" if row["handshake"] else "not seen"
        rows.append(
            (
                row["association"],
                frames,
                row["packets"],
                seen,
                row["end"] or "not seen",
                clip(ends, _VALUE_WIDTH),
            )
        )
    yield from aligned(rows, right={0, 2}, indent=2)
    if more := tables.height("associations") - associations.height:
        yield line(f"  {more} more")
    yield line(("  --association N shows one with its paths", "dim"))


def _association(tables: Tables, row: dict[str, Any]) -> Iterator[Text]:
    number, seconds = row["association"], (row["last_ns"] - row["first_ns"]) / 1e9
    yield line(
        (f"Association {number}", "bold"),
        f": {row['packets']} packets, frames {row['first_frame']} to {row['last_frame']}, {seconds:.3f} s; ",
        "set-up seen; " if row["handshake"] else "set-up not seen; ",
        f"ended by {row['end'].upper()} in frame {row['end_frame']}" if row["end"] else "end not seen",
        "" if row["restart_of"] is None else f"; restart of association {row['restart_of']}",
    )
    ends = _endpoints(tables, number)
    yield from aligned(
        [
            ("side", "host", "port", "addresses", "tag", "initial TSN", "streams out", "a_rwnd"),
            *(
                (
                    end["side"],
                    end["host"],
                    end["port"],
                    clip(_addresses(end), _VALUE_WIDTH),
                    None if end["tag"] is None else f"{end['tag']:#010x}",
                    end["initial_tsn"],
                    end["negotiated_streams"],
                    end["a_rwnd"],
                )
                for end in ends
            ),
        ],
        right={0, 2, 5, 6, 7},
        indent=2,
    )
    paths = tables.paths.lazy().filter(pl.col("association") == number).collect()
    names = {end["side"]: end["host"] or f"side {end['side']}" for end in ends}
    yield from aligned(
        [
            ("from", "to", "packets", "DATA", "HEARTBEATs", "answered", "confirmed in", "RTT ms"),
            *(
                (
                    names.get(path["side"], path["side"]),
                    path["destination"],
                    path["packets"],
                    path["data_chunks"],
                    path["heartbeats"],
                    path["heartbeat_acks"],
                    "never" if path["confirmed_frame"] is None else f"frame {path['confirmed_frame']}",
                    None if path["rtt_median_ns"] is None else f"{path['rtt_median_ns'] / 1e6:.3f}",
                )
                for path in paths.iter_rows(named=True)
            ),
        ],
        right={2, 3, 4, 5, 7},
        indent=2,
    )


def _endpoints(tables: Tables, association: int) -> list[dict[str, Any]]:
    found = tables.endpoints.lazy().filter(pl.col("association") == association).sort("side")
    return found.collect().to_dicts()


def _addresses(end: dict[str, Any]) -> str:
    return ", ".join(end["addresses"] or [])


def call_lines(tables: Tables, association: int | None = None) -> Iterator[Text]:
    """The calls in the order of their start; times in ms since the first packet or call."""
    calls = tables.calls.lazy().collect()
    if association is not None:
        calls = calls.filter(pl.col("association") == association)
    if not calls.height:
        yield line(
            "no socket call is in the capture" if association is None else "no socket call belongs to it"
        )
        return
    yield line(("   frame     time ms    took ms  call", "dim"))
    zero = _times(tables)[0] or 0
    columns = ("frame", "start_ns", "end_ns", "errno", "message")
    for frame, start, end, errno, message in calls.select(columns).iter_rows():
        times = f"{frame:>8}  {(start - zero) / 1e6:10.3f} {(end - start) / 1e6:10.3f}  "
        yield line((times, "dim"), (clip(message or "", 4 * _VALUE_WIDTH), "red" if errno else ""))


def is_journal_entry(tables: Tables, frame: int) -> bool:
    """Whether the frame is a call or an event, not a packet."""
    return any(
        table.lazy().filter(pl.col("frame") == frame).collect().height
        for table in (tables.calls, tables.events)
    )


def frame_lines(tables: Tables, frame: int) -> Iterator[Text]:
    """The rows that our own tables have for one frame, without what is null."""
    for name in TABLES:
        if name == "completeness" or "frame" not in TABLES[name]:
            continue
        rows = getattr(tables, name).lazy().filter(pl.col("frame") == frame).collect()
        for row in rows.iter_rows(named=True):
            yield Text()
            yield line((name, "bold"))
            cells = [
                (column, clip(_shown(column, value), _VALUE_WIDTH))
                for column, value in row.items()
                if value is not None
            ]
            width = max(len(column) for column, _ in cells)
            for column, value in cells:
                yield line("  ", (f"{column:<{width}}", "dim"), f"  {value}")


def _shown(column: str, value: object) -> str:
    if column in _HEXADECIMAL:
        return f"{value:#010x}"
    if isinstance(value, bytes):
        return f"{len(value)} bytes {value[:_VALUE_WIDTH].hex()}".rstrip()
    return str(value)
