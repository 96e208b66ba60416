"""What fuzzing has kept, replayed: compiled and uncompiled code finds the same; and a little fuzzing."""

import importlib.util
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz import targets

import sctpinspect
from sctpinspect.decode import decode
from sctpinspect.protocol import UsageError
from sctpinspect.tables import TABLES, polars_schema
from sctpinspect.tables.build import build

HERE = Path(__file__).parent
PACKAGE = Path(sctpinspect.__file__).parent

needs_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="Atheris has no wheel for this machine"
)


def replayed(target: str, results: Path, **environment: str) -> dict[str, targets.Result]:
    """What another interpreter finds in each input of the corpus."""
    path = os.pathsep.join([str(PACKAGE.parent), str(HERE.parent)])
    subprocess.run(
        [sys.executable, targets.__file__, target, targets.CORPUS / target, results],
        env={**os.environ, "PYTHONPATH": path, **environment},
        check=True,
    )
    return pickle.loads(results.read_bytes())


@pytest.mark.parametrize("target", targets.TARGETS)
def test_compiled_and_uncompiled_code_find_the_same(tmp_path, target):
    inputs = sorted((targets.CORPUS / target).iterdir())
    found = {path.name: targets.TARGETS[target](path.read_bytes()) for path in inputs}
    assert len(found) > 80
    uncompiled = replayed(target, tmp_path / "uncompiled", NUMBA_DISABLE_JIT="1")
    checked = replayed(target, tmp_path / "checked", NUMBA_BOUNDSCHECK="1")
    for name, expected in found.items():
        assert uncompiled[name] == checked[name] == expected, name


def test_tables_come_out_of_every_file(tmp_path):
    read = 0
    for path in (targets.CORPUS / "file").iterdir():
        try:
            columns = decode(path)
        except UsageError:
            continue
        tables = build(columns)
        assert all(getattr(tables, name).schema == polars_schema(schema) for name, schema in TABLES.items())
        read += 1
    assert read > 100


def fuzzed(folder: Path, work: Path, seconds: int, *targets: str) -> subprocess.CompletedProcess:
    command = [sys.executable, folder / "fuzz.py", "--work", work, "--seconds", str(seconds), *targets]
    return subprocess.run(command, capture_output=True, text=True)


@needs_atheris
def test_a_little_fuzzing_finds_nothing(tmp_path):
    done = fuzzed(HERE, tmp_path, 20)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stderr.count("DONE ") == len(targets.TARGETS)
    assert not [path for target in targets.TARGETS for path in (tmp_path / f"{target}-failed").iterdir()]


@needs_atheris
def test_reading_behind_a_packet_is_found(tmp_path):
    """A bound that is off by one, in a copy of the package."""
    package, folder = tmp_path / "sctpinspect", tmp_path / "tests" / "fuzz"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("__pycache__", "corpus"))
    for module in HERE.parent.glob("*.py"):
        shutil.copy(module, folder.parent)
    walk = package / "decode" / "sctp.py"
    right = walk.read_text()
    wrong = right.replace("has_fields = end - begin >= _FIELDS_OF[type]", "has_fields = True")
    assert wrong != right
    walk.write_text(wrong)
    done = fuzzed(folder, tmp_path / "work", 60, "packet")
    assert done.returncode == 1
    assert "IndexError" in done.stdout
    assert list((tmp_path / "work" / "packet-failed").iterdir())
