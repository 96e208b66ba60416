"""Some frames of a capture as a pcapng of their own."""

from collections.abc import Container, Iterator
from heapq import merge

import numpy as np
from numpy.typing import NDArray

from sctpinspect.decode import udp
from sctpinspect.decode.files import Interface, RawCapture, batches
from sctpinspect.decode.fragments import keys_of
from sctpinspect.decode.packets import Knowledge, scan
from sctpinspect.journal.entry import to_fields
from sctpinspect.recorder import pcapng

_LONGEST_TEXT = 0xFFFF


def extract(capture: RawCapture, frames: NDArray[np.uint32], entries: Container[int]) -> Iterator[bytes]:
    """The blocks of a pcapng with frames of a capture (`files.opened`), by their numbers, in their order.

    entries: numbers of the journal entries that it has too. Fragments come with those that they are put
    together with. Interfaces keep their numbers and counters; but of a damaged capture no counter is kept,
    for it would tell that the new file is complete.
    """
    frames, whole = _with_fragments(capture, frames)
    texts = [_clipped(comment) for comment in whole.comments]
    yield pcapng.section("sctpinspect", texts)
    for interface in whole.interfaces:
        yield pcapng.interface(
            _clipped(interface.name), _clipped(interface.description), interface.link_type, interface.snaplen
        )
    journal = (
        (number, pcapng.journal_entry({**to_fields(entry), "MESSAGE": message}))
        for number, entry, message in whole.journal
        if number in entries
    )
    for _, block in merge(_packets(capture, frames), journal):
        yield block
    for number, interface in enumerate(whole.interfaces if not whole.defects else ()):
        yield from _counters(number, interface)


def _packets(capture: RawCapture, frames: NDArray[np.uint32]) -> Iterator[tuple[int, bytes]]:
    again, before = RawCapture(capture.data, capture.damage), 0
    for rows in batches(again):
        for index in np.flatnonzero(np.isin(rows["number"], frames)).tolist():
            number, interface, time_ns, begin, captured, original = rows[index].item()
            comments = [_clipped(text) for text in again.frame_comments.get(before + index, ())]
            data = again.data[begin : begin + captured].tobytes()
            yield number, pcapng.packet(interface, time_ns, data, original, pcapng.UNKNOWN, *comments)
        again.frame_comments.clear()
        before += len(rows)


def _with_fragments(capture: RawCapture, frames: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], RawCapture]:
    """The frames and those that have other fragments of the same datagrams; and all but the frames."""
    whole, knowledge = (
        RawCapture(capture.data, capture.damage),
        Knowledge(udp.known_ports(()), udp.no_pairs()),
    )
    numbers: list[int] = []
    datagrams: list[tuple] = []
    for rows in batches(whole):
        types = [interface.link_type for interface in whole.interfaces]
        pieces = scan(whole.data, rows, types, knowledge).fragments
        numbers += rows["number"][pieces["frame"]].tolist()
        datagrams += keys_of(pieces)
        whole.frame_comments.clear()
    are_wanted = np.isin(np.array(numbers, np.uint32), frames)
    same = {datagrams[index] for index in np.flatnonzero(are_wanted)}
    others = [number for number, key in zip(numbers, datagrams, strict=True) if key in same]
    return np.union1d(frames, np.array(others, np.uint32)), whole


def _counters(number: int, interface: Interface) -> Iterator[bytes]:
    if interface.received is not None or interface.dropped is not None:
        yield pcapng.statistics(number, interface.end_ns or 0, interface.received, interface.dropped)


def _clipped(text: str | None) -> str:
    """Text that an option has room for."""
    return (text or "").encode()[:_LONGEST_TEXT].decode(errors="ignore")
