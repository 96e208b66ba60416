"""What `record` promises before a run and after one that failed; the kernel is a stand-in."""

import errno
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from sctpinspect import kernels
from sctpinspect.journal import Event, to_line
from sctpinspect.kernels import Outcome, TimeLimit
from sctpinspect.protocol.errors import EnvironmentLacks, UsageError
from sctpinspect.recorder import assemble
from sctpinspect.sandbox.record import Run, ScenarioFailed, record, record_all

SAMPLE = "sample/multihoming"
NOBODY = 65534
WELL = Outcome(0, "")
RECIPE = '{"sctpinspect": "0", "interfaces": [], "impaired": false}'


@dataclass
class Kernel:
    """Runs nothing: leaves the files of a run, then ends as it is told to."""

    files: dict[str, str]
    end: Outcome | Exception
    name: str = "stand-in"

    def run(self, argv, folder, limit_s, meanwhile=None, writable=()):
        if meanwhile:
            meanwhile()
        for name, text in self.files.items():
            (folder / name).write_text(text)
        for other in writable:
            (other / "recipe.json").write_text(RECIPE)
            (other / "result.json").write_text("{}")
        if isinstance(self.end, Exception):
            raise self.end
        return self.end


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def call(kernel: Kernel, variant: str = "", out: Path | None = None) -> Path:
        monkeypatch.setattr(kernels, "choose", lambda name: kernel)
        return record(SAMPLE, variant, out=out)

    return call


def never(*_):
    raise AssertionError("a kernel was asked for")


def test_the_folder_of_the_default_output_is_made(run, tmp_path):
    done = run(Kernel({"recipe.json": RECIPE, "result.json": "{}"}, WELL), "ipv6")
    assert done == Path("captures/sample/multihoming-ipv6.pcapng")
    assert done.read_bytes().startswith(b"\x0a\x0d\x0d\x0a")


@pytest.mark.parametrize("out", ["file/x.pcapng", "folder", "pipe", "x" * 300, "/proc/x.pcapng"])
def test_an_output_that_cannot_be_written_is_told_before_anything_runs(monkeypatch, tmp_path, out):
    (tmp_path / "file").write_text("not a directory")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(kernels, "choose", never)
    with pytest.raises(UsageError, match="choose another --out"):
        record(SAMPLE, out=tmp_path / out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "pipe"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
@pytest.mark.parametrize("protected", ["folder", "folder/below", "capture", "unseen"])
def test_an_output_that_this_user_may_not_write_is_told_before_anything_runs(
    monkeypatch, tmp_path, protected
):
    """As nobody: below folders that may be read only or not even that, and a file that is protected."""
    (tmp_path / "folder").mkdir(0o555)
    (tmp_path / "unseen").mkdir(0o000)
    os.mkdir(tmp_path / "own")
    os.chown(tmp_path / "own", NOBODY, NOBODY)
    (tmp_path / "own/x.pcapng").write_text("an earlier capture")
    (tmp_path / "own/x.pcapng").chmod(0o444)
    out = tmp_path / ("own" if protected == "capture" else protected) / "x.pcapng"
    for above in list(tmp_path.parents)[:2]:
        above.chmod(0o755)
    tmp_path.chmod(0o755)
    monkeypatch.setattr(kernels, "choose", never)
    before = sorted(tmp_path.rglob("*"))
    os.seteuid(NOBODY)
    try:
        with pytest.raises(UsageError, match=f"^{out} .*choose another --out$"):
            record(SAMPLE, out=out)
    finally:
        os.seteuid(0)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "own/x.pcapng").read_text() == "an earlier capture"


@pytest.mark.parametrize("has_recorded", [False, True])
def test_a_failed_run_leaves_no_folder_but_that_of_what_it_had_recorded(run, tmp_path, has_recorded):
    journal = to_line(Event(1, "a", "print", "hello")) + "\n"
    files = {"recipe.json": RECIPE, "a.journal": journal} if has_recorded else {}
    with pytest.raises(TimeLimit):
        run(Kernel(files, TimeLimit("The run was not done")))
    left = [str(path.relative_to(tmp_path)) for path in tmp_path.glob("captures/**/*.pcapng")]
    assert left == (["captures/sample/multihoming-interrupted.pcapng"] if has_recorded else [])
    assert (tmp_path / "captures").exists() is has_recorded


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
@pytest.mark.parametrize("owner", [0, NOBODY])
def test_under_sudo_a_capture_belongs_to_the_caller_in_folders_of_the_caller(
    run, monkeypatch, tmp_path, owner
):
    monkeypatch.setenv("SUDO_UID", str(NOBODY))
    monkeypatch.setenv("SUDO_GID", str(NOBODY))
    for above in (tmp_path, *list(tmp_path.parents)[:2]):
        above.chmod(0o755)
    (tmp_path / "place").mkdir()
    os.chown(tmp_path / "place", owner, owner)
    run(Kernel({"recipe.json": RECIPE, "result.json": "{}"}, WELL), out=tmp_path / "place/new/x.pcapng")
    for made in (tmp_path / "place/new", tmp_path / "place/new/x.pcapng"):
        assert (made.stat().st_uid, made.stat().st_gid) == (owner, owner)


def test_a_folder_of_runs_that_cannot_be_written_is_told(run, tmp_path):
    (tmp_path / "cache/sctpinspect").mkdir(parents=True)
    (tmp_path / "cache/sctpinspect/runs").write_text("in the way")
    with pytest.raises(EnvironmentLacks, match=r"sctpinspect/runs cannot be used .*set XDG_CACHE_HOME"):
        run(Kernel({}, WELL))
    assert not (tmp_path / "captures").exists()


@pytest.mark.parametrize(
    ("result", "end", "error", "sentence"),
    [
        ('{"host b": "no port"}', Outcome(0, ""), ScenarioFailed, f"{SAMPLE}:ipv6 failed, host b: no port"),
        ("", Outcome(1, "a: print\nsignal 9\n"), ScenarioFailed, "failed on stand-in: a: print\nsignal 9"),
        ("{}", TimeLimit("The run was not done"), TimeLimit, "The run was not done"),
    ],
)
def test_what_a_failed_run_had_recorded_is_saved_beside_its_output(
    run, tmp_path, result, end, error, sentence
):
    out = tmp_path / "out.pcapng"
    out.write_bytes(b"an earlier capture")
    journal = to_line(Event(1, "a", "print", "hello")) + "\n"
    results = {"result.json": result} if result else {}
    kernel = Kernel({"recipe.json": RECIPE, "a.journal": journal, **results}, end)
    with pytest.raises(error) as raised:
        run(kernel, "ipv6", out)
    saved = tmp_path / "out-interrupted.pcapng"
    first, _, last = str(raised.value).rpartition("\n")
    assert sentence in first and str(saved) in last
    assert b"MESSAGE=a: print: hello" in saved.read_bytes()
    assert out.read_bytes() == b"an earlier capture"


def test_several_run_in_one_kernel_and_one_that_fails_hinders_no_other(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    journal = to_line(Event(1, "a", "print", "hello")) + "\n"
    result = '{"host b": "no port"}'
    kernel = Kernel({"recipe.json": RECIPE, "a.journal": journal, "result.json": result}, WELL)
    monkeypatch.setattr(kernels, "choose", lambda name: kernel)
    runs = [Run(SAMPLE, variant, tmp_path / f"{variant}.pcapng") for variant in ("2x1", "ipv6", "1x2")]
    failed = record_all(runs)
    assert list(failed) == [tmp_path / "2x1.pcapng"]
    assert f"{SAMPLE}:2x1 failed, host b: no port" in str(failed[tmp_path / "2x1.pcapng"])
    made = sorted(path.name for path in tmp_path.glob("*.pcapng"))
    assert made == ["1x2.pcapng", "2x1-interrupted.pcapng", "ipv6.pcapng"]
    assert not [path for path in (tmp_path / "cache/sctpinspect/runs").iterdir() if path.is_dir()]


def test_a_disk_that_is_full_during_the_run_is_told_with_its_place(run):
    end = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(EnvironmentLacks, match=r"sctpinspect/runs/\S+ cannot be used \(No space .*make room"):
        run(Kernel({}, end))


def test_a_disk_that_is_full_at_the_end_keeps_the_spool(run, tmp_path, monkeypatch):
    def full(*_, **__):
        raise UsageError("cannot write out.pcapng: No space left on device")

    monkeypatch.setattr(assemble, "assemble", full)
    monkeypatch.setattr("sctpinspect.recorder.salvage.assemble", full)
    journal = to_line(Event(1, "a", "print", "hello")) + "\n"
    with pytest.raises(UsageError) as raised:
        run(Kernel({"recipe.json": RECIPE, "result.json": "{}", "a.journal": journal}, WELL))
    (folder,) = [path for path in (tmp_path / "cache/sctpinspect/runs").iterdir() if path.is_dir()]
    assert (folder / "a.journal").read_text() == journal
    assert f"is kept in {folder}" in str(raised.value)


def test_what_runs_in_the_guest_loads_nothing_heavy():
    code = "import sctpinspect.sandbox.run, sctpinspect.sandbox.__main__, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"polars", "numpy", "scapy", "typer", "rich"} & set(loaded.split())
