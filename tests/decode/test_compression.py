"""Compressed captures: all formats, several streams, cut, damaged, swollen, foreign."""

import bz2
import gzip
import io
import lzma
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from types import SimpleNamespace

import pytest
import zstandard
from builders import association, capture, pcap

from sctpinspect.decode.compression import Stream, decompressor
from sctpinspect.decode.files import open_capture
from sctpinspect.protocol import UsageError

PACKETS = association(messages=1, heartbeats=1)
PLAIN = capture(PACKETS)
HALF = len(PLAIN) // 2


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def zstd_of_many_blocks(data: bytes) -> bytes:
    """As a stream whose length is not known, with blocks of a few bytes."""
    stream = zstandard.ZstdCompressor().compressobj()
    parts = [
        stream.compress(data[at : at + 50]) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        for at in range(0, len(data), 50)
    ]
    return b"".join(parts) + stream.flush()


COMPRESS = {
    "gzip": gzip.compress,
    "zstd": zstd,
    "zstd of many blocks": zstd_of_many_blocks,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
SKIPPABLE = b"\x5a\x2a\x4d\x18" + struct.pack("<I", 5) + b"hello"


@pytest.fixture
def opened(tmp_path):
    def open_bytes(content: bytes):
        path = tmp_path / "capture.gz"
        path.write_bytes(content)
        return open_capture(path)

    return open_bytes


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "plain.pcapng"
    path.write_bytes(PLAIN)
    return open_capture(path)


@pytest.mark.parametrize("name", COMPRESS)
def test_what_is_compressed_is_read(opened, whole, name):
    found = opened(COMPRESS[name](PLAIN))
    assert found.data.tobytes() == PLAIN
    assert found.frames.tolist() == whole.frames.tolist()
    assert len(found.frames) == len(PACKETS)
    assert found.defects == []
    assert not found.data.flags.writeable


@pytest.mark.parametrize("name", COMPRESS)
def test_several_streams_are_one_file(opened, name):
    compress = COMPRESS[name]
    assert opened(compress(PLAIN[:7]) + compress(b"") + compress(PLAIN[7:])).data.tobytes() == PLAIN


@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz"])
def test_zeros_behind_a_stream_are_padding(opened, name):
    found = opened(COMPRESS[name](PLAIN) + bytes(512))
    assert (found.data.tobytes(), found.defects) == (PLAIN, [])


def test_what_zstd_lets_be_skipped_is_skipped(opened):
    found = opened(SKIPPABLE + zstd(PLAIN[:HALF]) + SKIPPABLE + zstd(PLAIN[HALF:]) + SKIPPABLE)
    assert (found.data.tobytes(), found.defects) == (PLAIN, [])


@pytest.mark.parametrize("name", COMPRESS)
def test_other_bytes_behind_a_stream_are_a_defect(opened, name):
    found = opened(COMPRESS[name](PLAIN) + b"other bytes")
    assert found.data.tobytes() == PLAIN
    assert len(found.defects) == 1
    assert found.defects[0].startswith("other bytes stand behind the")
    assert found.defects[0].endswith(": what follows was not read")


@pytest.mark.parametrize("name", COMPRESS)
def test_a_cut_stream_gives_all_before_the_cut(opened, whole, name):
    content = COMPRESS[name](PLAIN[:HALF]) + COMPRESS[name](PLAIN[HALF:])
    lengths = set()
    for cut in range(2, len(content)):
        try:
            found = opened(content[:cut])
        except UsageError as error:
            assert not lengths and "\n" not in str(error)
            continue
        data = found.data.tobytes()
        lengths.add(len(data))
        assert PLAIN.startswith(data)
        assert found.frames.tolist() == whole.frames[: len(found.frames)].tolist()
        if len(data) < HALF:
            assert "cut" in found.defects[0]
        if found.defects:
            assert found.defects[0].endswith("what follows was not read")
    assert max(lengths) == len(PLAIN)
    assert HALF in lengths


@pytest.mark.parametrize("name", COMPRESS)
def test_a_damaged_stream_raises_nothing_else(opened, name):
    content = COMPRESS[name](PLAIN[:600])
    read = 0
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 0x41
        try:
            found = opened(bytes(damaged))
        except UsageError as error:
            assert "\n" not in str(error)
            continue
        read += 1
        if found.data.tobytes() != PLAIN[:600] and name != "zstd of many blocks":  # that has no checksum
            assert found.defects
    assert read or name == "bzip2"  # which has one block here, good or not


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_wrong_checksum_leaves_all_that_came_out(opened, name):
    content = bytearray(COMPRESS[name](PLAIN))
    content[-5 if name == "gzip" else -1] ^= 1
    found = opened(bytes(content))
    assert found.data.tobytes() == PLAIN
    assert len(found.defects) == 1
    assert f"the {name} data are damaged" in found.defects[0]


def test_gzip_data_up_to_the_damage_come_out(opened):
    """Stored blocks, so that the place of the damage is known."""
    stream = zlib.compressobj(0, zlib.DEFLATED, 31)
    first = stream.compress(PLAIN) + stream.flush(zlib.Z_FULL_FLUSH)
    found = opened(first + b"\x07" + bytes(50))  # a block of no type
    assert found.data.tobytes() == PLAIN
    assert found.defects == ["the gzip data are damaged: what follows was not read"]


@pytest.mark.parametrize("name", ["gzip", "zstd", "bzip2", "xz"])
def test_little_comes_out_at_once_however_much_it_is(name):
    content = COMPRESS[name](bytes(1 << 25))
    pieces = list(decompressor(content)(Stream(io.BytesIO(content).read)))
    assert sum(map(len, pieces)) == 1 << 25
    assert max(map(len, pieces)) <= 1 << 17


def test_what_does_not_fit_on_the_disk_is_refused(opened, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=100_000))
    assert len(opened(gzip.compress(PLAIN)).frames) == len(PACKETS)
    swollen = gzip.compress(PLAIN + bytes(1 << 20))
    with pytest.raises(UsageError, match=r"too large.*TMPDIR"):
        opened(swollen)


def test_a_full_disk_is_said_to_be_full(opened, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(UsageError, match=r"temporary file: No space left on device; let TMPDIR"):
        opened(gzip.compress(PLAIN))


# ---- what is no capture


@pytest.mark.parametrize("name", COMPRESS)
def test_what_is_foreign_when_decompressed_is_refused(opened, name):
    with pytest.raises(UsageError, match=r"compressed, but what comes out of it is no pcap.*68 65 6c 6c"):
        opened(COMPRESS[name](b"hello world, this is a text"))


@pytest.mark.parametrize("name", COMPRESS)
def test_nothing_compressed_is_refused(opened, name):
    with pytest.raises(UsageError, match="compressed, but nothing comes out of it"):
        opened(COMPRESS[name](b""))


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08\x00", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"BZh"])
def test_a_stream_out_of_which_nothing_comes_is_refused(opened, content):
    with pytest.raises(
        UsageError, match=r"compressed, but the (gzip|xz|zstd|bzip2) data are .*nothing comes out"
    ):
        opened(content)


class Endless:
    """A stream without end, and how much of it was read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.count = 0

    def read(self, length: int) -> bytes:
        self.count += length
        assert self.count < 1 << 20, "it is read on and on"
        return self.data * (length // len(self.data)) + self.data[: length % len(self.data)]


@pytest.mark.parametrize(
    "data",
    [b"y\n", zstd(bytes(100_000)), gzip.compress(b"no capture at all, " * 9)],
    ids=["plain", "zstd", "gzip"],
)
def test_an_endless_foreign_stream_is_refused_at_once(monkeypatch, data):
    endless = Endless(data)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=endless))
    with pytest.raises(UsageError, match=r"standard input is .*no pcap"):
        open_capture("-")
    assert endless.count


def test_an_endless_capture_ends_with_the_disk(monkeypatch):
    class Zeros(Endless):
        def read(self, length: int) -> bytes:
            self.count += length
            return pcap([])[:length] if self.count == length else bytes(length)

    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1 << 22))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Zeros(b"")))
    with pytest.raises(UsageError, match="standard input is too large"):
        open_capture("-")


# ---- standard input and FIFOs


@pytest.mark.parametrize("name", COMPRESS)
def test_standard_input_may_be_compressed(name):
    code = "from sctpinspect.decode.files import open_capture; print(len(open_capture('-').frames))"
    content = COMPRESS[name](PLAIN)
    run = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True, check=True)
    assert int(run.stdout) == len(PACKETS)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_fifo_may_be_compressed(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=[gzip.compress(PLAIN)])
    writer.start()
    found = open_capture(fifo)
    writer.join()
    assert len(found.frames) == len(PACKETS)
