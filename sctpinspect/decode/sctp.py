"""SCTP packets to rows: common header, chunks, parameters, error causes, gap ack blocks.

Rows are tuples in the order of the `*_COLUMNS` below, which are those of the tables. Whatever is
malformed stays a row with the name of its defect (`sctpinspect.decode.defects`), and the walk goes
on as long as RFC 9260 §3.2 lets one know where the next item begins. Nothing is read outside the
bounds given, no packet content raises, and every step of every walk advances.
"""

import struct
from collections.abc import Callable
from typing import NamedTuple

from sctpinspect.decode.links import address_text
from sctpinspect.journal.digest import digest
from sctpinspect.protocol import (
    COMMON_HEADER_LENGTH,
    PPID_NAMES,
    TAG_REFLECTED,
    CauseCode,
    ChunkType,
    DataFlag,
    ParameterType,
)

Row = tuple

_KEY = ["packet", "frame", "chunk"]
_DATA = [
    *["tsn", "stream", "ssn", "mid", "fsn", "ppid", "ppid_name"],
    *["unordered", "beginning", "ending", "immediate"],
    *["payload_length", "payload_offset", "payload_digest"],
]
_ACK = ["cumulative_tsn", "gap_block_count", "duplicate_tsn_count"]
_INIT = ["a_rwnd", "initiate_tag", "outbound_streams", "inbound_streams", "initial_tsn"]
_ABORT = ["tag_reflected"]

CHUNK_COLUMNS = [
    *_KEY,
    *["time_ns", "type", "type_name", "flags", "length", "offset", "padding_is_zero", "defect", "value"],
    *_DATA,
    *_ACK,
    *_INIT,
    *_ABORT,
]
PARAMETER_COLUMNS = [
    *_KEY,
    *["index", "chunk_type", "type", "type_name", "length", "offset"],
    *["value", "address", "padding_is_zero", "defect"],
]
CAUSE_COLUMNS = [*_KEY, "index", "chunk_type", "code", "code_name", "length", "offset", "value", "defect"]
GAP_BLOCK_COLUMNS = [*_KEY, "index", "kind", "start_offset", "end_offset", "start", "end"]


class Rows(NamedTuple):
    """The rows decoded so far, of all packets."""

    chunks: list[Row]
    parameters: list[Row]
    causes: list[Row]
    gap_blocks: list[Row]


class Chunk(NamedTuple):
    """A chunk in the file's bytes: its value is data[begin:stated_end], of which data[begin:end] is at hand.

    packet_begin: where its packet begins. cut: the defect that took the rest; None if it is whole.
    """

    packet: int
    frame: int
    number: int
    type: int
    flags: int
    packet_begin: int
    begin: int
    end: int
    stated_end: int
    cut: str | None


class CommonHeader(NamedTuple):
    """RFC 9260 §3.1, with what of it the capture holds; `checksum` as the number Wireshark shows."""

    source_port: int | None
    destination_port: int | None
    verification_tag: int | None
    checksum: int | None


_common_header = struct.Struct(">HHII").unpack_from
_chunk_header = struct.Struct(">BBH").unpack_from
_tlv_header = struct.Struct(">HH").unpack_from
_u32 = struct.Struct(">I").unpack_from
_data = struct.Struct(">IHHI").unpack_from
_i_data = struct.Struct(">IHHII").unpack_from
_init = struct.Struct(">IIHHI").unpack_from
_sack = struct.Struct(">IIHH").unpack_from

_CHUNK_NAMES = {int(type): type.name for type in ChunkType}
_PARAMETER_NAMES = {int(type): type.name for type in ParameterType}
_CAUSE_NAMES = {int(code): code.name for code in CauseCode}


def common_header(data: bytes, begin: int, end: int) -> CommonHeader:
    """The common header at `begin`; fields that do not lie before `end` are None."""
    if end - begin >= COMMON_HEADER_LENGTH:
        return CommonHeader(*_common_header(data, begin))
    known = max(0, end - begin)
    source, destination, tag, checksum = _common_header(data[begin:end].ljust(COMMON_HEADER_LENGTH, b"\0"))
    return CommonHeader(
        source if known >= 2 else None,
        destination if known >= 4 else None,
        tag if known >= 8 else None,
        checksum if known >= 12 else None,
    )


def chunks(
    data: bytes,
    begin: int,
    end: int,
    stated_end: int,
    cut: str | None,
    packet: int,
    frame: int,
    time_ns: int,
    rows: Rows,
) -> tuple[int, str | None]:
    """Append the chunks of the packet at `begin`; return their number and the packet's own defect.

    data[begin:end] is at hand; the packet's headers say that it reaches to `stated_end`, and `cut`
    names what took the rest (None: nothing, the two are equal).
    """
    offset = begin + COMMON_HEADER_LENGTH
    index = 0
    while offset + 4 <= end:
        type, flags, length = _chunk_header(data, offset)
        chunk_end = offset + length
        defect = None
        if length < 4:
            defect, chunk_end = "chunk_length_short", offset + 4
        elif chunk_end > stated_end:
            defect, chunk_end = "chunk_overruns_packet", stated_end
        elif chunk_end > end:
            defect = cut
        chunk = Chunk(
            packet, frame, index, type, flags, begin, offset + 4, min(chunk_end, end), chunk_end, defect
        )
        fields, found = _fields(data, chunk, rows)
        defect = defect or found
        padding_is_zero = None
        padded_end = offset + (length + 3 & ~3)
        if defect is None and padded_end > stated_end:
            defect = "chunk_padding_missing"
        elif chunk_end < padded_end <= end:
            padding_is_zero = not any(data[chunk_end:padded_end])
        keeps_value = type in _VALUE_KEPT or type not in _CHUNK_NAMES
        value = data[chunk.begin : chunk_end] if keeps_value and chunk.cut is None else None
        rows.chunks.append(
            (
                *(packet, frame, index, time_ns, type, _CHUNK_NAMES.get(type), flags, length, offset - begin),
                *(padding_is_zero, defect, value),
                *fields,
            )
        )
        index += 1
        if length < 4:
            return index, cut
        offset = padded_end
    if cut is None and index == 0 and offset == stated_end:
        return index, "no_chunks"
    if cut is None and offset < stated_end:
        return index, "bytes_after_chunks"
    return index, cut


# ---- fields of a chunk, by its type

_VALUE_KEPT = {
    ChunkType.HEARTBEAT,
    ChunkType.HEARTBEAT_ACK,
    ChunkType.COOKIE_ECHO,
    ChunkType.ECNE,
    ChunkType.CWR,
    ChunkType.AUTH,
    ChunkType.ASCONF,
    ChunkType.ASCONF_ACK,
    ChunkType.RE_CONFIG,
    ChunkType.FORWARD_TSN,
    ChunkType.I_FORWARD_TSN,
}
"""Chunks whose value the columns do not hold whole; unknown ones are kept too."""

_NO_DATA: Row = (None,) * len(_DATA)
_NO_ACK: Row = (None,) * len(_ACK)
_NO_INIT: Row = (None,) * len(_INIT)
_NO_ABORT: Row = (None,) * len(_ABORT)
_NO_FIELDS = _NO_DATA + _NO_ACK + _NO_INIT + _NO_ABORT
_AFTER_DATA = _NO_ACK + _NO_INIT + _NO_ABORT

Fields = tuple[Row, str | None]


def _fields(data: bytes, chunk: Chunk, rows: Rows) -> Fields:
    """The columns of the chunk's type, and its defect."""
    needed, decode = _DECODERS.get(chunk.type, _UNKNOWN)
    if chunk.end - chunk.begin < needed:
        return _NO_FIELDS, "chunk_value_short"
    return decode(data, chunk, rows)


def _no_fields(data: bytes, chunk: Chunk, rows: Rows) -> Fields:
    return _NO_FIELDS, None


def _data_fields(data: bytes, chunk: Chunk, rows: Rows) -> Fields:
    """RFC 9260 §3.3.1"""
    tsn, stream, ssn, ppid = _data(data, chunk.begin)
    return (tsn, stream, ssn, None, None, ppid, *_user_data(data, chunk, ppid, chunk.begin + 12)), None


def _i_data_fields(data: bytes, chunk: Chunk, rows: Rows) -> Fields:
    """RFC 8260 §2.1: the last word is the PPID in the first fragment, whose FSN is 0, else the FSN."""
    tsn, stream, _reserved, mid, word = _i_data(data, chunk.begin)
    ppid, fsn = (word, 0) if chunk.flags & DataFlag.BEGINNING else (None, word)
    return (tsn, stream, None, mid, fsn, ppid, *_user_data(data, chunk, ppid, chunk.begin + 16)), None


def _user_data(data: bytes, chunk: Chunk, ppid: int | None, begin: int) -> Row:
    """The columns from ppid_name on."""
    flags = chunk.flags
    return (
        None if ppid is None else PPID_NAMES.get(ppid),
        bool(flags & 4),  # plain numbers: enum members cost ten times as much here
        bool(flags & 2),
        bool(flags & 1),
        bool(flags & 8),
        chunk.stated_end - begin,
        begin,
        digest(data[begin : chunk.end]) if chunk.cut is None else None,
        *_AFTER_DATA,
    )


def _init_fields(data: bytes, chunk: Chunk, rows: Rows) -> Fields:
    """RFC 9260 §3.3.2, §3.3.3"""
    tag, a_rwnd, outbound, inbound, tsn = _init(data, chunk.begin)
    defect = _parameters(data, chunk, chunk.begin + 16, rows)
    return (*_NO_DATA, *_NO_ACK, a_rwnd, tag, outbound, inbound, tsn, *_NO_ABORT), defect


def _sack_fields(data: bytes, chunk: Chunk, rows: Rows) -> Fields:
    """RFC 9260 §3.3.4"""
    cumulative_tsn, a_rwnd, gap_count, duplicate_count = _sack(data, chunk.begin)
    key = (chunk.packet, chunk.frame, chunk.number)
    begin = chunk.begin + 12
    room = (chunk.end - begin) // 4
    gaps = min(gap_count, room)
    for index in range(gaps):
        start, end = _tlv_header(data, begin + 4 * index)
        absolute = (cumulative_tsn + start & 0xFFFFFFFF, cumulative_tsn + end & 0xFFFFFFFF)
        rows.gap_blocks.append((*key, index, "gap", start, end, *absolute))
    for index in range(gaps, min(gap_count + duplicate_count, room)):
        tsn = _u32(data, begin + 4 * index)[0]
        rows.gap_blocks.append((*key, index, "duplicate", None, None, tsn, tsn))
    too_many = begin + 4 * (gap_count + duplicate_count) > chunk.stated_end
    fields = (*_NO_DATA, cumulative_tsn, gap_count, duplicate_count, a_rwnd, *_NO_INIT[1:], *_NO_ABORT)
    return fields, "sack_counts_overrun_chunk" if too_many else None


def _parameter_fields(data: bytes, chunk: Chunk, rows: Rows) -> Fields:
    """Parameters alone: HEARTBEAT (RFC 9260 §3.3.5), HEARTBEAT_ACK (§3.3.6), RE_CONFIG (RFC 6525 §3.1)"""
    return _NO_FIELDS, _parameters(data, chunk, chunk.begin, rows)


def _asconf_fields(data: bytes, chunk: Chunk, rows: Rows) -> Fields:
    """A serial number, then parameters (RFC 5061 §4.1)"""
    return _NO_FIELDS, _parameters(data, chunk, chunk.begin + 4, rows)


def _abort_fields(data: bytes, chunk: Chunk, rows: Rows) -> Fields:
    """RFC 9260 §3.3.7"""
    return (*_NO_FIELDS[:-1], bool(chunk.flags & TAG_REFLECTED)), _causes(data, chunk, rows)


def _shutdown_complete_fields(data: bytes, chunk: Chunk, rows: Rows) -> Fields:
    """RFC 9260 §3.3.13"""
    return (*_NO_FIELDS[:-1], bool(chunk.flags & TAG_REFLECTED)), None


def _error_fields(data: bytes, chunk: Chunk, rows: Rows) -> Fields:
    """RFC 9260 §3.3.10"""
    return _NO_FIELDS, _causes(data, chunk, rows)


def _cumulative_tsn_fields(data: bytes, chunk: Chunk, rows: Rows) -> Fields:
    """SHUTDOWN (RFC 9260 §3.3.8), FORWARD_TSN (RFC 3758 §3.2), I_FORWARD_TSN (RFC 8260 §2.3.1)"""
    cumulative_tsn = _u32(data, chunk.begin)[0]
    return (*_NO_DATA, cumulative_tsn, None, None, *_NO_INIT, *_NO_ABORT), None


_DECODERS: dict[int, tuple[int, Callable[[bytes, Chunk, Rows], Fields]]] = {
    ChunkType.DATA: (12, _data_fields),
    ChunkType.INIT: (16, _init_fields),
    ChunkType.INIT_ACK: (16, _init_fields),
    ChunkType.SACK: (12, _sack_fields),
    ChunkType.HEARTBEAT: (0, _parameter_fields),
    ChunkType.HEARTBEAT_ACK: (0, _parameter_fields),
    ChunkType.ABORT: (0, _abort_fields),
    ChunkType.SHUTDOWN: (4, _cumulative_tsn_fields),
    ChunkType.SHUTDOWN_ACK: (0, _no_fields),
    ChunkType.ERROR: (0, _error_fields),
    ChunkType.COOKIE_ECHO: (0, _no_fields),
    ChunkType.COOKIE_ACK: (0, _no_fields),
    ChunkType.ECNE: (4, _no_fields),
    ChunkType.CWR: (4, _no_fields),
    ChunkType.SHUTDOWN_COMPLETE: (0, _shutdown_complete_fields),
    ChunkType.AUTH: (4, _no_fields),
    ChunkType.I_DATA: (16, _i_data_fields),
    ChunkType.ASCONF_ACK: (4, _asconf_fields),
    ChunkType.RE_CONFIG: (0, _parameter_fields),
    ChunkType.PAD: (0, _no_fields),
    ChunkType.FORWARD_TSN: (4, _cumulative_tsn_fields),
    ChunkType.ASCONF: (4, _asconf_fields),
    ChunkType.I_FORWARD_TSN: (4, _cumulative_tsn_fields),
}
"""Bytes of value that a type needs at least, and what decodes it."""

_UNKNOWN = (0, _no_fields)


# ---- parameters and error causes

_PARAMETER_LENGTHS: dict[int, int] = {
    ParameterType.IPV4_ADDRESS: 8,
    ParameterType.IPV6_ADDRESS: 20,
    ParameterType.COOKIE_PRESERVATIVE: 8,
    ParameterType.ECN_CAPABLE: 4,
    ParameterType.FORWARD_TSN_SUPPORTED: 4,
    ParameterType.ZERO_CHECKSUM_ACCEPTABLE: 8,
    ParameterType.ADAPTATION_LAYER_INDICATION: 8,
}
"""Length fields of the types that have but one."""

_ADDRESS_CHANGES = {
    ParameterType.ADD_IP_ADDRESS,
    ParameterType.DELETE_IP_ADDRESS,
    ParameterType.SET_PRIMARY_ADDRESS,
}


class Item(NamedTuple):
    """A parameter or error cause that begins at `begin`; value is None unless it is at hand whole."""

    type: int
    length: int
    begin: int
    value: bytes | None
    padding_is_zero: bool | None
    defect: str | None


def _items(data: bytes, chunk: Chunk, begin: int, kind: str) -> tuple[list[Item], str | None]:
    """Parameters or error causes from `begin` on (RFC 9260 §3.2.1, §3.3.10), and the chunk's defect."""
    items = []
    while begin + 4 <= chunk.end:
        type, length = _tlv_header(data, begin)
        if length < 4:
            items.append(Item(type, length, begin, None, None, f"{kind}_length_short"))
            return items, None
        end = begin + length
        padded_end = begin + (length + 3 & ~3)
        defect = None
        if end > chunk.stated_end:
            defect = f"{kind}_overruns_chunk"
        elif end > chunk.end:
            defect = chunk.cut
        value = data[begin + 4 : end] if defect is None else None
        padding_is_zero = not any(data[end:padded_end]) if end < padded_end <= chunk.end else None
        items.append(Item(type, length, begin, value, padding_is_zero, defect))
        begin = padded_end
    return items, "bytes_after_parameters" if begin < chunk.stated_end and chunk.cut is None else None


def _parameters(data: bytes, chunk: Chunk, begin: int, rows: Rows) -> str | None:
    """Append the parameters from `begin` on; return the chunk's defect."""
    items, chunk_defect = _items(data, chunk, begin, "parameter")
    for index, item in enumerate(items):
        defect = item.defect
        if defect is None and item.length != _PARAMETER_LENGTHS.get(item.type, item.length):
            defect = "parameter_length_wrong"
        rows.parameters.append(
            (
                *(chunk.packet, chunk.frame, chunk.number, index, chunk.type),
                *(item.type, _PARAMETER_NAMES.get(item.type), item.length, item.begin - chunk.packet_begin),
                *(item.value, _address(item.type, item.value), item.padding_is_zero, defect),
            )
        )
    return chunk_defect


def _address(type: int, value: bytes | None) -> str | None:
    """The address of a parameter, or of the one that follows an ASCONF parameter's correlation id."""
    if value is None:
        return None
    if type in _ADDRESS_CHANGES and len(value) >= 8:
        type, length = _tlv_header(value, 4)
        value = value[8 : 4 + length]
    if (type, len(value)) in ((ParameterType.IPV4_ADDRESS, 4), (ParameterType.IPV6_ADDRESS, 16)):
        return address_text(value)
    return None


def _causes(data: bytes, chunk: Chunk, rows: Rows) -> str | None:
    """Append the error causes of an ABORT or ERROR; return the chunk's defect."""
    items, chunk_defect = _items(data, chunk, chunk.begin, "cause")
    for index, item in enumerate(items):
        rows.causes.append(
            (
                *(chunk.packet, chunk.frame, chunk.number, index, chunk.type),
                *(item.type, _CAUSE_NAMES.get(item.type), item.length, item.begin - chunk.packet_begin),
                *(item.value, item.defect),
            )
        )
    return chunk_defect
