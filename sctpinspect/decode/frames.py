"""The rows of frames as the walks through capture files fill them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode.compiled import compiled
from sctpinspect.decode.octets import u16, u16_little, u32, u32_little
from sctpinspect.decode.rows import FRAME

MAXIMUM_FRAMES = 50_000_000
"""So many frames are taken from a file: each row takes 32 bytes, and a file can hold one in every 16."""

UNREADABLE = "of the journal cannot be read"
"""How the defect of a file ends whose journal is damaged."""

CUT = "what follows was not read"
"""How the defect of a file ends that was not read to its end."""

SECOND = 1_000_000_000

# why a walk stops: at the end, for want of rows, or at a fault
END, FULL, CUT_HEADER, CUT_PACKET = range(4)


class Damaged(Exception):
    """The file cannot be read further."""


@dataclass(slots=True)
class Frames:
    """Rows, of which the first `count` are filled; `is_timed`: whether each has a time."""

    rows: NDArray = field(default_factory=lambda: np.empty(4096, FRAME))
    is_timed: NDArray[np.bool_] = field(default_factory=lambda: np.empty(4096, np.bool_))
    count: int = 0

    def grow(self, bytes_left: int) -> None:
        """Make room for more, by how much of the file is left. Raises Damaged at MAXIMUM_FRAMES."""
        held = len(self.rows)
        if held >= MAXIMUM_FRAMES:
            raise Damaged(f"the limit of {MAXIMUM_FRAMES:,} frames is reached")
        more = min(max(held, bytes_left // 64), MAXIMUM_FRAMES - held)
        rows, is_timed = self.rows, self.is_timed
        self.rows, self.is_timed = np.empty(held + more, FRAME), np.empty(held + more, np.bool_)
        self.rows[:held], self.is_timed[:held] = rows, is_timed


@compiled
def word(data: NDArray, at: int, is_big: bool) -> int:
    """Four bytes as the file's byte order has them."""
    return u32(data, at) if is_big else u32_little(data, at)


@compiled
def half(data: NDArray, at: int, is_big: bool) -> int:
    return u16(data, at) if is_big else u16_little(data, at)
