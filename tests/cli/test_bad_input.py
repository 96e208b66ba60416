"""What a user can get wrong: one sentence on standard error, the right exit status, no traceback."""

import os
import struct
import subprocess
import sys

import pytest
from builders import association, capture, ethernet, ipv4, pcap, udp

from sctpinspect import UsageError, read
from sctpinspect.journal.entry import Call

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + bytes(200)


def foreign_files(folder):
    """Name to (what to write or do, a word of the answer)."""
    udp_frame = ethernet(ipv4("10.0.0.1", "10.0.0.2", udp(b"x", 53, 53), protocol=17))
    contents = {
        "empty.pcap": (b"", "empty"),
        "photo.jpg": (JPEG, "no pcap"),
        "cut-in-header.pcap": (struct.pack("<I", 0xA1B2C3D4), ""),
        "no-frames.pcap": (pcap([]), "has no frame"),
        "no-sctp.pcap": (pcap([(0, udp_frame)]), "none of them SCTP"),
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    (folder / "directory").mkdir()
    return {
        **{name: word for name, (_, word) in contents.items()},
        "directory": "directory",
        "missing.pcap": "no such file",
    }


@pytest.mark.parametrize("command", ["verify", "show"])
def test_what_is_no_capture_of_sctp_is_refused_with_a_sentence(run, tmp_path, command):
    for name, word in foreign_files(tmp_path).items():
        status, out, err = run(command, name)
        assert status == 2, name
        assert out == ""
        assert err.startswith("sctpinspect: ") and err.count("\n") == 1 and name in err and word in err


def test_a_file_that_may_not_be_read(good):
    good.chmod(0)
    user = os.geteuid()
    os.seteuid(user or 65534)  # root may read everything
    try:
        with pytest.raises(UsageError, match="may not be read by this user"):
            read(good)
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_cut_pcapng_is_judged_up_to_the_cut(run, tmp_path, good, kept):
    whole = good.read_bytes()
    (tmp_path / "cut.pcapng").write_bytes(whole[: int(len(whole) * kept)])
    status, out, err = run("verify", "cut.pcapng")
    assert status == 0 and err == ""
    assert out.startswith("PASS") and "note: " in out and "not read" in out


def test_a_pcapng_cut_before_its_first_packet_says_that_it_is_cut(run, tmp_path, good):
    (tmp_path / "cut.pcapng").write_bytes(good.read_bytes()[:40])
    status, out, err = run("verify", "cut.pcapng")
    assert status == 2 and out == "" and "no frame" in err and "cut" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify",),
        ("verify", "good.pcapng", "--rules", "rfc9999"),
        ("verify", "good.pcapng", "--rules", "rfc9260/3.1,nonsense"),
        ("verify", "good.pcapng", "--baseline", "rfc1"),
        ("verify", "good.pcapng", "--format", "yaml"),
        ("verify", "good.pcapng", "--fail-on", "info"),
        ("show", "good.pcapng", "--frame", "9999"),
        ("show", "good.pcapng", "--frame", "x"),
        ("show", "good.pcapng", "--association", "7"),
        ("rules", "rfc9999"),
        ("explain", "rfc9260/0"),
        ("explain",),
        ("capture", "sample/nothing"),
        ("capture", "sample/multihoming:nothing"),
        ("capture", "sample/multihoming", "../../etc/passwd"),
        ("capture", "--kernel", "amiga"),
        ("capture", "--nonsense"),
        ("nonsense",),
        (),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2_with_a_sentence(run, good, arguments):
    status, out, err = run(*arguments)
    assert status == 2 and "Traceback" not in out + err
    assert err if arguments else out + err


def test_a_wrong_prefix_is_told_before_a_file_is_read(run):
    assert "nothing" in run("verify", "missing.pcap", "--rules", "nothing").err


def test_one_unreadable_file_does_not_hide_the_others(run, good, bad):
    status, out, err = run("verify", "missing.pcap", bad, good)
    assert status == 2 and "no such file" in err
    assert out.count("PASS  ") == 1 and "FAIL  " in out
    assert out.endswith("\n3 captures: 1 FAIL, 1 PASS, 1 unreadable\n")


@pytest.mark.parametrize("out", ["file/x.pcapng", "directory/", "/proc/x.pcapng"])
def test_an_output_that_cannot_be_written_is_told_before_anything_runs(run, tmp_path, out):
    (tmp_path / "file").write_text("not a directory")
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "sample").write_text("in the way")
    status, printed, err = run("capture", "sample/multihoming", "--out", out)
    assert status == 2 and printed == "" and "--out" in err
    assert (tmp_path / "file").read_text() == "not a directory"


def test_a_full_disk_is_told(run, good, monkeypatch):
    import errno

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "captures/x.pcapng")

    monkeypatch.setattr("sctpinspect.api.read_or_scan", full)
    status, _, err = run("verify", good)
    assert status == 3 and "No space left" in err and "captures/x.pcapng" in err


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command", [["rules"], ["--version"], ["verify", "x"], ["verify", "x", "--format", "json"], ["show", "x"]]
)
def test_a_full_standard_output_is_named(tmp_path, good, command, unbuffered):
    arguments = [str(good) if each == "x" else each for each in command]
    settings = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "sctpinspect", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            env=settings,
            text=True,
        )
    assert ran.returncode == 3
    assert ran.stderr.startswith("sctpinspect: standard output cannot be written (No space left on device): ")
    assert ran.stderr.count("\n") == 1


def test_a_full_standard_error_keeps_the_status(tmp_path):
    with open("/dev/full", "w") as full:
        ran = subprocess.run([sys.executable, "-m", "sctpinspect", "verify", "nothing"], stderr=full)
    assert ran.returncode == 2


@pytest.mark.parametrize("options", [(), ("--format", "json"), ("--fail-on", "never")])
def test_calls_without_sctp_are_2_with_a_sentence(run, tmp_path, options):
    bind = Call(1, 2, "a", 1, 1, 1, "bind", {}, {}, 5000, None)
    (tmp_path / "calls.pcapng").write_bytes(capture([], [bind]))
    status, _, err = run("verify", "calls.pcapng", *options)
    assert status == 2 and err.count("\n") == 1
    assert err.startswith("sctpinspect: calls.pcapng ") and "no SCTP in it" in err


def test_names_of_files_do_not_act_on_the_terminal(run, tmp_path):
    name = "\x1b[2J\x07.pcap"
    (tmp_path / name).write_bytes(capture(association()))
    status, out, _ = run("verify", name)
    assert status == 0 and "\x1b" not in out and r"\x1b[2J\x07.pcap" in out
    assert "\x1b" not in run("verify", "\x1b]0;x").err
