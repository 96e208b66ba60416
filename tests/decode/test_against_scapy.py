"""SCTP packets of captures by other projects against Scapy."""

import pytest
from external_captures import FOLDER, needed
from scapy.layers.sctp import SCTP
from scapy.utils import rdpcap

from sctpinspect.decode import decode
from sctpinspect.tables.primary import primary

pytestmark = needed
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
