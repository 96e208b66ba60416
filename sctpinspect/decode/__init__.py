"""Capture files to columns; never raises on packet content."""

import importlib
from typing import TYPE_CHECKING, Any

from sctpinspect.decode.defects import DEFECTS

if TYPE_CHECKING:
    from sctpinspect.decode.columns import Columns, decode, decode_opened

__all__ = ["DEFECTS", "Columns", "decode", "decode_opened"]


def __getattr__(name: str) -> Any:
    # Late, because Numba takes long to import, and rules are listed without.
    if name in __all__:
        return getattr(importlib.import_module("sctpinspect.decode.columns"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
