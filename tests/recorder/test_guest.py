"""The recorder where it works: in a guest kernel, at full speed, and killed with it."""

import importlib.util
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest
from scapy.utils import PcapNgReader

from sctpinspect.recorder.assemble import assemble
from sctpinspect.recorder.ring import blocks, frames
from sctpinspect.recorder.salvage import salvage

COUNT = 2000
UNTIL_KILLED = Path(__file__).with_name("guest_until_killed.py")
IMPAIRED = Path(__file__).with_name("guest_impaired.py")
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "capture_loss.py"
# A command that runs the guest, to be killed.
COMMAND = """
import sys
from pathlib import Path
from sctpinspect.kernels import uml
from sctpinspect.recorder.salvage import open_run
with open_run(Path(sys.argv[1]), Path(sys.argv[2])) as folder:
    print(folder, flush=True)
    uml.choose().run([sys.executable, *sys.argv[3:]], folder, 60)
"""


@pytest.fixture
def benchmark() -> ModuleType:
    for program in ("iperf3", "tcpdump", "ip"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    spec = importlib.util.spec_from_file_location("capture_loss", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_is_lost_while_iperf3_runs_at_full_speed(kernel, benchmark, tmp_path):
    result = benchmark.measure(tmp_path, 3)
    print(result)
    assert result["ring_drops"] == 0
    assert result["ring"] == result["on_wire"] > 1000
    assert 0 < result["tcpdump"] <= result["on_wire"]


def test_a_killed_command_loses_nothing_that_its_guest_had_recorded(kernel, tmp_path):
    out = tmp_path / "out.pcapng"
    command = [sys.executable, "-c", COMMAND, tmp_path / "cache", out, UNTIL_KILLED, str(COUNT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        folder = Path(process.stdout.readline().strip())
        deadline = time.monotonic() + 60
        while numbers_spooled(folder) != list(range(COUNT)):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    (file,) = salvage(tmp_path / "cache")
    assert file == tmp_path / "out-interrupted.pcapng"
    with PcapNgReader(str(file)) as reader:
        assert numbers(bytes(packet) for packet in reader) == list(range(COUNT))
    assert file.read_bytes().count(b"SCTP_EVENT=sending\n") == COUNT


def test_what_netem_did_to_each_packet_is_what_the_receiver_saw(kernel, tmp_path):
    outcome = kernel.run([sys.executable, str(IMPAIRED)], tmp_path, 60)
    assert outcome.status == 0, outcome.log
    assemble(tmp_path, tmp_path / "out.pcapng")
    said = defaultdict(list)
    with PcapNgReader(str(tmp_path / "out.pcapng")) as reader:
        for packet in reader:
            for number in numbers([bytes(packet)]):
                said[number].append(packet.comments[0].decode().removeprefix("sctpinspect delivery: "))
    received = json.loads((tmp_path / "received.json").read_text())
    times_received = {number: received.get(str(number), 0) for number in said}
    assert {number: "".join(texts).count(" ns") for number, texts in said.items()} == times_received
    words = ("lost", "delivered", "duplicated")
    for number, texts in said.items():
        if len(texts) == 1:  # no other packet has the same bytes
            assert texts[0].split()[0] == words[times_received[number]]
    assert {text.split()[0] for texts in said.values() for text in texts} == set(words)


def numbers_spooled(folder: Path) -> list[int]:
    """The numbers of the frames that have left the guest's memory."""
    spool = folder / "packets.blocks"
    if not spool.exists():
        return []
    taken = chain.from_iterable(map(frames, blocks(spool.read_bytes())))
    return numbers(bytes(frame.data) for frame in taken)


def numbers(packets: Iterable[bytes]) -> list[int]:
    return [int.from_bytes(packet[14:18], "big") for packet in packets if packet[12:14] == b"\x88\xb5"]
