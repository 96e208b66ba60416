"""Capture files to columns; never raises on packet content."""

from sctpinspect.decode.columns import Columns, decode
from sctpinspect.decode.defects import DEFECTS

__all__ = ["DEFECTS", "Columns", "decode"]
