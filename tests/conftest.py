"""Kernels to run in; where a machine can have none, tests that need one are skipped with what it lacks."""

from pathlib import Path

import pytest

import sctpinspect
from sctpinspect import kernels, scenarios
from sctpinspect.protocol import EnvironmentLacks
from sctpinspect.sandbox.record import Run, record_all

RUN_EACH_TIME = {"", "2x1", "1x2", "ipv6", "2x1-ipv6", "1x2-ipv6", "4x4-mixed"}
"""Variants that are run in every test run, not only with --all-scenarios."""

HERE = Path(__file__).parent
FOLDERS_WITH_KERNELS = {"cli", "kernels", "recorder", "sandbox", "sockets"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that run a kernel or are in a folder of such tests: they run one after another."""
    for item in items:
        folders, fixtures = item.path.relative_to(HERE).parts, getattr(item, "fixturenames", ())
        if FOLDERS_WITH_KERNELS & {*folders} or {"kernel", "best_kernel"} & {*fixtures}:
            item.add_marker("kernel")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-scenarios", action="store_true", help="run all scenarios in all variants")


def runs(config: pytest.Config) -> list[tuple[str, str]]:
    """The scenarios and variants to run."""
    every = config.getoption("all_scenarios")
    return [each for each in scenarios.all_variants() if every or each[1] in RUN_EACH_TIME]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for fixture, of in (("recording", ""), ("recorded", scenarios.DEFAULT)):
        if fixture in metafunc.fixturenames:
            chosen = [each for each in runs(metafunc.config) if each[0].startswith(of)]
            names = [f"{name}:{variant}".rstrip(":") for name, variant in chosen]
            metafunc.parametrize(fixture, chosen, ids=names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def recordings(request, kernel, tmp_path_factory) -> dict[tuple[str, str], Path | Exception]:
    """All of `runs`, made now, in one kernel."""
    folder = tmp_path_factory.mktemp("recordings")
    made = [Run(*each, folder / f"{number}.pcapng") for number, each in enumerate(runs(request.config))]
    failed = record_all(made, kernel.name)
    return {(run.name, run.variant): failed.get(run.out, run.out) for run in made}


@pytest.fixture(scope="session")
def recording(request, recordings) -> sctpinspect.Capture:
    """A capture of a scenario, made now."""
    made = recordings[request.param]
    if isinstance(made, Exception):
        raise made
    return sctpinspect.read(made)


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
