"""Lines for people: escaped text with styles, aligned columns, and the one way they are printed."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from sctpinspect.protocol.errors import EnvironmentLacks
from sctpinspect.report.escape import escape, to_ascii

Part = str | tuple[str, str]
"""A text, or a text and its style."""

STATUS_STYLES = {
    "PASS": "bold green",
    "FAIL": "bold red",
    "CRASHED": "bold magenta",
    "WARN": "bold yellow",
    "NOTICE": "bold cyan",
    "KNOWN": "bold blue",
}


def line(*parts: Part) -> Text:
    """One line of the parts, escaped, so that nothing of a capture acts on a terminal or as markup."""
    text = Text(no_wrap=True)
    for part in parts:
        content, style = (part, "") if isinstance(part, str) else part
        text.append(escape(content), style)
    return text


def aligned(rows: Sequence[Sequence[object]], right: Iterable[int] = (), indent: int = 0) -> list[Text]:
    """The rows with aligned columns, those in `right` to the right; the first row is a heading."""
    cells = [[escape("" if value is None else str(value)) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    to_right = set(right)

    def joined(row: list[str]) -> str:
        fitted = (
            cell.rjust(width) if number in to_right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return (" " * indent + "  ".join(fitted)).rstrip()

    return [line((joined(row), "dim" if number == 0 else "")) for number, row in enumerate(cells)]


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 packet`, `2 packets`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def console() -> Console:
    """Standard output: colours on a terminal only, and none where NO_COLOR is set."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def width(otherwise: int) -> int:
    """Columns of the terminal, also where a pager stands before it; `otherwise` where there is none."""
    out = console()
    is_seen = out.is_terminal or "COLUMNS" in os.environ or (sys.stderr is not None and sys.stderr.isatty())
    return out.width if is_seen else otherwise


def emit(lines: Iterable[Text]) -> None:
    """Print the lines on standard output; styles reach a terminal only. Raises EnvironmentLacks."""
    out = console()
    plain = not (out.encoding or "").lower().startswith("utf")
    for text in lines:
        with writing():
            out.print(Text(to_ascii(text.plain), no_wrap=True) if plain else text)
    write()


def write(text: str = "") -> None:
    """Put the text out as it is, and all that came before it. Raises EnvironmentLacks."""
    with writing():
        sys.stdout.write(text)
        sys.stdout.flush()


@contextmanager
def writing() -> Iterator[None]:
    """Turns a failure to write to standard output into EnvironmentLacks; a reader that has gone is none."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is left leads nowhere, or Python would try again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise EnvironmentLacks(
            f"standard output cannot be written ({error.strerror}): make room, or send it to another place"
        ) from None
