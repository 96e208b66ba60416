"""Compiled and uncompiled code finds the same; the latter would raise if it read out of bounds."""

import os
import pickle
import random
import subprocess
import sys
from pathlib import Path

import find_packets
from builders import ethernet, icmp, ipv4, ipv6, linux_cooked_v2, udp
from frames import LINKS, SCTP, TUNNELS, V4, V6, WRONG, exported, pieces

SCRIPT = Path(find_packets.__file__)


def cases() -> list[tuple[int, list[bytes]]]:
    """Every layer right, cut and altered, and what needs more than one frame."""
    chance = random.Random(5)
    frames = [(link_type, wrap(packet)) for link_type, wrap in LINKS.values() for packet in (V4, V6)]
    frames += [(1, ethernet(wrap(packet))) for wrap in TUNNELS.values() for packet in (V4, V6)]
    frames += [(1, frame) for frame in WRONG.values()] + [(248, SCTP), (276, linux_cooked_v2(V6))]
    frames += [(252, exported(b"sctp", SCTP, (20, b"\xff\0\0\1"), (21, b"\1\0\0\xff")))]
    quoted = ipv6("ff00::ffff", "fd00::2", udp(SCTP, 9899, 7), next_header=17)
    frames += [(1, ethernet(ipv6("fd00::9", "fd00::1", icmp(1, 4, quoted), next_header=58)))]
    altered = []
    for link_type, frame in frames:
        altered.append((link_type, frame[: chance.randrange(len(frame))]))
        for _ in range(6):
            bytes_ = bytearray(frame)
            for _ in range(chance.randrange(1, 4)):
                bytes_[chance.randrange(min(100, len(bytes_)))] = chance.choice(
                    [0, 1, 0x45, 0xFF, chance.randrange(256)]
                )
            altered.append((link_type, bytes(bytes_[: chance.randrange(1, len(bytes_) + 1)])))
    single = [(link_type, [frame]) for link_type, frame in frames + altered]
    parts = [ethernet(part) for version in (4, 6) for part in pieces(SCTP, 40, version=version)]
    learning = [
        ethernet(ipv4("255.0.0.1", "10.1.0.2", udp(payload, 65_535, 65_534), protocol=17))
        for payload in (SCTP[:-4], SCTP, bytes(40))
    ]
    return [*single, (1, parts), (1, parts[::-1]), (1, learning)]


def test_both_find_the_same(tmp_path):
    given = cases()
    (tmp_path / "cases").write_bytes(pickle.dumps(given))
    path = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "cases", tmp_path / "results"],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path, "PYTHONWARNINGS": "error"},
        check=True,
    )
    uncompiled = pickle.loads((tmp_path / "results").read_bytes())
    assert uncompiled == find_packets.results(given)
    assert sum(bool(packets) for packets, *_ in uncompiled) > len(given) / 3
