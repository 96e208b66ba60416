"""The rows that the compiled loops fill: NumPy record types, in the order of the way from file to chunk.

Offsets count from the beginning of the file's bytes (decompressed), or, of a packet that is `reassembled`,
of the bytes put together from IP fragments. Which fields of a row mean something follows from its type and
from how much of it was captured; `sctpinspect.tables.primary` makes nulls of the others.
"""

import numpy as np

FRAME = np.dtype(
    [
        ("number", np.uint32),  # as Wireshark counts
        ("interface", np.uint32),  # over all sections
        ("time_ns", np.int64),
        ("offset", np.int64),  # of its first byte
        ("captured", np.uint32),
        ("original", np.uint32),
    ]
)

PACKET = np.dtype(
    [
        ("frame", np.uint32),  # index into the frames
        ("begin", np.int64),  # of the common header
        ("length", np.uint32),  # by the IP or UDP length
        ("captured_length", np.uint32),  # bytes of it at hand
        ("place", np.int64),  # at which of several places of an interface it was taken
        ("family", np.uint8),  # 4, 6; 0: no IP around it
        ("source_high", np.uint64),  # first half of an IPv6 address; 0 in IPv4
        ("source_low", np.uint64),
        ("destination_high", np.uint64),
        ("destination_low", np.uint64),
        ("identification", np.uint32),  # of IPv4; else 0
        ("ttl", np.uint8),
        ("traffic_class", np.uint8),
        ("encapsulation_port", np.int32),  # UDP source port; -1: not in UDP
        ("reassembled", np.bool_),
        ("is_fragment", np.bool_),  # the first of a datagram whose other fragments are not all there
        # the chunk walk fills these
        ("source_port", np.uint16),
        ("destination_port", np.uint16),
        ("verification_tag", np.uint32),
        ("checksum", np.uint32),  # as Wireshark shows it
        ("crc32c", np.uint32),  # what it should be, likewise
        ("chunks", np.uint16),
        ("defect", np.uint8),  # index into `defects.NAMES`; 0: none
    ]
)
