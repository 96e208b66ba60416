"""The primary tables: rows of the decoder as Polars frames, before associations are known."""

import zlib
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sctpinspect.decode import Columns
from sctpinspect.decode.addresses import address_texts
from sctpinspect.decode.calls import CALL_COLUMNS, EVENT_COLUMNS
from sctpinspect.decode.columns import ICMP_ERROR_COLUMNS, Bytes
from sctpinspect.decode.defects import NAMES
from sctpinspect.decode.offloading import KEY, are_whole, places
from sctpinspect.decode.rows import GAP_KINDS
from sctpinspect.protocol import PPID_NAMES, CauseCode, ChunkType, ParameterType
from sctpinspect.tables.loops import mark_copies
from sctpinspect.tables.schema import TABLES, Schema
from sctpinspect.tables.tsns import array

COOKED_LINKS = {113, 276}
BLOCK = 1 << 12
PLACES = 64
"""So many places where equal packets were captured are remembered, the latest: bounds the time taken."""

USER_DATA = [ChunkType.DATA, ChunkType.I_DATA]
_SACKS = [ChunkType.SACK, ChunkType.NR_SACK]
_OPENING = [ChunkType.INIT, ChunkType.INIT_ACK]
_CUMULATIVE = [*_SACKS, ChunkType.SHUTDOWN, ChunkType.FORWARD_TSN, ChunkType.I_FORWARD_TSN]
_CHECKSUM_NEEDED = [ChunkType.INIT, ChunkType.COOKIE_ECHO, ChunkType.ASCONF]
_WITH_T_BIT = [ChunkType.ABORT, ChunkType.SHUTDOWN_COMPLETE]
_VALUE_KEPT = [
    *[ChunkType.HEARTBEAT, ChunkType.HEARTBEAT_ACK, ChunkType.COOKIE_ECHO],
    *[ChunkType.AUTH, ChunkType.ASCONF, ChunkType.ASCONF_ACK, ChunkType.RE_CONFIG, ChunkType.PKTDROP],
    *[ChunkType.FORWARD_TSN, ChunkType.I_FORWARD_TSN],
    *sorted(set(range(256)) - set(ChunkType)),
]
"""Chunks whose value the columns do not hold whole; unknown ones are kept too."""


def primary(columns: Columns) -> dict[str, pl.DataFrame]:
    """The primary tables, by name, each with exactly its columns of the schema, in its order.

    Columns that need associations (association, side, path, message, is_retransmission, acked_frame)
    are null. `packets.is_copy` is worked out here.
    """
    packets = _packets(columns)
    return {
        "interfaces": _interfaces(columns),
        "packets": packets,
        "chunks": _chunks(columns, packets),
        "parameters": _tlvs(columns, packets, "parameters"),
        "causes": _tlvs(columns, packets, "causes"),
        "gap_blocks": _gap_blocks(columns, packets),
        "icmp_errors": _of_rows("icmp_errors", ICMP_ERROR_COLUMNS, columns.icmp_errors),
        "calls": _of_rows("calls", CALL_COLUMNS, columns.calls),
        "events": _of_rows("events", EVENT_COLUMNS, columns.events),
    }


def _of_rows(table: str, names: list[str], rows: list[tuple]) -> pl.DataFrame:
    values = zip(*rows, strict=True) if rows else ([] for _ in names)
    return _conform(
        pl.DataFrame(
            [
                pl.Series(name, column, dtype=TABLES[table][name].dtype)
                for name, column in zip(names, values, strict=True)
            ]
        ).lazy(),
        TABLES[table],
    )


def _conform(frame: pl.LazyFrame, schema: Schema) -> pl.DataFrame:
    """The schema's columns in its order and types; null where the frame has none."""
    given = frame.collect_schema()
    return frame.select(
        (pl.col(name) if name in given else pl.lit(None).alias(name)).cast(column.dtype)
        for name, column in schema.items()
    ).collect()


def _frame(rows: NDArray, **more: Any) -> pl.LazyFrame:
    """The fields of a record array as columns, and more."""
    return pl.DataFrame({**_fields(rows), **more}).lazy()


def _fields(rows: NDArray) -> dict[str, NDArray]:
    """The fields of a record array, each an array of its own; of `words` each word.

    In blocks that fit into the processor's cache, for all of a block is read for each field.
    """
    names = rows.dtype.names or ()
    fields = {name: np.empty(rows[name].shape[::-1], rows.dtype[name].base) for name in names}
    for begin in range(0, len(rows), BLOCK):
        block = slice(begin, begin + BLOCK)
        for name in names:
            fields[name][..., block] = rows[name][block].T
    words = fields.pop("words", ())
    return fields | {f"word{index}": word for index, word in enumerate(words)}


def _where(is_there: pl.Expr | str, value: pl.Expr | str) -> pl.Expr:
    """The value, null where it is not there."""
    return pl.when(is_there).then(value)


def _name_of(numbers: type[ChunkType] | type[ParameterType] | type[CauseCode], number: str) -> pl.Expr:
    names = {int(each): each.name for each in numbers}
    return pl.col(number).replace_strict(names, default=None, return_dtype=pl.String)


def _defect() -> pl.Expr:
    return pl.lit(pl.Series(NAMES, dtype=pl.String)).gather(pl.col("defect")).alias("defect")


def _padding() -> pl.Expr:
    return _where(pl.col("padding") >= 0, pl.col("padding") == 1).alias("padding_is_zero")


def _interfaces(columns: Columns) -> pl.DataFrame:
    names = ["interface", "name", "description", "link_type", "snaplen", "received", "dropped"]
    rows = [
        (index, each.name, each.description, each.link_type, each.snaplen, each.received, each.dropped)
        for index, each in enumerate(columns.interfaces)
    ]
    return _of_rows("interfaces", names, rows)


def _packets(columns: Columns) -> pl.DataFrame:
    packets = columns.packets
    of_frames = {
        column: columns.frame_rows[field][packets["frame"]]
        for column, field in (("number", "number"), ("time_ns", "time_ns"), ("interface", "interface"))
    }
    texts = pl.lit(pl.Series(columns.addresses, dtype=pl.String))
    known = pl.col("captured_length")
    return _conform(
        _frame(
            packets,
            **of_frames,
            source=columns.sources,
            destination=columns.destinations,
            checksum_state=_checksum_states(columns),
            **_deliveries(columns),
            is_copy=_copies(columns),
        )
        .with_row_index("packet")
        .with_columns(
            _defect(),
            frame="number",
            source=texts.gather(_where(pl.col("source") >= 0, "source")),
            destination=texts.gather(_where(pl.col("destination") >= 0, "destination")),
            source_port=_where(known >= 2, "source_port"),
            destination_port=_where(known >= 4, "destination_port"),
            verification_tag=_where(known >= 8, "verification_tag"),
            checksum=_where(known >= 12, "checksum"),
            encapsulation_port=_where(pl.col("encapsulation_port") >= 0, "encapsulation_port"),
            encapsulation_destination_port=_where(
                pl.col("encapsulation_port") >= 0, "encapsulation_destination_port"
            ),
            ttl=_where(pl.col("family") > 0, "ttl"),
            dscp=_where(pl.col("family") > 0, pl.col("traffic_class") // 4),
            ecn=_where(pl.col("family") > 0, pl.col("traffic_class") % 4),
            chunks_in_packet="chunks",
        ),
        TABLES["packets"],
    )


def _deliveries(columns: Columns) -> dict[str, pl.Series]:
    """What impaired links did to the packets, and when they left them."""
    if not columns.deliveries:
        return {}
    found = [columns.deliveries.get(frame, (None, None)) for frame in columns.packets["frame"].tolist()]
    return {
        "delivery": pl.Series([kind for kind, _ in found], dtype=pl.String),
        "delivered_ns": pl.Series([time_ns for _, time_ns in found], dtype=pl.Int64),
    }


_STATES = ["not_captured", "good", "offloaded", "bad", "adler32", "zero_accepted", "byte_swapped"]
_GOOD, _OFFLOADED, _BAD, _ADLER32, _ZERO_ACCEPTED, _BYTE_SWAPPED = range(1, len(_STATES))


def _checksum_states(columns: Columns) -> pl.Series:
    """What each checksum field is worth.

    A wrong one of zero is `zero_accepted` where the receiver has said that it accepts it, else `offloaded`:
    left blank for the sender's network device. It is `bad` in our own recordings, made without such
    devices, and where the sender computes checksums itself, as its other packets show.
    """
    packets, checksum = columns.packets, columns.packets["checksum"]
    conditions = [~are_whole(packets), checksum == packets["crc32c"], checksum == 0]
    state = np.select(conditions, [0, _GOOD, _OFFLOADED], _BAD).astype(np.uint8)
    for packet in np.flatnonzero(state == _BAD):
        data = _packet_bytes(columns, packets[packet])
        if checksum[packet] == zlib.adler32(data[:8] + bytes(4) + data[12:]):  # RFC 2960 §6.8
            state[packet] = _ADLER32
    state[(state == _BAD) & (checksum == packets["crc32c"].byteswap())] = _BYTE_SWAPPED
    is_zero = state == _OFFLOADED
    if is_zero.any():
        state[is_zero & (bool(columns.recipe) | _are_computed(columns, state))] = _BAD
        state[is_zero & _are_accepted(columns)] = _ZERO_ACCEPTED
    return pl.Series(_STATES).gather(state)


def _are_accepted(columns: Columns) -> NDArray[np.bool_]:
    """For each packet whether its receiver accepts a checksum of zero (RFC 9653 §4).

    That is the endpoint whose INIT or INIT ACK, with the parameter that says so, chose its verification tag.
    Packets with an INIT, COOKIE ECHO or ASCONF chunk need their checksum nevertheless (RFC 9653 §5.2).
    """
    packets, chunks, parameters = columns.packets, columns.rows.chunks, columns.rows.parameters
    said = parameters[
        (parameters["type"] == ParameterType.ZERO_CHECKSUM_ACCEPTABLE)
        & np.isin(parameters["chunk_type"], _OPENING)
        & parameters["is_whole"]
    ]
    openings = chunks[np.searchsorted(chunks["packet"], said["packet"]) + said["chunk"]]
    by = packets[said["packet"]]
    accepting = _key_of(openings["words"][:, 0], by["source_port"], by["destination_port"])
    to = _key_of(packets["verification_tag"], packets["destination_port"], packets["source_port"])
    accepted = np.isin(to, accepting)
    accepted[chunks["packet"][np.isin(chunks["type"], _CHECKSUM_NEEDED)]] = False
    return accepted


def _key_of(tag: NDArray, port: NDArray, peer_port: NDArray) -> NDArray[np.uint64]:
    return tag.astype(np.uint64) << 32 | port.astype(np.uint64) << 16 | peer_port


def _are_computed(columns: Columns, state: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """For each packet whether its sender computes checksums itself.

    It does if a right one was captured at the same place, between the same addresses, of a packet that is
    no longer: what may have to be fragmented or lies in UDP is not left to the device.
    """
    rows = np.concatenate([places(columns.frame_rows, columns.packets), columns.witnesses])
    is_good = np.concatenate([state == _GOOD, np.ones(len(columns.witnesses), np.bool_)])
    shortest = pl.col("length").filter("is_good").min().over(KEY)
    return (
        _frame(rows, is_good=is_good)
        .select(((shortest <= pl.col("length")) & (pl.col("family") > 0)).fill_null(False))
        .head(len(state))
        .collect()
        .to_series()
        .to_numpy()
    )


def _packet_bytes(columns: Columns, packet: NDArray) -> bytes:
    source = columns.data.reassembled if packet["reassembled"] else columns.data.file
    return source[int(packet["begin"]) :][: int(packet["captured_length"])].tobytes()


def _copies(columns: Columns) -> NDArray[np.bool_]:
    """For each packet whether the same bytes between the same addresses were captured just before.

    At other places (both ends of a link, a router): the n-th of equal packets at one place is a copy if
    another place saw n of them within COPY_ELSEWHERE_NS, so a packet sent twice and captured at both ends
    gives two packets and two copies. At the same place: within COPY_HERE_NS, if the same IPv4
    identification or a device that sees each packet several times (Linux "any") says that it was sent once.
    """
    packets = columns.packets
    key = ["crc32c", "checksum", "verification_tag", "length"]
    groups = (
        pl.DataFrame({name: np.ascontiguousarray(packets[name]) for name in key})
        .lazy()
        .with_columns(source=columns.sources, destination=columns.destinations)
        .with_row_index("packet")
        .filter(pl.col("crc32c").is_duplicated())  # equal bytes have equal CRCs
        .group_by([*key, "source", "destination"])
        .agg("packet")
        .filter(pl.col("packet").list.len() > 1)
        .select("packet")
        .collect()
        .to_series()
    )
    equal = array(groups.explode(empty_as_null=False))
    frames = columns.frame_rows[packets["frame"][equal]]
    is_cooked = np.array([each.link_type in COOKED_LINKS for each in columns.interfaces], np.bool_)
    copies = np.zeros(len(packets), np.bool_)
    mark_copies(
        np.concatenate([[0], array(groups.list.len()).cumsum()]),
        equal,
        frames["time_ns"].astype(np.int64),
        frames["interface"].astype(np.int64),
        packets["place"][equal].astype(np.int64),
        packets["identification"][equal].astype(np.int64),
        is_cooked[frames["interface"]],
        np.zeros((PLACES, 5), np.int64),
        copies,
    )
    return copies


def _key(packets: pl.DataFrame, rows: NDArray) -> dict[str, pl.Series]:
    """`frame` and `time_ns` of each row's packet."""
    numbers = pl.Series(rows["packet"])
    return {name: packets[name].gather(numbers) for name in ("frame", "time_ns")}


def _chunks(columns: Columns, packets: pl.DataFrame) -> pl.DataFrame:
    chunks = columns.rows.chunks
    begins = _begins(columns, chunks)

    def of(types: list[ChunkType], value: pl.Expr | str) -> pl.Expr:
        return _where(pl.col("type").is_in(types) & pl.col("has_fields"), value)

    data, i_data = [ChunkType.DATA], [ChunkType.I_DATA]
    begins_message = (pl.col("flags") & 2) > 0
    first = pl.col("type").is_in(data) | begins_message
    return _conform(
        _frame(
            chunks,
            **_key(packets, chunks),
            payload_offset=begins + np.where(chunks["type"] == ChunkType.DATA, 12, 16),
            value=_values(columns.data, begins, chunks["at_hand"], _has_value(chunks)),
        )
        .with_columns(
            ppid=pl.when(pl.col("type").is_in(data)).then("word2").otherwise(_where(begins_message, "word3"))
        )
        .with_columns(
            _defect(),
            _padding(),
            type_name=_name_of(ChunkType, "type"),
            tsn=of(USER_DATA, "word0"),
            stream=of(USER_DATA, pl.col("word1") // 65536),
            ssn=of(data, pl.col("word1") % 65536),
            mid=of(i_data, "word2"),
            fsn=of(i_data, pl.when(begins_message).then(pl.lit(0, pl.UInt32)).otherwise("word3")),
            ppid=of(USER_DATA, "ppid"),
            ppid_name=of(
                USER_DATA,
                _where(
                    first, pl.col("ppid").replace_strict(PPID_NAMES, default=None, return_dtype=pl.String)
                ),
            ),
            unordered=of(USER_DATA, (pl.col("flags") & 4) > 0),
            beginning=of(USER_DATA, begins_message),
            ending=of(USER_DATA, (pl.col("flags") & 1) > 0),
            immediate=of(USER_DATA, (pl.col("flags") & 8) > 0),
            payload_length=of(USER_DATA, "payload_length"),
            payload_offset=of(USER_DATA, "payload_offset"),
            payload_digest=of(USER_DATA, _where("is_whole", "payload_digest")),
            cumulative_tsn=of(_CUMULATIVE, "word0"),
            gap_block_count=of(_SACKS, pl.col("word2") // 65536),
            duplicate_tsn_count=pl.coalesce(
                of([ChunkType.SACK], pl.col("word2") % 65536),
                of([ChunkType.NR_SACK], pl.col("word3") // 65536),
            ),
            a_rwnd=of([*_SACKS, *_OPENING], "word1"),
            initiate_tag=of(_OPENING, "word0"),
            outbound_streams=of(_OPENING, pl.col("word2") // 65536),
            inbound_streams=of(_OPENING, pl.col("word2") % 65536),
            initial_tsn=of(_OPENING, "word3"),
            lowest_tsn=of([ChunkType.ECNE, ChunkType.CWR], "word0"),
            sequence_number=of([ChunkType.ASCONF, ChunkType.ASCONF_ACK], "word0"),
            shared_key_id=of([ChunkType.AUTH], pl.col("word0") // 65536),
            hmac_id=of([ChunkType.AUTH], pl.col("word0") % 65536),
            tag_reflected=of(_WITH_T_BIT, (pl.col("flags") & 1) > 0),
        ),
        TABLES["chunks"],
    )


def _begins(columns: Columns, rows: NDArray) -> NDArray[np.int64]:
    """Where the values of chunks, parameters or causes begin in the bytes of the capture."""
    behind = columns.packets["reassembled"][rows["packet"]] * len(columns.data.file)
    return rows["value_begin"] + behind


def _has_value(chunks: NDArray) -> NDArray[np.bool_]:
    return np.isin(chunks["type"], _VALUE_KEPT) & chunks["is_whole"]


def _values(data: Bytes, begins: NDArray, lengths: NDArray, is_there: NDArray) -> pl.Series:
    """The bytes of each value, null where it is not there."""
    values: NDArray = np.full(len(begins), None, dtype=object)
    for row in np.flatnonzero(is_there):
        values[row] = data.slice(int(begins[row]), int(lengths[row]))
    return pl.Series(values.tolist(), dtype=pl.Binary)


def _tlvs(columns: Columns, packets: pl.DataFrame, table: str) -> pl.DataFrame:
    rows = columns.rows.causes if table == "causes" else columns.rows.parameters
    lengths = rows["length"].astype(np.int64) - 4
    return _conform(
        _frame(
            rows,
            **_key(packets, rows),
            value=_values(columns.data, _begins(columns, rows), lengths, rows["is_whole"]),
            address=pl.Series(address_texts(rows["family"], rows["high"], rows["low"]), dtype=pl.String),
        ).with_columns(
            _defect(),
            _padding(),
            address=_where(pl.col("family") > 0, "address"),
            code="type",
            code_name=_name_of(CauseCode, "type"),
            type_name=_name_of(ParameterType, "type"),
        ),
        TABLES[table],
    )


def _gap_blocks(columns: Columns, packets: pl.DataFrame) -> pl.DataFrame:
    rows = columns.rows.gap_blocks
    is_gap = pl.col("kind") != GAP_KINDS.index("duplicate")
    return _conform(
        _frame(rows, **_key(packets, rows)).with_columns(
            kind=pl.lit(pl.Series(GAP_KINDS, dtype=pl.String)).gather(pl.col("kind")),
            start_offset=_where(is_gap, "start_offset"),
            end_offset=_where(is_gap, "end_offset"),
        ),
        TABLES["gap_blocks"],
    )
