"""A folder to run in, and a look at what a kernel leaves behind."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sctpinspect.kernels import uml


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder whose name needs quoting."""
    folder = tmp_path / "it's a $run"
    folder.mkdir()
    return folder


@pytest.fixture
def left_behind(folder: Path) -> Callable[..., list[str]]:
    """Gives what is left of the kernels that a process (this one) has run in `folder`: processes, files."""

    def look(caller: int = os.getpid()) -> list[str]:
        left = [name for name in os.listdir(uml.ram_folder()) if name.startswith(f"sctpinspect-{caller}-")]
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes()
            except OSError:  # it has just ended
                continue
            if os.fsencode(folder) in command:
                left.append(command.decode(errors="replace"))
        return left

    return look
