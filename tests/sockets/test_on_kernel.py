"""The sockets on a real kernel: the tests of folder `guest` run there, all in one boot, and are told here."""

import ast
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sctpinspect.kernels import usrsctp

GUEST = Path(__file__).with_name("guest")
LIMIT_S = 180
TESTS = [
    f"{path.stem}::{node.name}"
    for path in sorted(GUEST.glob("*.py"))
    for node in ast.parse(path.read_text()).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
]


@pytest.fixture(scope="session")
def told(best_kernel, tmp_path_factory):
    """For each test what went wrong in its cases: nothing, or a text per case."""
    folder = tmp_path_factory.mktemp("sockets")
    (folder / "usrsctp.library").write_text(usrsctp.choose())
    argv = [
        *(sys.executable, "-m", "pytest", str(GUEST), "--quiet", "--junitxml", str(folder / "results.xml")),
        *("--rootdir", str(GUEST), "--confcutdir", str(GUEST), "--override-ini", "python_files=*.py"),
        *("--import-mode", "prepend", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"),
    ]
    outcome = best_kernel.run(argv, folder, LIMIT_S)
    assert (folder / "results.xml").exists(), outcome.log
    cases = defaultdict(list)
    for case in ElementTree.parse(folder / "results.xml").iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name').partition('[')[0]}"
        cases[name].append("\n".join(f"{case.get('name')}\n{element.text}" for element in case))
    return cases


@pytest.mark.parametrize("name", TESTS)
def test_on_kernel(told, name):
    assert told[name], "it did not run"
    assert not any(told[name]), "\n".join(told[name])
