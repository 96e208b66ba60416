"""All programs of this folder run once, one after another, in one guest kernel."""

import json
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import sctpinspect
from sctpinspect.recorder.assemble import assemble

HERE = Path(__file__).parent
GOOD = [
    "delayed:",
    "lost_cookie_echo:",
    "lost_data:",
    "path_down:",
    "raw_server:",
    "raw_server:ipv6",
    "four_paths:",
    "in_sequence:",
    "not_accepted:",
    "implicit:",
    "implicit:ipv6",
    "slow_reader:",
    "dead_peer:",
    "ends:",
    "parts:",
    "timed_out:",
    "refused:",
    "echo:",
    "peeled:",
    "streams:",
    "add_address:",
    "inside:",
    "closes:",
    "nobody_there:",
    "set_options:",
]
FAILING = ["broken:", "port_in_use:", "wrong_family:"]


class Run(NamedTuple):
    failures: dict[str, str]
    folder: Path
    capture: sctpinspect.Capture


@pytest.fixture(scope="session")
def run(kernel, tmp_path_factory):
    """`run("name")` gives the finished run of a program: its failures, its spool, its capture."""
    folder = tmp_path_factory.mktemp("programs")
    programs = [
        f"{HERE / 'programs' / name.partition(':')[0]}.py:{name.partition(':')[2]}"
        for name in [*GOOD, *FAILING]
    ]
    outcome = kernel.run([sys.executable, str(HERE / "guest.py"), str(folder), *programs], folder, 180)
    assert outcome.status == 0, outcome.log

    def finished(name: str) -> Run:
        spool = folder / name.replace(":", "")
        capture = spool / "capture.pcapng"
        if not capture.exists():
            assemble(spool, capture)
        return Run(json.loads((spool / "result.json").read_text()), spool, sctpinspect.read(capture))

    return finished
