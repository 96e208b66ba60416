"""HEARTBEATs with their HEARTBEAT_ACKs, and the paths that they probe."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.tables.associations import ENDPOINT, is_type, peer
from sctpinspect.tables.round_trips import of_paths
from sctpinspect.tables.schema import HEARTBEATS, PATHS, conform
from sctpinspect.tables.tsns import USER_DATA

PATIENCE_NS = 60_000_000_000
"""RTO.Max (RFC 9260 §16): a HEARTBEAT_ACK that comes later answers a HEARTBEAT only if it is identical."""


def heartbeats(chunks: pl.DataFrame, packets: pl.DataFrame) -> pl.DataFrame:
    """The table `heartbeats`; each HEARTBEAT_ACK answers one HEARTBEAT at most.

    Identical information shows which; of several the last between the same addresses, else the last. A
    HEARTBEAT_ACK whose information is in no HEARTBEAT answers the last HEARTBEAT between the same addresses,
    unless that is answered otherwise.
    """
    sent = _with_addresses(chunks, packets, ChunkType.HEARTBEAT)
    acks = _with_addresses(chunks, packets, ChunkType.HEARTBEAT_ACK)
    matches = pl.DataFrame(
        list(_matches(sent, acks)), {"heartbeat": pl.UInt32, "ack": pl.UInt32}, orient="row"
    )
    answers = acks.with_row_index("ack").select(
        "ack",
        ack_frame="frame",
        ack_chunk="chunk",
        ack_ns="time_ns",
        ack_source="source",
        ack_destination="destination",
        ack_info="value",
    )
    padded = chunks.filter(is_type(ChunkType.PAD)).select("packet", padded=True).unique()
    return (
        sent.with_row_index("heartbeat")
        .join(matches.join(answers, on="ack"), on="heartbeat", how="left", maintain_order="left")
        .join(padded, on="packet", how="left", maintain_order="left")
        .with_columns(pl.col("padded").fill_null(False), info="value")
        .pipe(conform, HEARTBEATS)
    )


def unasked(chunks: pl.DataFrame, packets: pl.DataFrame, heartbeats: pl.DataFrame) -> pl.DataFrame:
    """The chunks HEARTBEAT_ACK that answer no HEARTBEAT of the capture."""
    answered = heartbeats.drop_nulls("ack_frame").select(
        "association", peer(), frame="ack_frame", chunk="ack_chunk"
    )
    return _with_addresses(chunks, packets, ChunkType.HEARTBEAT_ACK).join(
        answered, on=[*ENDPOINT, "frame", "chunk"], how="anti", maintain_order="left"
    )


def _with_addresses(chunks: pl.DataFrame, packets: pl.DataFrame, type_: ChunkType) -> pl.DataFrame:
    """Chunks of a type with the addresses of their packets, in order; copies are left out."""
    found = chunks.filter(is_type(type_) & pl.col("association").is_not_null())
    there = packets.select("source", "destination", "path", "is_copy")[found["packet"]]
    return pl.concat([found, there], how="horizontal").filter(~pl.col("is_copy")).drop("is_copy")


def _matches(sent: pl.DataFrame, acks: pl.DataFrame) -> Iterator[tuple[int, int]]:
    """(row of `sent`, row of `acks`) of those that belong together."""
    columns = ["association", "side", "value", "source", "destination", "packet", "time_ns"]
    asked = sent.select(columns).rows()
    answers = acks.select(columns).rows()
    infos = {(association, side, info) for association, side, info, *_ in asked}
    identical: dict[tuple, list[int]] = {}  # by information, and by information and addresses
    last: dict[tuple, int] = {}
    answered: set[int] = set()
    changed: list[tuple[int, int]] = []
    position = 0
    for ack, (association, side, info, source, destination, packet, time_ns) in enumerate(answers):
        while position < len(asked) and asked[position][5] <= packet:
            asker, asking, question, *addresses, _, _ = asked[position]
            for key in ((asker, asking, question), (asker, asking, question, *addresses)):
                identical.setdefault(key, []).append(position)
            last[asker, asking, *addresses] = last[asker, asking, addresses[0]] = position
            position += 1
        same = (association, 1 - side, info)
        if info is not None and same in infos:  # null: it was cut
            for key in ((*same, destination, source), same):
                unanswered = identical.get(key, [])
                while unanswered and unanswered[-1] in answered:
                    unanswered.pop()
                if unanswered:
                    answered.add(unanswered[-1])
                    yield unanswered.pop(), ack
                    break
        else:
            # a peer may answer from another of its addresses than it was asked at
            candidates = (last.get((association, 1 - side, destination, *rest)) for rest in ((source,), ()))
            heartbeat = next((each for each in candidates if each is not None and each not in answered), None)
            if heartbeat is not None and time_ns - asked[heartbeat][6] <= PATIENCE_NS:
                changed.append((heartbeat, ack))
    for heartbeat, ack in changed:
        if heartbeat not in answered:
            answered.add(heartbeat)
            yield heartbeat, ack


def paths(
    packets: pl.DataFrame,
    chunks: pl.DataFrame,
    control: pl.DataFrame,
    addresses: pl.DataFrame,
    heartbeats: pl.DataFrame,
    round_trips: pl.DataFrame,
    calls: pl.DataFrame,
) -> pl.DataFrame:
    """The table `paths`: of every side one row for each address of its peer.

    control: the chunks, at least those of the handshake.
    """
    path = [*ENDPOINT, "path"]
    data = chunks.select("packet", "type", "tsn").filter(USER_DATA)["packet"].to_numpy()
    of_packets = (
        packets.select(*path, "is_copy", data_chunks=np.bincount(data, minlength=len(packets)))
        .filter(~pl.col("is_copy"))
        .group_by(path)
        .agg(pl.len().alias("packets"), pl.col("data_chunks").sum())
    )
    of_heartbeats = heartbeats.group_by(path).agg(
        heartbeats=pl.len(),
        heartbeat_acks=pl.col("ack_frame").count(),
    )
    confirmed = _confirmations(control, packets, addresses, heartbeats, calls)
    rows = addresses.select("association", peer(), "path", destination="address").sort(path)
    for columns in (of_packets, of_heartbeats, confirmed, of_paths(round_trips)):
        rows = rows.join(columns, on=path, how="left", maintain_order="left")
    counts = ["packets", "data_chunks", "heartbeats", "heartbeat_acks", "round_trips"]
    return rows.with_columns(pl.col(counts).fill_null(0)).pipe(conform, PATHS)


def _confirmations(
    chunks: pl.DataFrame,
    packets: pl.DataFrame,
    addresses: pl.DataFrame,
    heartbeats: pl.DataFrame,
    calls: pl.DataFrame,
) -> pl.DataFrame:
    """`association`, `side`, `path`, `confirmed_frame`, `confirmed_ns` (RFC 9260 §5.4).

    At INIT_ACK those addresses that the initiator was given (where INIT went to, and what
    sctp_connectx names); at COOKIE_ECHO the one that INIT_ACK went to before; else what a HEARTBEAT to it
    confirms.
    """
    moments = (
        chunks.filter(is_type(ChunkType.INIT_ACK, ChunkType.COOKIE_ECHO))
        .unique(["association", "side", "type"], keep="first", maintain_order=True)
        .select("association", peer(), "type", "packet", confirmed_frame="frame", confirmed_ns="time_ns")
    )
    answered, echoed = (
        moments.filter(is_type(type_)).drop("type") for type_ in (ChunkType.INIT_ACK, ChunkType.COOKIE_ECHO)
    )
    went = chunks.filter(is_type(ChunkType.INIT, ChunkType.INIT_ACK)).join(
        packets.select("packet", "path"), on="packet"
    )
    named = (
        calls.filter((pl.col("name") == "sctp_connectx") & pl.col("association").is_not_null())
        .select(*ENDPOINT, address="addresses")
        .explode("address")
        .join(addresses.select("association", peer(), "address", "path"), on=[*ENDPOINT, "address"])
    )
    path = [*ENDPOINT, "path"]
    initiator = pl.concat([went.filter(is_type(ChunkType.INIT)).select(path), named.select(path)])
    responder = went.filter(is_type(ChunkType.INIT_ACK)).select(*path, sent="packet")
    echoed = responder.join(echoed, on=ENDPOINT).filter(pl.col("sent") < pl.col("packet"))
    return (
        pl.concat(
            [
                initiator.join(answered.drop("packet"), on=ENDPOINT),
                echoed.drop("sent", "packet"),
                heartbeats.filter(pl.col("ack_info") == pl.col("info")).select(
                    *path, confirmed_frame="ack_frame", confirmed_ns="ack_ns"
                ),
            ]
        )
        .drop_nulls("path")
        .sort("confirmed_frame")
        .unique(path, keep="first", maintain_order=True)
    )
