"""Variants of pcap: other record headers, lengths in another order, other units and link types."""

import shutil
import struct
import subprocess
from dataclasses import dataclass

import pytest
from builders import MILLISECOND, SECOND, association, pcap

from sctpinspect.decode.files import open_capture

FRAMES = [(packet.time_ns + 123_456, packet.frame()) for packet in association(messages=1, heartbeats=1)]
SNAPLEN = 70


@dataclass(frozen=True)
class Variant:
    """How a writer departs from pcap 2.4; `extra` is what it adds to each record header."""

    magic: int = 0xA1B2C3D4
    version: tuple[int, int] = (2, 4)
    link_type: int = 1
    unit_ns: int = 1000
    behind_header: bytes = b""
    extra: str = ""
    values: tuple[int, ...] = ()
    original_first: bool = False
    known_to_tshark: bool = True


KUZNETZOV = {"extra": "IHBB", "values": (3, 0x0800, 4, 0)}
SUSE = {"extra": "IHBBB3x", "values": (3, 0x0800, 4, 1, 2)}
VARIANTS = {
    "Kuznetzov": Variant(0xA1B2CD34, **KUZNETZOV),
    "Kuznetzov with the old magic": Variant(**KUZNETZOV),
    "SuSE 6.3": Variant(0xA1B2CD34, **SUSE),
    "Nokia": Variant(extra="I", values=(0x9FBFB601,)),
    "AIX": Variant(version=(2, 2), link_type=6, unit_ns=1, original_first=True),
    "version 2.2": Variant(version=(2, 2), original_first=True),
    "version 2.3": Variant(version=(2, 3)),
    "version 2.3 as 2.2": Variant(version=(2, 3), original_first=True),
    "DG/UX": Variant(version=(543, 0), original_first=True),
    "frame check sequence": Variant(link_type=2 << 28 | 1 << 26 | 1),
    "IXIA hardware": Variant(0x1C0001AC, unit_ns=1, behind_header=bytes(4), known_to_tshark=False),
    "IXIA software": Variant(0x1C0001AB, behind_header=bytes(4), known_to_tshark=False),
}


def written(variant: Variant, order: str, frames=FRAMES) -> bytes:
    head = (variant.magic, *variant.version, 0, 0, SNAPLEN, variant.link_type)
    out = [struct.pack(order + "IHHiIII", *head), variant.behind_header]
    for time_ns, frame in frames:
        seconds, rest = divmod(time_ns, SECOND)
        lengths = [min(len(frame), SNAPLEN), len(frame)]
        if variant.original_first:
            lengths.reverse()
        fields = (seconds, rest // variant.unit_ns, *lengths, *variant.values)
        out += struct.pack(order + "IIII" + variant.extra, *fields), frame[:SNAPLEN]
    return b"".join(out)


def expected(unit_ns: int, frames=FRAMES) -> list[tuple]:
    return [
        (time_ns // unit_ns * unit_ns, frame[:SNAPLEN], min(len(frame), SNAPLEN), len(frame))
        for time_ns, frame in frames
    ]


def found(capture) -> list[tuple]:
    return [
        (
            frame["time_ns"],
            capture.data[frame["offset"] :][: frame["captured"]].tobytes(),
            frame["captured"],
            frame["original"],
        )
        for frame in capture.frames
    ]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_gives_the_same_frames(tmp_path, name, order):
    path = tmp_path / "variant.pcap"
    path.write_bytes(written(VARIANTS[name], order))
    capture = open_capture(path)
    assert found(capture) == expected(VARIANTS[name].unit_ns)
    assert capture.frames["number"].tolist() == list(range(1, len(FRAMES) + 1))
    assert [(each.link_type, each.snaplen) for each in capture.interfaces] == [(1, SNAPLEN)]
    assert capture.defects == []


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("name", [name for name in VARIANTS if VARIANTS[name].known_to_tshark])
def test_a_variant_is_read_as_tshark_reads_it(tmp_path, name, order):
    path = tmp_path / "variant.pcap"
    path.write_bytes(written(VARIANTS[name], order))
    fields = ["frame.time_epoch", "frame.cap_len", "frame.len"]
    command = [
        "tshark",
        "-n",
        "-r",
        path,
        "-T",
        "fields",
        *(word for field in fields for word in ("-e", field)),
    ]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    shown = []
    for line in lines:
        time, captured, original = line.split("\t")
        shown.append((int(time.replace(".", "")), int(captured), int(original)))
    rows = open_capture(path).frames
    assert shown == [(row["time_ns"], row["captured"], row["original"]) for row in rows]


@pytest.mark.parametrize("name", ["Kuznetzov", "SuSE 6.3", "AIX", "IXIA hardware"])
def test_a_cut_variant_gives_all_before_the_cut(tmp_path, name):
    path = tmp_path / "variant.pcap"
    content = written(VARIANTS[name], ">", FRAMES[:4])
    whole = expected(VARIANTS[name].unit_ns, FRAMES[:4])
    counts = set()
    for cut in range(len(content) - 1, 24, -1):
        path.write_bytes(content[:cut])
        capture = open_capture(path)
        counts.add(len(capture.frames))
        if name == "SuSE 6.3" and len(whole) - 2 > len(capture.frames):
            break  # one record does not tell it from Kuznetzov's
        assert found(capture) == whole[: len(capture.frames)]
    assert {3, 2} <= counts


STRANGE = {
    "more captured than there was": lambda seconds, rest, length: (seconds, rest, length, length - 1),
    "a fraction of more than a second": lambda seconds, rest, length: (seconds, 1_000_000, length, length),
    "an original length beyond any": lambda seconds, rest, length: (seconds, rest, length, 1 << 31),
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_records_do_not_make_a_variant(tmp_path, name):
    path = tmp_path / "strange.pcap"
    out = [pcap([], nanoseconds=False)]
    for time_ns, frame in FRAMES:
        fields = STRANGE[name](time_ns // SECOND, time_ns % SECOND // 1000, len(frame))
        out += struct.pack("<IIII", *fields), frame
    path.write_bytes(b"".join(out))
    capture = open_capture(path)
    assert [data for _, data, _, _ in found(capture)] == [frame for _, frame in FRAMES]
    assert capture.defects == []


def test_an_aix_link_type_is_one_only_in_its_version(tmp_path):
    path = tmp_path / "token-ring.pcap"
    path.write_bytes(pcap(FRAMES, link_type=6, nanoseconds=False))
    capture = open_capture(path)
    assert capture.interfaces[0].link_type == 6
    assert capture.frames["time_ns"].tolist() == [time_ns // 1000 * 1000 for time_ns, _ in FRAMES]
    assert FRAMES[0][0] % MILLISECOND  # the units do differ
