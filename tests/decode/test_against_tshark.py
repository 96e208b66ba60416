"""Every SCTP packet of captures by other projects, field by field, against tshark and Scapy."""

import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from external_captures import CAPTURES, FOLDER, needed
from scapy.layers.sctp import SCTP
from scapy.utils import rdpcap

from sctpinspect.decode import decode
from sctpinspect.tables.primary import primary

FIELDS = {
    "frame": "frame.number",
    "protocols": "frame.protocols",
    "source_port": "sctp.srcport",
    "destination_port": "sctp.dstport",
    "verification_tag": "sctp.verification_tag",
    "checksum": "sctp.checksum",
    "checksum_state": "sctp.checksum.status",
    "types": "sctp.chunk_type",
    "tsns": "sctp.data_tsn_raw",
}
OPTIONS = ["sctp.checksum:CRC-32C", "sctp.reassembly:FALSE", "ip.defragment:TRUE", "ipv6.defragment:TRUE"]
NOT_OURS = {"icmp", "icmpv6"}  # quoted

NOT_THEIRS = {
    # tshark takes the last four bytes of a FabricPath frame as its FCS; there they are the SCTP checksum
    "zeek__cisco-fabric-path.pcap": set(range(66, 98, 2)),
}
"""Frames in which we find a packet and tshark does not."""

pytestmark = needed


def numbers(text: str) -> list[int]:
    return [int(number, 0) for number in text.split(",") if number]


def shown(path: Path) -> dict[int, dict[str, str]]:
    """What tshark shows of each frame with SCTP, by frame."""
    command = ["tshark", "-n", "-r", path, "-Y", "sctp", "-T", "fields", "-E", "occurrence=a"]
    command += [word for option in OPTIONS for word in ("-o", option)]
    command += [word for field in FIELDS.values() for word in ("-e", field)]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    rows = [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in lines]
    return {int(row["frame"]): row for row in rows if not NOT_OURS & set(row["protocols"].split(":"))}


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_packets_are_those_of_tshark(path):
    tables = {name: table.to_dicts() for name, table in primary(decode(path)).items()}
    # tshark shows nothing of a common header that is cut
    ours = {row["frame"]: row for row in tables["packets"] if row["captured_length"] >= 12}
    types, tsns = defaultdict(list), defaultdict(list)
    for row in tables["chunks"]:
        types[row["frame"]].append(row["type"])
        tsns[row["frame"]] += [row["tsn"]] if row["tsn"] is not None else []
    theirs = shown(path)
    assert set(ours) == set(theirs) | NOT_THEIRS.get(path.name, set())
    for frame, row in theirs.items():
        packet = ours[frame]
        for name in ("source_port", "destination_port", "verification_tag", "checksum"):
            assert numbers(row[name]) == [packet[name]], (frame, name)
        assert (row["checksum_state"] == "1") == (packet["checksum_state"] == "good"), frame
        assert numbers(row["types"]) == types[frame], frame
        assert numbers(row["tsns"]) == tsns[frame], frame


SCAPY_FIELDS = {
    "SCTPChunkData": {"tsn": "tsn", "stream": "stream_id", "ssn": "stream_seq", "ppid": "proto_id"},
    "SCTPChunkSACK": {"cumulative_tsn": "cumul_tsn_ack", "a_rwnd": "a_rwnd", "gap_block_count": "n_gap_ack"},
    "SCTPChunkInit": {"initiate_tag": "init_tag", "a_rwnd": "a_rwnd", "initial_tsn": "init_tsn"},
    "SCTPChunkInitAck": {"initiate_tag": "init_tag", "a_rwnd": "a_rwnd", "initial_tsn": "init_tsn"},
    "SCTPChunkCookieEcho": {"value": "cookie"},
}


@pytest.mark.parametrize("name", ["wireshark-wiki__sctp-www.cap", "wireshark-wiki__sctp-addip.cap"])
def test_first_chunks_are_those_of_scapy(name):
    if not (FOLDER / name).exists():
        pytest.skip(f"{name} is not among the captures")
    rows = primary(decode(FOLDER / name))["chunks"].to_dicts()
    chunks = {row["frame"]: row for row in rows if row["chunk"] == 0}
    compared = set()
    for frame, packet in enumerate(rdpcap(str(FOLDER / name)), start=1):
        theirs = packet[SCTP].payload
        for ours, field in SCAPY_FIELDS.get(type(theirs).__name__, {}).items():
            assert chunks[frame][ours] == getattr(theirs, field), (frame, ours)
            compared.add(type(theirs).__name__)
    assert compared == set(SCAPY_FIELDS)
