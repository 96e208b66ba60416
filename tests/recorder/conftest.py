"""Spools made by hand, as the kernel lays them out, and network namespaces of the tests' own."""

import ctypes
import json
import multiprocessing
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

START_NS = 1_700_000_000_000_000_000
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000

RECIPE: dict[str, Any] = {
    "sctpinspect": "0.1.0",
    "scenario": "sample/multihoming",
    "variant": "",
    "kernel": {"name": "uml", "release": "6.1.176"},
    "topology": {"paths": 1},
    "hosts": {"a": {"addresses": ["10.0.0.1"]}, "b": {"addresses": ["10.0.0.2"]}},
    "interfaces": [
        {
            "ifindex": ifindex,
            "name": f"{host}0",
            "host": host,
            "path": 0,
            "mac": f"02:00:00:00:00:0{ifindex}",
            "addresses": [f"10.0.0.{ifindex}"],
        }
        for ifindex, host in ((3, "a"), (4, "b"))
    ],
    "impaired": False,
}

MakeFrame = Callable[..., dict[str, Any]]
MakeBlock = Callable[[Sequence[dict[str, Any]]], bytes]


@pytest.fixture
def frame() -> MakeFrame:
    """Make a frame for `block`: `at` ns after the start, from host a to b unless another interface is given.

    Packet type 3 is that of a frame which comes in, 4 that of one which leaves.
    """

    def make(
        at: int, payload: bytes, *, ifindex: int = 3, packet_type: int = 3, copy: bool = False, **more: Any
    ) -> dict[str, Any]:
        from_b = (ifindex == 4) != copy
        macs = (bytes([2, 0, 0, 0, 0, 3 + (host == from_b)]) for host in (False, True))
        data = b"".join(macs) + b"\x88\xb5" + payload
        packet_type = 4 if copy else packet_type
        return dict(time_ns=START_NS + at, data=data, ifindex=ifindex, packet_type=packet_type, **more)

    return make


@pytest.fixture
def block() -> MakeBlock:
    """Make a block of TPACKET_V3 (linux/if_packet.h) as the kernel fills it."""

    def make(frames: Sequence[dict[str, Any]]) -> bytes:
        chunks = [_ring_frame(**frame) for frame in frames]
        followers = [len(chunk) for chunk in chunks[:-1]] + [0]
        body = b"".join(
            struct.pack("=I", follower) + chunk[4:] for follower, chunk in zip(followers, chunks, strict=True)
        )
        return struct.pack("=IIIIIIQQQ", 2, 0, 1, len(chunks), 48, 48 + len(body), 0, 0, 0) + body

    return make


def _ring_frame(
    time_ns: int, data: bytes, ifindex: int, packet_type: int, length: int = 0, vlan: bytes = b""
) -> bytes:
    seconds, ns = divmod(time_ns, 10**9)
    tpid, tci = struct.unpack(">HH", vlan) if vlan else (0, 0)
    status = 1 | (1 << 4 | 1 << 6 if vlan else 0)
    header = struct.pack(
        "=IIIIIIHHIIHHQ", 0, seconds, ns, len(data), length or len(data), status, 82, 96, 0, tci, tpid, 0, 0
    )
    address = struct.pack("=HHiHBB8s", 17, 8, ifindex, 1, packet_type, 6, b"")
    frame = (header + address).ljust(82, b"\0") + data
    return frame + bytes(-len(frame) % 8)


@pytest.fixture
def spool(tmp_path: Path, block: MakeBlock) -> Callable[..., Path]:
    """Make a spool folder of blocks (lists of frames), journals, counters, and changes to the recipe."""

    def make(
        *blocks: Sequence[dict[str, Any]],
        journals: dict[str, str] | None = None,
        drops: dict[str, int] | None = None,
        **recipe: Any,
    ) -> Path:
        folder = tmp_path / "spool"
        folder.mkdir()
        (folder / "recipe.json").write_text(json.dumps({**RECIPE, **recipe}))
        (folder / "packets.blocks").write_bytes(b"".join(map(block, blocks)))
        for name, lines in (journals or {}).items():
            (folder / f"{name}.journal").write_text(lines)
        if drops is not None:
            (folder / "drops.json").write_text(json.dumps(drops))
        return folder

    return make


@pytest.fixture
def namespace() -> Iterator[ProcessPoolExecutor]:
    """A process to submit functions to, in a network namespace with a veth pair `left` and `right`."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        try:
            pool.submit(_enter_namespace).result()
        except PermissionError as error:
            pytest.skip(f"this machine allows no network namespace: {error}")
        yield pool


def _enter_namespace() -> None:
    flags = CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWUSER | CLONE_NEWNET
    if ctypes.CDLL(None, use_errno=True).unshare(flags):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    from pyroute2 import IPRoute

    for scope in ("all", "default"):
        Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6").write_text("1")  # no frames but the test's
    with IPRoute() as ip:
        ip.link("add", ifname="left", kind="veth", peer={"ifname": "right"})
        for name in ("lo", "left", "right"):
            ip.link("set", index=ip.link_lookup(ifname=name)[0], state="up")
