"""Reading captures: how long sctpinspect takes and how much memory, beside other programs.

    python benchmarks/decode.py [--folder FOLDER] [--quick | --large]        (make bench)

Whole processes are measured, start-up included, with the file in the page cache; programs take turns,
and the best time of several counts (REPETITIONS). The inputs are those of inputs.py, made once.
Nothing is asserted: times depend on the machine and on what else it does.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata, util
from pathlib import Path
from typing import NamedTuple

# This process stays small, for its peak memory is the least that can be measured of a child: nothing
# large is imported or mapped here.

REPETITIONS = 3
ONCE_IS_ENOUGH_S = 60.0  # what takes longer is not run again
LIMIT_S = 600.0

OURS = {
    "records": "from sctpinspect.decode import files; files.open_capture(FILE)",
    "primary": "from sctpinspect import decode; from sctpinspect.tables.primary import primary; "
    "primary(decode.decode(FILE))",
    "read": "import sctpinspect; sctpinspect.read(FILE)",
    "verify": "from sctpinspect.cli import main\nsys.argv[1:] = ['verify', '--fail-on=never', FILE]; main()",
}
"""open_capture; the tables before associations; all tables; the verdict as text."""
LARGE = {"scan": "import sctpinspect; sctpinspect.scan(FILE)", "verify": OURS["verify"]}
LARGE_INPUTS = {"large.pcap", "one-association.pcap", "ten-million.pcap"}
LARGE_LIMIT_S = 7200.0
"""Of captures that do not fit into memory."""

SHOWN = {name: f"sctpinspect: {name}" for name in OURS}

FIELDS = [
    *("srcport", "dstport", "verification_tag", "checksum", "chunk_type", "chunk_length"),
    *("data_tsn", "data_sid", "data_ssn", "data_payload_proto_id"),
]
TSHARK = ["tshark", "-n", "-r"]
THEIRS = {
    "tshark -q -z sctp,stat": [*TSHARK, "FILE", "-q", "-z", "sctp,stat"],
    "the same, checksums too": [*TSHARK, "FILE", "-q", "-z", "sctp,stat", "-o", "sctp.checksum:CRC-32C"],
    "tshark -T fields, ten": [*TSHARK, "FILE", "-T", "fields", *(f"-esctp.{field}" for field in FIELDS)],
    "capinfos -c": ["capinfos", "-c", "FILE"],
    "tcpdump -w /dev/null": ["tcpdump", "-r", "FILE", "-w", "/dev/null"],
}
IN_PYTHON = {
    "dpkt": "import dpkt\n"
    "for _, data in dpkt.pcap.UniversalReader(open(FILE, 'rb')): dpkt.ethernet.Ethernet(data)",
    "scapy": "from scapy.layers import inet, l2, sctp; from scapy.utils import PcapReader\n"
    "for packet in PcapReader(FILE): pass",
}
"""Too slow for a million packets: run on some, and scaled."""


class Input(NamedTuple):
    path: Path
    packets: int
    bytes: int


class Run(NamedTuple):
    """What a process took; `failure` says why its times are worth nothing."""

    seconds: float
    cpu_s: float
    peak_bytes: int
    failure: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures how fast captures are read.")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="small inputs, made without a kernel")
    parser.add_argument("--large", action="store_true", help="captures of 2 to 12 GB only; takes hours")
    options = parser.parse_args()
    inputs = make_inputs(options.folder, [f"--{size}" for size in ("quick", "large") if vars(options)[size]])
    print(describe_machine(), end="\n\n")
    if options.quick:
        compare(inputs["quick.pcap"], inputs["quick-2000.pcap"], inputs["quick-1.pcap"])
        flat_cost(inputs["quick-1.pcap"], [inputs["quick-1000.pcap"], inputs["quick-10000.pcap"]])
        return
    if options.large:
        measure_large([inputs[name] for name in sorted(LARGE_INPUTS)])
        return
    sample, one = inputs["kernel-20000.pcap"], inputs["associations-1.pcap"]
    compare(inputs["kernel.pcapng"], sample, one)
    compare(inputs["kernel.pcap"], sample, one)
    compare(inputs["associations.pcap"], inputs["associations-20000.pcap"], one)
    flat_cost(one, [inputs[f"kernel-{length}.pcap"] for length in (10_000, 100_000, 1_000_000)])


def make_inputs(folder: Path | None, sizes: list[str]) -> dict[str, Input]:
    command = [sys.executable, str(Path(__file__).with_name("inputs.py"))]
    command += [*(["--folder", str(folder)] if folder else []), *sizes]
    making = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if making.returncode:  # it has said why
        sys.exit(making.returncode)
    found = [Input(**json.loads(line)) for line in making.stdout.splitlines()]
    return {Path(each.path).name: each._replace(path=Path(each.path)) for each in found}


# ---- what is printed


def compare(capture: Input, sample: Input, one: Input) -> None:
    """All programs on one capture. Those in Python on `sample`, and on `one`, which tells their start-up."""
    print(f"{capture.path.name}: {capture.packets:,} packets, {capture.bytes / 1e6:,.0f} MB\n")
    runs = measure(ours(capture.path) | programs(capture.path), capture.path)
    for name, code in importable().items():
        start, part = (measure({name: python(code, each.path)}, each.path)[name] for each in (one, sample))
        runs[f"{name} *"] = scaled(start, part, capture.packets / sample.packets)

    print("How many times as long the others take:\n")
    others = {name: run for name, run in runs.items() if name not in OURS}
    ratios = [[name, *(ratio(run, runs[each]) for each in OURS)] for name, run in others.items()]
    print_table(["", *OURS], ratios)
    print("\nOne by one:\n")
    rows = [[SHOWN.get(name, name), *figures(run, capture.packets)] for name, run in runs.items()]
    print_table(["", "s", "CPU s", "ns/packet", "peak MB"], rows)
    if importable():
        print(f"* on {sample.packets:,} packets, and scaled but for the start-up and the memory")
    print()


def measure_large(captures: Sequence[Input]) -> None:
    """Time and memory of what takes a capture partition by partition, each once."""
    rows = []
    for each in captures:
        print(f"{each.path.name}: {each.packets:,} packets, {each.bytes / 1e6:,.0f} MB", flush=True)
        for name, code in LARGE.items():
            run = run_once(python(code, each.path), LARGE_LIMIT_S)
            rows.append([f"{each.path.name}: {name}", *figures(run, each.packets)])
    print()
    print_table(["", "s", "CPU s", "ns/packet", "peak MB"], rows)


def ours(path: Path) -> dict[str, list[str]]:
    return {name: python(code, path) for name, code in OURS.items()}


def programs(path: Path) -> dict[str, list[str]]:
    """Those of THEIRS that are installed, on a file."""
    return {
        name: [str(path) if word == "FILE" else word for word in argv]
        for name, argv in THEIRS.items()
        if shutil.which(argv[0])
    }


def importable() -> dict[str, str]:
    return {name: code for name, code in IN_PYTHON.items() if util.find_spec(name)}


def ratio(run: Run, our: Run) -> str:
    return "-" if run.failure or our.failure else f"{run.seconds / our.seconds:.2f}"


def figures(run: Run, packets: int) -> list[str]:
    if run.failure:
        return [run.failure]
    per_packet = run.seconds * 1e9 / packets
    return [f"{run.seconds:.2f}", f"{run.cpu_s:.2f}", f"{per_packet:,.0f}", f"{run.peak_bytes / 1e6:,.0f}"]


def scaled(start: Run, part: Run, factor: float) -> Run:
    """The run on a part, as if it had been on `factor` times as many packets."""
    seconds, cpu_s = (
        begin + (end - begin) * factor for begin, end in ((start[0], part[0]), (start[1], part[1]))
    )
    return Run(seconds, cpu_s, part.peak_bytes, start.failure or part.failure)


def flat_cost(one: Input, captures: Sequence[Input]) -> None:
    """What a packet costs in captures of several lengths; that of `one` packet tells the start-up."""
    print("CPU time per packet in ns, start-up taken off:\n")
    start, *runs = (measure(ours(each.path), each.path) for each in (one, *captures))
    rows = []
    for name, shown in SHOWN.items():
        costs = (cost(run[name], start[name], each.packets) for run, each in zip(runs, captures, strict=True))
        rows.append([shown, start[name].failure or f"{start[name].cpu_s:.2f}", *costs])
    print_table(["", "start-up, CPU s", *(each.path.name for each in captures)], rows)


def cost(run: Run, start: Run, packets: int) -> str:
    return run.failure or f"{(run.cpu_s - start.cpu_s) * 1e9 / packets:,.0f}"


def print_table(head: list[str], rows: Iterable[list[str]]) -> None:
    """Columns of text, all but the first to the right; a row may be shorter than the head."""
    rows = [head, *rows]
    widths = [max(len(row[column]) for row in rows if len(row) == len(head)) for column in range(len(head))]
    widths[0] = max(len(row[0]) for row in rows)
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=False))
        print("  ".join([first.ljust(widths[0]), *cells]).rstrip())


def describe_machine() -> str:
    """Which machine, and which versions of everything that is measured."""
    words = [
        line.partition(":")[2].strip() for line in read("/proc/cpuinfo").splitlines() if "model name" in line
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    processor = words[0] if words else platform.machine()
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    lines = [f"{processor}, {os.cpu_count()} CPUs, {memory:.0f} GB; {system}"]
    packages = ("sctpinspect", "numpy", "polars", "numba", *IN_PYTHON)
    lines.append(", ".join(f"{name} {version}" for name in packages if (version := version_of(name))))
    names = dict.fromkeys(argv[0] for argv in THEIRS.values())
    lines += [said(name) for name in names if shutil.which(name)]
    missing = [*(name for name in names if not shutil.which(name)), *(IN_PYTHON.keys() - importable().keys())]
    lines.append(f"Not installed: {', '.join(missing) or 'nothing'}")
    lines.append(f"{os.getloadavg()[0]:.1f} processes wanted a CPU in the minute before")
    return "\n".join(lines)


def read(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


def version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def said(program: str) -> str:
    output = subprocess.run([program, "--version"], capture_output=True, text=True)
    return (output.stdout or output.stderr).partition("\n")[0]


# ---- measuring


def python(code: str, path: Path) -> list[str]:
    return [sys.executable, "-c", f"import sys; FILE = sys.argv[1]\n{code}", str(path)]


def measure(commands: Mapping[str, list[str]], path: Path) -> dict[str, Run]:
    """The best of each command; they take turns, so that what else the machine does meets all."""
    best: dict[str, Run] = {}
    for _ in range(REPETITIONS):
        for name, argv in commands.items():
            if name in best and (best[name].failure or best[name].seconds > ONCE_IS_ENOUGH_S):
                continue
            load(path)
            run = run_once(argv)
            best[name] = run if run.failure else best_of(run, best.get(name, run))
    return best


def best_of(one: Run, other: Run) -> Run:
    return Run(min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]))


def load(path: Path) -> None:
    """Read the file, so that it is in the page cache."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def run_once(argv: list[str], limit_s: float = LIMIT_S) -> Run:
    with tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=errors)
        too_long = threading.Event()
        timer = threading.Timer(limit_s, lambda: (too_long.set(), process.kill()))
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        last = (
            errors.read().decode(errors="replace").strip().splitlines() or [f"status {process.returncode}"]
        )[-1]
    failure = f"more than {limit_s:.0f} s" if too_long.is_set() else last if process.returncode else ""
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Run(seconds, usage.ru_utime + usage.ru_stime, peak, failure)


if __name__ == "__main__":
    main()
