"""Have the decoder compiled, so that no first reading has to wait: a part of `sctpinspect.tables.prepare`.

What a compiled function uses is compiled with it, and for each of those that are called
from outside the kinds of its arguments are always the same: two captures of a packet each reach all of them.
"""

import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SCTP = bytes(12)
_IPV4 = struct.pack(">BBHIBBH4s4s", 0x45, 0, 20 + len(_SCTP), 0, 64, 132, 0, bytes(4), bytes(4)) + _SCTP
_RAW_IP = 101
_PCAP = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 0, _RAW_IP) + struct.pack("<4I", 0, 0, 32, 32) + _IPV4
_PCAPNG = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)


def read_samples(read: Callable[[Path], Any]) -> None:
    """Read captures that need all that is compiled."""
    with tempfile.TemporaryDirectory() as folder:
        for content in (_PCAP, _PCAPNG):
            capture = Path(folder, "capture")
            capture.write_bytes(content)
            read(capture)
