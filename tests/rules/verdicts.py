"""Verdicts on stories, from the bytes of their captures."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from rules.good import Story

from sctpinspect.decode import decode
from sctpinspect.rules.engine import Verdict, verify
from sctpinspect.rules.model import Status
from sctpinspect.tables.build import build
from sctpinspect.tables.model import Tables


def tables(story: Story) -> Tables[pl.DataFrame]:
    """The tables of a story, from its capture file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "story.pcapng")
        path.write_bytes(story.bytes())
        return build(decode(path))


def verdict(story: Story, rules: Sequence[str] = ()) -> Verdict:
    return verify(tables(story), rules)


def broken(story: Story, rules: Sequence[str] = ()) -> dict[str, list[int]]:
    """The frames of the findings of each rule that has any; a crash counts as frame -1.

    rules: ids of those to judge by; all if none is given.
    """
    found = {}
    for result in verdict(story, rules).results:
        if result.status is Status.CRASHED:
            found[result.rule.id] = [-1]
        elif len(result.findings):
            found[result.rule.id] = result.findings["frame"].to_list()
    return found


def judged(story: Story) -> dict[str, int]:
    """The number of subjects that each rule judged."""
    return {result.rule.id: result.judged for result in verdict(story).results}
