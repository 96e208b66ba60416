"""The scenarios: one module each, found by its place (`sample/multihoming` is `sample/multihoming.py`).

A scenario module has a docstring (its first line is its title), one plain function per host
(`client(host)` runs on host a, `server(host)` on host b), `TOPOLOGY`, and optionally `VARIANTS`
(name to topology) and `wire(net)`, which impairs the paths meanwhile.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from sctpinspect.protocol.errors import UsageError
from sctpinspect.scenarios.topology import Impairment, Topology

__all__ = [
    "DEFAULT",
    "HOSTS",
    "Impairment",
    "Topology",
    "all_variants",
    "load",
    "names",
    "parse",
    "title",
    "topology",
]

DEFAULT = "sample/multihoming"

HOSTS = {"a": "client", "b": "server"}
"""Host name to the function of a scenario module that runs on it."""


def names() -> list[str]:
    """All scenarios, as `family/name`, in alphabetical order."""
    return sorted(_find(__name__, __path__))


def _find(package: str, path: list[str]) -> Iterator[str]:
    for family in pkgutil.iter_modules(path):
        if family.ispkg:
            folder = importlib.import_module(f"{package}.{family.name}").__path__
            for module in pkgutil.iter_modules(folder):
                yield f"{family.name}/{module.name}".replace("_", "-")


def all_variants() -> list[tuple[str, str]]:
    """Every scenario in every variant, as (name, variant), the default ("") first."""
    return [(name, variant) for name in names() for variant in ("", *getattr(load(name), "VARIANTS", {}))]


def parse(text: str) -> tuple[str, str]:
    """`NAME[:VARIANT]` to (name, variant); the default variant is "".

    Raises UsageError for a scenario or variant that does not exist.
    """
    name, _, variant = text.partition(":")
    topology(load(name), variant)
    return name, variant


def load(name: str) -> ModuleType:
    """The module of the scenario `name`. Raises UsageError if there is none, or it cannot be imported."""
    if name not in names():
        raise UsageError(f"there is no scenario {name!r}; `sctpinspect capture --list` shows them all")
    try:
        return importlib.import_module(f"{__name__}.{name.replace('-', '_').replace('/', '.')}")
    except Exception as error:
        raise UsageError(f"the scenario {name} cannot be loaded: {error}") from error


def title(module: ModuleType) -> str:
    """The first line of the scenario's docstring."""
    return (module.__doc__ or "").strip().partition("\n")[0].rstrip(".")


def topology(module: ModuleType, variant: str = "") -> Topology:
    """The topology of a variant ("" is the default). Raises UsageError if there is no such variant."""
    variants = {"": module.TOPOLOGY, **getattr(module, "VARIANTS", {})}
    if variant not in variants:
        known = ", ".join(name for name in variants if name) or "none"
        scenario = module.__name__.rpartition(".")[2]
        raise UsageError(f"scenario {scenario!r} has no variant {variant!r}; it has: {known}")
    return variants[variant]
