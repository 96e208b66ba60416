"""Debian packages without root, from the archive that this machine's apt is configured for."""

import ctypes
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sctpinspect.kernels import debian, uml, usrsctp
from sctpinspect.protocol.errors import EnvironmentLacks

NOBODY = 65534

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="no apt-get on this machine")


@pytest.fixture
def cache(monkeypatch):
    """A cache folder of nobody, if this is root; else of this user."""
    with tempfile.TemporaryDirectory() as folder:
        if not os.getuid():
            os.chown(folder, NOBODY, NOBODY)
        monkeypatch.setenv("XDG_CACHE_HOME", folder)
        yield Path(folder)


def without_root(act: Callable[[], object]) -> str:
    """What `act` gives or raises as text, done by a child that is nobody."""
    reader, writer = os.pipe()
    if not os.fork():
        try:
            if not os.getuid():
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            text = str(act())
        except BaseException as error:
            text = repr(error)
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        text = pipe.read()
    os.wait()
    return text


def test_user_mode_linux_is_fetched_once_and_boots(cache, folder):
    root = without_root(lambda: debian.fetch([uml.PACKAGE]))
    assert root == str(cache / "sctpinspect/debian/user-mode-linux")
    assert os.listdir(cache / "sctpinspect/debian") == ["user-mode-linux"]

    made = os.stat(uml.Uml(Path(root)).program)
    assert without_root(lambda: debian.fetch([uml.PACKAGE])) == root
    assert os.stat(uml.Uml(Path(root)).program) == made

    outcome = uml.Uml(Path(root)).run(["/bin/grep", "-c", "^sctp ", "/proc/modules"], folder, 60)
    assert (outcome.status, outcome.log) == (0, "1\n")


def test_usrsctp_is_fetched_once_and_found(cache, monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", not_installed)
    assert without_root(usrsctp.find) == "None"
    library = without_root(usrsctp.choose)
    assert library.startswith(f"{cache}/sctpinspect/debian/libusrsctp2/usr/lib/")
    made = os.stat(library)
    assert without_root(usrsctp.choose) == library
    assert os.stat(library) == made
    monkeypatch.undo()
    assert ctypes.CDLL(library).usrsctp_init


def not_installed(name: str) -> None:
    raise OSError(f"{name}: cannot open shared object file")


def test_own_package_lists_where_the_machine_has_none(cache, monkeypatch):
    calls = []

    def call(argv, folder, really=debian.call):
        calls.append(argv)
        if len(calls) == 1:
            raise EnvironmentLacks("apt-get failed (No packages found): no lists.")
        really(argv, folder)

    monkeypatch.setattr(debian, "call", call)
    root = debian.fetch(["libsctp1"])
    assert [argv[-1] for argv in calls[:3]] == ["libsctp1", "update", "libsctp1"]
    assert list(root.glob("usr/lib/**/libsctp.so.1"))


def test_a_package_that_is_nowhere(cache):
    error = without_root(lambda: debian.fetch(["sctpinspect-nowhere"]))
    assert "EnvironmentLacks" in error
    assert "Unable to locate package sctpinspect-nowhere" in error
    assert os.listdir(cache / "sctpinspect/debian") == []
