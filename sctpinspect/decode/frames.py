"""The rows of frames as the walks through capture files fill them."""

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode.compiled import compiled
from sctpinspect.decode.octets import u16, u16_little, u32, u32_little
from sctpinspect.decode.rows import FRAME

MAXIMUM_FRAMES = 50_000_000
"""So many frames are held at once: each row takes 32 bytes, and a file can hold one in every 16."""

NUMBERS = (1 << 32) - 1
"""So many frames can be numbered."""

BATCH = 1 << 17
"""So many frames are taken from a file at once."""

SECOND = 1_000_000_000

# why a walk stops: at the end, for want of rows, or at a fault
END, FULL, CUT_HEADER, CUT_PACKET = range(4)


class Damaged(Exception):
    """The file cannot be read further."""


class Frames:
    """Rows, of which the first `count` are filled, and `before` which others were taken.

    is_timed: whether each has a time. limit: so many are taken at all.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.before = 0
        self._empty()

    def _empty(self) -> None:
        size = min(BATCH, self.limit - self.before)
        self.rows, self.is_timed, self.count = np.empty(size, FRAME), np.empty(size, np.bool_), 0

    def take(self) -> tuple[NDArray, NDArray[np.bool_]]:
        """What is filled, and whether each has a time; then there is room for more."""
        rows, is_timed = self.rows[: self.count], self.is_timed[: self.count]
        self.before += self.count
        self._empty()
        return rows, is_timed

    def take_full(self) -> tuple[NDArray, NDArray[np.bool_]]:
        """The same, for there are more in the file. Raises Damaged at the limit."""
        if self.before + self.count == self.limit:
            raise Damaged(f"the limit of {self.limit:,} frames is reached")
        return self.take()


@compiled
def word(data: NDArray, at: int, is_big: bool) -> int:
    """Four bytes as the file's byte order has them."""
    return u32(data, at) if is_big else u32_little(data, at)


@compiled
def half(data: NDArray, at: int, is_big: bool) -> int:
    return u16(data, at) if is_big else u16_little(data, at)
