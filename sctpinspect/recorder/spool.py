"""The recording process: whole ring blocks go to a file while a run lasts, and nothing in them is looked at.

The spool is a folder: `packets.blocks`, the ring's blocks one after another, and at the end `drops.json`,
the kernel's counters; and `stalls.journal`, if the machine stood still for a while. Runs in the guest, with
the standard library only.
"""

import errno
import json
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from sctpinspect.journal import Event, stall, to_line
from sctpinspect.protocol.errors import EnvironmentLacks
from sctpinspect.recorder.ring import BLOCKS, Ring

PACKETS, DROPS, STALLS = "packets.blocks", "drops.json", "stalls.journal"
TICK_MS = 50  # the recorder wakes at least so often
STALL_NS = 150_000_000  # if it did not for so long, though it comes before all others, nothing ran

_UP = b"\n"


@contextmanager
def recording(folder: Path, *, outgoing: bool = False, blocks: int = BLOCKS) -> Iterator[None]:
    """Record all interfaces of this network namespace to `folder`, by a process, while the body runs.

    The body begins when the ring is up, and what passed during the body is in the spool. Frames on their
    way out are left out unless `outgoing`. The ring has so many blocks, of 1 MiB. Raises EnvironmentLacks
    when it cannot record, or could not record all (no right to packet sockets, disk full).
    """
    stop, ask = os.pipe()
    hear, tell = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(ask)
        os.close(hear)
        _be_the_recorder(folder, stop, tell, outgoing, blocks)
    os.close(stop)
    os.close(tell)
    with open(hear, "rb") as report:
        is_up = report.read(1)
        try:
            if is_up == _UP:
                yield
        finally:
            with suppress(BrokenPipeError):
                os.write(ask, b"\n")
            os.close(ask)
            reason = report.read().decode().strip()
            _, status = os.waitpid(pid, 0)
    if status:
        raise EnvironmentLacks(f"cannot record packets to {folder}: {reason or 'the recorder ended early'}")


def _be_the_recorder(folder: Path, stop: int, tell: int, outgoing: bool, blocks: int) -> NoReturn:
    # Ctrl-C goes to all processes of the terminal; this one ends when its parent has ended or says so.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Where there is one CPU for all, the programs that are recorded must not outrun the recorder.
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    status = 1
    try:
        record(folder, stop, tell, outgoing=outgoing, blocks=blocks)
        status = 0
    except Exception as error:
        # Not to a file: the disk may be full. The space stands where the ring's being up would be told.
        os.write(tell, f" {_sentence(error)}".encode())
    finally:
        os._exit(status)


def _sentence(error: Exception) -> str:
    if not isinstance(error, OSError):
        return repr(error)
    ways_out = {
        errno.ENOSPC: ": make room there",
        errno.EPERM: ": packet sockets need root or a user namespace",
    }
    return f"{error.strerror}{ways_out.get(error.errno or 0, '')}"


def record(folder: Path, stop: int, tell: int, *, outgoing: bool = False, blocks: int = BLOCKS) -> None:
    """Append ring blocks to the spool until the descriptor `stop` is readable or its other end is closed.

    A line end is written to `tell` once the ring is up. Raises OSError (disk full among others); the spool
    then ends with its last whole block, and the counters are missing.
    """
    with Ring(outgoing=outgoing, blocks=blocks) as ring, open(folder / PACKETS, "xb", buffering=0) as spool:
        os.write(tell, _UP)
        waiting = select.poll()
        waiting.register(ring, select.POLLIN)
        waiting.register(stop, select.POLLIN)
        last_ns = time.time_ns()
        while all(descriptor != stop for descriptor, _ in waiting.poll(TICK_MS)):
            now_ns = time.time_ns()
            if now_ns - last_ns > STALL_NS:
                _note(folder, stall(last_ns, now_ns))
            last_ns = now_ns
            while block := ring.read(0):
                _append(spool.fileno(), block)
        end_ns = time.time_ns()
        for block in ring.drain():
            _append(spool.fileno(), block)
        counters = {**ring.drops()._asdict(), "end_ns": end_ns}
    unfinished = folder / f"{DROPS}.unfinished"
    unfinished.write_text(json.dumps(counters))
    unfinished.replace(folder / DROPS)


def _note(folder: Path, event: Event) -> None:
    with open(folder / STALLS, "a") as file:
        file.write(to_line(event) + "\n")


def _append(spool: int, block: memoryview) -> None:
    # Straight from the ring: in a user-mode Linux each page that Python itself touches costs 80 us at first.
    start = os.lseek(spool, 0, os.SEEK_CUR)
    written = 0
    try:
        while written < len(block):
            written += os.write(spool, block[written:])
    except OSError:
        os.ftruncate(spool, start)
        raise
