"""The walks through files: what is built is read back, compiled or not, as tshark numbers and times it."""

import json
import os
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from builders import (
    START_NS,
    association,
    block,
    capture,
    interface_block,
    journal_block,
    old_packet_block,
    option,
    packet_block,
    pcap,
    section_block,
    simple_packet_block,
    statistics_block,
)
from external_captures import CAPTURES, needed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sctpinspect.decode import frames, pcapng
from sctpinspect.decode.files import INT64_MAX, open_capture

SECOND = 1_000_000_000
FRAMES = [(packet.time_ns, packet.frame()) for packet in association(messages=1, heartbeats=1)]

fuzz = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("frames") / "capture"


# ---- what is built is read back


@dataclass
class Model:
    """What a file under construction holds, worked out beside the code under test."""

    content: bytes = b""
    order: str = "<"
    first: int = 0
    interfaces: int = 0
    clocks: list[tuple[int, int]] | None = None
    frames: list[tuple] | None = None
    comments: dict[int, tuple[str, ...]] | None = None
    number: int = 0

    def time_ns(self, interface: int, ticks: int) -> int:
        resolution, offset = self.clocks[interface]
        units = 2 ** (resolution & 127) if resolution & 128 else 10**resolution
        return max(-INT64_MAX, min(INT64_MAX, ticks * SECOND // units + offset * SECOND))


def section(model: Model, draw) -> None:
    model.order = draw(st.sampled_from("<>"))
    model.first, model.interfaces = len(model.clocks), 0
    model.content += section_block(order=model.order)
    interface(model, draw)


def interface(model: Model, draw) -> None:
    resolution = draw(st.sampled_from([6, 9, 3, 0, 12, 127, 0x80, 0x8A, 0xA0, 0xFF]) | st.integers(0, 255))
    offset = draw(st.sampled_from([0, 0, -1, 1 << 40, -(1 << 63)]))
    options = [option(14, struct.pack(model.order + "q", offset), model.order)]
    model.content += interface_block(*options, resolution=resolution, order=model.order)
    model.clocks.append((resolution, offset))
    model.interfaces += 1


def packet(model: Model, draw) -> None:
    data = draw(st.binary(max_size=20))
    local = draw(st.integers(0, model.interfaces - 1))
    ticks = draw(
        st.sampled_from([0, 1, START_NS, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]) | st.integers(0, 1 << 62)
    )
    make = draw(st.sampled_from([packet_block, old_packet_block]))
    model.number += 1
    time_ns = model.time_ns(model.first + local, ticks)
    options = []
    if make is packet_block and (
        comments := draw(st.lists(st.text(max_size=3).map(lambda text: text + "!"), max_size=2))
    ):
        options = [option(2, bytes(4), model.order)]
        options += [option(1, comment.encode(), model.order) for comment in comments]
        model.comments[len(model.frames)] = tuple(comments)
    model.content += make(ticks, data, *options, interface=local, order=model.order)
    model.frames.append((model.number, model.first + local, time_ns, data, len(data)))


def simple_packet(model: Model, draw) -> None:
    data = draw(st.binary(max_size=20))
    model.number += 1
    model.content += simple_packet_block(data, order=model.order)
    time_ns = model.frames[-1][2] if model.frames else 0
    model.frames.append((model.number, model.first, time_ns, data, len(data)))


def other(model: Model, draw) -> None:
    kind = draw(st.sampled_from([4, 7, 10, 77, 0xBAD, 0x40000BAD, 0x204, "journal", "statistics"]))
    if kind == "journal":
        model.content += journal_block({"__REALTIME_TIMESTAMP": "1", "MESSAGE": "m" * 30}, order=model.order)
    elif kind == "statistics":
        model.content += statistics_block(0, 1, 1, order=model.order)
    else:
        model.content += block(kind, draw(st.binary(max_size=30)), order=model.order)
    model.number += kind in (0xBAD, 0x40000BAD, 0x204, "journal")


@fuzz
@given(st.data())
def test_a_file_of_any_blocks_is_read_back(file, draw):
    model = Model(clocks=[], frames=[], comments={})
    section(model, draw.draw)
    parts = [packet, packet, packet, simple_packet, interface, section, other]
    for part in draw.draw(st.lists(st.sampled_from(parts), max_size=25)):
        part(model, draw.draw)
    file.write_bytes(model.content)
    found = open_capture(file)
    rows = [
        (
            row["number"],
            row["interface"],
            row["time_ns"],
            found.data[row["offset"] :][: row["captured"]].tobytes(),
            row["original"],
        )
        for row in found.frames
    ]
    assert rows == model.frames
    assert found.frame_comments == model.comments
    assert found.frames_total == model.number
    assert len(found.interfaces) == len(model.clocks)
    assert all("without a time" in defect for defect in found.defects)


@fuzz
@given(
    st.lists(st.tuples(st.integers(0, (1 << 32) * SECOND - 1), st.binary(max_size=9)), max_size=20),
    st.sampled_from("<>"),
    st.booleans(),
    st.sampled_from([4, 262_144]),
)
def test_any_pcap_file_is_read_back(file, packets, order, nanoseconds, snaplen):
    file.write_bytes(pcap(packets, order=order, nanoseconds=nanoseconds, snaplen=snaplen))
    found = open_capture(file)
    unit = 1 if nanoseconds else 1000
    assert [
        (row["time_ns"], found.data[row["offset"] :][: row["captured"]].tobytes(), row["original"])
        for row in found.frames
    ] == [(time_ns // unit * unit, data[:snaplen], len(data)) for time_ns, data in packets]
    assert (found.defects, found.frames_total) == ([], len(packets))


@pytest.mark.parametrize("count", [4095, 4096, 4097, 20_000])
def test_there_are_rows_for_any_number_of_frames(file, count):
    block_or_record = packet_block(5, b"")
    file.write_bytes(section_block() + interface_block() + block_or_record * count)
    assert open_capture(file).frames["number"].tolist() == list(range(1, count + 1))
    file.write_bytes(pcap([(SECOND, b"")] * count))
    assert open_capture(file).frames["number"].tolist() == list(range(1, count + 1))


def test_more_frames_than_can_be_held_are_left_out(file, monkeypatch):
    monkeypatch.setattr(frames, "MAXIMUM_FRAMES", 5000)
    for count, defects in (
        (5000, []),
        (5001, ["the limit of 5,000 frames is reached after frame 5000: what follows was not read"]),
    ):
        file.write_bytes(pcap([(SECOND, b"")] * count))
        found = open_capture(file)
        assert (len(found.frames), found.defects) == (5000, defects)


def test_more_interfaces_than_can_be_held_are_left_out(file, monkeypatch):
    monkeypatch.setattr(pcapng, "MAXIMUM_INTERFACES", 2)
    file.write_bytes(section_block() + (interface_block() + packet_block(5, b"")) * 3)
    found = open_capture(file)
    assert (len(found.interfaces), len(found.frames)) == (2, 2)
    assert found.defects == ["the limit of 2 interfaces is reached after frame 2: what follows was not read"]


def test_interfaces_with_many_clocks(file):
    resolutions = [0, 3, 6, 9, 12, 0x80, 0x94, 0xBF]
    content = section_block() + b"".join(interface_block(resolution=each) for each in resolutions)
    order = [index * 5 % len(resolutions) for index in range(64)]
    content += b"".join(packet_block(1 << 40 | index, b"", interface=index) for index in order)
    file.write_bytes(content)
    units = [2 ** (each & 127) if each & 128 else 10**each for each in resolutions]
    times = [min(INT64_MAX, (1 << 40 | index) * SECOND // units[index]) for index in order]
    assert open_capture(file).frames["time_ns"].tolist() == times


# ---- cut and changed files


@pytest.mark.parametrize("order", "<>")
def test_a_pcapng_file_cut_anywhere_gives_all_before_the_cut(file, order):
    blocks = [
        section_block(option(1, b"comment", order), order=order),
        interface_block(order=order),
        packet_block(5, b"one", option(1, b"comment", order), order=order),
        journal_block({"MESSAGE": "m" * 30}, order=order),
        old_packet_block(6, b"two", order=order),
        simple_packet_block(b"three", order=order),
        statistics_block(0, 3, 0, order=order),
        section_block(order=order),
        interface_block(resolution=3, order=order),
        packet_block(7, b"four", order=order),
    ]
    content = b"".join(blocks)
    ends = [len(b"".join(blocks[: index + 1])) for index in range(len(blocks))]
    file.write_bytes(content)
    whole = open_capture(file)
    assert whole.frames["number"].tolist() == [1, 3, 4, 5]
    for cut in range(12, len(content)):
        file.write_bytes(content[:cut])
        found = open_capture(file)
        count = sum(ends[index] <= cut for index in (2, 4, 5, 9))
        assert found.frames.tolist() == whole.frames[:count].tolist()
        assert any("cut" in defect for defect in found.defects) == (cut not in ends)


SEEDS = [
    capture(association(messages=1, heartbeats=1)[:4]),
    pcap(FRAMES[:4], order=">", nanoseconds=False),
]
PRINT = """
import json, sys
from sctpinspect.decode.files import open_capture
from sctpinspect.protocol import UsageError
for path in sys.argv[1:]:
    try:
        found = open_capture(path)
    except UsageError as error:
        print(json.dumps("no capture"))
        continue
    comments = [[index, *each] for index, each in found.frame_comments.items()]
    print(json.dumps([found.frames.tolist(), comments, found.defects, found.frames_total]))
"""


def printed(paths: list[Path], **environment: str) -> list:
    command = [sys.executable, "-c", PRINT, *paths]
    run = subprocess.run(command, env=os.environ | environment, capture_output=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_uncompiled_loops_give_the_same(tmp_path):
    contents = []
    for seed in SEEDS:
        contents += [seed, seed[:-3]]
        for at in range(0, len(seed), 3):
            changed = bytearray(seed)
            changed[at] ^= 0xFF
            contents.append(bytes(changed))
    clocks = b"".join(interface_block(resolution=each) for each in (0, 9, 12, 0xFF))
    packets = [
        packet_block(ticks, b"x", interface=index) for index in range(4) for ticks in (5, (1 << 64) - 1)
    ]
    contents.append(section_block() + clocks + b"".join(packets) + simple_packet_block(b"y"))
    paths = []
    for index, content in enumerate(contents):
        paths.append(tmp_path / f"{index}")
        paths[-1].write_bytes(content)
    compiled = printed(paths)
    assert len(compiled) == len(contents)
    assert len({json.dumps(each) for each in compiled}) > 50
    assert printed(paths, NUMBA_DISABLE_JIT="1") == compiled


# ---- against tshark


@needed
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_numbers_times_and_lengths_are_those_of_tshark(path):
    command = ["tshark", "-n", "-r", path, "-T", "fields"]
    for name in ("number", "time_epoch", "cap_len", "len"):
        command += ["-e", f"frame.{name}"]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    shown = []
    for number, time, captured, original in (line.split("\t") for line in lines):
        seconds, _, fraction = time.partition(".")
        time_ns = int(seconds) * SECOND + int(fraction.ljust(9, "0"))
        shown.append((int(number), time_ns, int(captured), int(original)))
    found = open_capture(path)
    rows = found.frames[["number", "time_ns", "captured", "original"]].tolist()
    assert rows == shown
    assert shown
