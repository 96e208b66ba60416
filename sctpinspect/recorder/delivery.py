"""What an impaired link did to each packet, from the copies that left it.

On impaired links the ring takes each packet where its sender's interface enters the wire, and each copy
where it leaves the wire towards a host. Links change no byte, so bytes and order tell which copy is whose.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sctpinspect.recorder.ring import OUTGOING, Frame

PREFIX = "sctpinspect delivery: "


class _Sent(NamedTuple):
    position: int
    time_ns: int


def deliveries(
    frames: Iterable[Frame], interfaces: Mapping[int, Mapping[str, Any]], end_ns: int, *, complete: bool
) -> dict[int, str]:
    """The comment of each sent packet: `delivered +N ns`, `lost`, or `duplicated +N ns +M ns`.

    Keys are positions in `frames`, which are in the order of their times; `interfaces` are the recipe's, by
    ifindex. Nothing is said of a packet when nothing can be known: no copy was seen and the recording was
    not `complete` (it lost frames, or may have), or the packet might have been on its way when the recording
    ended: a link may hold one for twice the longest delay seen on it (where it delivered nothing at all: on
    any of the links). Nor of a packet for more than one host.

    Packets of the same bytes (retransmissions) are matched in order, never before they were sent, and within
    the delays of those packets of the link whose bytes are unique.
    """
    sent: dict[tuple[int, bytes], list[_Sent]] = defaultdict(list)
    copies: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for position, frame in enumerate(frames):
        if frame.ifindex not in interfaces:
            continue
        digest = hashlib.blake2b(frame.data, digest_size=16).digest()
        if frame.packet_type == OUTGOING:
            copies[frame.ifindex, digest].append(frame.time_ns)
        elif (receiver := _receiver(frame, interfaces)) is not None:
            sent[receiver, digest].append(_Sent(position, frame.time_ns))

    shortest, longest = _delays(sent, copies)
    comments = {}
    for key, packets in sent.items():
        link = key[0]
        times = [packet.time_ns for packet in packets]
        matched = match(times, copies.get(key, []), shortest.get(link, 0), longest.get(link))
        held_ns = 2 * longest.get(link, max(longest.values(), default=end_ns))
        for packet, delays in zip(packets, matched, strict=True):
            if delays or (complete and packet.time_ns + held_ns < end_ns):
                comments[packet.position] = PREFIX + _describe(delays)
    return comments


def match(
    sent: list[int], copies: list[int], shortest: int = 0, longest: int | None = None
) -> list[list[int]]:
    """For each packet of the same bytes the delays of its copies; all times in order and in ns.

    First each packet gets at most one copy, in order, with a delay between `shortest` and `longest`; a copy
    that is left over is a further one of the latest packet that was sent early enough for it.
    """
    delays: list[list[int]] = [[] for _ in sent]
    left = []
    waiting = 0
    for copy in copies:
        while longest is not None and waiting < len(sent) and copy - sent[waiting] > longest:
            waiting += 1
        if waiting < len(sent) and copy - sent[waiting] >= shortest:
            delays[waiting].append(copy - sent[waiting])
            waiting += 1
        else:
            left.append(copy)
    for copy in left:
        early_enough = [n for n, time in enumerate(sent) if time <= copy - shortest]
        early_enough = early_enough or [n for n, time in enumerate(sent) if time <= copy]
        if early_enough:
            delays[early_enough[-1]].append(copy - sent[early_enough[-1]])
    return delays


def _receiver(frame: Frame, interfaces: Mapping[int, Mapping[str, Any]]) -> int | None:
    """The interface by which the frame should leave: its destination's, or the only other one on the path."""
    path = interfaces[frame.ifindex]["path"]
    others = {i: other for i, other in interfaces.items() if other["path"] == path and i != frame.ifindex}
    destination = frame.data[:6].hex(":")
    candidates = [i for i, other in others.items() if other["mac"] == destination] or list(others)
    return candidates[0] if len(candidates) == 1 else None


def _delays(
    sent: Mapping[tuple[int, bytes], list[_Sent]], copies: Mapping[tuple[int, bytes], list[int]]
) -> tuple[dict[int, int], dict[int, int]]:
    """The shortest and the longest delay on each link, in ns, of packets whose bytes were sent once."""
    shortest: dict[int, int] = {}
    longest: dict[int, int] = {}
    for key, packets in sent.items():
        if len(packets) > 1:
            continue
        for copy in copies.get(key, []):
            delay, link = copy - packets[0].time_ns, key[0]
            shortest[link] = min(delay, shortest.get(link, delay))
            longest[link] = max(delay, longest.get(link, delay))
    return shortest, longest


def _describe(delays: list[int]) -> str:
    if not delays:
        return "lost"
    word = "delivered" if len(delays) == 1 else "duplicated"
    return " ".join([word, *(f"+{delay} ns" for delay in sorted(delays))])
