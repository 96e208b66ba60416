"""A writer of pcapng (draft-ietf-opsawg-pcapng): each function gives one block as bytes.

Little-endian; times are nanoseconds since the epoch (if_tsresol 9).
"""

import struct
from collections.abc import Iterable, Mapping

ETHERNET = 1  # LINKTYPE_ETHERNET
UNKNOWN, INBOUND, OUTBOUND = 0, 1, 2  # direction of a packet, seen from its interface

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


def interface(name: str, description: str, link_type: int = ETHERNET, snaplen: int = 0) -> bytes:
    """An Interface Description Block; interfaces are numbered as they come, from 0. A text may be empty.

    snaplen: the limit on captured lengths; 0: none.
    """
    return _block(
        _INTERFACE,
        struct.pack("<HHI", link_type, 0, snaplen),
        _option(_IF_NAME, name.encode()) if name else b"",
        _option(_IF_DESCRIPTION, description.encode()) if description else b"",
        _option(_IF_TSRESOL, b"\x09"),
        _end(),
    )


def packet(
    interface: int,
    time_ns: int,
    data: bytes | memoryview,
    length: int,
    direction: int,
    *comments: str,
) -> bytes:
    """An Enhanced Packet Block; `length` is that on the wire, and `data` what was captured of it."""
    options = _FLAGS[direction]
    if comments:
        options = b"".join(_option(_COMMENT, comment.encode()) for comment in comments) + options
    captured = len(data)
    padding = _PADDING[captured & 3]
    total = 32 + captured + len(padding) + len(options)
    high, low = time_ns >> 32 & 0xFFFFFFFF, time_ns & 0xFFFFFFFF
    head = _PACKET_HEAD.pack(_PACKET, total, interface, high, low, captured, length)
    return b"".join((head, data, padding, options, head[4:8]))


def statistics(
    interface: int, time_ns: int, received: int | None, dropped: int | None, comment: str = ""
) -> bytes:
    """An Interface Statistics Block. A number None: unknown, and not stated."""
    return _block(
        _STATISTICS,
        struct.pack("<III", interface, time_ns >> 32 & 0xFFFFFFFF, time_ns & 0xFFFFFFFF),
        _option(_COMMENT, comment.encode()) if comment else b"",
        _option(_ISB_IFRECV, struct.pack("<Q", received)) if received is not None else b"",
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


_FLAGS = {
    direction: _option(_EPB_FLAGS, struct.pack("<I", direction)) + _end()
    for direction in (UNKNOWN, INBOUND, OUTBOUND)
}
