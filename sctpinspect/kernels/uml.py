"""User-mode Linux: a Linux kernel that runs as an ordinary process, without root and without virtualisation.

Debian's package user-mode-linux has it. It boots on this machine's own root file system, read-only, in
one and a half seconds. It exists for x86-64 only.
"""

import compileall
import os
import platform
import random
import secrets
import shlex
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sctpinspect.kernels import debian, registers
from sctpinspect.kernels.kernel import (
    Outcome,
    Work,
    guest_command,
    hidden,
    read_outcome,
    run_to_end,
    write_job,
)
from sctpinspect.kernels.sudo import as_owner
from sctpinspect.protocol.errors import EnvironmentLacks

PACKAGE = "user-mode-linux"
MEMORY_MIB = 512
# Each is named, because a guest has no modprobe that knows where they are. SCTP needs hmac for its cookies.
MODULES = (
    "hmac", "sctp", "veth", "bridge", "dummy", "sch_netem", "nf_tables", "nft_numgen",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Uml:
    """One user-mode Linux, found at `root` (the machine's, or a folder with the unpacked package)."""

    root: Path
    name: str = "uml"

    @property
    def program(self) -> Path:
        return self.root / "usr/bin/linux.uml"

    def run(
        self,
        argv: Sequence[str],
        folder: Path,
        limit_s: float,
        meanwhile: Work | None = None,
        writable: Sequence[Path] = (),
    ) -> Outcome:
        """Boot, run `argv`, power off; see Kernel.run."""
        if '"' in str(folder):
            raise EnvironmentLacks(f"User-mode Linux takes no path with a quotation mark: rename {folder}.")
        modules = self.root / "usr/lib/uml/modules"
        job = write_job(
            argv, folder, writable, modules=str(modules), module_names=MODULES, shown=hidden(modules)
        )
        # A script, because the kernel splits the arguments of init at spaces.
        init = folder / "kernel.init"
        init.write_text(f"#!/bin/sh\nexec {shlex.join(guest_command(job))}\n")
        init.chmod(0o755)
        # The guest cannot keep what it compiles, and importing takes its time there as it is.
        package = Path(__file__).parents[1]
        with as_owner(package):
            compileall.compile_dir(package, quiet=2)
        ram = ram_folder()
        identity = f"sctpinspect-{os.getpid()}-{secrets.token_hex(4)}"
        command = [
            str(self.program), f"mem={MEMORY_MIB}M", f"umid={identity}", f"uml_dir={ram}",
            "rootfstype=hostfs", "rootflags=/", "ro", "devtmpfs.mount=0", f'init="{init}"',
            "quiet", "con=null", "con0=null,fd:1",
        ]  # fmt: skip
        try:
            with own_cpu() as cpu, registers.library(folder) as library:
                code = run_to_end(command, folder / "kernel.log", limit_s, meanwhile, cpu, ram, library)
        finally:
            shutil.rmtree(Path(ram, identity), ignore_errors=True)  # a kernel that is killed leaves it
        return read_outcome(folder, "The user-mode Linux kernel", code)


def find() -> Uml | None:
    """The user-mode Linux of this machine, else the one unpacked earlier, else nothing."""
    installed = Uml(Path("/"))
    if installed.program.exists():
        return installed
    root = debian.folder_of([PACKAGE])
    return Uml(root) if debian.is_whole(root) else None


def choose() -> Uml:
    """The user-mode Linux to use, fetched if the machine has none. Raises EnvironmentLacks."""
    require_x86_64()
    ram_folder()
    found = find() or Uml(debian.fetch([PACKAGE]))
    if registers.are_too_many():
        registers.choose()
    return found


def describe() -> str:
    """Where it is, or would come from. Raises EnvironmentLacks."""
    require_x86_64()
    uml = find()
    missing = [] if uml else [PACKAGE]
    if registers.are_too_many() and not registers.find():
        missing.append(registers.COMPILER)
    if missing:
        debian.require_tools(missing)
    if uml:
        return f"{uml.program}"
    return f"not here yet, will be fetched into {debian.folder_of([PACKAGE])} when it is needed"


def require_x86_64() -> None:
    """Raises EnvironmentLacks elsewhere."""
    if platform.machine() != "x86_64":
        raise EnvironmentLacks(
            f"User-mode Linux exists for x86-64 only and this machine is {platform.machine()}:"
            " load its own kernel's SCTP (sudo modprobe sctp) and use --kernel host."
        )


def ram_folder() -> str:
    """A folder for the file that is the guest's memory; in memory if it fits. Raises EnvironmentLacks."""
    needed = (MEMORY_MIB + 64) << 20
    folders = dict.fromkeys(("/dev/shm", tempfile.gettempdir(), "/var/tmp", "/tmp"))
    for folder in folders:
        with suppress(OSError):
            facts = os.statvfs(folder)
            space = facts.f_bavail * facts.f_frsize
            if space >= needed and not facts.f_flag & os.ST_NOEXEC and os.access(folder, os.W_OK | os.X_OK):
                return folder
    raise EnvironmentLacks(
        f"The guest's memory needs {needed >> 20} MiB in a folder that is not mounted noexec, and none of"
        f" {', '.join(folders)} has them: free some space, or set TMPDIR to such a folder."
    )


@contextmanager
def own_cpu() -> Iterator[int]:
    """A CPU that no other guest runs on, as long as there is one: pinned to one CPU a guest is twice as fast.

    An address of the abstract socket name space is the lock: it is free again when its process is gone.
    """
    cpus = sorted(os.sched_getaffinity(0))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as lock:
        for cpu in cpus:
            with suppress(OSError):
                lock.bind(f"\0sctpinspect-cpu-{cpu}")
                break
        else:
            cpu = random.choice(cpus)
        yield cpu
