"""What tells whether a sender computes its checksums itself, or leaves them to its network device."""

import numpy as np
from numpy.typing import NDArray

PLACE = np.dtype(
    [
        ("interface", np.uint32),
        ("place", np.int64),
        ("family", np.uint8),
        ("source_high", np.uint64),
        ("source_low", np.uint64),
        ("destination_high", np.uint64),
        ("destination_low", np.uint64),
        ("encapsulated", np.bool_),
        ("length", np.uint32),
    ]
)
"""Where a packet was captured, between which addresses, whether in UDP; and its length."""

NOWHERE = np.empty(0, PLACE)

KEY = [name for name in PLACE.names or () if name != "length"]


def places(frames: NDArray, packets: NDArray) -> NDArray:
    """PLACE of packets (PACKET) in frames (FRAME)."""
    found = np.empty(len(packets), PLACE)
    found["interface"] = frames["interface"][packets["frame"]]
    found["encapsulated"] = packets["encapsulation_port"] >= 0
    for name in set(PLACE.names or ()) - {"interface", "encapsulated"}:
        found[name] = packets[name]
    return found


def are_whole(packets: NDArray) -> NDArray[np.bool_]:
    """Whether the capture has all that a checksum covers."""
    has_all = packets["captured_length"] >= np.maximum(packets["length"], 12)
    return has_all & ~packets["is_fragment"]


def shortest(places: NDArray) -> NDArray:
    """Of the places that differ in no more than the length that with the shortest."""
    places = places[np.lexsort([places[name] for name in ("length", *KEY)])]
    is_new = np.zeros(len(places), np.bool_)
    is_new[:1] = True
    for name in KEY:
        is_new[1:] |= places[name][1:] != places[name][:-1]
    return places[is_new]
