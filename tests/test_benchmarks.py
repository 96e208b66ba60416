"""The captures that the benchmarks read are what they say; nothing is measured here."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import sctpinspect

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
STEPS = ["INIT", "INIT_ACK", "COOKIE_ECHO", "COOKIE_ACK", *["DATA", "SACK"] * 4]
STEPS += ["SHUTDOWN", "SHUTDOWN_ACK", "SHUTDOWN_COMPLETE"]


@pytest.fixture(scope="module")
def associations() -> ModuleType:
    spec = importlib.util.spec_from_file_location("associations", BENCHMARKS / "associations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_associations_are_whole_and_right(associations, tmp_path):
    file = tmp_path / "associations.pcap"
    assert associations.write(file, 100) == 1500
    capture = sctpinspect.read(file)
    assert capture.defects == []
    assert capture.associations.height == 100
    assert capture.packets.height == capture.chunks.height == 1500
    assert capture.packets["checksum_state"].unique().to_list() == ["good"]
    assert capture.packets["defect"].null_count() == capture.chunks["defect"].null_count() == 1500
    types = capture.chunks.group_by("association").agg("type_name")
    assert types.height == 100
    assert all(each == STEPS for each in types["type_name"].to_list())
    assert capture.chunks.filter(type_name="DATA")["acked_frame"].null_count() == 0
    verdict = capture.verify()
    assert verdict.findings.is_empty()
    assert {result.status for result in verdict.results} <= {"PASS", "NOT_APPLICABLE", "INCONCLUSIVE"}


def test_generated_associations_overlap_in_time(associations, tmp_path):
    file = tmp_path / "associations.pcap"
    associations.write(file, 100)
    order = sctpinspect.read(file).packets.filter(verification_tag=0)["frame"].to_list()
    assert len(order) == 100
    assert order != list(range(1, 1501, 15))


def test_generated_associations_vary_in_length_and_size(associations, tmp_path):
    file = tmp_path / "associations.pcap"
    packets = associations.write(file, 50, 20, associations.MIXED, varied=True)
    capture = sctpinspect.read(file)
    assert capture.packets.height == packets
    assert capture.packets["checksum_state"].unique().to_list() == ["good"]
    assert capture.packets.group_by("association").len()["len"].n_unique() > 10
    sizes = capture.chunks.filter(type_name="DATA")["payload_length"]
    assert sizes.min() < 300 and sizes.max() >= 1400
