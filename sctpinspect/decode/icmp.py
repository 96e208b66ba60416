"""ICMP errors that quote SCTP: they are no packets, and few."""

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode.addresses import address_texts
from sctpinspect.decode.compiled import compiled
from sctpinspect.decode.layers import ICMP

_ADDRESSES = [
    *[("family", np.uint8), ("source_high", np.uint64), ("source_low", np.uint64)],
    *[("destination_high", np.uint64), ("destination_low", np.uint64)],
]

QUOTE = np.dtype(
    [
        ("frame", np.uint32),  # index into the frames
        ("type", np.uint8),
        ("code", np.uint8),
        *_ADDRESSES,
        *[(f"quoted_{name}", type) for name, type in _ADDRESSES],
        # of the quoted common header; -1: not quoted
        ("source_port", np.int32),
        ("destination_port", np.int32),
        ("verification_tag", np.int64),
    ]
)


@compiled
def is_error(layer: int, type: int) -> bool:
    """Whether it is an ICMP (RFC 792) or ICMPv6 (RFC 4443) error, which quotes a datagram after 8 bytes."""
    return type in (3, 4, 5, 11, 12) if layer == ICMP else type < 128


def error_rows(quotes: NDArray, frames: NDArray) -> list[tuple]:
    """Rows in the order of `columns.ICMP_ERROR_COLUMNS` of QUOTE and FRAME rows."""
    texts = [
        address_texts(quotes[f"{of}family"], quotes[f"{of}{end}_high"], quotes[f"{of}{end}_low"])
        for of in ("", "quoted_")
        for end in ("source", "destination")
    ]
    of_frames = frames[quotes["frame"]]
    columns = [
        *[of_frames["number"].tolist(), of_frames["time_ns"].tolist(), texts[0], texts[1]],
        *[quotes["type"].tolist(), quotes["code"].tolist(), texts[2], texts[3]],
        *[
            [None if value < 0 else value for value in quotes[name].tolist()]
            for name in ("source_port", "destination_port", "verification_tag")
        ],
    ]
    return list(zip(*columns, strict=True))
