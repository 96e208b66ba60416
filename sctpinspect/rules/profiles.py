"""Known deviations of a stack from the RFCs: what breaks a rule for a reason that is known, and is no news.

Each profile is a file of `sctpinspect/profiles/`, named after its stack: entries with the rule, the reason,
the version since which it is so, and a capture that shows it.
"""

import functools
import tomllib
from importlib import resources
from typing import Any, NamedTuple

import polars as pl

from sctpinspect.protocol import UsageError
from sctpinspect.tables.associations import ENDPOINT

BY_RECIPE, NONE = "auto", "none"
"""Beside the profiles' names: the profile of each endpoint's stack, where the recipe tells it; no profile."""

_STACKS = {"kernel": "linux"}
"""The stack of a host in a recipe, which is the kernel if it names none, and its profile."""


class Deviation(NamedTuple):
    """`since`: the version of the stack. `capture`: one that shows it, below captures/."""

    rule: str
    reason: str
    since: str
    capture: str


def names() -> list[str]:
    """The profiles."""
    return sorted(
        file.name.removesuffix(".toml") for file in _folder().iterdir() if file.name.endswith(".toml")
    )


@functools.cache
def deviations(profile: str) -> dict[str, Deviation]:
    """Those of a profile, by rule."""
    entries = tomllib.loads(_folder().joinpath(f"{profile}.toml").read_text())["deviation"]
    return {entry["rule"]: Deviation(**entry) for entry in entries}


def check(profile: str) -> None:
    """Raises UsageError if there is no such profile."""
    if profile not in (BY_RECIPE, NONE, *names()):
        known = ", ".join((BY_RECIPE, NONE, *names()))
        raise UsageError(f"there is no profile {profile!r}; choose one of {known}")


def of_endpoints(endpoints: pl.LazyFrame, recipe: dict[str, Any], profile: str) -> pl.LazyFrame:
    """`association`, `side` and the `profile` of each endpoint (null: none); see BY_RECIPE."""
    if profile != BY_RECIPE:
        return endpoints.select(*ENDPOINT, profile=pl.lit(None if profile == NONE else profile, pl.String))
    hosts = recipe.get("hosts")
    stated = {
        str(host): _STACKS.get(str(facts.get("stack", "kernel")))
        for host, facts in (hosts.items() if isinstance(hosts, dict) else ())
        if isinstance(facts, dict)
    }
    return endpoints.select(
        *ENDPOINT, profile=pl.col("host").replace_strict(stated, default=None, return_dtype=pl.String)
    )


def reason(rule: str) -> pl.Expr:
    """Why endpoints with a `profile` are known to break a rule; null: it is not known of them."""
    known = {name: deviations(name)[rule].reason for name in names() if rule in deviations(name)}
    return pl.col("profile").replace_strict(known, default=None, return_dtype=pl.String)


def _folder() -> Any:
    return resources.files("sctpinspect").joinpath("profiles")
