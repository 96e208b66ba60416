"""Numbers against what tshark knows, and names."""

import re
import shutil
import subprocess

import pytest

from sctpinspect.protocol import PPID_NAMES, CauseCode, ChunkType, ParameterType, name_of


def test_name_of_an_unknown_number_is_none():
    assert name_of(ChunkType, 2) == "INIT_ACK"
    assert name_of(ChunkType, 77) is None
    assert name_of(ParameterType, 0x8008) == "SUPPORTED_EXTENSIONS"
    assert name_of(CauseCode, 0) is None


@pytest.fixture(scope="module")
def wireshark() -> dict[str, dict[int, str]]:
    """Names of values by field, as tshark lists them."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    listing = subprocess.run(["tshark", "-G", "values"], capture_output=True, text=True, check=True).stdout
    values: dict[str, dict[int, str]] = {}
    for line in listing.splitlines():
        if line.startswith("V\tsctp."):
            _, field, number, name = line.split("\t")
            values.setdefault(field, {})[int(number, 0)] = re.sub(r"[^A-Z0-9]+", "_", name.upper())
    return values


NOT_ASSIGNED = {255}  # reserved


def test_chunk_types_are_wiresharks(wireshark):
    known = {
        number: name for number, name in wireshark["sctp.chunk_type"].items() if number not in NOT_ASSIGNED
    }
    assert known == {int(type): type.name for type in ChunkType}


def test_every_parameter_and_cause_of_wireshark_has_a_name(wireshark):
    assert set(wireshark["sctp.parameter_type"]) <= set(ParameterType)
    assert set(wireshark["sctp.cause_code"]) <= set(CauseCode)


def test_every_ppid_of_wireshark_has_a_name(wireshark):
    unassigned = {0, 26}
    assert set(wireshark["sctp.data_payload_proto_id"]) - unassigned <= set(PPID_NAMES)
