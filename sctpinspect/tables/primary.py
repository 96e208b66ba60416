"""The primary tables: columns of the decoder as Polars frames, before associations are known."""

from collections import defaultdict
from typing import NamedTuple

import polars as pl

from sctpinspect.decode import Columns
from sctpinspect.tables.schema import TABLES, Schema

PRIMARY = [
    *["interfaces", "packets", "chunks", "parameters", "causes", "gap_blocks"],
    *["icmp_errors", "calls", "events"],
]
COPY_ELSEWHERE_NS = 1_000_000_000
COPY_HERE_NS = 1_000_000
COOKED_LINKS = {113, 276}
PLACES = 64
"""So many places where equal packets were captured are remembered, the latest: bounds the time taken."""


def primary(columns: Columns) -> dict[str, pl.DataFrame]:
    """The primary tables, by name, each with exactly its columns of the schema, in its order.

    Columns that need associations (association, side, path, message, is_retransmission, acked_frame)
    are null. `packets.is_copy` is worked out here.
    """
    frames = {name: _frame(TABLES[name], columns.tables[name]) for name in PRIMARY}
    is_copy = pl.Series("is_copy", _copies(columns), dtype=pl.Boolean)
    frames["packets"] = frames["packets"].with_columns(is_copy)
    return frames


def _frame(schema: Schema, values: dict[str, list]) -> pl.DataFrame:
    height = len(next(iter(values.values())))
    return pl.DataFrame(
        [
            pl.Series(name, values.get(name, [None] * height), dtype=column.dtype)
            for name, column in schema.items()
        ]
    )


class _Seen(NamedTuple):
    """How often equal packets were captured at one place, and what the latest of them was like."""

    times: int
    last_ns: int
    identification: int


def _copies(columns: Columns) -> list[bool]:
    """For each packet whether the same bytes between the same addresses were captured just before.

    At other places (both ends of a link, a router): the n-th of equal packets at one place is a copy if
    another place saw n of them within COPY_ELSEWHERE_NS, so a packet sent twice and captured at both ends
    gives two packets and two copies. At the same place: within COPY_HERE_NS, if the same IPv4
    identification or a device that sees each packet several times (Linux "any") says that it was sent once.
    """
    packets, link_types = columns.tables["packets"], columns.tables["interfaces"]["link_type"]
    names = [
        "time_ns",
        "interface",
        "place",
        "identification",
        "source",
        "destination",
        "begin",
        "captured_length",
    ]
    seen: dict[int, dict[tuple[int, int], _Seen]] = defaultdict(dict)
    copies = []
    for time_ns, interface, place, identification, source, destination, begin, length in zip(
        *(packets[name] for name in names), strict=True
    ):
        places = seen[hash((source, destination, columns.data[begin : begin + length]))]
        here = places.pop((interface, place), _Seen(0, time_ns, 0))
        elsewhere = [other.times for other in places.values() if time_ns - other.last_ns <= COPY_ELSEWHERE_NS]
        is_repeated = (
            here.times > 0
            and time_ns - here.last_ns <= COPY_HERE_NS
            and (link_types[interface] in COOKED_LINKS or here.identification == identification != 0)
        )
        count = here.times + (not is_repeated)
        copies.append(is_repeated or count <= max(elsewhere, default=0))
        places[interface, place] = _Seen(count, time_ns, identification)
        if len(places) > PLACES:
            del places[next(iter(places))]
    return copies
