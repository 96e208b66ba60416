"""The rules by their ids: declared by a decorator, found by importing every module of this package."""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Sequence

import sctpinspect.rules
from sctpinspect.protocol import UsageError
from sctpinspect.rules.model import EDITIONS, Check, Level, Need, Rule

NAMES = {"linux": "Linux"}
"""Documents that are no RFC."""

_declared: dict[str, Rule] = {}


def rule(
    id: str,
    *,
    level: Level,
    cites: Sequence[str],
    since: str | None = None,
    until: str | None = None,
    needs: Iterable[Need] = (),
    to_fail: Iterable[Need] = (),
) -> Callable[[Check], Check]:
    """Declare the function below as a rule; see `model.Rule` for the arguments.

    A rule about calls fails only where the journal can be read: another call may explain what is seen.
    since: by default RFC 2960, the first edition, for rules of the base protocol, else their own document.
    """
    document = id.partition("/")[0]
    origin = EDITIONS[0] if document == "rfc9260" else NAMES.get(document, document.replace("rfc", "RFC "))

    def declare(check: Check) -> Check:
        if id in _declared:
            raise ValueError(f"two rules are called {id}")
        wanted = tuple(to_fail) if document == "rfc9260" else (*to_fail, Need.JOURNAL)
        _declared[id] = Rule(id, check, level, tuple(cites), since or origin, until, tuple(needs), wanted)
        return check

    return declare


@functools.cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, in the order of documents, sections and slugs."""
    for package in pkgutil.iter_modules(sctpinspect.rules.__path__, "sctpinspect.rules."):
        if package.ispkg:  # of a document; a module beside it holds no rule
            document = importlib.import_module(package.name)
            for module in pkgutil.iter_modules(document.__path__, f"{package.name}."):
                importlib.import_module(module.name)
    return tuple(sorted(_declared.values(), key=_order))


def select(prefixes: Sequence[str] = ()) -> tuple[Rule, ...]:
    """The rules whose id begins with one of `prefixes` (whole parts: `rfc9260/8` holds 8.5.1, not 80).

    Raises UsageError for a prefix that no rule has.
    """
    for prefix in prefixes:
        if not any(_begins(rule, prefix) for rule in all_rules()):
            raise UsageError(f"no rule is called {prefix!r} or begins so; `sctpinspect rules` lists them")
    return tuple(rule for rule in all_rules() if not prefixes or any(_begins(rule, p) for p in prefixes))


def _begins(rule: Rule, prefix: str) -> bool:
    prefix = prefix.rstrip("/")
    return rule.id == prefix or (rule.id.startswith(prefix) and rule.id[len(prefix)] in "/.")


def _order(rule: Rule) -> tuple[str, list[str], str]:
    document, section, slug = rule.id.split("/")
    return document, [part.zfill(2) for part in section.split(".")], slug
