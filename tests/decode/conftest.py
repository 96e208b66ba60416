"""Shared by the decoder's tests."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from sctpinspect.decode import Columns, decode
from sctpinspect.tables.primary import primary


@dataclass
class Decoded:
    """The columns of a capture, and as `tables` their values as lists, by table and column."""

    columns: Columns

    def __getattr__(self, name: str) -> Any:
        return getattr(self.columns, name)

    @cached_property
    def tables(self) -> dict[str, dict[str, list]]:
        return {name: table.to_dict(as_series=False) for name, table in primary(self.columns).items()}


@pytest.fixture
def decoded(tmp_path) -> Callable[..., Decoded]:
    """Decode the bytes of a capture file."""

    def decode_bytes(capture: bytes, **options) -> Decoded:
        path = tmp_path / "capture"
        path.write_bytes(capture)
        return Decoded(decode(path, **options))

    return decode_bytes
