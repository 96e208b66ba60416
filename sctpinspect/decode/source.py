"""The bytes of a capture file, decompressed if need be: mapped into memory, not read into it."""

import mmap
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode.compression import PIECE, Damaged, Stream, decompressor
from sctpinspect.protocol import UsageError

HEAD = 24
"""So many bytes tell whether a file is a capture."""

DISK_SHARE = 15 / 16
"""What a temporary file may take of the free space."""


def shown(path: str | Path) -> str:
    """The path as messages name it."""
    return "standard input" if str(path) == "-" else str(path)


def read(path: str | Path, foreign: Callable[[bytes], str | None]) -> tuple[NDArray[np.uint8], str | None]:
    """The bytes of a file, not to be changed, and what is wrong with its compression; "-": standard input.

    A regular file is mapped; it must not be cut short meanwhile. What is compressed or comes from standard
    input or a FIFO goes into a temporary file without a name. `foreign` says from the first HEAD bytes what
    is wrong with the file if it is no capture; no more of it is read then.

    Raises UsageError for what cannot be read, is empty, foreign, or too large for the free disk space.
    """
    with _opened(path) as file:
        stream = Stream(_reader(path, file))
        head = stream.read(HEAD)
        if not head:
            raise UsageError(f"{shown(path)} is empty; give a pcap or pcapng file")
        decompress = decompressor(head)
        if decompress is None:
            _refuse(path, foreign(head))
            data = mapped(file) if str(path) != "-" else None
            if data is not None and data[:HEAD].tobytes() == head:
                return data, None
        stream.give_back(head)
        if decompress is None:
            return _stored(path, iter(lambda: stream.read(PIECE), b""))
        pieces = decompress(stream)
        head, damage = _head(pieces)
        if not head:
            because = f"{damage}: " if damage else ""
            raise UsageError(f"{shown(path)} is compressed, but {because}nothing comes out of it")
        fault = foreign(head)
        _refuse(path, fault and f"is compressed, but what comes out of it {fault}")
        return _stored(path, _chained(head, pieces, damage))


@contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    if str(path) == "-":
        if sys.stdin is None:
            raise UsageError("standard input is closed; give the path of a pcap or pcapng file")
        yield sys.stdin.buffer
        return
    with _open(path) as file:
        yield file


def _open(path: str | Path) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file; give the path of a pcap or pcapng file") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a directory; give a pcap or pcapng file in it") from None
    except PermissionError:
        raise UsageError(f"{path} may not be read by this user; change its permissions or the user") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise UsageError(f"{path} cannot be read: {error}") from None


def _reader(path: str | Path, file: BinaryIO) -> Callable[[int], bytes]:
    def read(length: int) -> bytes:
        try:
            return file.read(length)
        except OSError as error:
            raise UsageError(f"{shown(path)} cannot be read: {error.strerror}") from None

    return read


def _refuse(path: str | Path, fault: str | None) -> None:
    if fault:
        raise UsageError(f"{shown(path)} {fault}")


def forget(data: NDArray[np.uint8]) -> None:
    """Let the system take back the memory of a mapped file, which is read anew where it is needed again."""
    mapping: Any = data
    while isinstance(mapping, np.ndarray | memoryview):
        mapping = mapping.base if isinstance(mapping, np.ndarray) else mapping.obj
    if hasattr(mapping, "madvise"):  # not on Windows
        mapping.madvise(mmap.MADV_DONTNEED)


def mapped(file: BinaryIO) -> NDArray[np.uint8] | None:
    """The file in memory; None if it cannot be mapped: a FIFO, or on a file system that maps none."""
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return None
    try:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    except (OSError, ValueError):  # ValueError: it seems to be empty, as those of procfs do
        return None


def _head(pieces: Iterator[bytes]) -> tuple[bytes, Damaged | None]:
    """The first pieces, at least HEAD bytes if there are so many, and what ends them before."""
    head = b""
    try:
        while len(head) < HEAD:
            head += next(pieces)
    except StopIteration:
        pass
    except Damaged as damage:
        return head, damage
    return head, None


def _chained(head: bytes, pieces: Iterator[bytes], damage: Damaged | None) -> Iterator[bytes]:
    yield head
    if damage:
        raise damage
    yield from pieces


def _stored(path: str | Path, pieces: Iterable[bytes]) -> tuple[NDArray[np.uint8], str | None]:
    """The pieces in a temporary file that goes with the array, and what is wrong with them."""
    damage = None
    try:
        folder = tempfile.gettempdir()
        space = int(shutil.disk_usage(folder).free * DISK_SHARE)
        with tempfile.TemporaryFile(dir=folder) as file:
            try:
                for piece in pieces:
                    space -= len(piece)
                    if space < 0:
                        raise UsageError(
                            f"{shown(path)} is too large, decompressed, for the free space in {folder};"
                            " let TMPDIR name a folder with more"
                        )
                    file.write(piece)
            except Damaged as error:
                damage = str(error)
            file.flush()
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8), damage
    except OSError as error:
        raise UsageError(
            f"{shown(path)} cannot be put into a temporary file: {error.strerror};"
            " let TMPDIR name a folder with space"
        ) from None
