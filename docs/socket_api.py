"""Writes docs/socket-api.md: what of the socket API the captures saw (`python docs/socket_api.py`)."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import sctpinspect
from sctpinspect.journal.freebsd_structures import FREEBSD
from sctpinspect.journal.layout import LINUX
from sctpinspect.journal.structures import CONTROLS, NOTIFICATIONS, OPTIONS
from sctpinspect.sockets.usrsctp import MISSING_CALLS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/socket-api.md"
MISSING = {"usrsctp": MISSING_CALLS}
STACKS = {"kernel": ("Linux kernel", LINUX), "usrsctp": ("FreeBSD stack (usrsctp)", FREEBSD)}

Seen = Mapping[tuple[str, str, str], set[str]]
"""By kind, name and stack: what was done with it, and what came of it."""

OPENING = """# The socket API, as the captures saw it

Made by `python docs/socket_api.py` from the calls in `captures/`. *works*, *set*, *read*, *sent*, *told*: a
scenario did it on this stack, and the stack did not refuse; an error's name: it refused every time; *no*: the
stack does not have it; blank: no scenario has tried it there.
"""


def look(captures: Iterable[sctpinspect.Capture]) -> Seen:
    """What the calls of these captures did."""
    seen: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for capture in captures:
        hosts = capture.recipe["hosts"]
        for call in capture.calls.iter_rows(named=True):
            stack = hosts[call["host"]].get("stack", "kernel")
            given, got = (json.loads(call[name]) for name in ("arguments", "result"))
            for kind, name, what in uses(call["name"], given, got):
                seen[kind, name, stack].add(call["errno"] or what)
    return seen


def uses(name: str, given: dict, got: dict) -> Iterator[tuple[str, str, str]]:
    """What a call uses: kind, name, and what is done with it."""
    yield "Call", name, "works"
    if option := given.get("option"):
        yield "Option", option, "set" if name == "setsockopt" else "read"
    for item in given.get("control") or ():
        yield "Control message", item["type"], "sent"
    for item in got.get("control") or ():
        yield "Control message", item["type"], "told"
    if notification := got.get("notification"):
        yield "Notification", notification["type"], "told"


def page(seen: Seen) -> str:
    """The tables, as Markdown."""
    calls = sorted({name for kind, name, _stack in seen if kind == "Call"}.union(*MISSING.values()))
    tables = {"Call": calls, "Option": OPTIONS, "Control message": CONTROLS, "Notification": NOTIFICATIONS}
    lines = [OPENING]
    for kind, names in tables.items():
        lines.append(f"| {' | '.join([kind, *(title for title, _numbers in STACKS.values())])} |")
        lines.append(f"|{' --- |' * (1 + len(STACKS))}")
        lines += [f"| {' | '.join([f'`{name}`', *cells(seen, kind, name)])} |" for name in names]
        lines.append("")
    return "\n".join(lines)


def cells(seen: Seen, kind: str, name: str) -> Iterator[str]:
    """What each stack did."""
    for stack, (_title, numbers) in STACKS.items():
        done = seen.get((kind, name, stack), set())
        well = sorted(what for what in done if what.islower())
        if name in MISSING.get(stack, ()) if kind == "Call" else name not in numbers:
            yield "no"
        else:
            yield ", ".join(well or sorted(done))


def main() -> None:
    captures = sorted((ROOT / "captures").rglob("*.pcapng"))
    PAGE.write_text(page(look(map(sctpinspect.read, captures))))


if __name__ == "__main__":
    main()
