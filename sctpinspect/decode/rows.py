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
        ("encapsulation_destination_port", np.int32),  # UDP destination port, likewise
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

CHUNK = np.dtype(
    [
        ("packet", np.uint32),  # index into the packets
        ("chunk", np.uint16),  # index in its packet
        ("type", np.uint8),
        ("flags", np.uint8),
        ("length", np.uint16),  # as the length field says
        ("padding", np.int8),  # 1: its pad bytes are zero; 0: they are not; -1: none, or not captured
        ("defect", np.uint8),  # index into `defects.NAMES`; 0: none
        ("offset", np.uint32),  # where it begins in its packet
        ("words", np.uint32, 5),  # the first of its value, as far as captured
        ("at_hand", np.uint16),  # bytes of its value in the capture
        ("has_fields", np.bool_),  # the value is as long as the fields of its type
        ("is_whole", np.bool_),  # the value is wholly in the capture
        ("value_begin", np.int64),
        # of user data
        ("payload_length", np.uint16),
        ("payload_digest", np.uint32),  # as by `journal.digest`; means something only where is_whole
    ]
)

TLV = np.dtype(
    [
        ("packet", np.uint32),
        ("chunk", np.uint16),
        ("index", np.uint16),  # in its chunk
        ("chunk_type", np.uint8),
        ("type", np.uint16),  # parameter type or cause code
        ("length", np.uint16),
        ("padding", np.int8),  # as in CHUNK
        ("defect", np.uint8),
        ("offset", np.uint32),  # where it begins in its packet
        ("is_whole", np.bool_),
        ("has_fields", np.bool_),  # the value is whole and as long as the fields of its type
        ("value_begin", np.int64),
        ("words", np.uint32, 4),  # the first of its value, if that is whole; zeros follow a shorter one
        # of the address in it
        ("family", np.uint8),  # 4, 6; 0: none
        ("high", np.uint64),
        ("low", np.uint64),
        # of one that another holds
        ("kind", np.uint8),  # what it is: index into TLV_KINDS
        ("depth", np.uint16),  # 0: of the chunk itself; 1: in one of these, and so on
    ]
)
"""A parameter, error cause or, held by an error cause, chunk."""

TLV_KINDS = ("parameter", "cause", "chunk")

GAP_BLOCK = np.dtype(
    [
        ("packet", np.uint32),
        ("chunk", np.uint16),
        ("index", np.uint16),  # in its chunk
        ("kind", np.uint8),  # index into GAP_KINDS
        ("start_offset", np.uint16),
        ("end_offset", np.uint16),
        ("start", np.uint32),  # first TSN
        ("end", np.uint32),  # last TSN
    ]
)

GAP_KINDS = ("gap", "nr_gap", "duplicate")
