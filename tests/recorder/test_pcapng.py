"""The writer, judged by tshark, capinfos, editcap, mergecap, tcpdump and Scapy's reader."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from scapy.utils import PcapNgReader

from sctpinspect.journal.entry import Call, Event, to_fields
from sctpinspect.recorder import pcapng

START_NS = 1_700_000_000_123_456_789
FRAMES = [bytes.fromhex("020000000002020000000001 88b5") + bytes(range(n)) for n in range(46, 51)]
CALL = Call(
    start_ns=START_NS + 1,
    end_ns=START_NS + 9,
    host="a",
    process=7,
    thread=7,
    socket=1,
    name="bind",
    local_port=4444,
    arguments={"address": "10.0.0.1", "port": 4444},
    result={},
    errno=None,
)
EVENT = Event(time_ns=START_NS + 2002, host="wire", name="path down", text="path 0, größer")


def judge(*command: str | Path) -> str:
    """What a tool says on its standard output; it must be silent on the other and succeed."""
    if not shutil.which(str(command[0])):
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True)
    harmless = ("Running as user", "reading from file")
    complaints = [line for line in done.stderr.splitlines() if not line.startswith(harmless)]
    assert (done.returncode, complaints) == (0, [])
    return done.stdout


def fields(file: Path, *names: str) -> list[Sequence[str]]:
    options = [option for name in names for option in ("-e", name)]
    lines = judge("tshark", "-r", file, "-T", "fields", *options).splitlines()
    return [line.split("\t") for line in lines]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Packet, call, packet, event, packet, packet with a comment, packet."""
    packets = [
        pcapng.packet(n % 2, START_NS + 1000 * n, frame, len(frame), (pcapng.OUTBOUND, pcapng.INBOUND)[n % 2])
        for n, frame in enumerate(FRAMES)
    ]
    packets[3] = pcapng.packet(1, START_NS + 3000, FRAMES[3], 9000, pcapng.INBOUND, "lost")
    file = tmp_path / "capture.pcapng"
    file.write_bytes(
        b"".join(
            [
                pcapng.section("sctpinspect 0.1.0", ["sctpinspect recipe: {}"]),
                pcapng.interface("a0", "host a, path 0, 10.0.0.1"),
                pcapng.interface("b0", "host b, path 0, 10.0.0.2"),
                packets[0],
                pcapng.journal_entry(to_fields(CALL)),
                packets[1],
                packets[2],
                pcapng.journal_entry(to_fields(EVENT)),
                *packets[3:],
                pcapng.statistics(0, START_NS + 5000, 3, 7, "all drops"),
                pcapng.statistics(1, START_NS + 5000, 2, 0, "all drops"),
            ]
        )
    )
    return file


def test_tshark_numbers_and_times_every_record(capture: Path) -> None:
    rows = fields(capture, "frame.number", "frame.time_epoch", "frame.len", "frame.cap_len")
    assert [row[0] for row in rows] == [str(n) for n in range(1, 8)]
    # A journal row's own time has microseconds only.
    assert [row[1].split(".")[1] for row in rows] == [
        "123456789",
        "123456000",
        "123457789",
        "123458789",
        "123458000",
        "123459789",
        "123460789",
    ]
    assert rows[5][2:] == ["9000", str(len(FRAMES[3]))]


def test_tshark_shows_calls_between_packets(capture: Path) -> None:
    info = [line.split("\t")[-1] for line in judge("tshark", "-r", capture, "-T", "tabs").splitlines()]
    assert info[1].endswith(to_fields(CALL)["MESSAGE"])
    assert info[4].endswith("wire: path down: path 0, größer")
    identifiers = fields(capture, "systemd_journal.syslog_id")
    assert [row[0] for row in identifiers] == ["", "sctpinspect", "", "", "sctpinspect", "", ""]


def test_tshark_reads_interfaces_directions_and_comments(capture: Path) -> None:
    columns = ("frame.interface_name", "frame.interface_description", "frame.packet_flags_direction")
    rows = fields(capture, *columns, "frame.comment")
    assert rows[0] == ["a0", "host a, path 0, 10.0.0.1", "0x00000002", ""]
    assert rows[5] == ["b0", "host b, path 0, 10.0.0.2", "0x00000001", "lost"]


def test_capinfos_reads_comment_writer_and_interfaces(capture: Path) -> None:
    text = judge("capinfos", capture)
    assert "Number of packets:   5" in text
    assert "Capture comment:     sctpinspect recipe: {}" in text
    assert "Capture application: sctpinspect 0.1.0" in text
    assert "Time precision = nanoseconds (9)" in text
    assert text.count("Number of stat entries = 1") == 2


@pytest.mark.parametrize("tool", ["editcap", "mergecap"])
def test_rewriting_keeps_calls_and_comments(capture: Path, tmp_path: Path, tool: str) -> None:
    out = tmp_path / "out.pcapng"
    arguments = ["-w", out, capture] if tool == "mergecap" else [capture, out]
    judge(tool, *arguments)
    columns = ("frame.number", "frame.time_epoch", "systemd_journal.message", "frame.comment")
    assert fields(out, *columns) == fields(capture, *columns)


def test_tcpdump_reads_the_packets(capture: Path) -> None:
    text = judge("tcpdump", "--time-stamp-precision=nano", "-tt", "-nr", capture)
    assert [line.split()[0] for line in text.splitlines() if line[0].isdigit()] == [
        f"1700000000.{123456789 + 1000 * n}" for n in range(5)
    ]


def test_scapy_reads_bytes_times_and_comments(capture: Path) -> None:
    with PcapNgReader(str(capture)) as reader:
        packets = list(reader)
    assert [bytes(packet) for packet in packets] == FRAMES
    assert [int(packet.time * 10**9) for packet in packets] == [START_NS + 1000 * n for n in range(5)]
    assert [packet.comments for packet in packets] == [None, None, None, [b"lost"], None]
    assert [packet.sniffed_on for packet in packets] == ["a0", "b0", "a0", "b0", "a0"]
    assert [packet.direction for packet in packets] == [2, 1, 2, 1, 2]


@pytest.mark.parametrize("size", range(8))
def test_lengths_of_any_remainder_are_padded(tmp_path: Path, size: int) -> None:
    text = "x" * size
    file = tmp_path / "capture.pcapng"
    file.write_bytes(
        pcapng.section(text, [text, text])
        + pcapng.interface("lo" + text, text)
        + pcapng.packet(0, START_NS, FRAMES[0] + text.encode(), 60 + size, pcapng.INBOUND, text)
        + pcapng.journal_entry({"MESSAGE": text, "__REALTIME_TIMESTAMP": "1700000000000000"})
        + pcapng.packet(0, START_NS, FRAMES[0], 60, pcapng.INBOUND)
    )
    assert [row[0] for row in fields(file, "frame.cap_len")][::2] == [str(60 + size), "60"]


def test_an_option_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="65535 bytes at most, not 70000"):
        pcapng.section("sctpinspect", [json.dumps("x" * 69998)])
