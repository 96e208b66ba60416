"""The recording process, on a veth pair of the running kernel."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import threading
import time
from itertools import chain
from pathlib import Path

import pytest

from sctpinspect.journal import STALLED, from_line
from sctpinspect.protocol.errors import EnvironmentLacks
from sctpinspect.recorder import spool
from sctpinspect.recorder.ring import blocks, frames, is_whole

HEAD = bytes.fromhex("02000000000202000000000188b5")
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000


def send(count: int, size: int = 100) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.bind(("left", 0))
        for number in range(count):
            sender.send(HEAD + number.to_bytes(4, "big") + bytes(size))


def recorded(folder: Path) -> list[int]:
    """The numbers in the frames that the spool holds whole."""
    taken = chain.from_iterable(map(frames, blocks((folder / "packets.blocks").read_bytes())))
    return [int.from_bytes(frame.data[14:18], "big") for frame in taken]


def _record(folder: Path, outgoing: bool = False) -> None:
    send(7)
    with spool.recording(folder, outgoing=outgoing):
        send(5000)
    send(7)


def test_what_passes_during_the_body_is_in_the_spool(namespace, tmp_path):
    before = time.time_ns()
    namespace.submit(_record, tmp_path).result()
    assert recorded(tmp_path) == list(range(5000))
    counters = json.loads((tmp_path / "drops.json").read_text())
    assert before < counters.pop("end_ns") < time.time_ns()
    assert counters == {"packets": 5000, "drops": 0, "freezes": 0}
    made = {file.name for file in tmp_path.iterdir()}
    assert made - {spool.STALLS} == {"drops.json", "packets.blocks"}  # this machine may be busy


def test_outgoing_frames_are_taken_where_links_are_impaired(namespace, tmp_path):
    namespace.submit(_record, tmp_path, True).result()
    assert sorted(recorded(tmp_path)) == sorted([*range(5000), *range(5000)])


def _record_and_stand_still(folder: Path) -> None:
    with spool.recording(folder):
        (recorder,) = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
        os.kill(int(recorder), signal.SIGSTOP)
        time.sleep(0.4)
        os.kill(int(recorder), signal.SIGCONT)
        time.sleep(0.2)


def test_a_time_in_which_nothing_ran_is_told(namespace, tmp_path):
    before = time.time_ns()
    namespace.submit(_record_and_stand_still, tmp_path).result()
    told = [from_line(line) for line in (tmp_path / spool.STALLS).read_text().splitlines()]
    lengths = [int(event.text.removeprefix("nothing ran for ").removesuffix(" ms")) for event in told]
    assert {event.name for event in told} == {STALLED} and max(lengths) >= 350
    assert all(before < event.time_ns < time.time_ns() for event in told)


def _record_and_fail(folder: Path) -> None:
    with spool.recording(folder):
        send(3)
        raise RuntimeError("the scenario failed")


def test_a_body_that_fails_is_recorded_all_the_same(namespace, tmp_path):
    with pytest.raises(RuntimeError, match="the scenario failed"):
        namespace.submit(_record_and_fail, tmp_path).result()
    assert recorded(tmp_path) == [0, 1, 2]
    assert json.loads((tmp_path / "drops.json").read_text())["packets"] == 3


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def _record_and_kill_the_recorder(folder: Path) -> None:
    with spool.recording(folder):
        send(3000)
        while len(recorded(folder)) < 3000:
            time.sleep(0.01)
        os.kill(_children()[0], signal.SIGKILL)


def test_a_recorder_that_is_killed_is_reported_and_loses_nothing_it_had(namespace, tmp_path):
    with pytest.raises(EnvironmentLacks, match="the recorder ended early"):
        namespace.submit(_record_and_kill_the_recorder, tmp_path).result()
    assert recorded(tmp_path) == list(range(3000))
    assert not (tmp_path / "drops.json").exists()


def _record_and_die(folder: Path) -> None:
    pid = os.fork()
    if not pid:
        with spool.recording(folder):
            send(300)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    while not (folder / "drops.json").exists():
        time.sleep(0.01)


def test_the_recorder_ends_in_order_when_its_parent_is_killed(namespace, tmp_path):
    namespace.submit(_record_and_die, tmp_path).result()
    assert recorded(tmp_path) == list(range(300))
    assert json.loads((tmp_path / "drops.json").read_text())["drops"] == 0


def _record_while_another_process_lives_on(folder: Path) -> int:
    with spool.recording(folder):
        pid = os.fork()  # inherits the recorder's pipe
        if not pid:
            time.sleep(60)
            os._exit(0)
        send(3)
    os.kill(pid, signal.SIGTERM)
    return os.waitpid(pid, 0)[1]


def test_the_recorder_ends_though_another_process_lives_on(namespace, tmp_path):
    assert namespace.submit(_record_while_another_process_lives_on, tmp_path).result() == signal.SIGTERM
    assert recorded(tmp_path) == [0, 1, 2]


def _record_through_an_interrupt(folder: Path) -> None:
    with spool.recording(folder):
        os.kill(_children()[0], signal.SIGINT)  # Ctrl-C reaches all processes of a terminal
        send(3)


def test_an_interrupt_does_not_end_the_recorder(namespace, tmp_path):
    namespace.submit(_record_through_an_interrupt, tmp_path).result()
    assert recorded(tmp_path) == [0, 1, 2]


def _record_to_a_small_disk(folder: Path) -> list[int]:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", folder], check=True)
    try:
        with spool.recording(folder):
            send(2000, size=1000)
    except EnvironmentLacks as error:
        assert str(error) == f"cannot record packets to {folder}: No space left on device: make room there"
    else:
        raise AssertionError("a full disk was not reported")
    assert not (folder / "drops.json").exists()
    assert all(map(is_whole, blocks((folder / "packets.blocks").read_bytes())))
    return recorded(folder)


def test_a_full_disk_is_reported_and_leaves_whole_blocks(namespace, tmp_path):
    numbers = namespace.submit(_record_to_a_small_disk, tmp_path).result()
    assert numbers == list(range(len(numbers)))


def test_a_folder_that_cannot_be_written_is_reported(namespace, tmp_path):
    with pytest.raises(EnvironmentLacks, match="No such file or directory"):
        namespace.submit(_record, tmp_path / "missing").result()


def _record_without_rights(folder: Path) -> None:
    libc = ctypes.CDLL(None)
    PR_CAPBSET_DROP, CAP_NET_RAW = 24, 13
    libc.prctl(PR_CAPBSET_DROP, CAP_NET_RAW)
    os.setgroups([])
    os.setresuid(65534, 65534, 65534)
    with spool.recording(folder):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give its rights up")
def test_a_lack_of_rights_is_reported(namespace, tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(EnvironmentLacks, match="Operation not permitted: packet sockets need root"):
        namespace.submit(_record_without_rights, tmp_path).result()
