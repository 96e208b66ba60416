"""What fuzzing begins with: small captures and packets of all kinds.

python seeds.py FOLDER      writes them, one folder for each target
"""

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

from builders import (
    START_NS,
    abort,
    address_parameter,
    asconf,
    association,
    capture,
    cause,
    chunk,
    data,
    error,
    ethernet,
    forward_tsn,
    heartbeat,
    i_data,
    init,
    init_ack,
    interface_block,
    old_packet_block,
    parameter,
    pcap,
    sack,
    sctp_packet,
    section_block,
    simple_packet_block,
    state_cookie,
    statistics_block,
)
from frames import LINKS, TUNNELS, V4, V6, exported, pieces

from sctpinspect.journal.entry import Call, Event
from sctpinspect.protocol import CauseCode, ChunkType, ParameterType

SHORT = sctp_packet(data(tsn=7, payload=b"hallo"), chunk(ChunkType.COOKIE_ACK))


def of_files() -> Iterator[bytes]:
    calls = [
        Call(START_NS + 1, START_NS + 2, "a", 1, 1, 1, "sctp_sendmsg", {"stream": 0}, {"length": 6}),
        Event(START_NS + 3, "a", "signal", "listening"),
    ]
    packets = association(messages=1, heartbeats=1)
    yield capture(packets[:3], calls, received=3, dropped=1, recipe='{"scenario": "x"}')
    yield pcap([(packet.time_ns, packet.frame()) for packet in packets[:4]], order=">")
    yield pcap([(START_NS, packets[0].frame())], nanoseconds=False, snaplen=60)
    yield gzip.compress(pcap([(START_NS, packets[0].frame())]))
    for order in "<>":
        yield b"".join(
            [
                section_block(order=order),
                interface_block(order=order, resolution=0x8A),
                simple_packet_block(packets[3].frame(), order=order),
                old_packet_block(START_NS, packets[3].frame(), order=order),
                statistics_block(0, 2, 0, order=order),
            ]
        )
    for link_type, wrap in LINKS.values():
        yield pcap([(START_NS, wrap(V4))], link_type=link_type)
    for wrap in TUNNELS.values():
        yield pcap([(START_NS, ethernet(wrap(packet))) for packet in (V4, V6)])
    yield pcap(
        [(START_NS, exported(b"sctp", SHORT, (20, b"\xff\0\0\1"), (21, b"\1\0\0\xff")))], link_type=252
    )
    for version in (4, 6):
        yield pcap([(START_NS, ethernet(part)) for part in pieces(SHORT, 16, version=version)])


def of_packets() -> Iterator[bytes]:
    address = address_parameter("10.1.0.1")
    inner = {
        ParameterType.ADD_IP_ADDRESS: bytes(4) + address,
        ParameterType.DELETE_IP_ADDRESS: bytes(4) + address_parameter("fd00::1"),
        ParameterType.UNRECOGNIZED_PARAMETER: parameter(0x8123, b"?"),
        ParameterType.ERROR_CAUSE_INDICATION: bytes(4) + cause(160, address),
        ParameterType.OUTGOING_SSN_RESET_REQUEST: bytes(14),
        ParameterType.SUPPORTED_ADDRESS_TYPES: b"\0\5\0\6",
    }
    chunks = [
        init(address, state_cookie(b"cookie"), *(parameter(type, value) for type, value in inner.items())),
        init_ack(*(parameter(type, bytes(4)) for type in ParameterType)),
        sack(9, gaps=[(2, 3), (5, 9)], duplicates=[4]),
        chunk(ChunkType.NR_SACK, bytes(9) + b"\1\0\1\0\1\0\0\0\2\0\3\0\5\0\5\0\0\0\x08"),
        asconf(1, address, parameter(ParameterType.SET_PRIMARY_ADDRESS, bytes(4) + address)),
        abort(*(cause(code, bytes(4)) for code in CauseCode)),
        error(cause(CauseCode.UNRECOGNIZED_CHUNK_TYPE, chunk(200, b"?"))),
        heartbeat(b"info"),
        data(7, b"hallo"),
        i_data(7, b"hallo"),
        forward_tsn(7, [(1, 2)]),
        *(chunk(type, bytes(8)) for type in ChunkType),
    ]
    for each in chunks:
        yield bytes(1) + sctp_packet(each)
    yield b"\2" + sctp_packet(*chunks[-4:])
    yield b"\1" + sctp_packet(chunks[0])


SEEDS = {"file": of_files, "packet": of_packets}


if __name__ == "__main__":
    for target, seeds in SEEDS.items():
        folder = Path(sys.argv[1], target)
        folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds()):
            (folder / f"seed-{number}").write_bytes(seed)
