"""Choosing a kernel, and what is said where there is none."""

import os
import platform
import shutil
import tempfile

import pytest

from sctpinspect import kernels
from sctpinspect.kernels import debian, host, uml
from sctpinspect.protocol.errors import EnvironmentLacks, UsageError

NOBODY = 65534


@pytest.fixture
def nothing_here(monkeypatch, tmp_path):
    """No SCTP, no user-mode Linux, and nothing to fetch it with."""
    monkeypatch.setattr(host, "lack", lambda: "This machine's kernel has no SCTP: load it")
    monkeypatch.setattr(uml, "find", lambda: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))


def test_unknown_and_future_names():
    with pytest.raises(UsageError, match="There is no kernel vm: --kernel takes auto, host, uml\\."):
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


def test_a_cache_folder_that_cannot_be_written(monkeypatch):
    with tempfile.TemporaryDirectory() as home:
        os.chmod(home, 0o555)
        monkeypatch.setenv("XDG_CACHE_HOME", home)
        user = os.geteuid()
        os.seteuid(user or 65534)  # root may write everywhere
        try:
            with pytest.raises(EnvironmentLacks, match="set XDG_CACHE_HOME"):
                debian.cache_folder()
        finally:
            os.seteuid(user)


def test_a_cache_folder_of_a_user_without_a_home(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    with pytest.raises(EnvironmentLacks, match="set XDG_CACHE_HOME"):
        debian.cache_folder()


@pytest.fixture
def archive(monkeypatch, tmp_path):
    """A stand-in for the archive, whose packages have two files; gives the list of what was fetched."""
    fetched = []

    def download(packages, folder):
        fetched.extend(packages)
        (folder / "package.deb").touch()

    def extract(argv, folder):
        for name in ("program", "modules/one"):
            file = folder / "root/usr" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("content")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(debian, "require_tools", lambda packages: None)
    monkeypatch.setattr(debian, "download", download)
    monkeypatch.setattr(debian, "call", extract)
    return fetched


def damage_nothing(root):
    pass


def damage_a_file(root):
    (root / "usr/modules/one").unlink()


def cut_a_file(root):
    (root / "usr/program").write_text("cont")


def damage_all(root):
    shutil.rmtree(root)
    root.mkdir()


@pytest.mark.parametrize(
    ("damage", "times"), [(damage_nothing, 1), (damage_a_file, 2), (cut_a_file, 2), (damage_all, 2)]
)
def test_a_cache_that_was_half_deleted_is_fetched_again(archive, damage, times):
    root = debian.fetch(["a-package"])
    damage(root)
    assert debian.fetch(["a-package"]) == root
    assert len(archive) == times
    assert (root / "usr/program").read_text() == (root / "usr/modules/one").read_text() == "content"
    assert list(root.parent.iterdir()) == [root]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_under_sudo_the_cache_belongs_to_the_owner_of_its_folder(archive, monkeypatch, tmp_path):
    monkeypatch.setenv("SUDO_UID", str(NOBODY))
    monkeypatch.setenv("SUDO_GID", str(NOBODY))
    os.chmod(tmp_path, 0o755)
    for above in list(tmp_path.parents)[:2]:
        above.chmod(0o755)
    os.chown(tmp_path, NOBODY, NOBODY)
    made = [debian.cache_folder(), *debian.fetch(["a-package"]).rglob("*")]
    assert len(made) == 6 and {(file.stat().st_uid, file.stat().st_gid) for file in made} == {
        (NOBODY, NOBODY)
    }
    assert (os.geteuid(), os.getegid()) == (0, os.getgid())


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
