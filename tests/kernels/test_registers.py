"""Machines whose processors have more registers than user-mode Linux has room for."""

import shutil
import sys

import pytest

from sctpinspect.kernels import EnvironmentLacks, registers

# A page that is used for the first time interrupts a program, which then has to find its registers as it left
# them. NumPy's use of the widest ones is seen in the logarithms, the threads' in what they add up.
PROGRAM = """
import threading, warnings
import numpy as np
warnings.simplefilter("error")
def work(results):
    for _ in range(20):
        numbers = np.linspace(1, 2, 1 << 17)
        results.append((float(np.log(numbers).sum()), float(np.exp2(numbers).sum())))
results = [[] for _ in range(4)]
threads = [threading.Thread(target=work, args=[each]) for each in results]
[each.start() for each in threads]
[each.join() for each in threads]
print(len({each for result in results for each in result}), [len(each) for each in results])
"""


NO_CC = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler is installed")


@pytest.fixture(params=[pytest.param("cc", marks=NO_CC), "tcc"])
def compiler(request, monkeypatch):
    """One or the other, on whatever machine; tcc is fetched where it is not."""
    which = shutil.which
    monkeypatch.setattr(registers, "are_too_many", lambda: True)
    monkeypatch.setattr(
        shutil, "which", lambda name: None if {name, request.param} == {"cc", "tcc"} else which(name)
    )


@pytest.mark.usefixtures("compiler")
def test_a_guest_keeps_all_registers_of_its_threads(kernel, folder):
    outcome = kernel.run([sys.executable, "-c", PROGRAM], folder, 60)
    assert (outcome.status, outcome.log) == (0, "1 [20, 20, 20, 20]\n")


def test_a_compiler_that_cannot_is_told(tmp_path, monkeypatch):
    program = tmp_path / "cc"
    program.write_text("#!/bin/sh\necho no room >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(EnvironmentLacks, match=r"no room.*: sudo apt-get install gcc"):
        registers.compile_library(tmp_path / "x.so")
