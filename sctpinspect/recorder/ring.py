"""A packet ring shared with the kernel (TPACKET_V3 of AF_PACKET), read in whole blocks.

While recording, nothing in a block is looked at; `blocks` and `frames` take what was recorded apart later.
Standard library only: the ring runs in the guest, which is slow at importing. The structures are those of
linux/if_packet.h.
"""

import mmap
import select
import socket
import struct
import time
from array import array
from collections.abc import Iterator
from typing import NamedTuple, Self

OUTGOING = 4  # sll_pkttype of a frame on its way out of an interface
BLOCKS = 64  # of a ring

_ETH_P_ALL = 3
_SO_ATTACH_FILTER = 26
_SOL_PACKET = 263
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION, _PACKET_IGNORE_OUTGOING = 5, 6, 10, 23
_TPACKET_V3 = 2
_STATUS_KERNEL, _STATUS_USER, _STATUS_VLAN_VALID, _STATUS_VLAN_TPID_VALID = 0, 1 << 0, 1 << 4, 1 << 6
_ETHERTYPE_VLAN = 0x8100

_REQUEST = struct.Struct("=7I")  # tpacket_req3
_STATISTICS = struct.Struct("=3I")  # tpacket_stats_v3
_BLOCK = struct.Struct("=8x4I24x")  # tpacket_block_desc: block_status, num_pkts, offset_to_first_pkt, blk_len
_BLOCK_STATUS = struct.Struct("=I")
_BLOCK_STATUS_OFFSET = 8
# tpacket3_hdr (next_offset, sec, nsec, snaplen, len, status, mac, vlan_tci, vlan_tpid), then sockaddr_ll
# (ifindex, hatype, pkttype), which follows it aligned.
_FRAME = struct.Struct("=6IH6xIH10x4xiHB9x")
_FRAME_SIZE = 2048  # must divide the block's; the kernel takes longer frames whole all the same


class Drops(NamedTuple):
    """What the kernel counted since the ring was set up."""

    packets: int  #: frames for the ring, those it lost among them
    drops: int  #: frames lost because no block was free
    freezes: int  #: times the ring ran out of blocks


class Frame(NamedTuple):
    """One frame as the ring holds it."""

    time_ns: int
    ifindex: int
    packet_type: int  #: sll_pkttype; OUTGOING for a frame that leaves
    hardware_type: int  #: ARPHRD_ number of the interface
    length: int  #: bytes on the wire
    data: memoryview  #: bytes captured, without the VLAN tag
    vlan: bytes  #: the VLAN tag that the kernel took out of the frame (4 bytes), or nothing


class Ring:
    """A ring over one interface of this network namespace, or over all of them.

    Frames on their way out are left out unless `outgoing`. A block is handed over when it is full, or when
    `retire_ms` have passed. `program` is a classic BPF program; what it refuses does not enter the ring.
    Raises OSError: no such interface, no right to packet sockets (EPERM), no memory for the ring (ENOMEM).
    """

    def __init__(
        self,
        interface: str | None = None,
        *,
        blocks: int = BLOCKS,
        block_size: int = 1 << 20,
        retire_ms: int = 60,
        outgoing: bool = False,
        program: bytes = b"",
    ) -> None:
        self._blocks, self._block_size, self._retire_s = blocks, block_size, retire_ms / 1000
        self._next = self._read = 0
        self._held: memoryview | None = None
        self._drops = Drops(0, 0, 0)
        # Protocol 0 receives nothing until bind() names one; without an interface there is no bind().
        self.socket = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW, 0 if interface else socket.htons(_ETH_P_ALL)
        )
        try:
            self.socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
            if not outgoing:
                self.socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            if program:
                _attach(self.socket, program)
            size = blocks * block_size
            request = _REQUEST.pack(block_size, blocks, _FRAME_SIZE, size // _FRAME_SIZE, retire_ms, 0, 0)
            self.socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)
            self._memory = mmap.mmap(self.socket.fileno(), size)
            self._statistics()  # reset: what came before the ring went to no ring
            if interface:
                self.socket.bind((interface, _ETH_P_ALL))
        except BaseException:
            self.socket.close()
            raise
        self._poll = select.poll()
        self._poll.register(self.socket, select.POLLIN)

    def fileno(self) -> int:
        """Readable when a block is ready, or the last one was not handed back."""
        return self.socket.fileno()

    def read(self, timeout: float | None = None) -> memoryview | None:
        """The next block, or None if none is ready within `timeout` seconds (None: no limit).

        It is the ring's own memory, and the kernel's again with the next call. Raises OSError when the
        interface went down.
        """
        self.hand_back()
        start = self._next * self._block_size
        if not self._is_ready(start):
            for _, event in self._poll.poll(None if timeout is None else timeout * 1000):
                if event & select.POLLERR:
                    number = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    raise OSError(number, "the interface that is being recorded went down")
            if not self._is_ready(start):
                return None
        _, count, _, length = _BLOCK.unpack_from(self._memory, start)
        self._read += count
        self._held = memoryview(self._memory)[start : start + length]
        return self._held

    def hand_back(self) -> None:
        """Give the block that was read last back to the kernel, if it still is ours."""
        if self._held is not None:
            self._held.release()
            self._held = None
            start = self._next * self._block_size
            _BLOCK_STATUS.pack_into(self._memory, start + _BLOCK_STATUS_OFFSET, _STATUS_KERNEL)
            self._next = (self._next + 1) % self._blocks

    def drain(self) -> Iterator[memoryview]:
        """The blocks up to now, as `read` gives them: ends when all frames that the kernel counted were read.

        A busy kernel may be behind in counting, so one retire time passes in any case. A block that is not
        full is handed over when its time is up: after twice the retire time at most.
        """
        settled = time.monotonic() + self._retire_s
        deadline = settled + 2 * self._retire_s + 0.05
        while (now := time.monotonic()) < settled or (now < deadline and self._lacks_frames()):
            block = self.read((settled if now < settled else deadline) - now)
            if block:
                yield block

    def _lacks_frames(self) -> bool:
        counted = self.drops()
        return counted.packets - counted.drops > self._read

    def drops(self) -> Drops:
        """The kernel's counters since the ring was set up."""
        counted = zip(self._drops, self._statistics(), strict=True)
        self._drops = Drops(*(before + since for before, since in counted))
        return self._drops

    def close(self) -> None:
        """Give the ring back. What was not read is lost: see `drain`."""
        self.hand_back()
        self._memory.close()
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _is_ready(self, start: int) -> int:
        status: int = _BLOCK_STATUS.unpack_from(self._memory, start + _BLOCK_STATUS_OFFSET)[0]
        return status & _STATUS_USER

    def _statistics(self) -> tuple[int, ...]:
        # The kernel resets its counters with each reading.
        return _STATISTICS.unpack(self.socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size))


def _attach(to: socket.socket, program: bytes) -> None:
    instructions = array("B", program)
    address, size = instructions.buffer_info()
    to.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", size // 8, address))  # sock_fprog


def blocks(spool: bytes | memoryview | mmap.mmap) -> Iterator[memoryview]:
    """The blocks of a spool, in which they stand one after another. The last one may have been cut short."""
    view = memoryview(spool)
    while view:
        length = _declared_length(view) or len(view)
        yield view[:length]
        view = view[length:]


def is_whole(block: memoryview) -> bool:
    """Whether a block of `blocks` has all its bytes."""
    return len(block) == _declared_length(block)


def _declared_length(view: memoryview) -> int:
    """The length that a block's head states; 0: none, or an impossible one."""
    length: int = _BLOCK.unpack_from(view)[3] if len(view) >= _BLOCK.size else 0
    return length if length >= _BLOCK.size else 0


def frames(block: bytes | memoryview) -> Iterator[Frame]:
    """The frames of a block, in its order. Of a block that was cut short, those that are whole."""
    view = memoryview(block)
    if len(view) < _BLOCK.size:
        return
    _, count, offset, _ = _BLOCK.unpack_from(view)
    last = len(view) - _FRAME.size
    new = tuple.__new__  # half the time of Frame()
    for _ in range(count):
        if offset > last:
            return
        following, seconds, ns, captured, length, status, start, tci, tpid, ifindex, hardware_type, kind = (
            _FRAME.unpack_from(view, offset)
        )
        data = view[offset + start : offset + start + captured]
        if len(data) < captured:
            return
        vlan = _vlan_tag(status, tci, tpid) if status & _STATUS_VLAN_VALID else b""
        time_ns = seconds * 1_000_000_000 + ns
        yield new(Frame, (time_ns, ifindex, kind, hardware_type, length, data, vlan))
        if not following:
            return
        offset += following


def _vlan_tag(status: int, tci: int, tpid: int) -> bytes:
    return struct.pack(">HH", tpid if status & _STATUS_VLAN_TPID_VALID else _ETHERTYPE_VLAN, tci)


def with_vlan(frame: Frame) -> bytes | memoryview:
    """The frame's bytes as they were on the wire: its VLAN tag is put back behind the MAC addresses."""
    return b"".join((frame.data[:12], frame.vlan, frame.data[12:])) if frame.vlan else frame.data
