"""Choosing a kernel, and what is said where there is none."""

import os
import platform

import pytest

from sctpinspect import kernels
from sctpinspect.kernels import debian, host, uml
from sctpinspect.protocol.errors import EnvironmentLacks, UsageError


@pytest.fixture
def nothing_here(monkeypatch, tmp_path):
    """No SCTP, no user-mode Linux, and nothing to fetch it with."""
    monkeypatch.setattr(host, "lack", lambda: "This machine's kernel has no SCTP: load it")
    monkeypatch.setattr(uml, "find", lambda: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))


def test_unknown_and_future_names():
    with pytest.raises(UsageError, match="There is no kernel vm: --kernel takes auto, host, uml, timetravel"):
        kernels.choose("vm")
    with pytest.raises(EnvironmentLacks, match="no time-travel kernel"):
        kernels.choose("timetravel")


def test_auto_takes_the_host_only_if_nothing_lacks(monkeypatch, kernel):
    monkeypatch.setattr(host, "lack", lambda: None)
    assert kernels.choose("auto").name == kernels.choose("host").name == "host"
    monkeypatch.setattr(host, "lack", lambda: "Something lacks")
    assert kernels.choose("auto").name == "uml"


def test_no_kernel_at_all(nothing_here):
    with pytest.raises(EnvironmentLacks) as raised:
        kernels.choose("auto")
    assert "has no SCTP" in str(raised.value)
    assert "user-mode-linux is not installed, and cannot be fetched without apt-get" in str(raised.value)


def test_another_machine(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(EnvironmentLacks, match="x86-64 only and this machine is aarch64"):
        kernels.choose("uml")


def test_no_space_for_the_guests_memory(monkeypatch):
    monkeypatch.setattr(uml, "MEMORY_MIB", 1 << 40)
    with pytest.raises(EnvironmentLacks, match=r"needs \d+ MiB in a folder"):
        kernels.choose("uml")


def test_a_cache_folder_that_cannot_be_made(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    with pytest.raises(EnvironmentLacks, match="set XDG_CACHE_HOME"):
        debian.cache_folder()


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a user who is not root")
def test_a_cache_folder_that_cannot_be_written(monkeypatch, tmp_path):
    tmp_path.chmod(0o500)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(EnvironmentLacks, match="set XDG_CACHE_HOME"):
        debian.cache_folder()


def test_a_cache_folder_behind_a_link_or_a_relative_name_is_found_by_a_guest(monkeypatch, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "link")
    assert debian.cache_folder() == tmp_path.resolve() / "real" / "sctpinspect"


def test_facts_agree_with_choose(nothing_here):
    found = {fact.name: fact for fact in kernels.facts()}
    assert not found["kernel host"].ok
    assert not found["kernel uml"].ok
    assert "cannot be fetched" in found["kernel uml"].found
    assert found["pysctp"].ok
