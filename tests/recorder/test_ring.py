"""The ring on a veth pair of the running kernel."""

import os
import select
import socket
import struct
import subprocess
import time
from collections.abc import Iterable
from itertools import chain

import pytest

from sctpinspect.recorder.ring import OUTGOING, Drops, Frame, Ring, blocks, frames, is_whole, with_vlan

EXPERIMENT = 0x88B5  # an EtherType for local experiments
HEAD = bytes.fromhex("02000000000202000000000188b5")


def send(payloads: Iterable[bytes], interface: str = "left") -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.bind((interface, 0))
        for payload in payloads:
            sender.send(HEAD + payload)


def seen(ring: Ring) -> list[Frame]:
    return [frame for block in ring.drain() for frame in frames(bytes(block))]


def payloads(recorded: Iterable[Frame]) -> list[bytes]:
    return [bytes(frame.data[14:]) for frame in recorded]


def _all_frames_come_out_as_they_went_in():
    sent = [os.urandom(size) for size in (0, 1, 2, 45, 46, 100, 1485, 1486)] * 50
    with Ring("right") as ring:
        before = time.time_ns()
        send(sent)
        recorded = seen(ring)
        after = time.time_ns()
    assert payloads(recorded) == sent
    times = [frame.time_ns for frame in recorded]
    assert before < times[0] and times == sorted(times) and times[-1] < after
    assert {(frame.packet_type, frame.hardware_type) for frame in recorded} == {(3, 1)}
    assert {frame.ifindex for frame in recorded} == {socket.if_nametoindex("right")}
    assert all(frame.length == len(frame.data) and frame.vlan == b"" for frame in recorded)


def test_all_frames_come_out_as_they_went_in(namespace):
    namespace.submit(_all_frames_come_out_as_they_went_in).result()


def _one_ring_takes_all_interfaces():
    with Ring() as incoming, Ring(outgoing=True) as both, Ring("left") as left:
        send([b"to right"], "left")
        send([b"to left"], "right")
        results = [seen(ring) for ring in (incoming, both, left)]
    names = [[socket.if_indextoname(frame.ifindex) for frame in recorded] for recorded in results]
    assert names == [["right", "left"], ["left", "right", "right", "left"], ["left"]]
    assert [frame.packet_type == OUTGOING for frame in results[1]] == [True, False, True, False]
    assert payloads(results[2]) == [b"to left"]


def test_one_ring_takes_all_interfaces_and_leaves_out_what_leaves(namespace):
    namespace.submit(_one_ring_takes_all_interfaces).result()


def _what_came_before_is_not_in_the_ring():
    send([b"before"] * 10)
    with Ring() as ring:
        send([b"after"])
        assert payloads(seen(ring)) == [b"after"]
        assert ring.drops() == Drops(1, 0, 0)


def test_what_came_before_is_not_in_the_ring(namespace):
    namespace.submit(_what_came_before_is_not_in_the_ring).result()


def _drops_are_counted_and_add_up():
    sent = 5000
    with Ring("right", blocks=2, block_size=1 << 16) as ring:
        send(bytes(1000) for _ in range(sent))
        first = ring.drops()
        assert first.packets == sent and 0 < first.drops < sent and first.freezes == 1
        recorded = len(seen(ring))
        assert recorded == sent - first.drops
        assert ring.drops() == first
        send(bytes(1000) for _ in range(sent))
        recorded += len(seen(ring))
        last = ring.drops()
    assert last.packets == 2 * sent and last.drops == 2 * sent - recorded and last.freezes == 2


def test_drops_are_counted_and_add_up(namespace):
    namespace.submit(_drops_are_counted_and_add_up).result()


def _blocks_wrap_around_the_ring():
    # Four blocks, because a busy machine may hand over one that is not full; each turn takes at least one.
    with Ring("right", blocks=4, block_size=1 << 14) as ring:
        for turn in range(9):
            sent = [struct.pack("=II", turn, n) for n in range(50)]
            send(sent)
            assert payloads(seen(ring)) == sent
        assert ring.drops() == Drops(9 * 50, 0, 0)


def test_blocks_wrap_around_the_ring(namespace):
    namespace.submit(_blocks_wrap_around_the_ring).result()


def _reading_waits_for_a_block():
    with Ring("right") as ring:
        assert ring.read(0) is None and ring.read(0.01) is None
        assert select.select([ring], [], [], 0)[0] == []
        send([b"x"])
        assert select.select([ring], [], [], None)[0] == [ring]
        block = bytes(ring.read())
        assert payloads(frames(block)) == [b"x"] and is_whole(memoryview(block))
        assert ring.read(0) is None
        assert select.select([ring], [], [], 0)[0] == []


def test_reading_waits_for_a_block(namespace):
    namespace.submit(_reading_waits_for_a_block).result()


def _a_program_decides_what_enters():
    # ldh [14]; jeq #'AB', accept; ret #0; ret #65535
    instructions = (0x28, 0, 0, 14), (0x15, 1, 0, 0x4142), (0x6, 0, 0, 0), (0x6, 0, 0, 65535)
    program = b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
    for interface in ("right", None):
        with Ring(interface, program=program) as ring:
            send([b"AB1", b"BA2", b"AB3"])
            assert payloads(seen(ring)) == [b"AB1", b"AB3"]
            assert ring.drops().packets == 2


def test_a_program_decides_what_enters(namespace):
    namespace.submit(_a_program_decides_what_enters).result()


def _vlan_tags_are_kept():
    tagged = HEAD[:12] + b"\x81\x00\x20\x2a" + HEAD[12:] + b"payload"
    with Ring("right") as ring, socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.bind(("left", 0))
        sender.send(tagged)
        (frame,) = seen(ring)
    assert frame.vlan == b"\x81\x00\x20\x2a"
    assert bytes(with_vlan(frame)) == tagged


def test_vlan_tags_are_kept(namespace):
    namespace.submit(_vlan_tags_are_kept).result()


def _an_interface_that_goes_down_is_an_error():
    with Ring("right") as ring:
        subprocess.run(["ip", "link", "set", "right", "down"], check=True)
        ring.read(1)


def test_an_interface_that_goes_down_is_an_error(namespace):
    with pytest.raises(OSError, match="went down"):
        namespace.submit(_an_interface_that_goes_down_is_an_error).result()


def test_an_unknown_interface_is_an_error_and_leaves_no_socket(namespace):
    before = namespace.submit(os.listdir, "/proc/self/fd").result()
    with pytest.raises(OSError, match="No such device"):
        namespace.submit(Ring, "nowhere").result()
    assert len(namespace.submit(os.listdir, "/proc/self/fd").result()) == len(before)


def _nothing_is_lost_under_load() -> tuple[Drops, int, int]:
    count, size = 200_000, 1000
    recorded = 0
    with Ring("right") as ring:
        pid = os.fork()
        if not pid:
            send(n.to_bytes(8, "big") + bytes(size) for n in range(count))
            os._exit(0)
        numbers = set()
        while recorded < count and (block := ring.read(5)):
            for frame in frames(bytes(block)):
                numbers.add(bytes(frame.data[14:22]))
                recorded += 1
        os.waitpid(pid, 0)
        return ring.drops(), recorded, len(numbers)


def test_nothing_is_lost_under_load(namespace):
    drops, recorded, different = namespace.submit(_nothing_is_lost_under_load).result()
    assert drops == Drops(200_000, 0, 0)
    assert recorded == different == 200_000


def test_frames_of_a_block_made_by_hand(block, frame):
    made = [frame(1, b"one"), frame(2, b"", ifindex=4, length=70), frame(3, b"x" * 99, vlan=b"\x88\xa8\0\7")]
    taken = list(frames(block(made)))
    assert [(f.time_ns, f.ifindex, bytes(f.data), f.length, f.vlan) for f in taken] == [
        (m["time_ns"], m["ifindex"], m["data"], m.get("length") or len(m["data"]), m.get("vlan", b""))
        for m in made
    ]


def test_blocks_of_a_spool_are_told_apart(block, frame):
    made = [block([frame(n, bytes(n))] * n) for n in range(1, 5)]
    taken = list(blocks(b"".join(made)))
    assert taken == made and all(map(is_whole, taken))
    *_, last = blocks(b"".join(made)[:-1])
    assert not is_whole(last)


@pytest.mark.parametrize("position", range(48 + 68))
def test_no_byte_of_a_damaged_block_makes_it_crash_or_run_away(block, frame, position):
    whole = block([frame(1, b"one"), frame(2, b"two")])
    for value in (0, 1, 0x7F, 0xFF):
        damaged = bytearray(whole)
        damaged[position] = value
        taken = list(chain.from_iterable(map(frames, blocks(bytes(damaged)))))
        assert len(taken) <= len(whole) // 68
