"""Draws docs/ladder.svg: beginning and end of the first scenario's ladder (`python docs/picture.py`)."""

import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

import sctpinspect
from sctpinspect.report.ladder import ladder
from sctpinspect.report.lines import line

CAPTURE = "captures/sample/multihoming.pcapng"
WIDTH, BEGINNING, END = 128, 34, 12


def main() -> None:
    lines = list(ladder(sctpinspect.read(CAPTURE), width=WIDTH))
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for text in [*lines[:BEGINNING], line(f"... {len(lines) - BEGINNING - END} lines ..."), *lines[-END:]]:
        console.print(text, soft_wrap=True)
    svg = console.export_svg(title=f"sctpinspect show {CAPTURE} --ladder", theme=MONOKAI)
    # the fonts that rich names are on the network; any monospace font will do
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    Path("docs/ladder.svg").write_text(svg)


if __name__ == "__main__":
    main()
