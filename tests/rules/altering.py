"""Alter one thing in a good capture. Every function returns what it altered: a packet or a call."""

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import builders as b
from rules.good import MS, Story

from sctpinspect.journal.entry import Call

Thing = b.Packet | Call


# where fields begin in a chunk
LENGTH, TSN, STREAM, SSN, PPID, PAYLOAD = 2, 4, 8, 10, 12, 16
INIT_A_RWND, INIT_OUTBOUND, INIT_INBOUND, INIT_TSN = 8, 12, 14, 16
CUMULATIVE_TSN = 4


def find(story: Story, type: int, number: int = 0, **fields: Any) -> b.Packet:
    """The packet with the chunk type in it, by its number among them; `fields` as in Packet."""
    found = [
        packet
        for packet in story.packets
        if any(chunk[0] == type for chunk in packet.chunks)
        and all(getattr(packet, name) == value for name, value in fields.items())
    ]
    return found[number]


def change(story: Story, packet: b.Packet, **fields: Any) -> b.Packet:
    """The packet with other fields, in the story instead of the old one."""
    new = replace(packet, **fields)
    story.packets[index(story, packet)] = new
    return new


def index(story: Story, packet: b.Packet) -> int:
    return next(number for number, other in enumerate(story.packets) if other is packet)


def patch(story: Story, packet: b.Packet, offset: int, value: bytes, chunk: int = 0) -> b.Packet:
    """The packet with other bytes in one of its chunks."""
    chunks = list(packet.chunks)
    old = chunks[chunk]
    chunks[chunk] = old[:offset] + value + old[offset + len(value) :]
    return change(story, packet, chunks=chunks)


def u16(number: int) -> bytes:
    return struct.pack(">H", number)


def u32(number: int) -> bytes:
    return struct.pack(">I", number)


def remove(story: Story, *packets: b.Packet) -> None:
    for packet in packets:
        del story.packets[index(story, packet)]


def insert(
    story: Story, before: b.Packet, *chunks: bytes, like: b.Packet | None = None, **fields: Any
) -> b.Packet:
    """A packet just before another one, with the addresses, ports and tag of `like` (or of that one)."""
    new = replace(like or before, time_ns=before.time_ns - 200_000, chunks=list(chunks), **fields)
    story.packets.insert(index(story, before), new)
    return new


def append(story: Story, *chunks: bytes, **fields: Any) -> b.Packet:
    """A packet at the end, out of the blue unless the fields say otherwise."""
    stray = b.Packet(story.clock, "10.1.0.1", "10.1.0.2", 5999, 4999, 0xDEAD, list(chunks))
    story.packets.append(replace(stray, **fields))
    return story.packets[-1]


def delay(story: Story, packet: b.Packet, ms: float) -> b.Packet:
    """The packet, and all that came after it, later."""
    begin, by = packet.time_ns, int(ms * MS)
    number = index(story, packet)
    story.packets = [
        replace(other, time_ns=other.time_ns + by) if other.time_ns >= begin else other
        for other in story.packets
    ]
    story.calls = [
        call._replace(
            start_ns=call.start_ns + by * (call.start_ns >= begin),
            end_ns=call.end_ns + by * (call.end_ns >= begin),
        )
        for call in story.calls
    ]
    return story.packets[number]


def call(
    story: Story, name: str, number: int = 0, test: Callable[[Call], bool] = lambda call: True, **fields: Any
) -> Call:
    """The call of that name, by its number in order of start; `fields` as in Call."""
    found = [
        call
        for call in sorted(story.calls)
        if call.name == name
        and test(call)
        and all(getattr(call, key) == value for key, value in fields.items())
    ]
    return found[number]


def notification(story: Story, host: str, type: str, state: str | None = None) -> Call:
    def is_it(call: Call) -> bool:
        told = call.result.get("notification")
        return told is not None and (told["type"], told["state"]) == (type, state)

    return call(story, "sctp_recvmsg", test=is_it, host=host)


def alter(story: Story, old: Call, **fields: Any) -> Call:
    """The call with other fields, in the story instead of the old one."""
    new = old._replace(**fields)
    story.calls[next(number for number, other in enumerate(story.calls) if other is old)] = new
    return new


def argue(story: Story, old: Call, **arguments: Any) -> Call:
    """The call with other arguments."""
    return alter(story, old, arguments={**old.arguments, **arguments})


def result(story: Story, old: Call, **values: Any) -> Call:
    """The call with another result."""
    return alter(story, old, result={**old.result, **values})


def forget(story: Story, *calls: Call) -> None:
    story.calls = [call for call in story.calls if not any(call is other for other in calls)]


def frame(story: Story, thing: Thing) -> int:
    """Its frame number: records in order of time, calls before packets."""
    things = [(packet.time_ns, 1, packet) for packet in story.packets]
    things += [(call.start_ns, 0, call) for call in sorted(story.calls)]  # type: ignore[list-item]
    things.sort(key=lambda entry: entry[:2])
    return next(number for number, (_, _, other) in enumerate(things, 1) if other is thing)
