"""Compile everything, so that no first reading has to wait: `python -m sctpinspect.tables.prepare`.

Set-up runs it.
"""

import tempfile
from pathlib import Path

from sctpinspect.decode import decode
from sctpinspect.decode.files import opened
from sctpinspect.decode.partitions import split
from sctpinspect.decode.prepare import read_samples
from sctpinspect.tables.build import build
from sctpinspect.tables.exchanges import exchanges
from sctpinspect.tables.receivers import receivers
from sctpinspect.tables.senders import senders


def prepare() -> None:
    """Have all that is compiled compiled and, if it can be kept, kept."""
    read_samples(_read)


def _read(capture: Path) -> None:
    tables = build(decode(capture))
    known = exchanges(tables)
    receivers(known)
    senders(known, tables.chunks["retransmission"])
    with tempfile.TemporaryDirectory() as folder:
        split(opened(capture), Path(folder))


if __name__ == "__main__":
    prepare()
