"""What every kernel offers, and what running a program in one has in common."""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sctpinspect.protocol.errors import SctpInspectError

GUEST = Path(__file__).with_name("guest.py")
LOG_BYTES = 1 << 20
PR_SET_PDEATHSIG = 1

Work = Callable[[], object]


class KernelFailed(SctpInspectError):
    """The kernel, or what starts a program in it, ended without telling the program's status."""


class TimeLimit(SctpInspectError):
    """The program was not done in time; it and all it had started are gone."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended: its exit status (128 + n: killed by signal n), and the end of its output."""

    status: int
    log: str


class Kernel(Protocol):
    """A Linux kernel with SCTP, in which a program has all the rights over networks."""

    @property
    def name(self) -> str:
        """As `--kernel` takes it."""
        ...

    def run(
        self,
        argv: Sequence[str],
        folder: Path,
        limit_s: float,
        meanwhile: Work | None = None,
        writable: Sequence[Path] = (),
    ) -> Outcome:
        """Run `argv` (`argv[0]` absolute) to its end, as uid 0 in a network namespace of its own.

        `folder` (absolute, existing) is its working directory, and with `writable` (likewise) the only part
        of this machine's file systems that it can write; /run and /dev/shm are its own. Its output goes to
        `folder/log`. All that it started ends with it. `meanwhile` is done here once it has begun. Raises
        KernelFailed, and TimeLimit after `limit_s` seconds, boot included.
        """
        ...


def write_job(argv: Sequence[str], folder: Path, writable: Sequence[Path], **more: object) -> Path:
    """Leave in `folder` what `guest.py` is to do, and nothing of an earlier run. Gives the job's file."""
    for name in ("log", "status"):
        (folder / name).unlink(missing_ok=True)
    job = folder / "kernel.job"
    common = {
        "argv": [*argv],
        "folder": str(folder),
        "writable": [str(each) for each in (folder, *writable)],
        "environment": environment(),
        "shown": hidden(),
    }
    job.write_text(json.dumps(common | more))
    return job


def hidden(*folders: str | Path) -> list[str]:
    """Those of the folders, and of Python's and this package's, that lie where a kernel has its own."""
    needed = (sys.prefix, sys.base_prefix, GUEST.parents[2], *folders)
    real = dict.fromkeys(os.path.realpath(folder) for folder in needed)
    return [folder for folder in real if folder.startswith(("/run/", "/dev/"))]


def environment() -> dict[str, str]:
    """A program's environment: the caller's in what concerns Python, the language and where files are."""
    kept = ("PYTHON", "LANG", "LC_", "LD_LIBRARY_PATH", "HOME", "TZ")
    path = [*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    return {key: value for key, value in os.environ.items() if key.startswith(kept)} | {
        "PATH": ":".join(dict.fromkeys(filter(None, path))),
        "TMPDIR": "/dev/shm",
    }


def guest_command(job: Path) -> list[str]:
    """How Python starts `guest.py`: without `site`, which takes its time."""
    return [sys.executable, "-I", "-S", str(GUEST), str(job)]


def run_to_end(
    argv: Sequence[str],
    console: Path,
    limit_s: float,
    meanwhile: Work | None = None,
    cpu: int | None = None,
    temporary: str | None = None,
    library: int | None = None,
) -> int:
    """Run a process in a session of its own, with its output in the file `console`; gives its return code.

    `library` is an open file that is loaded before its other libraries. Whatever happens, here or to this
    process, nothing of it is left running. Raises KernelFailed, TimeLimit.
    """
    end = time.monotonic() + limit_s
    parent = os.getpid()
    libc = ctypes.CDLL(None)
    more = {"TMPDIR": temporary, "LD_PRELOAD": library and f"/proc/self/fd/{library}"}

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})

    with open(console, "wb") as output:
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | {name: value for name, value in more.items() if value},
                pass_fds=[library] if library else [],
                start_new_session=True,
                preexec_fn=prepare,
            )
        except OSError as error:
            raise KernelFailed(f"{argv[0]} cannot be started: {error.strerror}.") from None
    try:
        if meanwhile is not None:
            meanwhile()
        return process.wait(max(0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeLimit(f"The run was not done after {limit_s:g} s and was ended.") from None
    finally:
        if process.returncode is None:
            process.terminate()  # lets a guest kernel remove its files
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def read_outcome(folder: Path, kernel: str, code: int) -> Outcome:
    """What a run left in `folder`. Raises KernelFailed if it did not come to its end."""
    log = tail(folder / "log")
    try:
        outcome = Outcome(int((folder / "status").read_text()), log)
    except (OSError, ValueError):
        lines = tail(folder / "kernel.log").strip().splitlines() or ["it said nothing"]
        telling = [line for line in lines if line.startswith(("sctpinspect: ", "Kernel panic"))]
        words = (telling or lines)[-1].removeprefix("sctpinspect: ")
        if code == -signal.SIGKILL:
            words = "it was killed; if nobody did that, memory ran out: make room and run it again"
        elif code == -signal.SIGXFSZ:
            words = "a file became larger than the limit for files: raise it (ulimit -f) and run it again"
        raise KernelFailed(f"{kernel} ended before the program did: {words} (status {code}).") from None
    for name in ("status", "kernel.job", "kernel.init", "kernel.log"):
        (folder / name).unlink(missing_ok=True)
    return outcome


def tail(file: Path) -> str:
    """The end of a text file, at most LOG_BYTES of it; nothing if there is no such file."""
    try:
        with open(file, "rb") as stream:
            stream.seek(-min(LOG_BYTES, os.fstat(stream.fileno()).st_size), os.SEEK_END)
            return stream.read(LOG_BYTES).decode(errors="replace")
    except OSError:
        return ""
