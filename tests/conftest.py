"""Kernels to run in; where a machine can have none, tests that need one are skipped with what it lacks."""

from pathlib import Path

import pytest

from sctpinspect import kernels
from sctpinspect.protocol import EnvironmentLacks

HERE = Path(__file__).parent
FOLDERS_WITH_KERNELS = {"cli", "kernels", "recorder", "sandbox", "sockets", "test_sample.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of the folders that run a kernel, for these are to run one after another."""
    for item in items:
        if FOLDERS_WITH_KERNELS & set(item.path.relative_to(HERE).parts):
            item.add_marker("kernel")


def chosen(name: str) -> kernels.Kernel:
    try:
        return kernels.choose(name)
    except EnvironmentLacks as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kernel() -> kernels.Kernel:
    """User-mode Linux, fetched if need be."""
    return chosen("uml")


@pytest.fixture(scope="session")
def best_kernel() -> kernels.Kernel:
    """This machine's own kernel if it can do the work, else user-mode Linux."""
    return chosen("auto")
