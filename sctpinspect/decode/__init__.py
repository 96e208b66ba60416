"""Capture files to columns; never raises on packet content."""

from sctpinspect.decode.columns import Columns, decode, decode_opened
from sctpinspect.decode.defects import DEFECTS

__all__ = ["DEFECTS", "Columns", "decode", "decode_opened"]
