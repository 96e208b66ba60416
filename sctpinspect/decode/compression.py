"""Compressed files, decompressed piece by piece: gzip, zstd, bzip2 and xz, of one or more streams.

Each piece is small, whatever the input, and what comes before damage is not lost.

Sources: RFC 1952 (gzip), RFC 8878 (zstd).
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator

import zstandard

PIECE = 1 << 16
"""Bytes that are read, and that come out, at once."""


class Damaged(Exception):
    """The compressed data cannot be read further."""


class Stream:
    """Bytes to be read once, of which some may be given back."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._back = b""

    def read(self, length: int) -> bytes:
        """So many bytes, fewer only at the end."""
        parts = [self._back[:length]]
        self._back = self._back[length:]
        length -= len(parts[0])
        while length and (part := self._read(length)):
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def give_back(self, data: bytes) -> None:
        self._back = data + self._back


def decompressor(head: bytes) -> Callable[[Stream], Iterator[bytes]] | None:
    """What decompresses the file that begins with `head`; it raises Damaged after the last good piece."""
    return next((function for magic, function in _DECOMPRESSORS.items() if head.startswith(magic)), None)


def _begins_another(stream: Stream, magic: bytes, name: str) -> bool:
    """Whether one more stream follows; zeros between them are padding."""
    while piece := stream.read(PIECE):
        rest = piece.lstrip(b"\0")
        if rest:
            stream.give_back(rest)
            head = stream.read(len(magic))
            stream.give_back(head)
            if head != magic:
                raise Damaged(f"other bytes stand behind the {name} data")
            return True
    return False


_GZIP = b"\x1f\x8b"


def _gunzip(stream: Stream) -> Iterator[bytes]:
    while _begins_another(stream, _GZIP, "gzip"):
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            piece = member.unconsumed_tail or stream.read(PIECE)
            if not piece:
                yield member.flush()
                raise Damaged("the gzip data are cut")
            before = member.copy()
            try:
                yield member.decompress(piece, PIECE)
            except zlib.error:
                yield from _byte_by_byte(before, piece)
                raise Damaged("the gzip data are damaged") from None
        stream.give_back(member.unused_data)


def _byte_by_byte(member: "zlib._Decompress", piece: bytes) -> Iterator[bytes]:
    """What comes out of a damaged piece before the damage."""
    for byte in piece:
        try:
            yield member.decompress(bytes([byte]))
        except zlib.error:
            return


_ZSTD = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = {bytes([low, 0x2A, 0x4D, 0x18]) for low in range(0x50, 0x60)}
_FRAME_HEADER_MAXIMUM = 18
_RUN = 1
"""Block type whose content is one byte, to be repeated."""


def _unzstd(stream: Stream) -> Iterator[bytes]:
    """Frame by frame (RFC 8878 §3.1), block by block: at most 128 KiB come out of each."""
    while magic := stream.read(4):
        if magic in _SKIPPABLE:
            length = int.from_bytes(_exactly(stream, 4), "little")
            while length:
                length -= len(_exactly(stream, min(length, PIECE)))
            continue
        if magic != _ZSTD:
            raise Damaged(
                "the zstd data are cut" if len(magic) < 4 else "other bytes stand behind the zstd data"
            )
        try:
            yield from _zstd_frame(stream, magic)
        except zstandard.ZstdError as error:
            raise Damaged(f"the zstd data are damaged ({error})") from None


def _zstd_frame(stream: Stream, magic: bytes) -> Iterator[bytes]:
    head = magic + stream.read(_FRAME_HEADER_MAXIMUM - len(magic))
    header_length = zstandard.frame_header_size(head)
    has_checksum = zstandard.get_frame_parameters(head).has_checksum
    stream.give_back(head[header_length:])
    frame = zstandard.ZstdDecompressor().decompressobj()
    yield frame.decompress(head[:header_length])
    is_last = False
    while not is_last:
        block = _exactly(stream, 3)
        fields = int.from_bytes(block, "little")
        is_last, type, size = bool(fields & 1), fields >> 1 & 3, fields >> 3
        yield frame.decompress(block + _exactly(stream, 1 if type == _RUN else size))
    if has_checksum:
        yield frame.decompress(_exactly(stream, 4))


def _exactly(stream: Stream, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise Damaged("the zstd data are cut")
    return data


_BZIP2 = b"BZh"
_XZ = b"\xfd7zXZ\0"
_XZ_MEMORY = 1 << 28
_SMALL = 64
"""Bytes that are read at once where what came out of them is lost if they are damaged."""


def _bunzip2(stream: Stream) -> Iterator[bytes]:
    while _begins_another(stream, _BZIP2, "bzip2"):
        yield from _streamed(bz2.BZ2Decompressor(), stream, "bzip2")


def _unxz(stream: Stream) -> Iterator[bytes]:
    while _begins_another(stream, _XZ, "xz"):
        yield from _streamed(lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY), stream, "xz")


def _streamed(
    decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor, stream: Stream, name: str
) -> Iterator[bytes]:
    while not decompressor.eof:
        piece = stream.read(_SMALL) if decompressor.needs_input else b""
        if decompressor.needs_input and not piece:
            raise Damaged(f"the {name} data are cut")
        try:
            yield decompressor.decompress(piece, PIECE)
        except (OSError, EOFError, ValueError, lzma.LZMAError):
            raise Damaged(f"the {name} data are damaged") from None
    stream.give_back(decompressor.unused_data)


_DECOMPRESSORS: dict[bytes, Callable[[Stream], Iterator[bytes]]] = {
    _GZIP: _gunzip,
    _BZIP2: _bunzip2,
    _XZ: _unxz,
    _ZSTD: _unzstd,
    **dict.fromkeys(_SKIPPABLE, _unzstd),
}
