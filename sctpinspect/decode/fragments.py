"""Datagrams put together from their fragments (RFC 791 §3.2, RFC 8200 §4.5).

As in Wireshark, a fragment that was not captured whole is not used, where fragments overlap the one that
begins earlier counts (of two that begin together the first), and the datagram belongs to the frame that
completes it.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode.rows import FRAME

LIFETIME_NS = 60_000_000_000
"""Fragments that came later than so long after the first one belong to another datagram (RFC 8200 §4.5)."""

MAXIMUM_PENDING = 1 << 14
"""So many datagrams can be incomplete at a time; the one begun first is given up for another."""

FRAGMENT = np.dtype(
    [
        ("frame", np.uint32),  # index into the frames
        ("interface", np.uint32),
        ("time_ns", np.int64),
        ("place", np.int64),
        ("header", np.int64),  # where the IP header begins,
        ("number_at", np.int64),  # the number of what follows it stands, in IPv6 that of the Fragment header,
        ("begin", np.int64),  # and the payload begins
        ("end", np.int64),  # of what was captured of the payload
        ("stated_end", np.int64),
        ("offset", np.uint32),
        ("more", np.bool_),
        ("identification", np.uint32),
        ("protocol", np.uint8),
        ("family", np.uint8),
        ("source_high", np.uint64),
        ("source_low", np.uint64),
        ("destination_high", np.uint64),
        ("destination_low", np.uint64),
    ]
)
_KEY = ["family", "identification", "source_high", "source_low", "destination_high", "destination_low"]


class Reassembled(NamedTuple):
    """Datagrams as frames (FRAME) whose `number` is the index of the fragment that they belong to.

    datagrams: the complete ones, in order of the fragments that completed them; they lie in `data`.
    unfinished: first fragments of the others, as they lie in the bytes that were given.
    """

    data: NDArray[np.uint8]
    datagrams: NDArray
    unfinished: NDArray


@dataclass(slots=True)
class _Pending:
    """The fragments of a datagram so far, and which bytes they cover: disjoint spans in order."""

    since_ns: int
    total: int | None = None
    fragments: list[int] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, index: int, begin: int, end: int, more: bool) -> bool:
        """Whether the datagram is complete with this fragment."""
        self.fragments.append(index)
        if not more and self.total is None:
            self.total = end
        first, behind = bisect_left(self.ends, begin), bisect_right(self.begins, end)
        if first < behind:
            begin, end = min(begin, self.begins[first]), max(end, self.ends[behind - 1])
        self.begins[first:behind], self.ends[first:behind] = [begin], [end]
        return self.total is not None and self.begins[0] == 0 and self.ends[0] >= self.total


def reassemble(data: NDArray[np.uint8], fragments: NDArray) -> Reassembled:
    """Put together what can be of fragments (FRAGMENT), which lie in `data`.

    Those of one datagram are looked for at one place; what is left then at all, since a datagram can
    take several interfaces.
    """
    same = _keys(fragments)
    places = zip(fragments["interface"].tolist(), fragments["place"].tolist(), strict=True)
    whole = (fragments["end"] >= fragments["stated_end"]) & (fragments["stated_end"] > fragments["begin"])
    left = np.flatnonzero(whole).tolist()
    complete: list[list[int]] = []
    for keys in (list(zip(same, places, strict=True)), same):
        found, left = _complete(fragments, left, keys)
        complete += found
    complete.sort(key=lambda members: members[-1])
    datagrams = [(members[-1], _datagram(data, fragments, members)) for members in complete]
    datagrams = [(closing, datagram) for closing, datagram in datagrams if datagram]
    joined = np.frombuffer(b"".join(datagram for _, datagram in datagrams), dtype=np.uint8)
    lengths = np.array([len(datagram) for _, datagram in datagrams], dtype=np.int64)
    ends = np.cumsum(lengths)
    closing = np.array([index for index, _ in datagrams], dtype=np.int64)

    used = {index for members in complete for index in members}
    is_first = (fragments["offset"] == 0).tolist()
    firsts = [index for index in range(len(fragments)) if is_first[index] and index not in used]
    if firsts:
        seen = {_content(data, fragments, same, index) for index in used if is_first[index]}
        firsts = [index for index in firsts if _content(data, fragments, same, index) not in seen]
    headers = fragments["header"][firsts]
    unfinished = _frames(fragments, firsts, headers, fragments["end"][firsts] - headers)
    return Reassembled(joined, _frames(fragments, closing, ends - lengths, lengths), unfinished)


def _keys(fragments: NDArray) -> list[tuple]:
    """What the fragments of one datagram have in common."""
    columns = [fragments[name].tolist() for name in _KEY]
    columns.append(np.where(fragments["family"] == 4, fragments["protocol"], 0).tolist())
    return list(zip(*columns, strict=True))


def _complete(fragments: NDArray, indices: list[int], keys: list[tuple]) -> tuple[list[list[int]], list[int]]:
    """The fragments of each complete datagram, the completing one last; and all others."""
    columns = ("time_ns", "offset", "begin", "stated_end", "more")
    times, offsets, begins, ends, more = (fragments[name].tolist() for name in columns)
    pending: dict[tuple, _Pending] = {}
    complete, left = [], []
    for index in indices:
        key = keys[index]
        datagram = pending.get(key)
        if datagram is None or times[index] - datagram.since_ns > LIFETIME_NS:
            if datagram is not None:
                left += pending.pop(key).fragments
            elif len(pending) == MAXIMUM_PENDING:
                left += pending.pop(next(iter(pending))).fragments
            datagram = pending[key] = _Pending(times[index])
        end = offsets[index] + ends[index] - begins[index]
        if datagram.add(index, offsets[index], end, more[index]):
            complete.append(pending.pop(key).fragments)
    for datagram in pending.values():
        left += datagram.fragments
    return complete, sorted(left)


def _datagram(data: NDArray[np.uint8], fragments: NDArray, members: list[int]) -> bytes:
    """The datagram with the header of the fragment that came last; nothing if it is longer than can be."""
    rows = fragments[sorted(members, key=lambda index: (fragments["offset"][index], index))]
    total = next(
        int(row["offset"] + row["stated_end"] - row["begin"]) for row in fragments[members] if not row["more"]
    )
    payload = bytearray()
    for row in rows:
        known = len(payload) - int(row["offset"])
        payload += data[row["begin"] + known : row["stated_end"]].tobytes()
        if len(payload) >= total:
            break
    last, first = fragments[members[-1]], rows[0]
    if last["family"] == 4:
        header = bytearray(data[last["header"] : last["begin"]].tobytes())
        length, length_at = len(header) + total, 2
        header[6:8] = bytes(2)
    else:
        header = bytearray(data[last["header"] : last["begin"] - 8].tobytes())
        length, length_at = len(header) - 40 + total, 4
        header[last["number_at"] - last["header"]] = first["protocol"]
    if length > 0xFFFF:
        return b""
    header[length_at : length_at + 2] = length.to_bytes(2)
    return bytes(header + payload[:total])


def _content(data: NDArray[np.uint8], fragments: NDArray, keys: list[tuple], index: int) -> tuple:
    """What a fragment and its copies have in common."""
    row = fragments[index]
    return keys[index], data[row["begin"] : row["end"]].tobytes()


def _frames(fragments: NDArray, indices: NDArray | list[int], offsets: NDArray, lengths: NDArray) -> NDArray:
    """Frames of raw IP in the place of some fragments."""
    frames = np.zeros(len(offsets), dtype=FRAME)
    frames["number"] = indices
    frames["interface"], frames["time_ns"] = fragments["interface"][indices], fragments["time_ns"][indices]
    frames["offset"], frames["captured"], frames["original"] = offsets, lengths, lengths
    return frames
