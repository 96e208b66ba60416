"""The `host` kernel, tested in a guest: there the machine's own kernel has SCTP, and `auto` takes it."""

import sys
from pathlib import Path

import pytest

import sctpinspect
from sctpinspect.tables.prepare import prepare

PROGRAM = Path(__file__).with_name("host_capture.py")


@pytest.mark.parametrize("who", ["root", "nobody"])
def test_a_capture_on_a_host_with_sctp(kernel, tmp_path, who):
    prepare()  # the guest reads compiled code, but cannot write it where it lies
    outcome = kernel.run([sys.executable, str(PROGRAM), who, str(tmp_path)], tmp_path, 120)
    assert outcome.status == 0, outcome.log
    assert outcome.log.startswith("PASS  sample/multihoming on host (Linux ")
    capture = sctpinspect.read(tmp_path / "out.pcapng")
    assert capture.recipe["kernel"]["name"] == "host"
    assert capture.verify().findings.height == 0
    assert (tmp_path / "left").read_text().splitlines() == [".cache/sctpinspect/runs/lock", "out.pcapng"]
