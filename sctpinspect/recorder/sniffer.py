"""A Scapy socket over the packet ring: `sniff(iface="eth0", L2socket=RingSocket)`."""

import ctypes
import socket
from collections import deque
from typing import Any

from scapy.arch.common import compile_filter, free_filter
from scapy.arch.linux import set_promisc
from scapy.config import conf
from scapy.data import ARPHRD_TO_DLT, ETH_P_ALL, MTU
from scapy.error import Scapy_Exception
from scapy.interfaces import network_name
from scapy.supersocket import SuperSocket
from scapy.utils import EDecimal

from sctpinspect.recorder.ring import Frame, Ring, frames, with_vlan

_ETHERNET = 1  # ARPHRD_ETHER
_RETIRE_MS = 10  # a frame shows after 20 ms at the latest, and a ring that idles costs nothing


class RingSocket(SuperSocket):
    """Reads what passes an interface (None: all of them), in both directions, by a TPACKET_V3 ring.

    For `sniff`, `AsyncSniffer` and plain `recv`. Arguments and errors are those of Scapy's L2ListenSocket;
    of these, `type` and `monitor` are taken and make no difference: frames of all types are read.
    `packet.time` has the kernel's nanoseconds; `drops()` of the attribute `ring` tells what was lost.
    """

    closed: bool = False
    desc = "read packets at layer 2 from a packet ring (TPACKET_V3), with nanoseconds"

    def __init__(
        self,
        iface: Any = None,
        type: int = ETH_P_ALL,
        promisc: bool | None = None,
        filter: str | None = None,
        nofilter: int = 0,
        monitor: Any = None,
    ) -> None:
        self.iface = network_name(iface) if iface else None
        self.promisc = bool(self.iface) and (conf.sniff_promisc if promisc is None else promisc)
        program = b"" if nofilter else _compiled(filter, self.iface)
        self.ring = Ring(self.iface, retire_ms=_RETIRE_MS, outgoing=True, program=program)
        self.ins, self.outs = self.ring.socket, None
        if self.promisc:
            set_promisc(self.ins, self.iface)
        self._frames: deque[Frame] = deque()

    def recv_raw(self, x: int = MTU) -> tuple[type | None, bytes | None, EDecimal | None]:
        """The next frame: its Scapy class, at most `x` bytes of it, and its time. Waits for one."""
        while not self._frames:
            self._frames.extend(frames(bytes(self.ring.read() or b"")))
            self.ring.hand_back()  # `select` would take it for a new one
        frame = self._frames.popleft()
        layer = conf.l2types.num2layer.get(ARPHRD_TO_DLT.get(frame.hardware_type), conf.default_l2)
        return layer, bytes(with_vlan(frame)[:x]), EDecimal(frame.time_ns) / 10**9

    @staticmethod
    def select(sockets: list[SuperSocket], remain: float | None = None) -> list[SuperSocket]:
        """Those of `sockets` that have something; waits `remain` seconds for that (None: no limit)."""
        # What is left of a block is in our hands, and the kernel does not know of it.
        has_frames = any(isinstance(sock, RingSocket) and sock._frames for sock in sockets)
        ready = SuperSocket.select(sockets, 0 if has_frames else remain)
        return [sock for sock in sockets if sock in ready or (isinstance(sock, RingSocket) and sock._frames)]

    def close(self) -> None:
        """Give the ring back."""
        if not self.closed and hasattr(self, "ring"):
            self.closed = True
            self.ring.close()


def _compiled(expression: str | None, interface: str | None) -> bytes:
    """The classic BPF program of a filter expression, and of what Scapy is set to leave out always."""
    parts = [f"({expression})"] if expression else []
    if conf.except_filter:
        parts.append(f"not ({conf.except_filter})")
    if not parts:
        return b""
    link_type = ARPHRD_TO_DLT.get(_hardware_type(interface) if interface else _ETHERNET)
    try:
        program = compile_filter(" and ".join(parts), interface, linktype=link_type)
    except (ImportError, Scapy_Exception) as error:
        raise Scapy_Exception(f"Cannot set filter: {error}") from error
    code = ctypes.string_at(program.bf_insns, 8 * program.bf_len)
    free_filter(program)
    return code


def _hardware_type(interface: str) -> int:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as probe:
        probe.bind((interface, 0))
        hardware_type: int = probe.getsockname()[3]
        return hardware_type
