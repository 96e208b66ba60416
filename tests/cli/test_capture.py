"""`sctpinspect capture`: a run from the command line on a real kernel, and runs that cannot be."""

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from builders import capture

from sctpinspect import EnvironmentLacks, kernels, read
from sctpinspect.journal.entry import Call
from sctpinspect.protocol import SctpInspectError


@pytest.fixture
def kernel():
    try:
        return kernels.choose()
    except EnvironmentLacks as lack:
        pytest.skip(str(lack))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_where_its_recording_is(number, kernel, tmp_path):
    out = tmp_path / "x.pcapng"
    command = [sys.executable, "-m", "sctpinspect", "capture", "--kernel", kernel.name, "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not _has_begun(out):
        time.sleep(0.02)
    process.send_signal(number)
    output, error = process.communicate(timeout=60)
    saved = tmp_path / "x-interrupted.pcapng"
    assert (process.returncode, output) == (130, "")
    assert error == f"sctpinspect: interrupted; what was recorded until then was saved as {saved}\n"
    assert list(tmp_path.iterdir()) == [saved]
    assert read(saved).recipe["interrupted"] is True


def _has_begun(out: Path) -> bool:
    """Whether the run for this output has recorded a call."""
    for folder in (kernels.debian.cache_folder() / "runs").iterdir():
        with suppress(OSError, ValueError):
            if json.loads((folder / "run.json").read_bytes())["out"] == str(out):
                return (folder / "a.journal").stat().st_size > 0
    return False


def test_a_run_ends_with_its_verdict_and_a_capture_at_its_place(kernel, spawn, tmp_path):
    ran = spawn("capture", text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    first, where, contents, *_ = ran.stdout.splitlines()
    assert first.startswith("PASS  sample/multihoming on ") and where.strip().endswith(".pcapng")
    found = read(tmp_path / "captures" / "sample" / "multihoming.pcapng")
    assert f"{found.calls.height} calls, {found.packets.height} packets" in contents
    assert "no packet lost" in contents
    assert spawn("verify", found.path, text=True).stdout.splitlines()[3:] == ran.stdout.splitlines()[3:-3]


def test_a_kernel_that_is_not_there_is_3_and_leaves_the_old_capture(run, good):
    before = good.read_bytes()
    status, out, err = run("capture", "--kernel", "timetravel", "--out", good)
    assert status == 3 and out == "" and err.startswith("sctpinspect: ") and "uml" in err
    assert good.read_bytes() == before


def test_a_run_that_fails_is_told_and_the_others_go_on(run, monkeypatch, good):
    """With a stand-in for the sandbox: what is tested is what the command makes of its failures."""
    from sctpinspect.sandbox import record as sandbox

    def record_all(runs, *_):
        runs[1].out.parent.mkdir(parents=True)
        runs[1].out.write_bytes(good.read_bytes())
        return {runs[0].out: SctpInspectError("it broke\nTraceback of the \x1b[31mprogram")}

    monkeypatch.setattr(sandbox, "record_all", record_all)
    status, out, err = run("capture", "sample/multihoming", "sample/multihoming:ipv6", "--out", "folder")
    assert status == 3 and out.startswith("PASS  folder/sample/multihoming-ipv6.pcapng")
    assert out.endswith("2 captures: 1 PASS, 1 failed\n")
    assert err == "sctpinspect: it broke\nsctpinspect: Traceback of the \\x1b[31mprogram\n"


@pytest.mark.parametrize("during", ["record", "judge"])
def test_an_interrupt_after_the_recording_says_that_it_is_there(run, monkeypatch, good, tmp_path, during):
    from sctpinspect.sandbox import record as sandbox

    def record_all(runs, *_):
        if during == "record":
            raise KeyboardInterrupt
        runs[0].out.unlink()
        runs[0].out.write_bytes(good.read_bytes())
        return {}

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(sandbox, "record_all", record_all)
    monkeypatch.setattr("sctpinspect.api.read_or_scan", interrupted)
    (tmp_path / "a b.pcapng").write_bytes(b"an earlier capture")
    status, out, err = run("capture", "--out", "a b.pcapng")
    told = "sctpinspect: interrupted: recorded as a b.pcapng, not judged;"
    assert (status, out) == (130, "")
    assert err == ("" if during == "record" else f"{told} `sctpinspect verify 'a b.pcapng'` judges it\n")


def test_a_recording_without_sctp_is_no_pass(run, monkeypatch, tmp_path):
    from sctpinspect.sandbox import record as sandbox

    bind = Call(1, 2, "a", 1, 1, 1, "bind", {}, {}, 5000, None)

    def record_all(runs, *_):
        runs[0].out.write_bytes(capture([], [bind]))
        return {}

    monkeypatch.setattr(sandbox, "record_all", record_all)
    status, out, err = run("capture", "--out", "x.pcapng")
    assert status == 2 and out.startswith("NONE") and "no SCTP in it" in err


@pytest.mark.parametrize(
    ("scenario", "out", "expected"),
    [
        ("sample/multihoming", None, "captures/sample/multihoming.pcapng"),
        ("sample/multihoming:2x1-ipv6", None, "captures/sample/multihoming-2x1-ipv6.pcapng"),
        ("sample/multihoming", "x.pcapng", "x.pcapng"),
        ("sample/multihoming", "new/", "new/sample/multihoming.pcapng"),
        ("sample/multihoming", ".", "sample/multihoming.pcapng"),
    ],
)
def test_where_a_capture_goes(run, monkeypatch, good, tmp_path, scenario, out, expected):
    from sctpinspect.sandbox import record as sandbox

    def record_all(runs, *_):
        runs[0].out.parent.mkdir(parents=True, exist_ok=True)
        runs[0].out.write_bytes(good.read_bytes())
        return {}

    monkeypatch.setattr(sandbox, "record_all", record_all)
    assert run("capture", scenario, *([] if out is None else ["--out", out])).status == 0
    assert (tmp_path / expected).is_file()


def test_what_a_killed_run_left_is_saved_and_told(run, monkeypatch, tmp_path):
    """`salvage` itself is tested with the recorder; here: that the command calls it and says what it did."""
    from sctpinspect.recorder import salvage

    monkeypatch.setattr(salvage, "salvage", lambda cache: [tmp_path / "x-interrupted.pcapng"])
    err = run("doctor").err
    assert "interrupted run" in err and "x-interrupted.pcapng" in err


def test_it_says_so_where_it_cannot_run(tmp_path):
    """Another system, which has no fcntl either; Numba's library is loaded before, under its name here."""
    code = (
        "import sys, sysconfig, numba; sysconfig.get_config_vars(); sys.modules['fcntl'] = None;"
        "sys.platform = 'darwin'; import sctpinspect.cli as cli;"
        "cli.main(sys.argv[1:])"
    )
    for command, status in (("capture", 3), ("doctor", 3), ("rules", 0)):
        ran = subprocess.run(
            [sys.executable, "-c", code, command], cwd=tmp_path, capture_output=True, text=True
        )
        assert ran.returncode == status, ran.stderr
        assert ran.stderr.count("\n") == (status != 0) and "Traceback" not in ran.stderr


def test_a_scenario_with_usrsctp_says_so_where_that_is_not(run, monkeypatch, tmp_path):
    """Not installed, and nothing to fetch it with; the kernel is there."""

    def not_installed(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(kernels, "choose", lambda name: None)
    monkeypatch.setattr("ctypes.CDLL", not_installed)
    monkeypatch.setenv("PATH", str(tmp_path))
    status, _out, err = run("capture", "sample/ancillary-freebsd")
    assert status == 3
    assert err == (
        "sctpinspect: libusrsctp2 is not installed, and cannot be fetched without apt-get:"
        " install it by this system's own means.\n"
    )


def test_several_captures_go_to_no_file(run, tmp_path):
    status, out, err = run("capture", "sample/multihoming", "sample/multihoming:ipv6", "--out", "one.pcapng")
    assert (status, out) == (2, "")
    assert err == "sctpinspect: one.pcapng can hold one capture only; give --out a directory for several\n"
    assert not (tmp_path / "one.pcapng").exists()


def test_all_scenarios_run_in_all_variants_in_one_kernel(run, monkeypatch, good, tmp_path):
    from sctpinspect import scenarios
    from sctpinspect.sandbox import record as sandbox

    asked = []

    def record_all(runs, *_):
        asked.append([(each.name, each.variant) for each in runs])
        failed = {each.out: SctpInspectError(f"{each.scenario} broke") for each in runs[1:]}
        runs[0].out.parent.mkdir(parents=True)
        runs[0].out.write_bytes(good.read_bytes())
        return failed

    monkeypatch.setattr(sandbox, "record_all", record_all)
    status, out, _ = run("capture", "--all", "--out", "all")
    assert asked == [scenarios.all_variants()] and len(asked[0]) > len(scenarios.names())
    assert status == 3 and out.endswith(f"{len(asked[0])} captures: 1 PASS, {len(asked[0]) - 1} failed\n")
    assert run("capture", "--all", "sample/multihoming").status == 2


def test_a_scenario_that_cannot_be_loaded_is_told_and_hides_no_other(run, monkeypatch):
    from sctpinspect import scenarios

    names = [*scenarios.names(), "mine/broken"]
    monkeypatch.setattr(scenarios, "names", lambda: names)
    told = "sctpinspect: the scenario mine/broken cannot be loaded: No module named"
    status, out, err = run("capture", "--list")
    assert status == 0 and "sample/multihoming" in out and err.startswith(told)
    status, out, err = run("capture", "mine/broken")
    assert (status, out) == (2, "") and err.startswith(told)
