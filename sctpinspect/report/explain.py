"""A rule in words: its docstring, under its id, with its metadata."""

from collections.abc import Iterator

from rich.text import Text

from sctpinspect.report.lines import line
from sctpinspect.rules.model import HEADINGS, Rule


def explanation(rule: Rule) -> Iterator[Text]:
    """The lines that `explain` prints for one rule."""
    yield line((rule.id, "bold"))
    force = f"in force since {rule.since}" + (f" until {rule.until}" if rule.until else "")
    yield line((f"{rule.level.value}, {', '.join(rule.cites)}, {force}", "dim"))
    yield Text()
    for text in rule.text.splitlines():
        heading, colon, rest = text.partition(":")
        yield line((heading + colon, "bold"), rest) if heading in HEADINGS else line(text)
    yield Text()
