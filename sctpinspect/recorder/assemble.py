"""A spool becomes a capture file: packets and journal in the order of their nanoseconds, in one pcapng."""

import heapq
import json
import mmap
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, NamedTuple

from sctpinspect.journal.entry import Call, Event, from_line, to_fields
from sctpinspect.kernels.sudo import as_owner
from sctpinspect.protocol.errors import UsageError
from sctpinspect.recorder import pcapng, ring
from sctpinspect.recorder.delivery import deliveries
from sctpinspect.recorder.ring import Frame
from sctpinspect.recorder.spool import DROPS, PACKETS

RECIPE, JOURNALS = "recipe.json", "*.journal"
RECIPE_PREFIX = "sctpinspect recipe: "
RING_COMMENT = "the ring's counter, which is one for all interfaces, stands at the first"

Record = tuple[int, bytes]  # time in ns, pcapng block


class Summary(NamedTuple):
    """What is in a capture file that was made of a spool."""

    packets: int
    calls: int
    events: int
    dropped: int | None  #: frames that the ring lost; None: unknown, its counters were not written
    truncated: bool  #: whether the end of a block or of a journal line is missing


def assemble(folder: Path, out: Path, *, interrupted: bool = False) -> Summary:
    """Make a capture file `out` of the spool in `folder`; an `interrupted` run's recipe says so.

    `out` is replaced when all is written, and on any failure stays as it was. Of a spool that was cut short,
    all that is whole is taken. Raises UsageError: `out` cannot be written; FileNotFoundError or ValueError:
    the folder has no (whole) recipe, so nothing was recorded yet.
    """
    recipe = json.loads((folder / RECIPE).read_bytes())
    if interrupted:
        recipe["interrupted"] = True
    interfaces = {interface["ifindex"]: interface for interface in recipe["interfaces"]}
    counters = _counters(folder)
    dropped = counters.get("drops")
    spool = _spool(folder)
    entries, is_cut = _journal(folder)
    comments = {}
    if recipe["impaired"]:
        end_ns = counters.get("end_ns", 0)
        comments = deliveries(_frames_in_order(spool), interfaces, end_ns, complete=dropped == 0)
    received = Counter(dict.fromkeys(interfaces, 0))
    packets = _packets(_frames_in_order(spool), received, comments, copies=not recipe["impaired"])
    journal = ((entry[0], pcapng.journal_entry(to_fields(entry))) for entry in entries)
    is_cut = is_cut or not all(map(ring.is_whole, ring.blocks(spool)))
    with replacing(out, unfinished_name(folder, out)) as file:
        file.write(_head(recipe))
        last_ns = 0
        for time_ns, block in heapq.merge(journal, packets, key=itemgetter(0)):
            file.write(block)
            last_ns = time_ns
        for number, count in enumerate(received.values()):
            lost = dropped if number == 0 or not dropped else 0
            file.write(pcapng.statistics(number, counters.get("end_ns", last_ns), count, lost, RING_COMMENT))
    calls = sum(isinstance(entry, Call) for entry in entries)
    return Summary(received.total(), calls, len(entries) - calls, dropped, is_cut)


def _head(recipe: Mapping[str, Any]) -> bytes:
    comment = RECIPE_PREFIX + json.dumps(recipe, separators=(",", ":"))
    descriptions = [
        pcapng.interface(
            interface["name"],
            ", ".join([f"host {interface['host']}", f"path {interface['path']}", *interface["addresses"]]),
        )
        for interface in recipe["interfaces"]
    ]
    return b"".join([pcapng.section(f"sctpinspect {recipe['sctpinspect']}", [comment]), *descriptions])


def _packets(
    frames: Iterator[Frame], received: Counter[int], comments: Mapping[int, str], *, copies: bool
) -> Iterator[Record]:
    """The packets of the interfaces in `received`, which counts them; outgoing ones only with `copies`."""
    numbers = {ifindex: number for number, ifindex in enumerate(received)}
    for index, frame in enumerate(frames):
        time_ns, ifindex, packet_type, _, length, data, vlan = frame
        if ifindex not in numbers or (packet_type == ring.OUTGOING and not copies):
            continue
        received[ifindex] += 1
        direction = pcapng.OUTBOUND if packet_type == ring.OUTGOING else pcapng.INBOUND
        if vlan:
            data, length = memoryview(ring.with_vlan(frame)), length + len(vlan)
        told = [comments[index]] if index in comments else []
        yield time_ns, pcapng.packet(numbers[ifindex], time_ns, data, length, direction, *told)


def _frames_in_order(spool: memoryview) -> Iterator[Frame]:
    """All frames by time. Two CPUs may store theirs in the wrong order, but not by more than a block."""
    before: list[Frame] = []
    for block in ring.blocks(spool):
        both = sorted([*before, *ring.frames(block)], key=itemgetter(0))
        yield from both[: len(before)]
        before = both[len(before) :]
    yield from before


def _spool(folder: Path) -> memoryview:
    try:
        with open(folder / PACKETS, "rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (FileNotFoundError, ValueError):  # the recording has not begun, or nothing came
        return memoryview(b"")


def _counters(folder: Path) -> dict[str, int]:
    try:
        return json.loads((folder / DROPS).read_bytes())
    except FileNotFoundError:  # the recording was killed
        return {}


def _journal(folder: Path) -> tuple[list[Call | Event], bool]:
    """All journal entries by time, and whether a file ends within a line."""
    entries: list[Call | Event] = []
    is_cut = False
    for file in sorted(folder.glob(JOURNALS)):
        *lines, rest = file.read_text(errors="replace").split("\n")
        entries.extend(entry for entry in map(from_line, lines) if entry)
        is_cut = is_cut or bool(rest)
    return sorted(entries, key=itemgetter(0)), is_cut


def unfinished_name(folder: Path, out: Path) -> Path:
    """The file that becomes `out` when the spool in `folder` is wholly written to it."""
    return out.with_name(f".{out.name}.{folder.name}.unfinished")


@contextmanager
def replacing(out: Path, unfinished: Path) -> Iterator[IO[bytes]]:
    """A file to write, which takes the place of `out` at the end of the body, or vanishes if that fails.

    Folders that `out` lacks are made, and vanish with it. Raises UsageError: it cannot be written.
    """
    try:
        with as_owner(out.parent):
            missing = [folder for folder in out.parents if not folder.exists()]
            try:
                out.parent.mkdir(parents=True, exist_ok=True)
                with open(unfinished, "wb", buffering=1 << 20) as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(unfinished, out)
            except BaseException:
                for undo in (unfinished.unlink, *(folder.rmdir for folder in missing)):
                    with suppress(OSError):
                        undo()
                raise
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}; choose another file or make room") from error
