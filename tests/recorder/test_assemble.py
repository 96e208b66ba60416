"""From a spool to a capture file: order, interfaces, cut ends, and what is left when it fails."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from scapy.utils import PcapNgReader

from sctpinspect.journal.entry import Call, Event, to_fields, to_line
from sctpinspect.protocol.errors import UsageError
from sctpinspect.recorder import pcapng
from sctpinspect.recorder.assemble import Summary, assemble

START_NS = 1_700_000_000_000_000_000


def call(at: int, name: str = "listen") -> Call:
    return Call(
        start_ns=START_NS + at,
        end_ns=START_NS + at + 50,
        host="a",
        process=7,
        thread=7,
        socket=1,
        name=name,
        arguments={},
        result={},
    )


def lines(*entries: Call | Event) -> str:
    return "".join(f"{to_line(entry)}\n" for entry in entries)


def tshark(file: Path, *names: str) -> list[list[str]]:
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")
    command = ["tshark", "-r", file, "-T", "fields", *(word for name in names for word in ("-e", name))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cut short" not in done.stderr and "damaged" not in done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


def packets(file: Path) -> list[tuple[int, bytes]]:
    """Time after the start and payload of each packet, by Scapy."""
    with PcapNgReader(str(file)) as reader:
        return [(int(packet.time * 10**9) - START_NS, bytes(packet)[14:]) for packet in reader]


def test_calls_and_packets_stand_in_the_order_of_their_nanoseconds(spool, frame, tmp_path):
    folder = spool(
        [frame(10, b"first"), frame(20, b"second")],
        [frame(30, b"third")],
        journals={
            "a": lines(call(25, "connect"), call(5, "socket"), call(10, "bind")),
            "b": lines(Event(START_NS + 29, "b", "signal", "listening"), call(31, "close")),
        },
    )
    summary = assemble(folder, tmp_path / "out.pcapng")
    rows = tshark(tmp_path / "out.pcapng", "frame.number", "systemd_journal.message", "data.text", "eth.type")
    assert [row[0] for row in rows] == [str(n) for n in range(1, 9)]
    shown = [row[1] for row in rows]
    expected = [to_fields(call(5, "socket")), to_fields(call(10, "bind")), None, None]
    expected += [to_fields(call(25, "connect")), to_fields(Event(START_NS + 29, "b", "signal", "listening"))]
    expected += [None, to_fields(call(31, "close"))]
    assert shown == [fields["MESSAGE"] if fields else "" for fields in expected]
    assert summary == Summary(packets=3, calls=4, events=1, dropped=None, truncated=False)


def test_packets_stored_out_of_order_by_two_cpus_are_sorted(spool, frame, tmp_path):
    folder = spool([frame(20, b"2"), frame(10, b"1")], [frame(40, b"4"), frame(15, b"1.5"), frame(30, b"3")])
    assemble(folder, tmp_path / "out.pcapng")
    assert packets(tmp_path / "out.pcapng") == [(10, b"1"), (15, b"1.5"), (20, b"2"), (30, b"3"), (40, b"4")]


def test_interfaces_are_the_recipes_and_frames_of_others_are_left_out(spool, frame, tmp_path):
    folder = spool([frame(1, b"a", ifindex=3), frame(2, b"bridge", ifindex=9), frame(3, b"b", ifindex=4)])
    summary = assemble(folder, tmp_path / "out.pcapng")
    columns = ("frame.interface_name", "frame.interface_description", "frame.packet_flags_direction")
    assert tshark(tmp_path / "out.pcapng", *columns) == [
        ["a0", "host a, path 0, 10.0.0.3", "0x00000001"],
        ["b0", "host b, path 0, 10.0.0.4", "0x00000001"],
    ]
    assert summary.packets == 2


def test_lengths_and_vlan_tags_are_those_of_the_wire(spool, frame, tmp_path):
    folder = spool([frame(1, b"cut", length=9000), frame(2, b"tagged", vlan=b"\x81\x00\x00\x2a")])
    assemble(folder, tmp_path / "out.pcapng")
    rows = tshark(tmp_path / "out.pcapng", "frame.cap_len", "frame.len", "vlan.id")
    assert rows == [["17", "9000", ""], ["24", "24", "42"]]


def test_the_recipe_stands_in_the_section_comment(spool, frame, tmp_path):
    if not shutil.which("capinfos"):
        pytest.skip("capinfos is not installed")
    folder = spool([frame(1, b"x")], variant="größer")
    for interrupted in (False, True):
        assemble(folder, tmp_path / "out.pcapng", interrupted=interrupted)
        text = subprocess.run(["capinfos", tmp_path / "out.pcapng"], capture_output=True, text=True).stdout
        comment = next(line for line in text.splitlines() if "sctpinspect recipe: " in line)
        recipe = json.loads(comment.partition("sctpinspect recipe: ")[2])
        assert recipe["variant"] == "größer"
        assert recipe.get("interrupted", False) is interrupted


def drop_counts(file: Path) -> list[tuple[int, int | None]]:
    """isb_ifrecv and isb_ifdrop of each Interface Statistics Block."""
    data, counts, offset = file.read_bytes(), [], 0
    while offset < len(data):
        kind, total = (int.from_bytes(data[offset + n : offset + n + 4], "little") for n in (0, 4))
        options, found = data[offset + 20 : offset + total - 4], {}
        while kind == 5 and options[:2] != b"\0\0":
            code, length = (int.from_bytes(options[n : n + 2], "little") for n in (0, 2))
            found[code] = int.from_bytes(options[4 : 4 + length], "little")
            options = options[4 + (length + 3 & ~3) :]
        if kind == 5:
            counts.append((found[4], found.get(5)))
        offset += total
    return counts


@pytest.mark.parametrize(
    ("drops", "counts"),
    [
        ({"packets": 10, "drops": 7, "freezes": 1, "end_ns": START_NS + 99}, [(2, 7), (1, 0)]),
        ({"packets": 3, "drops": 0, "freezes": 0, "end_ns": START_NS + 99}, [(2, 0), (1, 0)]),
        (None, [(2, None), (1, None)]),
    ],
)
def test_drops_of_the_ring_are_stated_once_and_not_invented(spool, frame, tmp_path, drops, counts):
    folder = spool([frame(1, b"1"), frame(2, b"2"), frame(3, b"3", ifindex=4)], drops=drops)
    summary = assemble(folder, tmp_path / "out.pcapng")
    assert summary.dropped == (drops and drops["drops"])
    assert drop_counts(tmp_path / "out.pcapng") == counts


def test_a_spool_cut_at_any_byte_gives_all_that_is_whole(spool, frame, tmp_path):
    folder = spool(
        [frame(10, b"one"), frame(20, b"two" * 9)],
        [frame(30, b"three"), frame(40, b"four")],
        [frame(50, b"five")],
    )
    whole = (folder / "packets.blocks").read_bytes()
    expected = [(10, b"one"), (20, b"two" * 9), (30, b"three"), (40, b"four"), (50, b"five")]
    ends = [whole.index(payload) + len(payload) for _, payload in expected]
    firsts_of_blocks = {0, len(whole)}
    offset = 0
    while offset < len(whole):
        offset += int.from_bytes(whole[offset + 20 : offset + 24], "little")
        firsts_of_blocks.add(offset)
    for size in range(len(whole) + 1):
        (folder / "packets.blocks").write_bytes(whole[:size])
        summary = assemble(folder, tmp_path / "out.pcapng")
        count = sum(end <= size for end in ends)
        assert packets(tmp_path / "out.pcapng") == expected[:count]
        assert summary == Summary(count, 0, 0, None, truncated=size not in firsts_of_blocks)


def test_tshark_finds_nothing_wrong_in_what_a_cut_spool_gives(spool, frame, tmp_path):
    folder = spool([frame(10, b"one"), frame(20, b"two")], journals={"a": lines(call(15))})
    whole = (folder / "packets.blocks").read_bytes()
    for size in range(0, len(whole), 29):
        (folder / "packets.blocks").write_bytes(whole[:size])
        summary = assemble(folder, tmp_path / "out.pcapng")
        assert len(tshark(tmp_path / "out.pcapng", "frame.number")) == summary.packets + 1


def test_a_hole_in_the_spool_ends_it(spool, frame, tmp_path):
    folder = spool([frame(10, b"one")])
    with open(folder / "packets.blocks", "ab") as file:
        file.write(bytes(4096))
    assert assemble(folder, tmp_path / "out.pcapng") == Summary(1, 0, 0, None, truncated=True)


def test_a_journal_cut_at_any_byte_gives_its_whole_lines(spool, tmp_path):
    text = lines(call(1), Event(START_NS + 2, "a", "signal", "größer"), call(3)).encode()
    folder = spool(journals={"a": ""})
    for size in range(len(text) + 1):
        (folder / "a.journal").write_bytes(text[:size])
        summary = assemble(folder, tmp_path / "out.pcapng")
        assert summary.calls + summary.events == text[:size].count(b"\n")
        assert summary.truncated == (not text[:size].endswith(b"\n") and size > 0)


def test_damaged_lines_of_a_journal_are_passed_over(spool, tmp_path):
    folder = spool(journals={"a": lines(call(1)) + "{}\n\n\xff\nnull\n" + lines(call(2))})
    assert assemble(folder, tmp_path / "out.pcapng").calls == 2


def test_without_packets_or_journal_there_is_still_a_valid_file(spool, tmp_path):
    folder = spool()
    (folder / "packets.blocks").unlink()
    assert assemble(folder, tmp_path / "out.pcapng") == Summary(0, 0, 0, None, False)
    assert tshark(tmp_path / "out.pcapng", "frame.number") == []


def test_a_folder_without_recipe_has_recorded_nothing(tmp_path):
    for recipe in (None, "", '{"scenario": '):
        if recipe is not None:
            (tmp_path / "recipe.json").write_text(recipe)
        with pytest.raises((FileNotFoundError, ValueError)):
            assemble(tmp_path, tmp_path / "out.pcapng")
        assert not (tmp_path / "out.pcapng").exists()


@pytest.mark.parametrize("existing", [None, b"an earlier capture"])
def test_a_failing_writer_leaves_what_was_there(spool, frame, tmp_path, monkeypatch, existing):
    folder = spool([frame(1, b"one"), frame(2, b"two")])
    out = tmp_path / "captures" / "out.pcapng"
    out.parent.mkdir()
    if existing:
        out.write_bytes(existing)
    write = pcapng.packet

    def fail_at_the_second(number, time_ns, *rest):
        if time_ns == START_NS + 2:
            raise OSError(28, "No space left on device")
        return write(number, time_ns, *rest)

    monkeypatch.setattr(pcapng, "packet", fail_at_the_second)
    with pytest.raises(UsageError, match=r"cannot write .*out\.pcapng: No space left on device; .*make room"):
        assemble(folder, out)
    assert [(file.name, file.read_bytes()) for file in out.parent.iterdir()] == (
        [("out.pcapng", existing)] if existing else []
    )


@pytest.mark.parametrize("name", ["folder", "x" * 300, "recipe.json/out.pcapng", "new/" + "x" * 300])
def test_an_output_that_cannot_be_written_is_told_in_a_sentence(spool, tmp_path, name):
    folder = spool()
    (folder / "folder").mkdir()
    before = sorted(folder.iterdir())
    with pytest.raises(UsageError, match="cannot write"):
        assemble(folder, folder / name)
    assert sorted(folder.iterdir()) == before


def test_the_file_has_the_rights_that_the_umask_gives(spool, tmp_path):
    umask = os.umask(0o027)
    try:
        assemble(spool(), tmp_path / "out.pcapng")
    finally:
        os.umask(umask)
    assert (tmp_path / "out.pcapng").stat().st_mode & 0o777 == 0o640
