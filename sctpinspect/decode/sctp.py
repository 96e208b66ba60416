"""SCTP packets to rows: common header, chunks, parameters, error causes, gap ack blocks.

Whatever is malformed stays a row with the number of its defect (`sctpinspect.decode.defects`), and the walk
goes on as long as RFC 9260 §3.2 lets one know where the next item begins. Nothing is read outside the
packet, no content raises, and every step of every walk advances.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode import defects
from sctpinspect.decode.checksums import checksum, digest
from sctpinspect.decode.compiled import compiled
from sctpinspect.decode.octets import u8, u16, u32, u64
from sctpinspect.decode.rows import CHUNK, GAP_BLOCK, GAP_KINDS, TLV, TLV_KINDS
from sctpinspect.protocol import COMMON_HEADER_LENGTH, CauseCode, ChunkType, ParameterType

BATCH = 1 << 18
"""Rows of each kind that one pass of the walk fills; no packet has more."""


class Rows(NamedTuple):
    """The rows of a capture, in the order of its packets: CHUNK, TLV, TLV, GAP_BLOCK, TLV of `decode.rows`.

    held: what stands inside parameters and error causes; of each one of a chunk level by level.
    packets: so many packets were walked; fewer than there are if the rows would have been too many.
    """

    chunks: NDArray
    parameters: NDArray
    causes: NDArray
    gap_blocks: NDArray
    held: NDArray
    packets: int


_KINDS = (CHUNK, TLV, TLV, GAP_BLOCK, TLV)


def walk(data: NDArray, reassembled: NDArray, packets: NDArray, maximum: int) -> Rows:
    """The chunks of `packets` (rows.PACKET), whose own columns are filled too.

    data, reassembled: the bytes that the packets lie in, read-only uint8. No packet is begun once there are
    `maximum` rows, of packets too.
    """
    batches = []
    rows = done = 0
    while done < len(packets) and done + rows < maximum:
        batch, done = _batch(data, reassembled, packets, done, maximum - done - rows)
        batches.append(batch)
        rows += sum(map(len, batch))
    chunks, parameters, causes, gap_blocks, held = (
        np.concatenate(parts) if parts else np.empty(0, dtype)
        for parts, dtype in zip(_by_kind(batches), _KINDS, strict=True)
    )
    return Rows(chunks, parameters, causes, gap_blocks, held, done)


def _by_kind(batches: list[tuple]) -> Iterator[list]:
    return ([batch[kind] for batch in batches] for kind in range(len(_KINDS)))


def _batch(
    data: NDArray, reassembled: NDArray, packets: NDArray, first: int, maximum: int
) -> tuple[tuple[NDArray, ...], int]:
    """The rows of some packets from the first on, and the number of the next one."""
    rows = tuple(np.empty(BATCH, dtype) for dtype in _KINDS)
    counts = np.zeros(len(_KINDS), np.int64)
    chunks, parameters, causes, gap_blocks, held = rows
    done = _packets(
        *(data, reassembled, packets, first, maximum),
        *(chunks, parameters, causes, gap_blocks, held, counts),
    )
    return tuple(part[:count] for part, count in zip(rows, counts, strict=True)), done


_DEFECT = {name: number for number, name in enumerate(defects.NAMES)}
_COMMON_HEADER_CUT = _DEFECT["common_header_cut"]
_CUT_BY_SNAPLEN = _DEFECT["cut_by_snaplen"]
_CUT_BY_FRAGMENTATION = _DEFECT["cut_by_fragmentation"]
_NO_CHUNKS = _DEFECT["no_chunks"]
_BYTES_AFTER_CHUNKS = _DEFECT["bytes_after_chunks"]
_CHUNK_LENGTH_SHORT = _DEFECT["chunk_length_short"]
_CHUNK_OVERRUNS_PACKET = _DEFECT["chunk_overruns_packet"]
_CHUNK_VALUE_SHORT = _DEFECT["chunk_value_short"]
_CHUNK_PADDING_MISSING = _DEFECT["chunk_padding_missing"]
_SACK_COUNTS_OVERRUN_CHUNK = _DEFECT["sack_counts_overrun_chunk"]
_BYTES_AFTER_PARAMETERS = _DEFECT["bytes_after_parameters"]
_PARAMETER_LENGTH_WRONG = _DEFECT["parameter_length_wrong"]
_PARAMETER = (_DEFECT["parameter_length_short"], _DEFECT["parameter_overruns_chunk"])
_PARAMETER_VALUE_SHORT = _DEFECT["parameter_value_short"]
_CAUSE = (_DEFECT["cause_length_short"], _DEFECT["cause_overruns_chunk"])
_CAUSE_VALUE_SHORT = _DEFECT["cause_value_short"]
_HELD_LENGTH_SHORT = _DEFECT["held_length_short"]
_HELD_OVERRUNS_HOLDER = _DEFECT["held_overruns_holder"]

_CHUNKS, _PARAMETERS, _CAUSES, _GAP_BLOCKS, _HELD = range(5)
"""Which of the counts is whose."""

_GAP, _NR_GAP, _DUPLICATE = map(GAP_KINDS.index, ("gap", "nr_gap", "duplicate"))

_IS_PARAMETER, _IS_CAUSE, _IS_CHUNK = map(TLV_KINDS.index, ("parameter", "cause", "chunk"))

_HEADER = COMMON_HEADER_LENGTH
_MAXIMUM_LENGTH = 1 << 16
_ANY_LENGTH = -1

_FIELDS = {
    ChunkType.DATA: 12,  # RFC 9260 §3.3.1
    ChunkType.INIT: 16,  # RFC 9260 §3.3.2
    ChunkType.INIT_ACK: 16,
    ChunkType.SACK: 12,  # RFC 9260 §3.3.4
    ChunkType.NR_SACK: 16,
    ChunkType.SHUTDOWN: 4,  # RFC 9260 §3.3.8
    ChunkType.ECNE: 4,
    ChunkType.CWR: 4,
    ChunkType.AUTH: 4,  # RFC 4895 §4.1
    ChunkType.I_DATA: 16,  # RFC 8260 §2.1
    ChunkType.ASCONF: 4,  # RFC 5061 §4.1
    ChunkType.ASCONF_ACK: 4,
    ChunkType.PKTDROP: 12,  # draft-stewart-sctp-pktdrprep
    ChunkType.FORWARD_TSN: 4,  # RFC 3758 §3.2
    ChunkType.I_FORWARD_TSN: 4,  # RFC 8260 §2.3.1
}
"""Bytes of the fixed fields of a chunk type; other types have none."""

_TLVS_FROM = {
    ChunkType.INIT: 16,
    ChunkType.INIT_ACK: 16,
    ChunkType.HEARTBEAT: 0,
    ChunkType.HEARTBEAT_ACK: 0,
    ChunkType.RE_CONFIG: 0,  # RFC 6525 §3.1
    ChunkType.ASCONF: 4,
    ChunkType.ASCONF_ACK: 4,
    ChunkType.ABORT: 0,
    ChunkType.ERROR: 0,
}
"""Where in the value of a chunk type parameters or error causes begin."""

_LENGTHS = {
    ParameterType.IPV4_ADDRESS: 8,
    ParameterType.IPV6_ADDRESS: 20,
    ParameterType.COOKIE_PRESERVATIVE: 8,
    ParameterType.ECN_CAPABLE: 4,
    ParameterType.FORWARD_TSN_SUPPORTED: 4,
    ParameterType.ZERO_CHECKSUM_ACCEPTABLE: 8,
    ParameterType.ADAPTATION_LAYER_INDICATION: 8,
    ParameterType.SSN_TSN_RESET_REQUEST: 8,  # RFC 6525 §4.3
    ParameterType.ADD_OUTGOING_STREAMS_REQUEST: 12,  # RFC 6525 §4.5
    ParameterType.ADD_INCOMING_STREAMS_REQUEST: 12,
    ParameterType.SUCCESS_INDICATION: 8,  # RFC 5061 §4.2.6
}
"""Length fields of the parameter types that have but one."""

_PARAMETER_FIELDS = {
    ParameterType.COOKIE_PRESERVATIVE: 4,
    ParameterType.OUTGOING_SSN_RESET_REQUEST: 12,  # RFC 6525 §4.1
    ParameterType.INCOMING_SSN_RESET_REQUEST: 4,
    ParameterType.SSN_TSN_RESET_REQUEST: 4,
    ParameterType.RE_CONFIGURATION_RESPONSE: 8,  # RFC 6525 §4.4
    ParameterType.ADD_OUTGOING_STREAMS_REQUEST: 8,
    ParameterType.ADD_INCOMING_STREAMS_REQUEST: 8,
    ParameterType.ZERO_CHECKSUM_ACCEPTABLE: 4,  # RFC 9653 §4
    ParameterType.ADD_IP_ADDRESS: 4,  # RFC 5061 §4.2: the correlation id
    ParameterType.DELETE_IP_ADDRESS: 4,
    ParameterType.ERROR_CAUSE_INDICATION: 4,
    ParameterType.SET_PRIMARY_ADDRESS: 4,
    ParameterType.SUCCESS_INDICATION: 4,
    ParameterType.ADAPTATION_LAYER_INDICATION: 4,
}
_CAUSE_FIELDS = {
    CauseCode.INVALID_STREAM_IDENTIFIER: 4,  # RFC 9260 §3.3.10.1
    CauseCode.MISSING_MANDATORY_PARAMETER: 4,
    CauseCode.STALE_COOKIE: 4,
    CauseCode.NO_USER_DATA: 4,
    CauseCode.UNSUPPORTED_HMAC_IDENTIFIER: 2,  # RFC 4895 §4.2
}
"""Bytes of the fixed fields of a parameter type or cause code; others have none."""

_IN_PARAMETERS = {
    ParameterType.UNRECOGNIZED_PARAMETER: (0, _IS_PARAMETER),  # RFC 9260 §3.3.3.1.2
    ParameterType.ADD_IP_ADDRESS: (4, _IS_PARAMETER),  # RFC 5061 §4.2
    ParameterType.DELETE_IP_ADDRESS: (4, _IS_PARAMETER),
    ParameterType.SET_PRIMARY_ADDRESS: (4, _IS_PARAMETER),
    ParameterType.ERROR_CAUSE_INDICATION: (4, _IS_CAUSE),
}
_IN_CAUSES = {
    CauseCode.UNRESOLVABLE_ADDRESS: (0, _IS_PARAMETER),  # RFC 9260 §3.3.10.5
    CauseCode.UNRECOGNIZED_CHUNK_TYPE: (0, _IS_CHUNK),
    CauseCode.UNRECOGNIZED_PARAMETERS: (0, _IS_PARAMETER),
    CauseCode.RESTART_OF_AN_ASSOCIATION_WITH_NEW_ADDRESSES: (0, _IS_PARAMETER),
    CauseCode.REQUEST_TO_DELETE_LAST_REMAINING_IP_ADDRESS: (0, _IS_PARAMETER),  # RFC 5061 §4.3
    CauseCode.OPERATION_REFUSED_DUE_TO_RESOURCE_SHORTAGE: (0, _IS_PARAMETER),
    CauseCode.REQUEST_TO_DELETE_SOURCE_IP_ADDRESS: (0, _IS_PARAMETER),
    CauseCode.REQUEST_REFUSED_NO_AUTHORIZATION: (0, _IS_PARAMETER),
}
"""Where in the value of a parameter type or cause code others begin, and of which kind they are."""


def _by_type(values: dict, size: int, other: int) -> NDArray[np.int16]:
    table = np.full(size, other, dtype=np.int16)  # Numba keeps no code with arrays of more than 1 MB
    table[list(values)] = list(values.values())
    return table


_FIELDS_OF = _by_type(_FIELDS, 1 << 8, 0)
_TLVS_OF = _by_type(_TLVS_FROM, 1 << 8, -1)
_LENGTH_OF = _by_type(_LENGTHS, 1 << 16, _ANY_LENGTH)
_MINIMUM_OF = np.stack([_by_type(fields, 1 << 16, 0) for fields in (_PARAMETER_FIELDS, _CAUSE_FIELDS)])
_HELD_FROM, _HELD_KIND = (
    np.stack(
        [
            _by_type({type: held[part] for type, held in holders.items()}, 1 << 16, -1)
            for holders in (_IN_PARAMETERS, _IN_CAUSES)
        ]
    )
    for part in (0, 1)
)
"""By kind, then by type."""

_DATA, _I_DATA = int(ChunkType.DATA), int(ChunkType.I_DATA)
_SACK, _NR_SACK = int(ChunkType.SACK), int(ChunkType.NR_SACK)
_ABORT, _ERROR = int(ChunkType.ABORT), int(ChunkType.ERROR)
_IPV4_ADDRESS, _IPV6_ADDRESS = int(ParameterType.IPV4_ADDRESS), int(ParameterType.IPV6_ADDRESS)
_ADD, _DELETE = int(ParameterType.ADD_IP_ADDRESS), int(ParameterType.DELETE_IP_ADDRESS)
_SET_PRIMARY = int(ParameterType.SET_PRIMARY_ADDRESS)


@compiled
def _packets(
    data: NDArray,
    reassembled: NDArray,
    packets: NDArray,
    first: int,
    maximum: int,
    chunks: NDArray,
    parameters: NDArray,
    causes: NDArray,
    gap_blocks: NDArray,
    held: NDArray,
    counts: NDArray,
) -> int:
    """Walk packets from the first on; gives the number of the one that has no room any more."""
    for number in range(first, len(packets)):
        rows, most = number - first, 0
        for count in counts:
            rows += count
            most = max(most, count)
        room = len(chunks) - most
        if rows >= maximum or min(packets[number]["captured_length"], _MAXIMUM_LENGTH) // 4 > room:
            return number
        source = reassembled if packets[number]["reassembled"] else data
        _packet(source, packets, number, chunks, parameters, causes, gap_blocks, held, counts)
    return len(packets)


@compiled
def _packet(
    data: NDArray,
    packets: NDArray,
    number: int,
    chunks: NDArray,
    parameters: NDArray,
    causes: NDArray,
    gap_blocks: NDArray,
    held: NDArray,
    counts: NDArray,
) -> None:
    packet = packets[number]
    begin = packet["begin"]
    known = min(packet["captured_length"], _MAXIMUM_LENGTH)
    end = begin + known
    stated_end = begin + packet["length"]
    cut = 0
    if packet["is_fragment"]:  # then where the packet ends is not known
        cut = _CUT_BY_FRAGMENTATION
        stated_end = begin + _MAXIMUM_LENGTH
    elif end < stated_end:
        cut = _CUT_BY_SNAPLEN
    packet["source_port"] = u16(data, begin) if known >= 2 else 0
    packet["destination_port"] = u16(data, begin + 2) if known >= 4 else 0
    packet["verification_tag"] = u32(data, begin + 4) if known >= 8 else 0
    packet["chunks"] = 0
    if known < _HEADER:
        packet["checksum"] = 0
        packet["crc32c"] = 0
        packet["defect"] = cut if cut else _COMMON_HEADER_CUT
        return
    packet["checksum"] = u32(data, begin + 8)
    packet["crc32c"] = checksum(data, begin, end)

    at = begin + _HEADER
    index = 0
    while at + 4 <= end:
        length = u16(data, at + 2)
        _chunk(
            data,
            number,
            index,
            begin,
            at,
            end,
            stated_end,
            cut,
            chunks,
            parameters,
            causes,
            gap_blocks,
            held,
            counts,
        )
        index += 1
        if length < 4:  # where the next one begins is not known
            packet["chunks"] = index
            packet["defect"] = cut
            return
        at += length + 3 & ~3
    packet["chunks"] = index
    if cut == 0 and index == 0 and at == stated_end:
        packet["defect"] = _NO_CHUNKS
    elif cut == 0 and at < stated_end:
        packet["defect"] = _BYTES_AFTER_CHUNKS
    else:
        packet["defect"] = cut


@compiled
def _chunk(
    data: NDArray,
    number: int,
    index: int,
    packet_begin: int,
    at: int,
    packet_end: int,
    packet_stated_end: int,
    packet_cut: int,
    chunks: NDArray,
    parameters: NDArray,
    causes: NDArray,
    gap_blocks: NDArray,
    held: NDArray,
    counts: NDArray,
) -> None:
    """The chunk at `at`; its value is data[begin:stated_end], of which data[begin:end] is at hand."""
    row = counts[_CHUNKS]
    counts[_CHUNKS] += 1
    chunk = chunks[row]
    type = u8(data, at)
    length = u16(data, at + 2)
    begin = at + 4
    stated_end = at + length
    cut = 0
    if length < 4:
        cut = _CHUNK_LENGTH_SHORT
        stated_end = begin
    elif stated_end > packet_stated_end:
        cut = _CHUNK_OVERRUNS_PACKET
        stated_end = packet_stated_end
    elif stated_end > packet_end:
        cut = packet_cut
    end = min(stated_end, packet_end)

    chunk["packet"] = number
    chunk["chunk"] = index
    chunk["type"] = type
    chunk["flags"] = data[at + 1]
    chunk["length"] = length
    chunk["offset"] = at - packet_begin
    chunk["value_begin"] = begin
    chunk["at_hand"] = end - begin
    chunk["is_whole"] = cut == 0
    for word in range(5):
        chunk["words"][word] = u32(data, begin + 4 * word) if begin + 4 * word + 4 <= end else 0
    has_fields = end - begin >= _FIELDS_OF[type]
    chunk["has_fields"] = has_fields
    chunk["payload_length"] = 0
    chunk["payload_digest"] = 0

    found = 0
    if not has_fields:
        found = _CHUNK_VALUE_SHORT
    elif type == _DATA or type == _I_DATA:
        payload = begin + _FIELDS_OF[type]
        chunk["payload_length"] = stated_end - payload
        if cut == 0:
            chunk["payload_digest"] = digest(data, payload, end)
    elif type == _SACK or type == _NR_SACK:
        found = _gap_blocks(data, number, index, type, begin, end, stated_end, gap_blocks, counts)
    elif type == _ABORT or type == _ERROR:
        found = _tlvs(
            data,
            number,
            index,
            type,
            packet_begin,
            begin,
            end,
            stated_end,
            cut,
            _CAUSE,
            causes,
            held,
            counts,
            _CAUSES,
        )
    elif _TLVS_OF[type] >= 0:
        found = _tlvs(
            data,
            number,
            index,
            type,
            packet_begin,
            begin + _TLVS_OF[type],
            end,
            stated_end,
            cut,
            _PARAMETER,
            parameters,
            held,
            counts,
            _PARAMETERS,
        )

    defect = cut if cut else found
    padded_end = at + (length + 3 & ~3)
    chunk["padding"] = -1
    if defect == 0 and padded_end > packet_stated_end:
        defect = _CHUNK_PADDING_MISSING
    elif stated_end < padded_end <= packet_end:
        chunk["padding"] = _is_zero(data, stated_end, padded_end)
    chunk["defect"] = defect


@compiled
def _is_zero(data: NDArray, begin: int, end: int) -> int:
    """1 if all of data[begin:end] is zero, else 0."""
    for at in range(begin, end):
        if data[at]:
            return 0
    return 1


@compiled
def _gap_blocks(
    data: NDArray,
    number: int,
    index: int,
    type: int,
    begin: int,
    end: int,
    stated_end: int,
    gap_blocks: NDArray,
    counts: NDArray,
) -> int:
    """Gap ack blocks and duplicate TSNs of the SACK or NR_SACK whose value begins at `begin`.

    (RFC 9260 §3.3.4; an NR_SACK has non-renegable gap ack blocks in between.) Gives the chunk's defect.
    """
    cumulative_tsn = u32(data, begin)
    gaps = u16(data, begin + 8)
    nr_gaps = u16(data, begin + 10) if type == _NR_SACK else 0
    total = gaps + nr_gaps + u16(data, begin + (12 if type == _NR_SACK else 10))
    blocks = begin + _FIELDS_OF[type]
    for item in range(min(total, (end - blocks) // 4)):
        row = gap_blocks[counts[_GAP_BLOCKS]]
        counts[_GAP_BLOCKS] += 1
        row["packet"] = number
        row["chunk"] = index
        row["index"] = item
        at = blocks + 4 * item
        if item < gaps + nr_gaps:
            row["kind"] = _GAP if item < gaps else _NR_GAP
            row["start_offset"] = u16(data, at)
            row["end_offset"] = u16(data, at + 2)
            row["start"] = cumulative_tsn + u16(data, at) & 0xFFFFFFFF
            row["end"] = cumulative_tsn + u16(data, at + 2) & 0xFFFFFFFF
        else:
            row["kind"] = _DUPLICATE
            row["start_offset"] = 0
            row["end_offset"] = 0
            row["start"] = u32(data, at)
            row["end"] = u32(data, at)
    return _SACK_COUNTS_OVERRUN_CHUNK if blocks + 4 * total > stated_end else 0


@compiled
def _tlvs(
    data: NDArray,
    number: int,
    index: int,
    chunk_type: int,
    packet_begin: int,
    begin: int,
    end: int,
    stated_end: int,
    cut: int,
    kind: tuple[int, int],
    rows: NDArray,
    held: NDArray,
    counts: NDArray,
    count: int,
) -> int:
    """Parameters or error causes of a chunk from `begin` on (RFC 9260 §3.2.1, §3.3.10); the chunk's defect.

    kind: the defects of one that is too short, or too long.
    """
    item = 0
    at = begin
    while at + 4 <= end:
        row = rows[counts[count]]
        counts[count] += 1
        row["packet"] = number
        row["chunk"] = index
        row["index"] = item
        row["chunk_type"] = chunk_type
        row["depth"] = 0
        what = _IS_PARAMETER if count == _PARAMETERS else _IS_CAUSE
        length = _tlv(data, packet_begin, at, end, stated_end, cut, kind, what, row)
        if length < 4:
            return 0
        if row["is_whole"]:
            _held(data, packet_begin, row, held, counts)
        item += 1
        at += length + 3 & ~3
    return _BYTES_AFTER_PARAMETERS if at < stated_end and cut == 0 else 0


@compiled
def _tlv(
    data: NDArray,
    packet_begin: int,
    at: int,
    end: int,
    stated_end: int,
    cut: int,
    defects: tuple[int, int],
    kind: int,
    row: NDArray,
) -> int:
    """Fill the row of the parameter, error cause or chunk at `at`; gives its length field."""
    type = u8(data, at) if kind == _IS_CHUNK else u16(data, at)
    length = u16(data, at + 2)
    row["kind"] = kind
    row["type"] = type
    row["length"] = length
    row["offset"] = at - packet_begin
    row["value_begin"] = at + 4
    row["is_whole"] = False
    row["has_fields"] = False
    row["padding"] = -1
    row["family"] = 0
    row["high"] = 0
    row["low"] = 0
    for word in range(4):
        row["words"][word] = 0
    if length < 4:
        row["defect"] = defects[0]
        return length
    value_end = at + length
    padded_end = at + (length + 3 & ~3)
    defect = 0
    if value_end > stated_end:
        defect = defects[1]
    elif value_end > end:
        defect = cut
    else:
        row["is_whole"] = True
        for word in range(4):
            row["words"][word] = _word(data, at + 4 + 4 * word, value_end)
        if kind != _IS_CHUNK:
            row["has_fields"] = length - 4 >= _MINIMUM_OF[kind, type]
        if kind == _IS_PARAMETER:
            _address(data, type, at + 4, value_end, row)
            if _LENGTH_OF[type] != length and _LENGTH_OF[type] != _ANY_LENGTH:
                defect = _PARAMETER_LENGTH_WRONG
            elif not row["has_fields"]:
                defect = _PARAMETER_VALUE_SHORT
        elif kind == _IS_CAUSE and not row["has_fields"]:
            defect = _CAUSE_VALUE_SHORT
    if value_end < padded_end <= end:
        row["padding"] = _is_zero(data, value_end, padded_end)
    row["defect"] = defect
    return length


@compiled
def _word(data: NDArray, begin: int, end: int) -> int:
    """Four bytes from `begin` on; for those from `end` on, zeros."""
    word = 0
    for at in range(begin, begin + 4):
        word = word << 8 | (u8(data, at) if at < end else 0)
    return word


@compiled
def _held(data: NDArray, packet_begin: int, holder: NDArray, held: NDArray, counts: NDArray) -> None:
    """Rows of what a whole parameter or error cause holds, and of what these hold, level by level.

    Each begins with four bytes that are no other's: so there are no more of them than words in the packet.
    """
    following = counts[_HELD]
    _held_in(data, packet_begin, holder, held, counts)
    while following < counts[_HELD]:
        if held[following]["is_whole"]:
            _held_in(data, packet_begin, held[following], held, counts)
        following += 1


@compiled
def _held_in(data: NDArray, packet_begin: int, holder: NDArray, held: NDArray, counts: NDArray) -> None:
    """Rows of what a parameter or error cause itself holds. Pad bytes may be left out behind the last."""
    if holder["kind"] == _IS_CHUNK or _HELD_FROM[holder["kind"], holder["type"]] < 0:
        return
    kind = _HELD_KIND[holder["kind"], holder["type"]]
    begin = int(holder["value_begin"])
    end = begin + int(holder["length"]) - 4
    at = begin + int(_HELD_FROM[holder["kind"], holder["type"]])
    while at + 4 <= end:
        row = held[counts[_HELD]]
        counts[_HELD] += 1
        row["packet"] = holder["packet"]
        row["chunk"] = holder["chunk"]
        row["index"] = holder["index"]
        row["chunk_type"] = holder["chunk_type"]
        row["depth"] = holder["depth"] + 1
        defects = (_HELD_LENGTH_SHORT, _HELD_OVERRUNS_HOLDER)
        length = _tlv(data, packet_begin, at, end, end, 0, defects, kind, row)
        if length < 4:
            return
        at += length + 3 & ~3


@compiled
def _address(data: NDArray, type: int, begin: int, end: int, row: NDArray) -> None:
    """The address of a parameter, or of the one that follows an ASCONF parameter's correlation id."""
    if (type == _ADD or type == _DELETE or type == _SET_PRIMARY) and end - begin >= 8:
        type = u16(data, begin + 4)
        end = min(end, begin + 4 + u16(data, begin + 6))
        begin += 8
    if type == _IPV4_ADDRESS and end - begin == 4:
        row["family"] = 4
        row["low"] = u32(data, begin)
    elif type == _IPV6_ADDRESS and end - begin == 16:
        row["family"] = 6
        row["high"] = u64(data, begin)
        row["low"] = u64(data, begin + 8)
