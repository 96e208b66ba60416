"""All tables of a capture: what the decoder found, and the associations, paths and messages in it."""

from sctpinspect.tables.build import Tables, build
from sctpinspect.tables.schema import TABLES, Column, polars_schema

__all__ = ["TABLES", "Column", "Tables", "build", "polars_schema"]
