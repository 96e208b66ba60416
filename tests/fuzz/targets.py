"""What is fuzzed: functions from any bytes to what the decoder finds in them, as values that can be compared.

They must neither raise nor warn, whatever the bytes, and find the same compiled and uncompiled.

    python targets.py TARGET FOLDER RESULTS     what the target finds in each file of the folder, pickled
"""

import pickle
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sctpinspect.decode import decode, sctp
from sctpinspect.decode.defects import NAMES
from sctpinspect.decode.rows import PACKET
from sctpinspect.protocol import UsageError

Result = tuple | str


def of_file(content: bytes) -> Result:
    """A capture file, read and decoded; where it is refused, why."""
    with tempfile.NamedTemporaryFile(dir=_MEMORY) as file:
        file.write(content)
        file.flush()
        try:
            found = decode(file.name)
        except UsageError as refusal:
            return str(refusal).removeprefix(file.name)
    assert (found.packets["captured_length"] <= found.packets["length"]).all()
    return (
        *(found.frame_rows.tobytes(), found.packets.tobytes(), *_rows(found.rows)),
        *(found.interfaces, found.addresses, found.sources.tolist(), found.destinations.tolist()),
        *(found.deliveries, found.icmp_errors, found.calls, found.events),
        *(found.recipe, found.defects, found.frames, found.data.reassembled.tobytes()),
    )


def of_packet(content: bytes) -> Result:
    """An SCTP packet. Its first byte says how much more than there is its IP header states, and whether it
    is the first of several fragments."""
    data = np.frombuffer(content[1:], np.uint8)
    packets = np.zeros(1, PACKET)
    first = content[0] if content else 0
    packets["captured_length"] = len(data)
    packets["length"] = len(data) + (first >> 1)
    packets["is_fragment"] = first & 1
    rows = sctp.walk(data, data[:0], packets, 1 << 16)
    return packets.tobytes(), *_rows(rows)


def _rows(rows: sctp.Rows) -> list[bytes]:
    for kind in rows[:3]:
        assert (kind["defect"] < len(NAMES)).all()
    return [kind.tobytes() for kind in rows[:4]]


TARGETS: dict[str, Callable[[bytes], Result]] = {"file": of_file, "packet": of_packet}
CORPUS = Path(__file__).parent / "corpus"
_MEMORY = next((folder for folder in ("/dev/shm",) if Path(folder).is_dir()), None)


if __name__ == "__main__":
    warnings.simplefilter("error")
    target, folder, results = sys.argv[1:]
    found = {path.name: TARGETS[target](path.read_bytes()) for path in sorted(Path(folder).iterdir())}
    Path(results).write_bytes(pickle.dumps(found))
