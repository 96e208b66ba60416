"""Compile everything, so that no first reading has to wait: `python -m sctpinspect.tables.prepare`.

Set-up runs it.
"""

from sctpinspect.decode import decode
from sctpinspect.decode.prepare import read_samples
from sctpinspect.tables.build import build


def prepare() -> None:
    """Have all that is compiled compiled and, if it can be kept, kept."""
    read_samples(lambda capture: build(decode(capture)))


if __name__ == "__main__":
    prepare()
