"""The folders of running commands, and what is done with those of commands that were killed.

Each run spools into a folder of its own, `runs/ID` in the cache, and holds a lock in it as long as its
process lives. A folder whose lock is free has lost its command.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sctpinspect.kernels.debian import unusable
from sctpinspect.kernels.sudo import as_owner
from sctpinspect.protocol.errors import Interrupted, SctpInspectError, UsageError
from sctpinspect.recorder.assemble import JOURNALS, RECIPE, assemble, unfinished_name
from sctpinspect.recorder.spool import PACKETS

_LOCK, _RUN = "lock", "run.json"


@contextmanager
def open_run(cache: Path, out: Path) -> Iterator[Path]:
    """A new folder for a run that will become `out`; removed at the end of the body.

    When the body raises a SctpInspectError or is interrupted, what it has spooled is saved as `salvage` does,
    and the error (Interrupted, for Ctrl-C) names the file. After other exceptions it is left to `salvage`, as
    when the process is killed. Raises EnvironmentLacks: the folder cannot be made or, in the body, written.
    """
    # Under the lock of all, so that `salvage` never sees a folder that is half made or half removed.
    with _all_runs(cache) as runs, as_owner(runs):
        folder = Path(tempfile.mkdtemp(dir=runs))
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR)
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / _RUN).write_text(json.dumps({"out": os.path.abspath(out)}))
    try:
        with unusable(folder):
            yield folder
    except SctpInspectError as error:
        with _all_runs(cache):
            told = _saved(folder)
        if told:
            error.args = (f"{error}\nWhat was recorded until then {told}",)
        raise
    except KeyboardInterrupt:
        with _all_runs(cache):
            told = _saved(folder)
        rest = f"what was recorded until then {told}" if told else "nothing was recorded yet"
        raise Interrupted(f"interrupted; {rest}") from None
    else:
        with _all_runs(cache):
            _remove(folder)
    finally:
        os.close(lock)


def salvage(cache: Path) -> list[Path]:
    """Make captures of what killed commands have spooled; gives the files that were made.

    Each stands beside the output that was meant, as NAME-interrupted.pcapng, and overwrites nothing. Runs
    that had recorded nothing vanish; one whose output's folder cannot be written stays for later, and so does
    one that this version cannot read.
    """
    with _all_runs(cache) as runs:
        lost = [folder for folder in sorted(runs.iterdir()) if folder.is_dir() and not _is_held(folder)]
        files = [file for folder in lost if (file := _salvage(folder))]
    return files


def _saved(folder: Path) -> str:
    """What became of what is in the folder; empty if there was nothing."""
    if file := _salvage(folder):
        return f"was saved as {file}"
    return f"is kept in {folder}, and will be saved by the next command that can" if folder.exists() else ""


def _salvage(folder: Path) -> Path | None:
    if not _has_recorded(folder):
        _remove(folder)
        return None
    try:
        out = Path(json.loads((folder / _RUN).read_bytes())["out"])
        unfinished_name(folder, out).unlink(missing_ok=True)
        file = _unused(out)
        assemble(folder, file, interrupted=True)
    except (UsageError, OSError, LookupError, TypeError, ValueError):
        return None
    _remove(folder)
    return file


def _has_recorded(folder: Path) -> bool:
    try:
        json.loads((folder / _RUN).read_bytes())
        json.loads((folder / RECIPE).read_bytes())
    except (FileNotFoundError, ValueError):  # killed before the recording, or while it was being removed
        return False
    return any(file.stat().st_size for name in (PACKETS, JOURNALS) for file in folder.glob(name))


def _unused(out: Path) -> Path:
    names = (out.with_name(f"{out.stem}-interrupted{f'-{n}' if n else ''}.pcapng") for n in count())
    return next(name for name in names if not name.exists())


def _is_held(folder: Path) -> bool:
    try:
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR)
    except PermissionError:  # another user's, with the same cache: sudo may keep HOME
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _remove(folder: Path) -> None:
    # First: if we are killed here, what is left is nothing without it.
    (folder / _RUN).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _all_runs(cache: Path) -> Iterator[Path]:
    """The folder of all runs, while no other process changes what is in it. Raises EnvironmentLacks."""
    runs = cache / "runs"
    with unusable(runs):
        with as_owner(runs):
            runs.mkdir(parents=True, exist_ok=True)
            (runs / _LOCK).touch()
        with open(runs / _LOCK, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield runs
