"""Captures made worse in ways that are nobody's fault: late, lossy, short or clumsy ones.

A capture is a list of pcapng blocks; every function gives a new list.
"""

import random
import struct
from collections.abc import Iterable
from pathlib import Path

from builders import interface_block, option, packet_block, section_block
from scapy.utils import RawPcapReader

Blocks = list[bytes]

_INTERFACE, _STATISTICS, _PACKET, _JOURNAL = 1, 5, 6, 9


def blocks_of(path: Path) -> Blocks:
    """The blocks of a little-endian pcapng file; of any other capture its packets as such blocks."""
    data = path.read_bytes()
    if data[:4] == b"\n\r\r\n" and data[8:12] == b"\x4d\x3c\x2b\x1a":
        found, offset = [], 0
        while offset < len(data):
            length = struct.unpack_from("<I", data, offset + 4)[0]
            found.append(data[offset : offset + length])
            offset += length
        return found
    with RawPcapReader(str(path)) as reader:
        unit = 1 if reader.nano else 1000
        packets = [
            packet_block(meta.sec * 1_000_000_000 + meta.usec * unit, frame, original=meta.wirelen)
            for frame, meta in reader
        ]
        return [section_block(), interface_block(link_type=reader.linktype), *packets]


def is_packet(block: bytes) -> bool:
    return _type(block) == _PACKET


def packets_in(blocks: Blocks) -> list[int]:
    """The indices of the blocks that are packets."""
    return [index for index, block in enumerate(blocks) if is_packet(block)]


def journal_in(blocks: Blocks) -> list[int]:
    """The indices of the blocks that are entries of the journal."""
    return [index for index, block in enumerate(blocks) if _type(block) == _JOURNAL]


def without(blocks: Blocks, indices: Iterable[int]) -> Blocks:
    gone = set(indices)
    return [block for index, block in enumerate(blocks) if index not in gone]


def not_whole(blocks: Blocks) -> Blocks:
    """As a recording that was stopped before its end: not all that is missing was never sent."""
    ended = [index for index in journal_in(blocks) if b"recording_ended" in blocks[index]]
    return without(blocks, ended)


def uncounted(blocks: Blocks) -> Blocks:
    """As a capture that does not state its drops, and was not made by the sandbox."""
    return [
        section_block() if index == 0 else block
        for index, block in enumerate(blocks)
        if _type(block) != _STATISTICS
    ]


def counted(blocks: Blocks, dropped: int) -> Blocks:
    """With so many drops on every interface, as a capture states that lost them."""
    count = sum(_type(block) == _INTERFACE for block in blocks)
    statistics = [_statistics(interface, dropped) for interface in range(count)]
    return [block for block in blocks if _type(block) != _STATISTICS] + statistics


def lossy(blocks: Blocks, percent: float, seed: int) -> Blocks:
    """Some packets are missing at random, and the capture says how many."""
    chance = random.Random(seed)
    packets = packets_in(blocks)
    gone = [index for index in packets if chance.random() < percent / 100] or packets[-1:]
    return counted(without(blocks, gone), len(gone))


def short(blocks: Blocks, snaplen: int) -> Blocks:
    """No more than `snaplen` bytes of each packet."""
    return [_cut(block, snaplen) if is_packet(block) else block for block in blocks]


def twice(blocks: Blocks, later_ns: int) -> Blocks:
    """Every packet a second time, on another interface."""
    count = sum(_type(block) == _INTERFACE for block in blocks)
    first = packets_in(blocks)[0]
    again: Blocks = []
    for block in blocks[first:]:
        again.append(block)
        if is_packet(block):
            interface = struct.unpack_from("<I", block, 8)[0]
            again.append(_moved(block, interface + count, later_ns))
    interfaces = [block for block in blocks if _type(block) == _INTERFACE]
    return blocks[:first] + interfaces + again


def swapped(blocks: Blocks, index: int) -> Blocks:
    """The packet at this index and the next one have changed places, times included."""
    here, there = [place for place in packets_in(blocks) if place >= index][:2]
    result = list(blocks)
    one, other = blocks[here], blocks[there]
    result[here] = other[:12] + one[12:20] + other[20:]
    result[there] = one[:12] + other[12:20] + one[20:]
    return result


def _type(block: bytes) -> int:
    return struct.unpack_from("<I", block)[0]


def _moved(block: bytes, interface: int, later: int) -> bytes:
    high, low = struct.unpack_from("<II", block, 12)
    time = (high << 32 | low) + later
    return block[:8] + struct.pack("<III", interface, time >> 32, time & 0xFFFFFFFF) + block[20:]


def _cut(block: bytes, snaplen: int) -> bytes:
    interface, high, low, captured, original = struct.unpack_from("<IIIII", block, 8)
    kept = block[28 : 28 + min(captured, snaplen)]
    body = struct.pack("<IIIII", interface, high, low, len(kept), original) + kept + bytes(-len(kept) % 4)
    return struct.pack("<II", _PACKET, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def _statistics(interface: int, dropped: int) -> bytes:
    body = struct.pack("<III", interface, 0, 0) + option(5, struct.pack("<Q", dropped)) + option(0, b"")
    return struct.pack("<II", _STATISTICS, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
