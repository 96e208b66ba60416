"""Shared by the decoder's tests."""

from collections.abc import Callable

import pytest

from sctpinspect.decode import Columns, decode


@pytest.fixture
def decoded(tmp_path) -> Callable[[bytes], Columns]:
    """Decode the bytes of a capture file."""

    def decode_bytes(capture: bytes) -> Columns:
        path = tmp_path / "capture"
        path.write_bytes(capture)
        return decode(path)

    return decode_bytes
