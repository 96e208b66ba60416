"""Run the commands in this process and in one of their own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from builders import association, capture

from sctpinspect.cli import main


class Ran(NamedTuple):
    """How a command ended and what it wrote."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(capsys, monkeypatch, tmp_path) -> Callable[..., Ran]:
    """Run a command in this process, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        return Ran(stop.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def spawn(tmp_path) -> Callable[..., subprocess.CompletedProcess]:
    """Run a command as a process."""

    def call(*arguments: object, environment=(), **options) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "sctpinspect", *map(str, arguments)]
        settings = {**os.environ, **dict(environment)}
        return subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, **options)

    return call


@pytest.fixture
def good(tmp_path) -> Path:
    """A capture without fault."""
    path = tmp_path / "good.pcapng"
    path.write_bytes(capture(association()))
    return path


@pytest.fixture
def bad(tmp_path) -> Path:
    """The same with a wrong verification tag in one packet, which stays the same length."""
    from dataclasses import replace

    packets = association()
    packets[4] = replace(packets[4], tag=packets[4].tag ^ 1)
    path = tmp_path / "bad.pcapng"
    path.write_bytes(capture(packets))
    return path
