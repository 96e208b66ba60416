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
        ("is_promising", np.bool_),  # the first fragment of a datagram that can hold SCTP
        ("reassembled", np.bool_),  # it lies in what was put together; else in the file
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


class Sources(NamedTuple):
    """The bytes that fragments lie in: those of the file, and those put together before."""

    file: NDArray[np.uint8]
    reassembled: NDArray[np.uint8]

    def slice(self, fragment: NDArray, begin: int, end: int) -> bytes:
        source = self.reassembled if fragment["reassembled"] else self.file
        return source[begin:end].tobytes()


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


class Reassembled(NamedTuple):
    """Complete datagrams, in order of the fragments that completed them.

    datagrams: their bytes. closing: indices of those fragments. used: of each fragment whether it is in one.
    """

    datagrams: list[bytes]
    closing: NDArray[np.int64]
    used: NDArray[np.bool_]


def reassemble(sources: Sources, fragments: NDArray) -> Reassembled:
    """Put together what can be of fragments (FRAGMENT).

    Those of one datagram are looked for at one place; what is left then at all, since a datagram can
    take several interfaces.
    """
    whole = (fragments["end"] >= fragments["stated_end"]) & (fragments["stated_end"] > fragments["begin"])
    indices = np.flatnonzero(whole & _is_promising(fragments))
    usable = fragments[indices]
    same = keys_of(usable)
    places = zip(usable["interface"].tolist(), usable["place"].tolist(), strict=True)
    left = list(range(len(usable)))
    complete: list[list[int]] = []
    for keys in (list(zip(same, places, strict=True)), same):
        found, left = _complete(usable, left, keys)
        complete += found
    datagrams = [(members[-1], _datagram(sources, usable, members)) for members in complete]
    datagrams = sorted((closing, datagram) for closing, datagram in datagrams if datagram)
    used = np.zeros(len(fragments), dtype=np.bool_)
    used[np.delete(indices, left)] = True
    return Reassembled(
        [datagram for _, datagram in datagrams],
        indices[[closing for closing, _ in datagrams]],
        used,
    )


def _is_promising(fragments: NDArray) -> NDArray[np.bool_]:
    """Whether the first fragment of the same datagram, if it is there, can hold SCTP."""
    # a number for each datagram; that it can be the same for some others does no harm
    number = fragments["identification"].astype(np.uint64)
    for name in ("source_high", "source_low", "destination_high", "destination_low"):
        number = number * np.uint64(0x9E3779B97F4A7C15) + fragments[name]
    return np.isin(number, number[fragments["is_promising"]])


def without_copies(sources: Sources, left: NDArray, used: NDArray) -> NDArray:
    """Those promising fragments of what is left that are no copies of fragments that were used."""
    left, used = left[left["is_promising"]], used[used["is_promising"]]
    if not len(left):
        return left
    known = set(_contents(sources, used))
    return left[[content not in known for content in _contents(sources, left)]]


def _contents(sources: Sources, fragments: NDArray) -> list[tuple]:
    """What each fragment has in common with its copies."""
    payloads = [sources.slice(row, row["begin"], row["end"]) for row in fragments]
    return list(zip(keys_of(fragments), payloads, strict=True))


def keys_of(fragments: NDArray) -> list[tuple]:
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


def _datagram(sources: Sources, fragments: NDArray, members: list[int]) -> bytes:
    """The datagram with the header of the fragment that came last; nothing if it is longer than can be."""
    in_order = fragments[sorted(members, key=lambda index: (fragments["offset"][index], index))]
    first, last = in_order[0], fragments[members[-1]]
    tail = next(row for row in fragments[members] if not row["more"])
    total = int(tail["offset"] + tail["stated_end"] - tail["begin"])
    payload = bytearray()
    for row in in_order:
        known = len(payload) - int(row["offset"])
        payload += sources.slice(row, row["begin"] + known, row["stated_end"])
    if last["family"] == 4:
        header = bytearray(sources.slice(last, last["header"], last["begin"]))
        header[6:8] = bytes(2)  # no fragment
        length, length_at = len(header) + total, 2
    else:
        header = bytearray(sources.slice(last, last["header"], last["begin"] - 8))
        header[last["number_at"] - last["header"]] = first["protocol"]
        length, length_at = len(header) - 40 + total, 4
    if length > 0xFFFF:
        return b""
    header[length_at : length_at + 2] = length.to_bytes(2)
    return bytes(header + payload[:total])


def as_frames(fragments: NDArray, offsets: NDArray, lengths: NDArray) -> NDArray:
    """Frames of raw IP (FRAME) that stand for fragments; `number` is the index of the fragment."""
    frames = np.zeros(len(fragments), dtype=FRAME)
    frames["number"] = np.arange(len(fragments))
    frames["interface"], frames["time_ns"] = fragments["interface"], fragments["time_ns"]
    frames["offset"], frames["captured"], frames["original"] = offsets, lengths, lengths
    return frames
