"""All tables of a capture: what the decoder found, and the associations, paths and messages in it.

`sctpinspect.tables.build` builds them.
"""

from sctpinspect.tables.model import Tables
from sctpinspect.tables.schema import TABLES, Column, polars_schema

__all__ = ["TABLES", "Column", "Tables", "polars_schema"]
