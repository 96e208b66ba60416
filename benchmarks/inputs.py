"""The captures that the benchmarks read. Each is made once.

    python benchmarks/inputs.py [--folder FOLDER] [--quick | --large]

    kernel.pcapng       a million packets of a real kernel, recorded as by the sandbox (traffic.py), and
    kernel.pcap         the same packets
    kernel-N.pcap       the first N of them: 10,000, 20,000, 100,000, 1,000,000
    associations.pcap   100,000 whole associations, 1,500,000 packets (associations.py)
    associations-N.pcap the first N of them: 1, 20,000

With --quick only 1,000 associations and some beginnings of that file, without a kernel. With --large only

    large.pcap              5 GB: associations of a few to some hundred messages, small and large ones
    one-association.pcap    2 GB
    ten-million.pcap        10,000,000 associations, 12 GB

Prints a line of JSON for each: its path, packets and bytes. FOLDER is `benchmarks` in this user's cache
folder of sctpinspect unless another is named.
"""

import argparse
import json
import mmap
import shutil
import struct
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from sctpinspect.protocol import SctpInspectError

LARGE_SPACE = 60_000_000_000

Maker = Callable[[Path], object]


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the captures that the benchmarks read.")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    folder = options.folder or default_folder()
    folder.mkdir(parents=True, exist_ok=True)
    makers = quick() if options.quick else large() if options.large else full()
    if options.large and (lacking := LARGE_SPACE - held(folder) - shutil.disk_usage(folder).free) > 0:
        sys.exit(
            f"{folder} lacks {lacking / 1e9:,.0f} GB for the captures and what is made of them while they are"
            " read; make room, or use --folder and TMPDIR"
        )
    for name, maker in makers.items():
        try:
            make(folder / name, maker)
        except SctpInspectError as error:
            sys.exit(f"{name} cannot be made: {error} With --quick, no kernel is needed.")
        size = (folder / name).stat().st_size
        print(json.dumps({"path": str(folder / name), "packets": count(folder / name), "bytes": size}))


def held(folder: Path) -> int:
    """Bytes of the large captures that are there already."""
    return sum(path.stat().st_size for name in large() if (path := folder / name).exists())


def default_folder() -> Path:
    from sctpinspect.kernels.debian import cache_folder

    return cache_folder() / "benchmarks"


def make(path: Path, maker: Maker) -> None:
    """Have `maker` write the file unless it is there; what is made by half has another name."""
    if not path.exists():
        print(f"making {path}", file=sys.stderr)
        unfinished = path.with_name(f".{path.name}.unfinished")
        maker(unfinished)
        unfinished.replace(path)


def quick() -> dict[str, Maker]:
    lengths = (1, 1_000, 2_000, 10_000)
    return {"quick.pcap": associations(1_000), **beginnings("quick.pcap", lengths)}


def full() -> dict[str, Maker]:
    return {
        "kernel.pcapng": kernel,
        "kernel.pcap": to_pcap,
        **beginnings("kernel.pcap", (10_000, 20_000, 100_000, 1_000_000)),
        "associations.pcap": associations(100_000),
        **beginnings("associations.pcap", (1, 20_000)),
    }


def large() -> dict[str, Maker]:
    return {
        "large.pcap": associations(100_000, exchanges=70, mixed=True, varied=True),
        "one-association.pcap": associations(1, exchanges=2_900_000, mixed=True),
        "ten-million.pcap": associations(10_000_000, exchanges=1),
    }


# ---- making them


def kernel(path: Path) -> None:
    import traffic

    print(traffic.record(path), file=sys.stderr)


def associations(number: int, exchanges: int = 4, *, mixed: bool = False, varied: bool = False) -> Maker:
    def write(path: Path) -> None:
        import associations

        sizes = associations.MIXED if mixed else associations.SMALL
        associations.write(path, number, exchanges, sizes, varied=varied)

    return write


def beginnings(name: str, lengths: tuple[int, ...]) -> dict[str, Maker]:
    """Files with the first packets of a classic pcap, which lies beside them."""
    stem = name.removesuffix(".pcap")
    return {f"{stem}-{length}.pcap": partial(cut, name, length) for length in lengths}


def cut(name: str, length: int, path: Path) -> None:
    data = mapped(path.with_name(name))
    end = 24
    for number, (begin, captured) in enumerate(records(data), 1):
        end = begin + captured
        if number == length:
            path.write_bytes(data[:end])
            return
    raise ValueError(f"{name} has less than {length} packets")


def to_pcap(path: Path) -> None:
    """The packets of kernel.pcapng as a classic pcap with nanoseconds."""
    data = mapped(path.with_name("kernel.pcapng"))
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1))
        for begin, captured in packet_blocks(data):
            high, low, _, original = struct.unpack_from("<IIII", data, begin - 16)
            file.write(struct.pack("<IIII", *divmod(high << 32 | low, 1_000_000_000), captured, original))
            file.write(data[begin : begin + captured])


# ---- reading them: made here, so there is no need for care


def mapped(path: Path) -> mmap.mmap:
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def count(path: Path) -> int:
    data = mapped(path)
    return sum(1 for _ in (packet_blocks(data) if path.suffix == ".pcapng" else records(data)))


def records(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Of each packet of a classic pcap where its bytes begin, and how many were captured."""
    offset, end = 24, len(data)
    while offset < end:
        captured = int.from_bytes(data[offset + 8 : offset + 12], "little")
        yield offset + 16, captured
        offset += 16 + captured


def packet_blocks(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    """The same for the Enhanced Packet Blocks of a pcapng."""
    offset, end = 0, len(data)
    while offset < end:
        kind, total = struct.unpack_from("<II", data, offset)
        if kind == 6:
            yield offset + 28, int.from_bytes(data[offset + 20 : offset + 24], "little")
        offset += total


if __name__ == "__main__":
    main()
