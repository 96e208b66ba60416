"""From the columns of a capture to all its tables."""

from typing import Any

import polars as pl

from sctpinspect.decode import Columns
from sctpinspect.journal import RECORDING_ENDED
from sctpinspect.protocol import ChunkType
from sctpinspect.tables.acknowledgements import acknowledgements, ranges
from sctpinspect.tables.assignment import assign
from sctpinspect.tables.associations import (
    ENDPOINT,
    addresses,
    associations,
    endpoints,
    is_type,
    peer,
    with_extensions,
)
from sctpinspect.tables.calls import with_associations, with_calls, with_hosts
from sctpinspect.tables.changes import changes, with_streams
from sctpinspect.tables.completeness import completeness
from sctpinspect.tables.heartbeats import heartbeats, paths
from sctpinspect.tables.messages import messages
from sctpinspect.tables.model import Tables
from sctpinspect.tables.primary import primary
from sctpinspect.tables.retransmissions import retransmissions
from sctpinspect.tables.round_trips import round_trips, shortest
from sctpinspect.tables.schema import TABLES, conform
from sctpinspect.tables.tsns import nullable, sent

_FREQUENT = [ChunkType.DATA, ChunkType.I_DATA, ChunkType.SACK, ChunkType.NR_SACK]
"""Left out of what is searched again and again for the other chunks."""


def build(columns: Columns) -> Tables[pl.DataFrame]:
    """All tables of a capture, from what `sctpinspect.decode.decode` gives; never raises on its content."""
    tables = primary(columns)
    assignment = assign(tables["packets"], tables["chunks"], tables["parameters"])
    for name in ("packets", "chunks", "parameters", "causes", "held", "gap_blocks"):
        owner = assignment.packets.select(ENDPOINT)[tables[name]["packet"]]
        tables[name] = tables[name].with_columns(owner)

    packets, chunks = tables["packets"], tables["chunks"]
    control = chunks.filter(~is_type(*_FREQUENT))
    flows = packets[_first_of_flows(packets, columns)]
    changed = changes(packets, control, tables["parameters"])
    tables["addresses"] = addresses(packets, flows, control, tables["parameters"], changed)
    tables["packets"] = packets = _with_paths(packets, tables["addresses"])
    tables["associations"] = associations(packets, control, assignment)
    parties = endpoints(packets, control, tables["parameters"], assignment, tables["addresses"])
    tables["associations"] = with_extensions(tables["associations"], parties)
    tables["changes"] = with_streams(changed, parties)
    tables["endpoints"] = with_hosts(parties, tables["calls"], columns.recipe)
    tables["calls"] = with_associations(tables["calls"], tables["endpoints"], tables["associations"])

    tsns = sent(packets, chunks, parties)
    acks = ranges(chunks, tables["gap_blocks"], tsns)
    acked, unseen = acknowledgements(chunks, acks, tsns)
    tables["heartbeats"] = heartbeats(control, packets)
    tables["round_trips"] = trips = round_trips(packets, chunks, tables["heartbeats"], acked, tsns)
    of_chunks = tsns.of_chunks(tsns.lines, len(chunks))
    chunks = chunks.with_columns(
        acked_frame=chunks["frame"].gather(nullable(acked, pl.UInt32)).gather(of_chunks),
        is_retransmission=tsns.of_chunks(tsns.times, len(chunks)) > 1,
        retransmission=retransmissions(packets, chunks, acks, acked, shortest(trips, tsns), tsns),
    )
    found, numbers = messages(chunks, tsns)
    tables["chunks"] = chunks = chunks.with_columns(message=numbers.gather(of_chunks))
    tables["messages"] = with_calls(found, tables["calls"])
    tables["paths"] = paths(
        packets, chunks, control, tables["addresses"], tables["heartbeats"], trips, tables["calls"]
    )
    tables["completeness"] = completeness(
        tables["interfaces"],
        packets,
        control,
        tables["associations"],
        parties,
        tables["heartbeats"],
        tables["events"],
        unseen,
        columns.recipe,
        columns.defects,
    )
    frames = {name: conform(tables[name], schema) for name, schema in TABLES.items()}
    return Tables(
        **frames,
        recipe=columns.recipe,
        defects=columns.defects,
        frames=columns.frames,
        end_ns=_end_ns(packets, tables["events"]),
        data=columns.data,
    )


def _end_ns(packets: pl.DataFrame, events: pl.DataFrame) -> int:
    seen = packets.filter(~pl.col("is_copy"))["time_ns"]
    ends: Any = pl.concat([seen, events.filter(name=RECORDING_ENDED)["time_ns"]]).max()
    return ends or 0


def _first_of_flows(packets: pl.DataFrame, columns: Columns) -> pl.Series:
    """The first packets that each side sent from an address to another."""
    return (
        packets.select(*ENDPOINT, "packet", source=columns.sources, destination=columns.destinations)
        .unique([*ENDPOINT, "source", "destination"], keep="first", maintain_order=True)
        .get_column("packet")
    )


def _with_paths(packets: pl.DataFrame, addresses: pl.DataFrame) -> pl.DataFrame:
    """`packets` with `path`: the index of the destination among the addresses of the sender's peer."""
    destinations = addresses.select("association", peer(), "path", destination="address")
    return packets.drop("path").join(
        destinations, on=[*ENDPOINT, "destination"], how="left", maintain_order="left"
    )
