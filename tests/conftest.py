"""Kernels to run in; where a machine can have none, tests that need one are skipped with what it lacks."""

import pytest

from sctpinspect import kernels
from sctpinspect.protocol import EnvironmentLacks


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
