"""Compile everything, so that no first reading has to wait: `python -m sctpinspect.decode.prepare`.

Set-up runs it. What a compiled function uses is compiled with it, and for each of those that are called
from outside the kinds of its arguments are always the same: two captures of a packet each reach all of them.
"""

import struct
import tempfile
from pathlib import Path

from sctpinspect.decode.columns import decode

_SCTP = bytes(12)
_IPV4 = struct.pack(">BBHIBBH4s4s", 0x45, 0, 20 + len(_SCTP), 0, 64, 132, 0, bytes(4), bytes(4)) + _SCTP
_RAW_IP = 101
_PCAP = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 0, _RAW_IP) + struct.pack("<4I", 0, 0, 32, 32) + _IPV4
_PCAPNG = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)


def prepare() -> None:
    """Have all that is compiled compiled and, if it can be kept, kept."""
    with tempfile.TemporaryDirectory() as folder:
        for content in (_PCAP, _PCAPNG):
            capture = Path(folder, "capture")
            capture.write_bytes(content)
            decode(capture)


if __name__ == "__main__":
    prepare()
