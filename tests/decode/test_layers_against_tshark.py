"""The layers that we build, against tshark: that they are what we take them for."""

import shutil
import subprocess
from pathlib import Path

import pytest
from builders import START_NS, ethernet, pcap
from frames import LINKS, SCTP, TUNNELS, V4, V6, WRONG, exported, pieces

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

OTHERWISE = {
    "FabricPath": "the last four bytes count as FCS, which they were not when this was captured by others",
    "MPLS, Ethernet": "its heuristic goes by the first bytes of MAC addresses, ours by the IP header",
    "MPLS, control word": "likewise",
    "MPLS 219": "does not know the link type",
    "VXLAN, Linux": "not on this port, which was Linux's before the standard's",
    "GRE of version 2": "goes on, whatever the version",
    "GRE with source routes": "goes on, though RFC 2784 took them out",
    "VXLAN without its flag": "goes on, though RFC 7348 says that it must be set",
    "Geneve of version 1": "goes on, whatever the version",
}
"""What tshark does otherwise."""


def shown(path: Path, link_type: int, frames: list[bytes]) -> list[bool]:
    """Of each frame whether tshark sees the packet `SCTP` in it, whole and right."""
    path.write_bytes(pcap([(START_NS + n, frame) for n, frame in enumerate(frames)], link_type=link_type))
    command = ["tshark", "-n", "-r", path, "-o", "sctp.checksum:CRC-32C", "-T", "fields"]
    command += ["-e", "sctp.verification_tag", "-e", "sctp.checksum.status"]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return [line == "0x0000abcd\t1" for line in lines] or [False] * len(frames)


@pytest.mark.parametrize("name", LINKS)
def test_links(tmp_path, name):
    link_type, wrap = LINKS[name]
    expected = [name not in OTHERWISE] * 2
    assert shown(tmp_path / "capture", link_type, [wrap(V4), wrap(V6)]) == expected


def test_tunnels(tmp_path):
    frames = [ethernet(wrap(packet)) for wrap in TUNNELS.values() for packet in (V4, V6)]
    expected = [name not in OTHERWISE for name in TUNNELS for _ in range(2)]
    assert shown(tmp_path / "capture", 1, frames) == expected


def test_what_is_no_packet(tmp_path):
    expected = [name in OTHERWISE for name in WRONG]
    assert shown(tmp_path / "capture", 1, list(WRONG.values())) == expected


def test_fragments(tmp_path):
    for version in (4, 6):
        parts = [ethernet(part) for part in pieces(SCTP, 16, version=version)]
        expected = [False] * (len(parts) - 1) + [True]
        assert shown(tmp_path / "capture", 1, parts) == expected
        assert shown(tmp_path / "capture", 1, parts[::-1]) == expected


def test_other_links(tmp_path):
    assert shown(tmp_path / "capture", 248, [SCTP]) == [True]
    assert shown(tmp_path / "capture", 252, [exported(b"sctp", SCTP)]) == [True]
