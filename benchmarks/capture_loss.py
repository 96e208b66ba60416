"""Packets lost by the ring, and by tcpdump beside it, while `iperf3 --sctp` runs in a UML guest.

    python benchmarks/capture_loss.py [SECONDS]

The guest has one CPU for the traffic, the ring and tcpdump. The interface's own counter says how many
packets there were; the ring's are counted in what it wrote.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

TCPDUMP = ["tcpdump", "-i", "a0", "-Q", "in", "-n", "-s", "0", "-B", "65536", "-Z", "root", "-w", "-"]


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), seconds)
    on_wire, ring, tcpdump = (result[name] for name in ("on_wire", "ring", "tcpdump"))
    print(f"{result['gbit_s']:.2f} Gbit/s, {on_wire} packets from the client in {seconds} s")
    for name, recorded in (("ring", ring), ("tcpdump", tcpdump)):
        print(f"{name:8}{recorded:10} recorded{on_wire - recorded:10} lost")


def measure(folder: Path, seconds: int) -> dict[str, float]:
    """Run it in a guest; gives the counts of packets from the client, and the ring's drops."""
    from sctpinspect import kernels
    from sctpinspect.recorder.ring import blocks, frames

    outcome = kernels.choose("uml").run(
        [sys.executable, __file__, "guest", str(seconds)], folder, 60 + seconds
    )
    if outcome.status:
        raise RuntimeError(outcome.log)
    result = json.loads((folder / "result.json").read_text())
    spool = (folder / "packets.blocks").read_bytes()
    recorded = Counter(frame.ifindex for frame in chain.from_iterable(map(frames, blocks(spool))))
    drops = json.loads((folder / "drops.json").read_text())["drops"]
    return {**result, "ring": recorded[result["ifindex"]], "ring_drops": drops}


def act_as_guest(seconds: int) -> None:
    """In the guest: two hosts and the wire as the sandbox makes them, the ring, tcpdump and iperf3."""
    from sctpinspect.recorder import spool
    from sctpinspect.sandbox import network
    from sctpinspect.scenarios import Topology

    topology = Topology()
    in_namespace = {"mp_context": get_context("fork"), "initializer": network.enter_new_namespace}
    with ProcessPoolExecutor(1, **in_namespace) as a, ProcessPoolExecutor(1, **in_namespace) as b:
        pids = {"a": a.submit(os.getpid).result(), "b": b.submit(os.getpid).result()}
        network.enter_new_namespace()
        interface = network.lay_paths(topology, pids)[0]
        with spool.recording(Path.cwd()), open("tcpdump.pcap", "wb") as file:
            tcpdump = start(TCPDUMP, "listening on", stdout=file, stderr=subprocess.PIPE)
            a.submit(network.configure, "a", topology).result()
            b.submit(network.configure, "b", topology).result()
            b.submit(serve).result()
            bits_per_second = a.submit(send, topology.host_addresses("b")[0], seconds).result()
            a.submit(take_down, "path0").result()  # so that the counters stand still
            on_wire = packets_received(interface["ifindex"])
            time.sleep(2)  # tcpdump hands over late
            tcpdump.send_signal(signal.SIGINT)
            captured = re.search(r"(\d+) packets captured", tcpdump.communicate()[1])
    result = {
        "ifindex": interface["ifindex"],
        "gbit_s": bits_per_second / 1e9,
        "on_wire": on_wire,
        "tcpdump": int(captured[1]),
    }
    Path("result.json").write_text(json.dumps(result))


def start(command: list[str], sign: str, **streams: object) -> subprocess.Popen:
    """Start a program and wait until it says `sign`."""
    process = subprocess.Popen(command, text=True, **streams)
    for line in process.stdout or process.stderr:
        if sign in line:
            return process
    raise RuntimeError(f"{command[0]} ended with status {process.wait()}")


def serve() -> None:
    start(["iperf3", "-s", "-1", "--forceflush"], "listening", stdout=subprocess.PIPE)


def send(address: str, seconds: int) -> float:
    """Bits per second that the server received."""
    command = ["iperf3", "--sctp", "-c", address, "-t", str(seconds), "-J"]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return report["end"]["sum_received"]["bits_per_second"]


def take_down(interface: str) -> None:
    subprocess.run(["ip", "link", "set", interface, "down"], check=True)


def packets_received(ifindex: int) -> int:
    from pyroute2 import IPRoute

    with IPRoute() as ip:
        return ip.get_links(ifindex)[0].get_attr("IFLA_STATS64")["rx_packets"]


if __name__ == "__main__":
    if sys.argv[1:2] == ["guest"]:
        act_as_guest(int(sys.argv[2]))
    else:
        main()
