"""Processors with more registers than user-mode Linux 6.1 has room for (AMX: Xeons since 2023).

It keeps the registers of each process of its guest with ptrace(2), PTRACE_GETREGSET and PTRACE_SETREGSET of
NT_X86_XSTATE, in 2696 bytes. Where this machine's kernel has more of them to set it takes no part, and the
guest's first process ends at once. There a library is loaded before user-mode Linux's own (LD_PRELOAD), whose
ptrace sets them all (registers.c): the known ones as they are, the others as at a program's start. So a guest
can do anything but use AMX, for which a program has to ask its kernel first, and this one knows of none.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sctpinspect.kernels import debian
from sctpinspect.protocol.errors import EnvironmentLacks

ROOM = 2696  # HOST_FP_SIZE of arch/x86/um/user-offsets.c
SIGNAL_FRAME = 944  # what a signal's frame has beside these registers
SC_MINSIGSTKSZ = 249  # of glibc since 2.34; a Python built for an older one does not know the name
SOURCE = Path(__file__).with_suffix(".c")
COMPILER = "tcc"
"""Debian's package and its program: 0.3 MB, and works where it is unpacked."""


def are_too_many() -> bool:
    """Whether this machine's kernel keeps more registers of a process than user-mode Linux has room for."""
    try:
        return os.sysconf(SC_MINSIGSTKSZ) > ROOM + SIGNAL_FRAME
    except OSError:  # an older C library, on a machine older than these processors
        return False


@contextmanager
def library(folder: Path) -> Iterator[int | None]:
    """The library as an open file, if this machine needs it; made in `folder`. Raises EnvironmentLacks."""
    if not are_too_many():
        yield None
        return
    made = folder / "registers.so"
    compile_library(made)
    with open(os.memfd_create(made.name), "wb") as file:  # in memory, where no noexec is in the way
        file.write(made.read_bytes())
        file.flush()
        made.unlink()
        yield file.fileno()


def compile_library(made: Path) -> None:
    """Leave the library in this file. Raises EnvironmentLacks."""
    compiler = str(choose())
    command = [compiler, "-shared", "-fPIC", "-nostdlib", "-o", str(made), str(SOURCE)]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if ran.returncode:
        words = (ran.stderr or ran.stdout).strip().splitlines() or ["it gave no reason"]
        raise EnvironmentLacks(
            f"This processor has registers that user-mode Linux does not know, and {compiler} cannot make"
            f" what it needs then ({words[-1]}): sudo apt-get install gcc"
        )


def find() -> Path | None:
    """The compiler that this machine has, or that was unpacked earlier, or nothing."""
    for name in ("cc", COMPILER):
        if program := shutil.which(name):
            return Path(program)
    root = debian.folder_of([COMPILER])
    return root / "usr/bin" / COMPILER if debian.is_whole(root) else None


def choose() -> Path:
    """The compiler to use, fetched if the machine has none. Raises EnvironmentLacks."""
    return find() or debian.fetch([COMPILER]) / "usr/bin" / COMPILER
