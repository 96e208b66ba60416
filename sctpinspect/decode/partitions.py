"""A capture in partitions: files in a folder, each with the packets of some pairs of ports.

No association has packets in two partitions, and each partition is small enough to be held in memory, however
large the capture is; only what shares both ports stays together, whatever its size.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode import icmp, sctp, source, udp
from sctpinspect.decode.columns import (
    Bytes,
    Columns,
    Delivery,
    columns_of,
    cut_away,
    deliveries_of,
    faults,
    recipe_of,
)
from sctpinspect.decode.compiled import compiled
from sctpinspect.decode.files import RawCapture, batches
from sctpinspect.decode.frames import NUMBERS
from sctpinspect.decode.octets import u16, u32
from sctpinspect.decode.offloading import NOWHERE, are_whole, places, shortest
from sctpinspect.decode.packets import Joined, Knowledge, in_order, rejoin, scan
from sctpinspect.decode.rows import FRAME, PACKET

PARTITION_BYTES = 48 << 20
"""Bytes of the capture for each partition, on average."""

BUFFER = 1 << 24
"""So many bytes of packets are copied at once."""

_SPILLED = np.dtype(
    [
        ("number", np.uint32),  # of the packet in the whole capture, from 0
        ("shift", np.int64),  # from where its bytes lie to where they lie in the capture
        ("frame", FRAME),
        ("packet", PACKET),
    ]
)
_HEAD = np.dtype([("packets", np.int64), ("bytes", np.int64)])


class Partition(NamedTuple):
    """The columns of one partition.

    numbers: of each packet in the whole capture. shifts: how much further behind its bytes lie there.
    """

    columns: Columns
    numbers: NDArray[np.uint32]
    shifts: NDArray[np.int64]


class Survey(NamedTuple):
    """What has to be known of a whole capture before its packets are looked at one by one.

    capture: all but its frames. unknown_links: as in `packets.Found`. has_blank_checksums: one is zero.
    """

    capture: RawCapture
    knowledge: Knowledge
    joined: Joined
    unknown_links: list[int]
    has_blank_checksums: bool


class Partitions(NamedTuple):
    """A capture that was split into files.

    deliveries: by number of the frame. witnesses: as in `Columns`.
    """

    survey: Survey
    files: list[Path]
    icmp_errors: list[tuple]
    deliveries: dict[int, Delivery]
    witnesses: list[NDArray]

    def read(self) -> Iterator[Partition]:
        """One partition after the other. What is of no packet (calls, ICMP errors) is in the first."""
        for index, file in enumerate(self.files):
            yield self._partition(file, is_first=index == 0)

    def _partition(self, file: Path, is_first: bool) -> Partition:
        data, rows = _unspilled(file)
        packets = np.ascontiguousarray(rows["packet"])
        packets["frame"] = np.arange(len(packets))
        frames = np.ascontiguousarray(rows["frame"])
        deliveries = {
            index: self.deliveries[number]
            for index, number in enumerate(frames["number"].tolist() if self.deliveries else ())
            if number in self.deliveries
        }
        columns = columns_of(
            self.survey.capture,
            frames,
            packets,
            Bytes(data, data[:0]),
            self.icmp_errors if is_first else [],
            deliveries,
            shortest(np.concatenate([NOWHERE, *self.witnesses])),
        )
        return Partition(columns, rows["number"].copy(), rows["shift"].copy())


def split(
    capture: RawCapture,
    folder: Path,
    udp_ports: Iterable[int] = (),
    tell: Callable[[float], None] = lambda share: None,
) -> Partitions:
    """Split a capture (`files.opened`) into files in a folder, which is empty.

    A recording of ours is one partition: a socket's calls belong to all associations of its port.
    udp_ports: as for `decode`. tell: is called with the share of the work that is done.
    """
    survey = _survey(capture, udp_ports, lambda share: tell(share / 2))
    whole = survey.capture
    is_ours = bool(recipe_of(whole.comments) or whole.journal)
    count = 1 if is_ours else max(1, len(capture.data) // PARTITION_BYTES)
    found = Partitions(survey, [folder / f"{number:04}" for number in range(count)], [], {}, [])
    for file in found.files:
        file.touch()
    again, before, number, cut = RawCapture(capture.data, capture.damage), 0, 0, 0
    for frames in batches(again):
        held = scan(again.data, frames, _link_types(again), survey.knowledge)
        packets, quotes = (
            in_order([rows, _between(others, before, before + len(frames))])
            for rows, others in ((held.packets, survey.joined.packets), (held.quotes, survey.joined.quotes))
        )
        found.icmp_errors.extend(icmp.error_rows(quotes, frames))
        for index, delivery in deliveries_of(again.frame_comments, frames, before).items():
            found.deliveries[int(frames["number"][index])] = delivery
        again.frame_comments.clear()
        _spill(again.data, survey.joined.reassembled, frames, packets, number, found.files)
        if survey.has_blank_checksums:
            sctp.walk(again.data, survey.joined.reassembled, packets, NUMBERS)
            is_good = are_whole(packets) & (packets["checksum"] == packets["crc32c"])
            found.witnesses.append(shortest(places(frames, packets[is_good])))
        before, number = before + len(frames), number + len(packets)
        cut += cut_away(frames, packets)
        tell((1 + _read_share(again, frames)) / 2)
        source.forget(again.data)
    whole.defects.extend(faults(whole, survey.unknown_links, cut))
    return found


def _survey(capture: RawCapture, udp_ports: Iterable[int], tell: Callable[[float], None]) -> Survey:
    knowledge = Knowledge(udp.known_ports(udp_ports), udp.no_pairs())
    is_blank = False
    for _ in range(2):
        whole = RawCapture(capture.data, capture.damage)
        fragments, before = [], 0
        unknown: set[int] = set()
        for frames in batches(whole):
            types = _link_types(whole)
            held = scan(whole.data, frames, types, knowledge)
            held.fragments["frame"] += before
            fragments.append(held.fragments.copy())
            unknown.update(types[index] for index in np.flatnonzero(held.unknown))
            is_blank |= _has_blank(whole.data, held.packets)
            whole.frame_comments.clear()
            before += len(frames)
            tell(_read_share(whole, frames))
            source.forget(whole.data)
        if not knowledge.learned[-1]:
            break  # else what came before the proof is SCTP too
    joined = rejoin(whole.data, np.concatenate(fragments), _link_types(whole), knowledge)
    is_blank |= _has_blank(joined.reassembled, joined.packets[joined.packets["reassembled"]])
    return Survey(whole, knowledge, joined, sorted(unknown), is_blank)


def _link_types(capture: RawCapture) -> list[int]:
    return [interface.link_type for interface in capture.interfaces]


def _read_share(capture: RawCapture, frames: NDArray) -> float:
    """How much of a capture is read, once these frames are."""
    return float(frames["offset"][-1]) / len(capture.data) if len(frames) else 1.0


def _between(rows: NDArray, begin: int, end: int) -> NDArray:
    """The rows of the frames from `begin` to `end`, which are counted from there."""
    first, behind = np.searchsorted(rows["frame"], [begin, end])
    found = rows[first:behind].copy()
    found["frame"] -= begin
    return found


def _spill(
    data: NDArray, reassembled: NDArray, frames: NDArray, packets: NDArray, first: int, files: list[Path]
) -> None:
    """Append packets of these frames to the files, each to that of its ports. first: number of the first."""
    owners = np.empty(len(packets), np.int64)
    _owners(data, reassembled, packets, len(files), owners)
    order = np.argsort(owners, kind="stable")
    packets, owners = packets[order], owners[order]
    rows = np.empty(len(packets), _SPILLED)
    rows["number"], rows["frame"], rows["packet"] = first + order, frames[packets["frame"]], packets
    rows["packet"]["reassembled"] = False
    ends = np.cumsum(packets["captured_length"], dtype=np.int64)
    is_new = np.diff(owners, prepend=-1) + np.diff(ends // BUFFER, prepend=-1) != 0
    bounds = [*np.flatnonzero(is_new), len(rows)]
    for begin, end in pairwise(bounds):
        part, lengths = rows[begin:end], packets["captured_length"][begin:end]
        copied = np.empty(lengths.sum(dtype=np.int64), np.uint8)
        _copy(data, reassembled, packets[begin:end], copied)
        with files[owners[begin]].open("ab") as file:
            place = file.tell() + _HEAD.itemsize + part.nbytes
            part["packet"]["begin"] = place + np.cumsum(lengths, dtype=np.int64) - lengths
            part["shift"] = (
                packets["begin"][begin:end]
                + packets["reassembled"][begin:end] * len(data)
                - part["packet"]["begin"]
            )
            file.write(np.array((len(part), len(copied)), _HEAD).tobytes())
            file.write(part.data)
            file.write(copied.data)


def _unspilled(path: Path) -> tuple[NDArray[np.uint8], NDArray]:
    """The bytes of a partition, and its packets, whose places are in these."""
    with path.open("rb") as file:
        data, at, parts = source.mapped(file), 0, [np.empty(0, _SPILLED)]
    if data is None:
        return np.empty(0, np.uint8), parts[0]
    while at < len(data):
        head = np.frombuffer(data, _HEAD, 1, at)[0]
        at += _HEAD.itemsize
        parts.append(np.frombuffer(data, _SPILLED, head["packets"], at))
        at += parts[-1].nbytes + int(head["bytes"])
    return data, np.concatenate(parts)


@compiled
def _owners(data: NDArray, reassembled: NDArray, packets: NDArray, count: int, owners: NDArray) -> None:
    """Which of `count` partitions each packet belongs to: equal for both directions."""
    for index in range(len(packets)):
        begin = packets[index]["begin"]
        owners[index] = 0
        if packets[index]["captured_length"] >= 4:
            if packets[index]["reassembled"]:
                one, other = u16(reassembled, begin), u16(reassembled, begin + 2)
            else:
                one, other = u16(data, begin), u16(data, begin + 2)
            ports = min(one, other) << 16 | max(one, other)
            owners[index] = (ports * 0x2545F491 >> 20) % count


@compiled
def _has_blank(data: NDArray, packets: NDArray) -> bool:
    """Whether a checksum of the packets is zero."""
    for index in range(len(packets)):
        if packets[index]["captured_length"] >= 12 and u32(data, packets[index]["begin"] + 8) == 0:
            return True
    return False


@compiled
def _copy(data: NDArray, reassembled: NDArray, packets: NDArray, copied: NDArray) -> None:
    """Put the bytes of the packets one behind the other."""
    at = 0
    for index in range(len(packets)):
        begin = packets[index]["begin"]
        for offset in range(packets[index]["captured_length"]):
            byte = reassembled[begin + offset] if packets[index]["reassembled"] else data[begin + offset]
            copied[at] = byte
            at += 1
