"""Compiled loops of the tables find what they find uncompiled, where reading out of bounds would raise."""

import os
import pickle
import random
import subprocess
import sys
from dataclasses import replace

from builders import WHOLE, Packet, capture, data, forward_tsn, i_data, sack, shutdown
from conversation import Conversation

from sctpinspect.decode import decode
from sctpinspect.rules.progress import progress
from sctpinspect.tables import TABLES
from sctpinspect.tables.build import build

READ = """
import pickle
import sys
from sctpinspect.decode import decode
from sctpinspect.rules.progress import progress
from sctpinspect.tables import TABLES
from sctpinspect.tables.build import build
found = []
for path in sys.argv[2:]:
    tables = build(decode(path))
    found.append({name: getattr(tables, name) for name in TABLES} | progress(tables)._asdict())
with open(sys.argv[1], "wb") as file:
    pickle.dump(found, file)
"""


def conversation(chance: random.Random) -> list[Packet]:
    """DATA in and out of order, again, fragmented, acknowledged rightly and absurdly, lost and copied."""
    base = chance.choice([1000, 0xFFFFFFFA, 0x7FFFFFFA])
    two = {"client": ["10.1.0.1", "10.2.0.1"], "server": ["10.1.0.2", "10.2.0.2"]}
    talk = Conversation(tsns=(base, 5), **chance.choice([two, {}]))
    if chance.random() < 0.7:
        talk.handshake()

    def tsn(reach: int) -> int:
        return (base + chance.randrange(-2, reach)) % (1 << 32)

    for _ in range(chance.randrange(60)):
        made = [
            lambda: data(tsn(12), bytes(chance.randrange(1, 9)), chance.randrange(2), flags=flags(chance)),
            lambda: i_data(
                tsn(12), b"x", mid=chance.randrange(2), fsn=chance.randrange(3), flags=flags(chance)
            ),
            lambda: sack(tsn(12), chance.choice([0, 0, 9000]), gaps=[(2, 2), (1, chance.randrange(9))]),
            lambda: chance.choice([sack(chance.randrange(1 << 32)), shutdown(tsn(12)), forward_tsn(tsn(6))]),
        ]
        kind = chance.choices(range(4), [6, 1, 6, 1])[0]
        side = (1 if kind >= 2 else 0) ^ (chance.random() < 0.1)
        talk.send(side, *(made[kind]() for _ in range(chance.choice([1, 1, 3]))), path=chance.randrange(2))
        talk.clock += chance.choice([0, 0, 300_000_000])
        if chance.random() < 0.1:
            talk.packets.append(replace(talk.packets[-1], comment="sctpinspect delivery: lost"))
    if chance.random() < 0.3:  # the TSN before these is missing
        for step in range(20, 25):
            talk.send(0, data((base + step) % (1 << 32)))
        for last in range(2, 6):
            talk.send(1, sack((base + 19) % (1 << 32), gaps=[(2, last)]))
        talk.send(0, data((base + 20) % (1 << 32)))
    return talk.packets


def flags(chance: random.Random) -> int:
    return chance.choice([WHOLE, WHOLE, 0, 1, 2, 3, 4, 7])


def test_both_find_the_same(tmp_path):
    chance = random.Random(2)
    paths = [tmp_path / f"{number}.pcapng" for number in range(120)]
    for path in paths:
        path.write_bytes(capture(conversation(chance)))
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONWARNINGS": "error"}
    subprocess.run([sys.executable, "-c", READ, tmp_path / "found", *paths], env=environment, check=True)
    uncompiled = pickle.loads((tmp_path / "found").read_bytes())
    kinds = set()
    for path, tables in zip(paths, uncompiled, strict=True):
        compiled = build(decode(path))
        found = {name: getattr(compiled, name) for name in TABLES} | progress(compiled)._asdict()
        for name, frame in found.items():
            assert frame.equals(tables[name]), (path, name)
        kinds |= set(compiled.chunks["retransmission"].drop_nulls())
    assert kinds == {"fast", "t3", "spurious", "zero_window_probe", "tail", "unknown"}
