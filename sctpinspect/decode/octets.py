"""Numbers in network byte order. The caller has seen to it that their bytes are there."""

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode.compiled import compiled


@compiled
def u8(data: NDArray, at: int) -> int:
    return np.int64(data[at])  # type: ignore[return-value]


@compiled
def u16(data: NDArray, at: int) -> int:
    return u8(data, at) << 8 | u8(data, at + 1)


@compiled
def u32(data: NDArray, at: int) -> int:
    return u16(data, at) << 16 | u16(data, at + 2)


@compiled
def u64(data: NDArray, at: int) -> np.uint64:
    return np.uint64(u32(data, at)) << np.uint64(32) | np.uint64(u32(data, at + 4))


@compiled
def u16_little(data: NDArray, at: int) -> int:
    return u8(data, at) | u8(data, at + 1) << 8


@compiled
def u32_little(data: NDArray, at: int) -> int:
    return u16_little(data, at) | u16_little(data, at + 2) << 16
