"""Runs whose command was killed, and what the next command makes of them."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from scapy.utils import PcapNgReader

from sctpinspect.protocol.errors import Interrupted, SctpInspectError
from sctpinspect.recorder.salvage import open_run, salvage


def killed_run(cache: Path, out: Path, spool: Path | None) -> None:
    """A process that opens a run, spools what is in `spool`, and is killed."""
    pid = os.fork()
    if not pid:
        with open_run(cache, out) as folder:
            if spool:
                shutil.copytree(spool, folder, dirs_exist_ok=True)
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL


def runs(cache: Path) -> list[Path]:
    return [folder for folder in (cache / "runs").iterdir() if folder.is_dir()]


def payloads(file: Path) -> list[bytes]:
    with PcapNgReader(str(file)) as reader:
        return [bytes(packet)[14:] for packet in reader]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "captures").mkdir()
    return tmp_path / "captures" / "multihoming.pcapng"


def test_a_run_that_is_done_leaves_nothing(cache, out):
    with open_run(cache, out) as folder, open_run(cache, out) as other:
        assert folder.is_dir() and folder.is_absolute() and other != folder
        assert salvage(cache) == []
        assert sorted(runs(cache)) == sorted([folder, other])
    assert runs(cache) == []
    assert salvage(cache) == []
    assert list(out.parent.iterdir()) == []


def test_a_killed_run_becomes_a_capture_beside_its_output(cache, out, spool, frame):
    out.write_bytes(b"an earlier capture")
    killed_run(cache, out, spool([frame(1, b"one"), frame(2, b"two")]))
    (file,) = salvage(cache)
    assert file == out.with_name("multihoming-interrupted.pcapng")
    assert payloads(file) == [b"one", b"two"]
    assert b'"interrupted":true' in file.read_bytes()
    assert out.read_bytes() == b"an earlier capture"
    assert runs(cache) == [] and salvage(cache) == []


def test_nothing_is_overwritten(cache, out, spool, frame):
    taken = out.with_name("multihoming-interrupted.pcapng")
    taken.write_bytes(b"salvaged before")
    folder = spool([frame(1, b"one")])
    killed_run(cache, out, folder)
    killed_run(cache, out, folder)
    files = salvage(cache)
    assert [file.name for file in files] == [
        "multihoming-interrupted-1.pcapng",
        "multihoming-interrupted-2.pcapng",
    ]
    assert taken.read_bytes() == b"salvaged before"


def test_a_run_that_recorded_nothing_vanishes(cache, out, spool):
    killed_run(cache, out, None)  # before there was a recipe
    killed_run(cache, out, spool())
    assert salvage(cache) == []
    assert runs(cache) == [] and list(out.parent.iterdir()) == []


def test_a_run_killed_while_its_capture_was_written_leaves_no_half_file(cache, out, spool, frame):
    killed_run(cache, out, spool([frame(1, b"one")]))
    (folder,) = runs(cache)
    half = out.with_name(f".{out.name}.{folder.name}.unfinished")
    half.write_bytes(b"half")
    (file,) = salvage(cache)
    assert list(out.parent.iterdir()) == [file]


def test_a_run_that_fails_is_saved_at_once_and_its_error_names_the_file(cache, out, spool, frame):
    made = spool([frame(1, b"one")])
    with pytest.raises(SctpInspectError) as raised, open_run(cache, out) as folder:
        shutil.copytree(made, folder, dirs_exist_ok=True)
        raise SctpInspectError("it broke")
    file = out.with_name("multihoming-interrupted.pcapng")
    assert str(raised.value) == f"it broke\nWhat was recorded until then was saved as {file}"
    assert payloads(file) == [b"one"]
    assert runs(cache) == [] and list(out.parent.iterdir()) == [file]


def test_a_run_that_fails_before_it_recorded_leaves_nothing(cache, out):
    with pytest.raises(SctpInspectError) as raised, open_run(cache, out):
        raise SctpInspectError("it broke")
    assert str(raised.value) == "it broke"
    assert runs(cache) == [] and list(out.parent.iterdir()) == []


def test_a_body_that_is_interrupted_saves_its_spool_and_says_where(cache, out, spool, frame):
    made = spool([frame(1, b"one")])
    with pytest.raises(Interrupted) as interrupt, open_run(cache, out) as folder:
        shutil.copytree(made, folder, dirs_exist_ok=True)
        raise KeyboardInterrupt
    (saved,) = out.parent.glob("*-interrupted.pcapng")
    assert payloads(saved) == [b"one"] and str(saved) in str(interrupt.value)
    assert interrupt.value.exit_status == 130
    assert salvage(cache) == []


def test_the_folder_of_the_output_is_made(cache, out, spool, frame):
    killed_run(cache, out / "sample" / "x.pcapng", spool([frame(1, b"one")]))
    assert salvage(cache) == [out / "sample" / "x-interrupted.pcapng"]


def test_a_run_is_kept_while_its_output_cannot_be_written(cache, out, spool, frame):
    killed_run(cache, out / "x.pcapng", spool([frame(1, b"one")]))
    out.write_bytes(b"a file where a folder is needed")
    assert salvage(cache) == []
    assert len(runs(cache)) == 1
    out.unlink()
    assert [payloads(file) for file in salvage(cache)] == [[b"one"]]


def test_a_run_that_cannot_be_read_is_kept_and_does_not_hide_the_others(cache, out, spool, frame):
    made = spool([frame(1, b"one")])
    killed_run(cache, out, made)
    (foreign,) = runs(cache)
    (foreign / "recipe.json").write_text('{"made by": "another version"}')
    killed_run(cache, out, made)
    assert [payloads(file) for file in salvage(cache)] == [[b"one"]]
    assert runs(cache) == [foreign]


def test_a_run_of_another_user_is_let_be(cache, out, spool, frame, monkeypatch):
    """`sudo` may keep HOME: root's runs are then in the cache of its user."""
    killed_run(cache, out, spool([frame(1, b"one")]))
    (roots,) = runs(cache)

    def refuse(path, *rest, really=os.open):
        if roots in Path(path).parents:
            raise PermissionError(13, "Permission denied", str(path))
        return really(path, *rest)

    monkeypatch.setattr(os, "open", refuse)
    assert salvage(cache) == []
    assert runs(cache) == [roots]


def test_a_relative_output_is_found_from_another_folder(cache, out, spool, frame, monkeypatch):
    made = spool([frame(1, b"one")])
    monkeypatch.chdir(out.parent)
    killed_run(cache, Path("multihoming.pcapng"), made)
    monkeypatch.chdir(cache)
    assert salvage(cache) == [out.with_name("multihoming-interrupted.pcapng")]


def test_a_run_killed_while_it_was_removed_is_nothing(cache, out, spool, frame):
    killed_run(cache, out, spool([frame(1, b"one")]))
    (folder,) = runs(cache)
    (folder / "run.json").unlink()
    (folder / "lock").unlink()
    assert salvage(cache) == [] and runs(cache) == []
