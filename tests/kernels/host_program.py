"""Run in a guest, a host with SCTP: uses that kernel as this machine's own, and prints what was seen as JSON.

`host_program.py root FOLDER`, or `host_program.py user FOLDER` to do it as nobody.
"""

import json
import os
import sys
import time
from pathlib import Path

import sctpinspect
from sctpinspect.kernels import TimeLimit, choose, facts, guest, host
from sctpinspect.protocol.errors import EnvironmentLacks

NOBODY = 65534
PYTHON = "/usr/bin/python3"  # that anybody may use
RTO_MIN = Path("/proc/sys/net/sctp/rto_min")
SCRIPT = f"""
id -u; pwd; echo > result
for file in ~/outside /var/tmp/outside /dev/shm/own /run/own; do echo > $file && echo $file; done 2>/dev/null
ls /sys/class/net; echo 7 > {RTO_MIN}; cat {RTO_MIN}
sleep 1000 &
exit 5
"""


def main() -> None:
    who, folder = sys.argv[1], Path(sys.argv[2])
    if who == "user" and not os.getuid():
        start_again_as_nobody()
    folder.mkdir()
    before = state()
    seen: dict = {"uid": os.getuid(), "lack": host.lack(), "auto": choose().name, "fact": facts()[0].ok}
    outcome = choose("host").run(["/bin/sh", "-c", SCRIPT], folder, 30)
    seen |= {"status": outcome.status, "log": outcome.log.splitlines(), "left": sorted(os.listdir(folder))}
    try:
        host.Host().run(["/bin/sh", "-c", "setsid sleep 1000 & sleep 1000"], folder, 1)
    except TimeLimit as error:
        seen["time limit"] = str(error)
    for _ in range(100):  # killed processes take a moment
        if state() == before:
            break
        time.sleep(0.1)
    after = state()
    seen["changed"] = {name: [old, after[name]] for name, old in before.items() if old != after[name]}
    if who == "root":
        Path("/proc/sys/user/max_net_namespaces").write_text("0")
        try:
            choose("host")
        except EnvironmentLacks as error:
            seen["no namespaces"] = str(error)
    print(json.dumps(seen))


def start_again_as_nobody() -> None:
    """This package may lie where only its owner comes: nobody gets it by a mount of its own."""
    package = Path(sctpinspect.__file__).parents[1]
    seen = Path("/mnt")
    guest.mount(str(seen), "hostfs", options=str(package))
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    program = seen / Path(__file__).resolve().relative_to(package)
    os.execve(PYTHON, [PYTHON, str(program), *sys.argv[1:]], os.environ | {"PYTHONPATH": str(seen)})


def state() -> dict:
    """What a run must leave as it was."""
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
    return {
        "processes": sorted(command.decode() for command in commands if command),
        "mounts": Path("/proc/mounts").read_text(),
        "devices": os.listdir("/sys/class/net"),
        "setting": RTO_MIN.read_text(),
        "temporary files": os.listdir("/dev/shm"),
    }


if __name__ == "__main__":
    main()
