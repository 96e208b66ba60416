"""The commands on good and on broken captures: what they print, and how they end."""

import json
import os
import signal
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from builders import Packet, association, capture

from sctpinspect import scenarios
from sctpinspect.rules import all_rules


def test_verify_passes_a_good_capture_and_fails_a_broken_one(run, good, bad):
    assert run("verify", good)[0] == 0
    status, out, err = run("verify", bad)
    assert status == 1 and out.startswith("FAIL") and err == ""
    assert "bad.pcapng: frame 5" in out


def test_fail_on_decides_the_exit_status(run, bad):
    assert run("verify", bad, "--fail-on", "never")[0] == 0
    assert run("verify", bad, "--fail-on", "should")[0] == 1


def test_rules_are_chosen_by_prefix(run, bad):
    assert run("verify", bad, "--rules", "rfc9260/3.1")[0] == 0
    assert run("verify", bad, "--rules", "rfc9260/3.1, rfc9260/8")[0] == 1


def test_json_is_one_document_of_all_files(run, good, bad):
    status, out, _ = run("verify", good, "missing.pcap", bad, "--format", "json")
    document = json.loads(out)
    judged, missing, broken = document["captures"]
    assert status == 2 and [judged["file"], broken["file"]] == [str(good), str(bad)]
    assert missing["file"] == "missing.pcap" and "no such file" in missing["error"] and len(missing) == 2
    statuses = [{result["status"] for result in entry["results"]} for entry in (judged, broken)]
    assert "FAIL" not in statuses[0] and "FAIL" in statuses[1]


def test_junit_is_one_document_of_all_files(run, good, bad):
    status, out, _ = run("verify", good, "missing.pcap", bad, "--format", "junit")
    suites = ElementTree.fromstring(out).findall("testsuite")
    assert status == 2 and [suite.get("name") for suite in suites] == [str(good), "missing.pcap", str(bad)]
    assert [int(suite.get("failures")) > 0 for suite in suites] == [False, False, True]
    assert [int(suite.get("errors")) for suite in suites] == [0, 1, 0]
    assert "no such file" in suites[1].find("testcase/error").get("message")


def test_standard_input_is_a_file(spawn, bad):
    ran = spawn("verify", "-", input=bad.read_bytes())
    assert ran.returncode == 1 and b"frame 5" in ran.stdout


def test_show_tells_what_is_in_the_file(run, good):
    status, out, _ = run("show", good)
    assert (
        status == 0 and "Association 0" in out and "10.1.0.1, 10.2.0.1" in out and "ended by SHUTDOWN" in out
    )
    assert len([line for line in out.splitlines() if line.split()[:2] == ["side", "0"]]) == 2  # its two paths


def test_show_frame_gives_scapys_dissection_and_our_rows(run, good):
    status, out, _ = run("show", good, "--frame", 1)
    assert (
        status == 0 and "###[ SCTPChunkInit ]###" in out and "verification_tag" in out and "type_name" in out
    )


def test_show_frame_takes_what_scapy_cannot_dissect(run, tmp_path):
    packet = association()[0]
    chunks = [bytes([kind]) + os.urandom(31) for kind in range(20)]
    path = tmp_path / "noise.pcapng"
    path.write_bytes(
        capture(
            [Packet(1, packet.source, packet.destination, 1, 2, 3, chunks[:number]) for number in range(20)]
        )
    )
    for frame in range(1, 21):
        status, out, err = run("show", path, "--frame", frame)
        assert status == 0 and out and "Traceback" not in err


def test_show_ladder_marks_what_broke_a_rule(run, good, bad):
    assert "✗" not in run("show", good, "--ladder").out
    lines = run("show", bad, "--ladder").out.splitlines()
    marked = [number for number, line in enumerate(lines) if line.strip().startswith("✗ rfc9260/8.5")]
    assert marked and lines[marked[0] - 1].split()[1] == "5"


def test_show_calls_without_calls_says_so(run, good):
    assert "no socket call" in run("show", good, "--calls").out


def test_every_rule_is_listed_and_explained(run):
    out = run("rules").out
    for rule in all_rules():
        assert rule.id in out and rule.title in out
    rule = all_rules()[0]
    status, out, _ = run("explain", rule.id)
    assert status == 0 and rule.text in out and all(cite in out for cite in rule.cites)
    assert run("rules", "rfc9260/3.1").out.count("\n") < len(all_rules())


def test_every_scenario_is_listed(run):
    out = run("capture", "--list").out
    for name in scenarios.names():
        assert name in out and scenarios.title(scenarios.load(name)) in out


def test_doctor_tells_every_fact(run):
    from sctpinspect import kernels

    status, out, err = run("doctor")
    for fact in kernels.facts():
        assert fact.name in out
    usable = any(fact.ok for fact in kernels.facts() if fact.name.startswith("kernel "))
    assert status == (0 if usable else 3) and bool(err) == (not usable)


def test_the_version(run):
    assert run("--version").out.startswith("sctpinspect ")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_output_of_another_encoding_is_ascii(spawn, bad, encoding):
    for arguments in (("verify", bad), ("show", bad, "--ladder"), ("explain", "rfc9260")):
        ran = spawn(*arguments, environment={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
        assert ran.returncode in (0, 1) and ran.stdout.isascii() and ran.stdout and not ran.stderr


def test_colours_are_for_terminals_that_want_them(bad):
    """A process on a pseudo-terminal: escape sequences unless NO_COLOR; through a pipe none."""

    def written(**environment) -> bytes:
        leader, follower = os.openpty()
        settings = {**os.environ, "TERM": "xterm-256color", **environment}
        settings = {name: value for name, value in settings.items() if value is not None}
        with os.fdopen(leader, "rb", buffering=0) as terminal:
            child = subprocess.Popen(
                [sys.executable, "-m", "sctpinspect", "verify", str(bad)],
                stdout=follower,
                stderr=subprocess.DEVNULL,
                env=settings,
            )
            os.close(follower)
            parts = []
            try:
                while part := terminal.read(65536):
                    parts.append(part)
            except OSError:  # EIO: the other end is closed
                pass
            child.wait()
        return b"".join(parts)

    assert b"\x1b[1;31mFAIL" in written(NO_COLOR=None)
    assert b"\x1b[1;31m" not in written(NO_COLOR="1")


def test_a_pipe_has_neither_colours_nor_progress(spawn, bad):
    ran = spawn("verify", bad, environment={"TERM": "xterm-256color"})
    assert b"\x1b" not in ran.stdout and ran.stderr == b""


def test_a_closed_pipe_ends_a_command_like_any_program(tmp_path, good):
    command = f"{sys.executable} -m sctpinspect show {good} --ladder | true; exit ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, cwd=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (128 + signal.SIGPIPE, b"", b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_change_no_verdict(tmp_path, good, bad, closed):
    for file, status in ((good, 0), (bad, 1)):
        command = f"{sys.executable} -m sctpinspect verify {file} {closed}"
        ran = subprocess.run(["sh", "-c", command], capture_output=True, cwd=tmp_path)
        assert (ran.returncode, ran.stderr) == (status, b"")


def test_an_interrupt_is_quiet_and_130(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    child = subprocess.Popen(
        [sys.executable, "-m", "sctpinspect", "verify", str(tmp_path / "fifo")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with open(tmp_path / "fifo", "wb"):  # opens when the command reads
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 130 and out == b"" and err == b""
