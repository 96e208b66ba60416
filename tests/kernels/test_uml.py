"""User-mode Linux, really booted."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from sctpinspect.kernels import KernelFailed, TimeLimit, uml

LIMIT_S = 60
PYTHON = (sys.executable, "-I", "-S", "-c")
CRASH = (*PYTHON, "open('/proc/sysrq-trigger', 'w').write('c')")
# Runs a program in a guest, for tests that end the calling process.
CALLER = """
import sys
from pathlib import Path
from sctpinspect.kernels import uml
uml.choose().run(sys.argv[2:], Path(sys.argv[1]), 60)
"""


def test_status_output_folder_and_rights(kernel, folder):
    script = "id -u; pwd; echo to stderr >&2; cat; echo kept > result; exit 7"
    outcome = kernel.run(["/bin/sh", "-c", script], folder, LIMIT_S)
    assert outcome.status == 7
    assert outcome.log.splitlines() == ["0", str(folder), "to stderr"]
    assert (folder / "log").read_text() == outcome.log
    assert (folder / "result").read_text() == "kept\n"
    assert sorted(os.listdir(folder)) == ["log", "result"]


def test_folder_can_be_used_again(kernel, folder):
    kernel.run(["/bin/sh", "-c", "echo first; exit 1"], folder, LIMIT_S)
    outcome = kernel.run(["/bin/sh", "-c", "echo second"], folder, LIMIT_S)
    assert (outcome.status, outcome.log) == (0, "second\n")


def test_a_signal_and_a_missing_program_have_the_shells_status(kernel, folder):
    assert kernel.run(["/bin/sh", "-c", "kill -KILL $$"], folder, LIMIT_S).status == 128 + signal.SIGKILL
    outcome = kernel.run(["/no/such/program"], folder, LIMIT_S)
    assert outcome.status == 127
    assert outcome.log == "/no/such/program: No such file or directory\n"


def test_an_environment_where_the_guest_has_its_own_files_is_seen(kernel, folder, monkeypatch):
    """A clone or virtual environment below /dev/shm; it cannot be written."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as environment:
        Path(environment, "there").write_text("seen")
        script = f"cat {environment}/there; echo > {environment}/new"
        assert "seen" not in kernel.run(["/bin/sh", "-c", script], folder, LIMIT_S).log
        monkeypatch.setattr(sys, "prefix", environment)
        outcome = kernel.run(["/bin/sh", "-c", script], folder, LIMIT_S)
        assert outcome.log.startswith("seen") and outcome.status != 0
        assert [file.name for file in Path(environment).iterdir()] == ["there"]


def test_only_the_folder_can_be_written(kernel, folder, tmp_path):
    outside = [tmp_path / "outside", Path.home() / "outside", Path("/var/tmp/sctpinspect-outside")]
    own = [Path("/run/own"), Path("/dev/shm/sctpinspect-own")]
    script = 'for file; do echo > "$file" && echo "$file"; done 2>/dev/null; true'
    outcome = kernel.run(["/bin/sh", "-c", script, "sh", *map(str, outside + own), "inside"], folder, LIMIT_S)
    assert outcome.log.splitlines() == [*map(str, own), "inside"]
    assert not any(file.exists() for file in outside + own)
    assert (folder / "inside").exists()


def test_a_folder_below_dev_shm(kernel):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        outcome = kernel.run(["/bin/sh", "-c", "echo > result"], Path(folder), LIMIT_S)
        assert outcome.status == 0
        assert Path(folder, "result").exists()


def test_a_message_over_sctp(kernel, folder):
    program = """
import fcntl, socket, struct
with socket.socket() as any:
    fcntl.ioctl(any, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
server.bind(("127.0.0.1", 4444))
server.listen()
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
client.connect(("127.0.0.1", 4444))
client.send(b"DATA 0")
print(server.accept()[0].recv(100))
"""
    outcome = kernel.run([*PYTHON, program], folder, LIMIT_S)
    assert (outcome.status, outcome.log) == (0, "b'DATA 0'\n")


def test_a_missing_module_is_missed_where_it_is_used(kernel, folder, monkeypatch):
    script = "cut -d' ' -f1 /proc/modules; grep -c SCTP /proc/net/protocols"
    monkeypatch.setattr(uml, "MODULES", ("veth", "no_such_module"))
    outcome = kernel.run(["/bin/sh", "-c", script], folder, LIMIT_S)
    assert outcome.log.splitlines() == ["veth", "0"]


def test_time_limit(kernel, folder, left_behind):
    start = time.monotonic()
    kernel.run(["/bin/true"], folder, LIMIT_S)
    limit_s = 1 + 3 * (time.monotonic() - start)  # ample for booting, on a busy machine too
    with pytest.raises(TimeLimit, match=r"not done after .* s and was ended"):
        kernel.run(["/bin/sh", "-c", "echo begun; sleep 1000"], folder, limit_s)
    assert (folder / "log").read_text() == "begun\n"
    assert not left_behind()


def test_something_is_done_meanwhile(kernel, folder):
    done = []
    outcome = kernel.run(
        ["/bin/sh", "-c", "while [ ! -e go ]; do sleep 0.05; done; echo gone on"],
        folder,
        LIMIT_S,
        lambda: done.append((folder / "go").touch()),
    )
    assert (done, outcome.log) == ([None], "gone on\n")


def test_what_is_interrupted_meanwhile_leaves_nothing_behind(kernel, folder, left_behind):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kernel.run(["/bin/sh", "-c", "sleep 1000"], folder, LIMIT_S, interrupt)
    assert not left_behind()


def test_a_guest_that_is_killed_says_so(kernel, folder, left_behind):
    def kill():
        while not (log := folder / "log").exists() or not log.stat().st_size:
            time.sleep(0.01)
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        (guest,) = (pid for pid in children if b"linux.uml" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(int(guest), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(KernelFailed, match="it was killed; if nobody did that, memory ran out"):
        kernel.run(["/bin/sh", "-c", "echo begun; sleep 1000"], folder, LIMIT_S)
    killer.join()
    deadline = time.monotonic() + LIMIT_S
    while left_behind() and time.monotonic() < deadline:  # its processes are killed, but not all waited for
        time.sleep(0.01)
    assert not left_behind()


def test_crash(kernel, folder, left_behind):
    with pytest.raises(KernelFailed, match="ended before the program did: Kernel panic"):
        kernel.run(CRASH, folder, LIMIT_S)
    assert "Kernel panic" in (folder / "kernel.log").read_text()
    assert not left_behind()
    assert not (folder / "core").exists()


def test_not_enough_memory_ends_in_a_sentence(kernel, folder, left_behind, monkeypatch):
    monkeypatch.setattr(uml, "MEMORY_MIB", 8)
    with pytest.raises(KernelFailed, match="ended before the program did"):
        kernel.run(["/bin/true"], folder, LIMIT_S)
    assert not left_behind()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_caller(kernel, folder, left_behind, number):
    program = ["/bin/sh", "-c", "echo > running; sleep 1000"]
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, folder, *program], start_new_session=True, stderr=subprocess.PIPE
    )
    try:
        wait_for((folder / "running").exists)
        caller.send_signal(number)
        error = caller.communicate(timeout=20)[1]
    finally:
        caller.kill()
    assert caller.returncode == -number
    assert (number == signal.SIGINT) == (b"KeyboardInterrupt" in error)
    wait_for(lambda: not left_behind(caller.pid))


def test_two_at_once(kernel, tmp_path):
    """Each waits for the other's file, which it sees as the guest sees all of this machine's files."""
    outcomes = {}

    def run(name: str, other: str) -> None:
        (tmp_path / name).mkdir()
        script = f"echo > here; until [ -e ../{other}/here ]; do sleep 0.1; done; echo {name}"
        outcomes[name] = kernel.run(["/bin/sh", "-c", script], tmp_path / name, LIMIT_S)

    threads = [threading.Thread(target=run, args=pair) for pair in (("one", "two"), ("two", "one"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: outcome.log for name, outcome in outcomes.items()} == {"one": "one\n", "two": "two\n"}


def test_guests_side_by_side_have_cpus_of_their_own():
    cpus = os.sched_getaffinity(0)
    with uml.own_cpu() as first, uml.own_cpu() as second:
        assert {first, second} <= cpus
        assert first != second or len(cpus) == 1
    with uml.own_cpu() as again:
        assert again in cpus


def test_full_disk(kernel, folder, left_behind):
    """The program is told, and a result that cannot be written is no result."""
    caller = f"""
mount -t tmpfs -o size=64k none "$1" || exit 90
cd "$1" && exec {sys.executable} - "$1" /bin/sh -c 'head -c 1000000 /dev/zero > big; echo program saw $? >&2'
"""
    unshare = ["unshare", "--map-root-user", "--mount", "/bin/sh", "-c", caller, "sh", str(folder)]
    done = subprocess.run(unshare, input=CALLER, capture_output=True, text=True, timeout=LIMIT_S)
    if done.returncode == 90 or "unshare" in done.stderr:
        pytest.skip(f"no right to mount a small file system: {done.stderr}")
    assert "KernelFailed" in done.stderr
    assert "No space left on device" in done.stderr
    assert not left_behind()


def wait_for(condition) -> None:
    """Returns when it holds; fails if it does not within a time that is ample."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
