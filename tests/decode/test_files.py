"""The file reader: formats, block kinds, frame numbers, damage, foreign files."""

import mmap
import os
import shutil
import struct
import subprocess
import sys
import threading

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

from sctpinspect.decode.files import open_capture
from sctpinspect.journal.entry import Event, to_fields
from sctpinspect.protocol import UsageError

PACKETS = association()
FRAMES = [(packet.time_ns, packet.frame()) for packet in PACKETS]
TIME, FRAME = FRAMES[0]
EVENT = Event(TIME, "a", "signal", "listening")
HEAD = section_block() + interface_block()
PACKET = packet_block(TIME, FRAME)


@pytest.fixture
def opened(tmp_path):
    def open_bytes(content: bytes):
        path = tmp_path / "capture"
        path.write_bytes(content)
        return open_capture(path)

    return open_bytes


def bytes_of(capture, frame) -> bytes:
    return capture.data[frame["offset"] :][: frame["captured"]].tobytes()


# ---- formats


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nanoseconds", [True, False])
def test_pcap_in_both_byte_orders_and_resolutions(opened, order, nanoseconds):
    found = opened(pcap(FRAMES, order=order, nanoseconds=nanoseconds, snaplen=70))
    unit = 1 if nanoseconds else 1000
    assert found.frames["time_ns"].tolist() == [time_ns // unit * unit for time_ns, _ in FRAMES]
    assert [bytes_of(found, frame) for frame in found.frames] == [frame[:70] for _, frame in FRAMES]
    assert found.frames["original"].tolist() == [len(frame) for _, frame in FRAMES]
    assert found.frames["number"].tolist() == list(range(1, len(FRAMES) + 1))
    assert (found.interfaces[0].link_type, found.interfaces[0].snaplen) == (1, 70)
    assert found.defects == []


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("make", [packet_block, old_packet_block])
def test_pcapng_packet_blocks_in_both_byte_orders(opened, order, make):
    blocks = [make(time_ns, frame, order=order) for time_ns, frame in FRAMES]
    found = opened(section_block(order=order) + interface_block(order=order) + b"".join(blocks))
    assert [(frame["time_ns"], bytes_of(found, frame)) for frame in found.frames] == FRAMES
    assert found.defects == []


def test_simple_packets_have_the_time_of_the_frame_before_and_say_so(opened):
    head = section_block() + interface_block(snaplen=60)
    found = opened(
        head + PACKET + simple_packet_block(FRAME[:60], original=len(FRAME)) + simple_packet_block(b"x")
    )
    assert found.frames["time_ns"].tolist() == [TIME, TIME, TIME]
    assert found.frames["captured"].tolist() == [len(FRAME), 60, 1]
    assert found.frames["original"][1] == len(FRAME)
    assert len(found.defects) == 1 and "time" in found.defects[0]


@pytest.mark.parametrize(
    ("resolution", "ticks", "time_ns"),
    [
        (None, 5_000_001, 5_000_001_000),
        (6, 5_000_001, 5_000_001_000),
        (9, 5, 5),
        (0, 5, 5_000_000_000),
        (12, 5_999, 5),
        (0x8A, 5 << 10 | 512, 5_500_000_000),
        (127, 5, 0),
        (0xFF, (1 << 64) - 1, 0),
        (0, (1 << 64) - 1, (1 << 63) - 1),
    ],
)
def test_clock_resolutions(opened, resolution, ticks, time_ns):
    found = opened(section_block() + interface_block(resolution=resolution) + packet_block(ticks, FRAME))
    assert found.frames["time_ns"].tolist() == [time_ns]


@pytest.mark.parametrize(
    ("offset", "time_ns"), [(100, 100_000_000_005), (-1, -999_999_995), (1 << 62, (1 << 63) - 1)]
)
def test_clock_offset(opened, offset, time_ns):
    interface = interface_block(option(14, struct.pack("<q", offset)))
    found = opened(section_block() + interface + packet_block(5, FRAME))
    assert found.frames["time_ns"].tolist() == [time_ns]


def test_interfaces_count_on_over_sections(opened):
    first = section_block() + interface_block(option(2, b"a0"), option(3, b"path 0")) + PACKET
    second = (
        section_block(order=">")
        + interface_block(option(2, b"b0", ">"), link_type=101, order=">")
        + packet_block(TIME, FRAME[14:], order=">")
        + statistics_block(0, 7, 2, order=">")
    )
    found = opened(first + second)
    assert found.frames["interface"].tolist() == [0, 1]
    assert found.frames["number"].tolist() == [1, 2]
    a0, b0 = found.interfaces
    assert (a0.name, a0.description, a0.link_type, a0.received, a0.dropped) == ("a0", "path 0", 1, None, None)
    assert (b0.name, b0.description, b0.link_type, b0.received, b0.dropped) == ("b0", None, 101, 7, 2)


def times_block(ticks: int, *times: tuple[int, int], order: str) -> bytes:
    """Interface statistics with a time of their own, and such as options."""
    options = [option(code, struct.pack(order + "II", *divmod(time, 1 << 32)), order) for code, time in times]
    head = struct.pack(order + "III", 0, *divmod(ticks, 1 << 32))
    return block(5, head + b"".join(options), order)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("ticks", "times", "start_ns", "end_ns"),
    [
        (0, [], None, None),
        (5_000_000_000, [], None, 5_000_000_000_000),
        (7, [(2, 5_000_000_000), (3, 6_000_000_001)], 5_000_000_000_000, 6_000_000_001_000),
    ],
)
def test_when_the_capture_of_an_interface_began_and_ended(opened, order, ticks, times, start_ns, end_ns):
    interface = interface_block(resolution=6, order=order)
    found = opened(section_block(order=order) + interface + times_block(ticks, *times, order=order))
    assert (found.interfaces[0].start_ns, found.interfaces[0].end_ns) == (start_ns, end_ns)


def test_comments_of_packets_and_section(opened):
    comments = [option(1, b"erste"), option(2, b"\1\0\0\0"), option(1, b"zweite\xff")]
    found = opened(
        section_block(option(1, b"section")) + interface_block() + packet_block(TIME, FRAME, *comments)
    )
    assert found.frame_comments == {0: ("erste", "zweite\N{REPLACEMENT CHARACTER}")}
    assert found.comments == ["section"]


def test_an_option_that_overruns_its_block_is_left_out(opened):
    found = opened(HEAD + packet_block(TIME, FRAME, option(1, b"good"), struct.pack("<HH", 1, 500)) + PACKET)
    assert len(found.frames) == 2
    assert found.frame_comments == {0: ("good",)}


def test_journal_entries_between_packets(opened):
    foreign = journal_block({"__REALTIME_TIMESTAMP": "1", "MESSAGE": "a boot message of some length"})
    found = opened(HEAD + PACKET + journal_block(to_fields(EVENT)) + foreign + PACKET)
    assert found.frames["number"].tolist() == [1, 4]
    assert found.frames_total == 4
    assert [(entry.frame, entry.entry) for entry in found.journal] == [(2, EVENT)]
    assert found.journal[0].message == to_fields(EVENT)["MESSAGE"]


# ---- frame numbers are Wireshark's

SYSDIG = block(0x204, struct.pack("<HQQIH", 0, TIME, 5, 30, 7) + bytes(8))
BLOCKS = {
    "enhanced packet": PACKET,
    "simple packet": simple_packet_block(FRAME),
    "old packet": old_packet_block(TIME, FRAME),
    "name resolution": block(4, bytes(4)),
    "statistics": statistics_block(0, 1, 0),
    "interrupt": block(7, bytes(8)),
    "journal": journal_block(to_fields(EVENT)),
    "foreign journal": journal_block(
        {"__REALTIME_TIMESTAMP": "1", "MESSAGE": "a boot message of some length"}
    ),
    "journal without time": journal_block({"MESSAGE": "x" * 40}),
    "decryption secrets": block(10, struct.pack("<II", 0x544C534B, 4) + b"abcd"),
    "custom, to be copied": block(0xBAD, struct.pack("<I", 32473) + b"hello123"),
    "custom, not to be copied": block(0x40000BAD, struct.pack("<I", 32473) + b"hello123"),
    "sysdig event": SYSDIG,
    "unknown": block(0x0BAD0001, b"abcd"),
    "local": block(0x80000001, b"abcd"),
    "unpadded length": block(0x0BAD0001, b"abcd", length=15),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_frame_numbers_are_those_of_tshark(opened, tmp_path, name):
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    path = tmp_path / "numbers.pcapng"
    path.write_bytes(HEAD + PACKET + BLOCKS[name] + PACKET)
    command = ["tshark", "-n", "-r", path, "-Y", "sctp", "-T", "fields", "-e", "frame.number"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert open_capture(path).frames["number"].tolist() == [int(number) for number in shown]


# ---- damage


@pytest.mark.parametrize("make", [pcap, lambda frames: capture(PACKETS[:5])], ids=["pcap", "pcapng"])
def test_a_cut_file_gives_all_before_the_cut(opened, make):
    content = make(FRAMES[:5])
    whole = opened(content)
    assert len(whole.frames) == 5
    ends = (whole.frames["offset"] + whole.frames["captured"]).tolist()
    for cut in range(24, len(content)):
        found = opened(content[:cut])
        count = len(found.frames)
        assert found.frames.tolist() == whole.frames[:count].tolist()
        assert count in (sum(end <= cut for end in ends), sum(end <= cut for end in ends) - 1)
        if found.defects:
            assert found.defects[0].endswith(f"after frame {count}: what follows was not read")


def test_a_file_cut_inside_a_packet_says_so(opened):
    assert opened(pcap(FRAMES)[:-1]).defects == [
        f"the file is cut or damaged inside a packet after frame {len(FRAMES) - 1}: what follows was not read"
    ]
    assert "cut" in opened(HEAD + PACKET + PACKET[:-1]).defects[0]
    assert "cut" in opened(HEAD + PACKET + PACKET[:5]).defects[0]


DAMAGES = {
    "length fields differ": PACKET[:-4] + bytes(4),
    "length below a block header": struct.pack("<III", 7, 8, 8),
    "zeros": bytes(12),
    "packet longer than its block": packet_block(TIME, FRAME, captured=9999),
    "packet one byte longer than its block": packet_block(TIME, FRAME[:60], captured=61),
    "interface that is not described": packet_block(TIME, FRAME, interface=3),
    "block too short": block(6, bytes(8)),
    "interface too short": block(1, bytes(4)),
    "section without byte order": block(0x0A0D0D0A, bytes(16)),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_ends_the_reading_with_a_sentence(opened, name):
    found = opened(HEAD + PACKET + DAMAGES[name] + PACKET)
    assert len(found.frames) == 1
    assert len(found.defects) == 1
    assert found.defects[0].endswith("after frame 1: what follows was not read")


def test_packets_before_any_interface_are_damage(opened):
    assert opened(section_block() + PACKET).defects
    assert opened(section_block() + simple_packet_block(FRAME)).defects


def test_statistics_of_no_interface_are_left_out(opened):
    found = opened(HEAD + PACKET + statistics_block(9, 1, 1) + PACKET)
    assert (len(found.frames), found.defects, found.interfaces[0].dropped) == (2, [], None)


# ---- what is no capture


def sentence(path) -> str:
    with pytest.raises(UsageError) as raised:
        open_capture(path)
    assert raised.value.exit_status == 2
    message = str(raised.value)
    assert "\n" not in message and str(path) in message
    return message


def test_a_missing_file(tmp_path):
    assert "no such file" in sentence(tmp_path / "missing.pcapng")


def test_a_directory(tmp_path):
    assert "directory" in sentence(tmp_path)


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty.pcap"
    path.touch()
    assert "empty" in sentence(path)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no POSIX users")
def test_a_file_without_permission(tmp_path):
    path = tmp_path / "secret.pcap"
    path.write_bytes(pcap(FRAMES))
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # the superuser may read everything
    try:
        assert "permissions" in sentence(path)
    finally:
        os.seteuid(user)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "ff d8 ff e0"),
        (b"\xd4\xc3\xb2\xa1", "d4 c3 b2 a1"),
        (b"x", "no pcap"),
        (b"\x04\x22\x4d\x18", "unlz4"),
        (b"PK\x03\x04", "unzip"),
        (b"\n\r\r\n and so on, a text", "0a 0d 0d 0a"),
    ],
)
def test_a_foreign_file(tmp_path, content, said):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert said in sentence(path)


def test_a_name_that_no_file_can_have():
    with pytest.raises(UsageError):
        open_capture("a\0b")


# ---- standard input and FIFOs


def test_standard_input(tmp_path):
    code = "from sctpinspect.decode.files import open_capture; print(len(open_capture('-').frames))"
    run = subprocess.run([sys.executable, "-c", code], input=pcap(FRAMES), capture_output=True, check=True)
    assert int(run.stdout) == len(FRAMES)


def test_closed_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="standard input is closed"):
        open_capture("-")


def test_a_file_that_cannot_be_mapped(tmp_path, monkeypatch):
    def refuse(descriptor, *_, **__):
        if os.fstat(descriptor).st_nlink:
            raise OSError(19, "No such device")
        return mapped(descriptor, 0, access=mmap.ACCESS_READ)

    mapped = mmap.mmap
    path = tmp_path / "capture"
    path.write_bytes(pcap(FRAMES))
    monkeypatch.setattr(mmap, "mmap", refuse)
    found = open_capture(path)
    assert found.data.tobytes() == pcap(FRAMES)
    assert len(found.frames) == len(FRAMES)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_fifo(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=[capture(PACKETS)])
    writer.start()
    found = open_capture(fifo)
    writer.join()
    assert len(found.frames) == len(PACKETS)
    assert found.frames["time_ns"][0] == START_NS
