"""A writer of pcapng (draft-ietf-opsawg-pcapng): each function gives one block as bytes.

Little-endian; times are nanoseconds since the epoch (if_tsresol 9).
"""

import struct
from collections.abc import Iterable, Mapping

ETHERNET = 1  # LINKTYPE_ETHERNET
INBOUND, OUTBOUND = 1, 2  # direction of a packet, seen from its interface

_SECTION, _INTERFACE, _STATISTICS, _PACKET, _JOURNAL = 0x0A0D0D0A, 1, 5, 6, 9
_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_END, _COMMENT = 0, 1  # options of every block
_SHB_USERAPPL = 4
_IF_NAME, _IF_DESCRIPTION, _IF_TSRESOL = 2, 3, 9
_EPB_FLAGS = 2
_ISB_IFRECV, _ISB_IFDROP = 4, 5

_PACKET_HEAD = struct.Struct("<7I")
_LENGTH = struct.Struct("<I")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")
_LONGEST_OPTION = 0xFFFF


def section(application: str, comments: Iterable[str] = ()) -> bytes:
    """A Section Header Block; it begins a file."""
    body = struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, -1)
    options = [_option(_COMMENT, comment.encode()) for comment in comments]
    return _block(_SECTION, body, *options, _option(_SHB_USERAPPL, application.encode()), _end())


def interface(name: str, description: str, link_type: int = ETHERNET) -> bytes:
    """An Interface Description Block, without a limit on captured lengths; numbered as they come, from 0."""
    return _block(
        _INTERFACE,
        struct.pack("<HHI", link_type, 0, 0),
        _option(_IF_NAME, name.encode()),
        _option(_IF_DESCRIPTION, description.encode()),
        _option(_IF_TSRESOL, b"\x09"),
        _end(),
    )


def packet(
    interface: int,
    time_ns: int,
    data: bytes | memoryview,
    length: int,
    direction: int,
    comment: str = "",
) -> bytes:
    """An Enhanced Packet Block; `length` is that on the wire, and `data` what was captured of it."""
    options = _comment_and_flags(direction, comment) if comment else _FLAGS[direction]
    captured = len(data)
    padding = _PADDING[captured & 3]
    total = 32 + captured + len(padding) + len(options)
    high, low = time_ns >> 32, time_ns & 0xFFFFFFFF
    head = _PACKET_HEAD.pack(_PACKET, total, interface, high, low, captured, length)
    return b"".join((head, data, padding, options, head[4:8]))


def statistics(interface: int, time_ns: int, received: int, dropped: int | None, comment: str) -> bytes:
    """An Interface Statistics Block. `dropped` None: unknown, and not stated."""
    return _block(
        _STATISTICS,
        struct.pack("<III", interface, time_ns >> 32, time_ns & 0xFFFFFFFF),
        _option(_COMMENT, comment.encode()),
        _option(_ISB_IFRECV, struct.pack("<Q", received)),
        _option(_ISB_IFDROP, struct.pack("<Q", dropped)) if dropped is not None else b"",
        _end(),
    )


def journal_entry(fields: Mapping[str, str]) -> bytes:
    """A systemd Journal Export Block (type 9). No value may hold a line end."""
    return _block(_JOURNAL, "".join(f"{name}={value}\n" for name, value in fields.items()).encode())


def _block(kind: int, body: bytes, *options: bytes) -> bytes:
    content = b"".join((body, _PADDING[len(body) & 3], *options))
    total = 12 + len(content)
    return struct.pack("<II", kind, total) + content + _LENGTH.pack(total)


def _option(code: int, value: bytes) -> bytes:
    if len(value) > _LONGEST_OPTION:
        raise ValueError(f"an option of pcapng holds {_LONGEST_OPTION} bytes at most, not {len(value)}")
    return struct.pack("<HH", code, len(value)) + value + _PADDING[len(value) & 3]


def _end() -> bytes:
    return struct.pack("<HH", _END, 0)


def _comment_and_flags(direction: int, comment: str) -> bytes:
    return _option(_COMMENT, comment.encode()) + _FLAGS[direction]


_FLAGS = {
    direction: _option(_EPB_FLAGS, struct.pack("<I", direction)) + _end() for direction in (INBOUND, OUTBOUND)
}
