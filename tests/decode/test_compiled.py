"""Where compiled code is kept, and that set-up leaves nothing to compile."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from builders import START_NS, association, capture, ethernet, ipv4, ipv6, linux_cooked_v2, pcap, udp
from frames import SCTP, pieces

import sctpinspect
from sctpinspect.decode import compiled

PACKAGE = Path(sctpinspect.__file__).parent
CHANGED = "compiled-" + 16 * "0"


def framed(*packets: bytes) -> bytes:
    return pcap([(START_NS, ethernet(packet)) for packet in packets])


CAPTURES = {
    "pcap": framed(ipv4("10.1.0.1", "10.1.0.2", SCTP)),
    "big-endian": pcap([(START_NS, ethernet(ipv6("fd00::1", "fd00::2", SCTP)))], order=">"),
    "pcapng": capture(association()),
    "cooked": pcap([(START_NS, linux_cooked_v2(ipv4("10.1.0.1", "10.1.0.2", SCTP)))], link_type=276),
    "fragments": framed(*pieces(SCTP, 40), *pieces(SCTP, 40, version=6)),
    "a fragment": framed(pieces(SCTP, 40)[0]),
    "UDP": framed(ipv4("10.1.0.1", "10.1.0.2", udp(SCTP), protocol=17)),
    "other ports": framed(ipv4("10.1.0.1", "10.1.0.2", udp(SCTP, 7, 8), protocol=17)),
    "many addresses": framed(*(ipv4(f"10.{n >> 8}.{n & 255}.1", "10.1.0.2", SCTP) for n in range(3000))),
}
READ = """
import sys
from sctpinspect.decode import decode
from sctpinspect.decode.compiled import on_compiling
from sctpinspect.tables.build import build
for path in sys.argv[1:]:
    with on_compiling(lambda: print("compiles", path)):
        print(len(build(decode(path)).packets))
"""


@pytest.fixture
def installed(tmp_path) -> Path:
    """A copy of the package, without compiled code."""
    copy = tmp_path / "site" / "sctpinspect"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def run(package: Path, *arguments: str | Path, home: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(package.parent), "HOME": str(home)}
    environment.pop("XDG_CACHE_HOME", None)
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, cwd=home)


def test_after_set_up_nothing_is_compiled(installed, tmp_path):
    for name, content in CAPTURES.items():
        (tmp_path / name).write_bytes(content)
    run(installed, "-m", "sctpinspect.tables.prepare", home=tmp_path)
    told = run(installed, "-c", READ, *CAPTURES, home=tmp_path).stdout.split("\n")
    assert told == ["1", "1", str(len(association())), "1", "2", "1", "1", "1", "3000", ""]
    assert not (tmp_path / ".cache").exists()


def test_what_is_compiled_at_run_time_is_told_once_and_kept_in_the_home(installed, tmp_path):
    (installed / "decode" / "__pycache__").touch()  # nothing can be put there
    (tmp_path / "capture").write_bytes(CAPTURES["pcapng"])
    command = ("-m", "sctpinspect", "verify", "capture", "capture")
    first, second = (run(installed, *command, home=tmp_path) for _ in range(2))
    assert first.stderr == "sctpinspect: compiling the decoder (about 15 s, once) ...\n"
    assert second.stderr == ""
    assert first.stdout == second.stdout
    assert len(list((tmp_path / ".cache" / "sctpinspect").glob("compiled-*"))) == 1


def test_where_nothing_can_be_kept_it_is_compiled_in_memory(installed, tmp_path):
    (installed / "decode" / "__pycache__").touch()
    (tmp_path / ".cache").touch()
    (tmp_path / "capture").write_bytes(CAPTURES["pcap"])
    told = run(installed, "-m", "sctpinspect", "verify", "--fail-on=never", "capture", home=tmp_path)
    assert "at each start" in told.stderr
    assert "1 packet" in told.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == [".cache", "capture", "site"]


def test_code_of_other_versions_is_removed_and_nothing_else(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    beside = tmp_path / "beside"
    new = beside / ("compiled-" + 16 * "1")
    kept = [beside / "compiled-by-hand", beside / "module.pyc", beside / ("compiled-" + 16 * "g"), new]
    for folder in (elsewhere, beside / CHANGED / "decode", *kept):
        folder.mkdir(parents=True)
        (folder / "file").touch()
    link = beside / ("compiled-" + 16 * "2")
    link.symlink_to(elsewhere)
    (beside / CHANGED / "link").symlink_to(elsewhere)
    compiled._remove_others(new)
    assert sorted(beside.iterdir()) == sorted([*kept, link])
    assert all((folder / "file").exists() for folder in (elsewhere, *kept))


def test_code_that_checks_bounds_is_kept_apart(installed, tmp_path, monkeypatch):
    where = "from sctpinspect.decode import compiled; print(compiled.folder())"
    usual = Path(run(installed, "-c", where, home=tmp_path).stdout.strip())
    monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1")
    checked = Path(run(installed, "-c", where, home=tmp_path).stdout.strip())
    assert {usual, checked} == set(usual.parent.glob("*-*"))
    assert len({usual, checked}) == 2


def test_a_changed_source_is_compiled_into_another_folder(installed, tmp_path):
    where = "from sctpinspect.decode import compiled; print(compiled.folder())"
    old = Path(run(installed, "-c", where, home=tmp_path).stdout.strip())
    assert old.parent == installed / "decode" / "__pycache__"
    with (installed / "protocol" / "numbers.py").open("a") as module:
        module.write("\n")
    new = Path(run(installed, "-c", where, home=tmp_path).stdout.strip())
    assert (old.exists(), new.exists(), new.parent) == (False, True, old.parent)
