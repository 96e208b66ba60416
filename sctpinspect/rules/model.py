"""What a rule is, what it returns, and what a capture has to offer before a verdict may rest on it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NamedTuple

import polars as pl

from sctpinspect.rules.view import View

EDITIONS = ("RFC 2960", "RFC 4960", "RFC 9260")
"""The editions of the base protocol, oldest first. A baseline is one of them, written `rfc9260`."""

HEADINGS = (
    "What it checks",
    "Why it matters",
    "What the capture must contain",
    "Known exceptions",
    "References",
)
"""The headings of a rule's docstring, in this order, after its first line."""


class Level(StrEnum):
    """How strongly the RFC words the requirement; INFO is no requirement but worth a look."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    INFO = "INFO"


class Status(StrEnum):
    """The verdict of one rule on one capture."""

    FAIL = "FAIL"
    WARN = "WARN"
    NOTICE = "NOTICE"
    KNOWN = "KNOWN"
    CRASHED = "CRASHED"
    PASS = "PASS"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    NOT_IN_FORCE = "NOT_IN_FORCE"


BROKEN = {Level.MUST: Status.FAIL, Level.SHOULD: Status.WARN, Level.INFO: Status.NOTICE}
"""The status of a rule with a violation. The level alone decides."""


class Need(Enum):
    """What the capture of an association has to offer.

    Each is lacking where the table `completeness` has a row of one of `kinds` (about the side judged)
    or of `peer_kinds` (about its peer), and, where `sandboxed`, in every capture that the sandbox did
    not take: only there each packet is known to be captured at its sender, on whatever path.
    """

    HANDSHAKE = (("handshake_missing",), (), False)
    NO_LOSS = (
        (
            "frames_dropped",
            "drops_unknown",
            "tsn_unseen",
            "answer_without_question",
            "one_direction",
            "snaplen",
        ),
        ("tsn_unseen", "answer_without_question"),
        False,
    )
    NO_SIGN_OF_LOSS = (
        ("frames_dropped", "tsn_unseen", "answer_without_question", "one_direction"),
        (),
        False,
    )
    COUNTERS = (("frames_dropped", "drops_unknown", "snaplen"), (), False)
    WHOLE_PACKETS = (("snaplen",), ("snaplen",), False)
    AT_SENDER = ((), (), True)
    DELIVERY = ((), ("lossy_path",), True)
    JOURNAL = (("journal_damaged",), (), False)

    def __init__(self, kinds: tuple[str, ...], peer_kinds: tuple[str, ...], sandboxed: bool) -> None:
        self.kinds = kinds
        self.peer_kinds = peer_kinds
        self.sandboxed = sandboxed


OF_JUDGEMENTS = ("association", "side", "frame", "frames", "chunk", "call", "expected", "actual", "certain")
"""The columns of subjects and violations that the engine looks at."""


class Judgement(NamedTuple):
    """What a rule looked at, what of it broke the rule, and what it could not judge.

    subjects: one row per thing judged; columns `association` and, where there is one, `side`: the
        endpoint whose behaviour is judged.
    violations: `frame`, optionally `association`, `side`, `frames`, `chunk`, `call`, `expected`, `actual`,
        and `certain` (true: it holds whatever the capture lacks of the rule's `to_fail`).
    inconclusive: `association`, `reason`.
    """

    subjects: pl.LazyFrame
    violations: pl.LazyFrame
    inconclusive: pl.LazyFrame | None = None


Check = Callable[[View], Judgement | tuple[pl.LazyFrame, pl.LazyFrame]]


@dataclass(frozen=True)
class Rule:
    """A rule: its metadata and the function that judges.

    needs: without these an association is not judged at all.
    to_fail: without these a violation proves nothing and counts as inconclusive.
    since, until: first edition that has it, first edition that has it no longer.
    """

    id: str
    check: Check
    level: Level
    cites: tuple[str, ...]
    since: str
    until: str | None
    needs: tuple[Need, ...]
    to_fail: tuple[Need, ...]

    @property
    def title(self) -> str:
        """What is true when the rule passes."""
        return self.text.partition("\n")[0]

    @property
    def text(self) -> str:
        """The whole docstring."""
        return inspect.getdoc(self.check) or ""

    def in_force(self, baseline: str) -> bool:
        """Whether the edition `baseline` has this rule. Documents that are no edition are always in force."""
        at = EDITIONS.index(baseline)
        begun = self.since not in EDITIONS or EDITIONS.index(self.since) <= at
        return begun and (self.until is None or EDITIONS.index(self.until) > at)
