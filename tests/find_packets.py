"""What the packet finder finds in the frames that a file holds, written to another: for another interpreter.

    python find_packets.py CASES RESULTS

Each frame lies alone, so that uncompiled code raises if it reads behind it.
"""

import pickle
import sys
from pathlib import Path

from frames import find


def results(cases: list[tuple[int, list[bytes]]]) -> list[tuple]:
    """For each link type and its frames what is found, as bytes and numbers."""
    found = [find(frames, link_type) for link_type, frames in cases]
    return [
        (each.packets.tobytes(), each.reassembled.tobytes(), each.icmp_errors, *each[3:]) for each in found
    ]


if __name__ == "__main__":
    cases, out = sys.argv[1:]
    Path(out).write_bytes(pickle.dumps(results(pickle.loads(Path(cases).read_bytes()))))
