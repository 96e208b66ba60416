"""What extensions change in an association that goes on: addresses, streams, TSNs and SSNs, keys."""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.tables.associations import ENDPOINT, is_type
from sctpinspect.tables.schema import CHANGES, conform, polars_schema

ASCONF_REQUESTS = {
    ParameterType.ADD_IP_ADDRESS: "address_added",
    ParameterType.DELETE_IP_ADDRESS: "address_removed",
    ParameterType.SET_PRIMARY_ADDRESS: "primary_set",
}
RE_CONFIG_REQUESTS = {
    ParameterType.OUTGOING_SSN_RESET_REQUEST: "outgoing_ssns_reset",
    ParameterType.INCOMING_SSN_RESET_REQUEST: "incoming_ssns_reset",
    ParameterType.SSN_TSN_RESET_REQUEST: "ssns_and_tsns_reset",
    ParameterType.ADD_OUTGOING_STREAMS_REQUEST: "outgoing_streams_added",
    ParameterType.ADD_INCOMING_STREAMS_REQUEST: "incoming_streams_added",
}
_BEARERS = [ChunkType.ASCONF, ChunkType.ASCONF_ACK, ChunkType.RE_CONFIG]
_ANSWERS = [
    ParameterType.SUCCESS_INDICATION,
    ParameterType.ERROR_CAUSE_INDICATION,
    ParameterType.RE_CONFIGURATION_RESPONSE,
]
_FIXED = {  # bytes of a request before its list of streams
    ParameterType.OUTGOING_SSN_RESET_REQUEST: 12,
    ParameterType.INCOMING_SSN_RESET_REQUEST: 4,
    ParameterType.SSN_TSN_RESET_REQUEST: 4,
    ParameterType.ADD_OUTGOING_STREAMS_REQUEST: 8,
    ParameterType.ADD_INCOMING_STREAMS_REQUEST: 8,
}
_DONE, _IN_PROGRESS = (0, 1), 6  # results of RFC 6525 §4.4
WILDCARDS = ["0.0.0.0", "::"]

Row = dict[str, Any]


def changes(packets: pl.DataFrame, chunks: pl.DataFrame, parameters: pl.DataFrame) -> pl.DataFrame:
    """The table `changes`; `outbound_streams` is still null.

    Each request once, with what its answer says: of an ASCONF_ACK by RFC 5061 §5.1 A7 and A8 (what is not
    mentioned is done, unless it follows what was refused), of RE_CONFIG the last response. chunks: at least
    AUTH, ASCONF, ASCONF_ACK and RE_CONFIG.
    """
    if chunks.filter(is_type(*_BEARERS, ChunkType.AUTH)).is_empty():
        return pl.DataFrame(schema=polars_schema(CHANGES))
    there = packets.select("packet", "source", "is_copy").filter(~pl.col("is_copy")).drop("is_copy")
    bearers = (
        chunks.filter(is_type(*_BEARERS) & pl.col("association").is_not_null())
        .select("packet", "chunk", "frame", "time_ns", *ENDPOINT, "sequence_number", bearer="type")
        .join(there, on="packet", maintain_order="left")
    )
    wanted = [*ASCONF_REQUESTS, *RE_CONFIG_REQUESTS, *_ANSWERS]
    held = parameters.filter(pl.col("type").is_in(wanted) & pl.col("value").is_not_null()).select(
        "packet", "chunk", "index", "type", "value", "address"
    )
    rows = bearers.join(held, on=["packet", "chunk"], how="left", maintain_order="left").sort(
        "packet", "chunk", "index", maintain_order=True
    )
    found = pl.DataFrame(
        sorted(
            [*_asconfs(rows), *_re_configs(rows)], key=lambda row: (row["packet"], row["chunk"], row["index"])
        ),
        {name: CHANGES[name].dtype for name in CHANGES if name != "kind"} | {"kind": pl.String},
    )
    return pl.concat([conform(found, CHANGES), _keys(there, chunks)]).sort(
        "packet", "chunk", "index", maintain_order=True
    )


def with_streams(changes: pl.DataFrame, endpoints: pl.DataFrame) -> pl.DataFrame:
    """`changes` with the asker's outbound streams from then on, where their number at set-up is known."""
    if changes.is_empty():
        return changes
    adds = (pl.col("kind") == "outgoing_streams_added") & (pl.col("outcome") == "done").fill_null(False)
    added = pl.when(adds).then("added_streams").otherwise(0).cum_sum().over(ENDPOINT)
    known = endpoints.select(*ENDPOINT, "negotiated_streams")
    return (
        changes.join(known, on=ENDPOINT, how="left", maintain_order="left")
        .with_columns(
            outbound_streams=pl.when(adds).then(
                pl.min_horizontal(pl.col("negotiated_streams").cast(pl.Int64) + added, 0xFFFF)
            )
        )
        .pipe(conform, CHANGES)
    )


class _Answer(NamedTuple):
    """refused, done: correlation ids, the former with the code of the first cause."""

    frame: int
    time_ns: int
    refused: dict[int, int | None]
    done: set[int]


def _asconfs(rows: pl.DataFrame) -> Iterator[Row]:
    answers: dict[tuple, _Answer] = {}
    for row in rows.filter(pl.col("bearer") == ChunkType.ASCONF_ACK).iter_rows(named=True):
        key = row["association"], 1 - row["side"], row["sequence_number"]
        answer = answers.setdefault(key, _Answer(row["frame"], row["time_ns"], {}, set()))
        if row["type"] is not None and answer.frame == row["frame"] and len(row["value"]) >= 4:
            correlation = int.from_bytes(row["value"][:4])
            if row["type"] == ParameterType.ERROR_CAUSE_INDICATION:
                cause = row["value"][4:6]
                answer.refused[correlation] = int.from_bytes(cause) if len(cause) == 2 else None
            elif row["type"] == ParameterType.SUCCESS_INDICATION:
                answer.done.add(correlation)
    seen, failed = set(), set()
    asked = rows.filter((pl.col("bearer") == ChunkType.ASCONF) & pl.col("type").is_in(list(ASCONF_REQUESTS)))
    for row in asked.iter_rows(named=True):
        key = row["association"], row["side"], row["sequence_number"]
        if len(row["value"]) < 4 or (*key, row["index"]) in seen:
            continue
        seen.add((*key, row["index"]))
        correlation = int.from_bytes(row["value"][:4])
        change = _change(row, ASCONF_REQUESTS[row["type"]], row["sequence_number"])
        change["address"] = row["address"]
        if row["address"] in WILDCARDS:
            is_removed = row["type"] == ParameterType.DELETE_IP_ADDRESS
            change["address"] = None if is_removed else row["source"]
        if found := answers.get(key):
            change |= {"answer_frame": found.frame, "answer_ns": found.time_ns, "outcome": "done"}
            if correlation in found.refused:
                failed.add(key)
                change |= {"outcome": "refused", "result": found.refused[correlation]}
            elif key in failed and correlation not in found.done:
                change["outcome"] = "refused"
        yield change


def _re_configs(rows: pl.DataFrame) -> Iterator[Row]:
    rows = rows.filter(pl.col("bearer") == ChunkType.RE_CONFIG).drop_nulls("type")
    answers = {}
    for row in rows.filter(pl.col("type") == ParameterType.RE_CONFIGURATION_RESPONSE).iter_rows(named=True):
        if len(row["value"]) >= 8:
            number, result = struct.unpack_from(">II", row["value"])
            tsns = struct.unpack_from(">II", row["value"], 8) if len(row["value"]) >= 16 else (None, None)
            answers[row["association"], 1 - row["side"], number] = row["frame"], row["time_ns"], result, *tsns
    seen = set()
    for row in rows.filter(pl.col("type").is_in(list(RE_CONFIG_REQUESTS))).iter_rows(named=True):
        fixed = _FIXED[row["type"]]
        if len(row["value"]) < fixed:
            continue
        number = int.from_bytes(row["value"][:4])
        key = row["association"], row["side"], number
        if key in seen:
            continue
        seen.add(key)
        change = _change(row, RE_CONFIG_REQUESTS[row["type"]], number)
        if row["type"] in (
            ParameterType.OUTGOING_SSN_RESET_REQUEST,
            ParameterType.INCOMING_SSN_RESET_REQUEST,
        ):
            streams = row["value"][fixed:]
            change["streams"] = list(
                struct.unpack(f">{len(streams) // 2}H", streams[: len(streams) // 2 * 2])
            )
        elif row["type"] != ParameterType.SSN_TSN_RESET_REQUEST:
            change["added_streams"] = int.from_bytes(row["value"][4:6])
        if key in answers:
            frame, time_ns, result, peer_next_tsn, next_tsn = answers[key]
            change |= {"answer_frame": frame, "answer_ns": time_ns, "result": result}
            change |= {"next_tsn": next_tsn, "peer_next_tsn": peer_next_tsn}
            if result != _IN_PROGRESS:
                change["outcome"] = "done" if result in _DONE else "refused"
        yield change


def _change(row: Row, kind: str, number: int) -> Row:
    keys = ["packet", "frame", "chunk", "index", "time_ns", *ENDPOINT]
    return dict.fromkeys(CHANGES) | {name: row[name] for name in keys} | {"kind": kind, "number": number}


def _keys(there: pl.DataFrame, chunks: pl.DataFrame) -> pl.DataFrame:
    """Where a side goes over to another key (RFC 4895), its first one included."""
    key = pl.col("shared_key_id")
    return (
        chunks.filter(is_type(ChunkType.AUTH) & key.is_not_null() & pl.col("association").is_not_null())
        .join(there, on="packet", how="semi", maintain_order="left")
        .filter(key.ne_missing(key.shift().over(ENDPOINT)))
        .select(
            *["packet", "frame", "chunk", "time_ns", *ENDPOINT, "shared_key_id"],
            kind=pl.lit("key_used"),
        )
        .pipe(_filled)
    )


def _filled(rows: pl.DataFrame) -> pl.DataFrame:
    missing = [pl.lit(None).alias(name) for name in CHANGES if name not in rows.columns]
    return conform(rows.with_columns(missing), CHANGES)
