"""The first process in a kernel: prepares what a program needs, runs it, tells its status, ends everything.

It is started as a file (`python -I -S guest.py JOB`), because importing is slow in a booted kernel: standard
library only, and little of it. The job is JSON: argv, environment, folder, writable (folders, that one too),
shown (folders of the machine that are needed though they lie where others are mounted); and for a booted
kernel, modules.
"""

import ctypes
import errno
import json
import os
import sys

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER = 1 << 17, 1 << 27, 1 << 28
CLONE_NEWPID, CLONE_NEWNET = 1 << 29, 1 << 30
MS_RDONLY, MS_BIND, MS_REC, MS_PRIVATE = 1, 4096, 16384, 1 << 18
SYS_FINIT_MODULE = 313  # x86-64, as user-mode Linux is
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
PR_SET_PDEATHSIG, SIGKILL = 1, 9
RB_POWER_OFF = 0x4321FEDC
LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Do the job in the file named by the first argument. A job that leaves no file `status` has failed."""
    with open(sys.argv[1]) as file:
        job = json.load(file)
    try:
        if "modules" in job:
            boot(job)
        else:
            enter_namespaces(job["writable"], job["shown"])
        run(job)
    except OSError as error:
        way_out = f": make room in {job['folder']}" if error.errno == errno.ENOSPC else ""
        os.write(2, f"sctpinspect: {error.strerror}{way_out}\n".encode())
    if "modules" in job:
        os.sync()
        LIBC.reboot(RB_POWER_OFF)


def boot(job: dict) -> None:
    """What an init does on a machine that has just booted."""
    mount("/dev", "devtmpfs")
    console = os.open("/dev/console", os.O_RDWR)  # a container's /dev may have none for the kernel to open
    for number in (0, 1, 2):
        os.dup2(console, number)
    os.mkdir("/dev/pts")
    os.mkdir("/dev/shm")
    mount("/dev/pts", "devpts")
    mount("/dev/shm", "tmpfs")
    mount("/run", "tmpfs")
    mount("/proc", "proc")
    mount("/sys", "sysfs")
    for folder in job["shown"]:
        os.makedirs(folder, exist_ok=True)
        mount(folder, "hostfs", options=folder, flags=MS_RDONLY)
    for folder in job["writable"]:
        os.makedirs(folder, exist_ok=True)  # it may lie below those
        mount(folder, "hostfs", options=folder)
    load_modules(f"{job['modules']}/{os.uname().release}", job["module_names"])


def load_modules(folder: str, names: list[str]) -> None:
    """Load modules and what they depend on. One that is not there is built in, or missed where it is used."""
    with open(folder + "/modules.dep") as file:
        lines = [line.split(":") for line in file]
    known = {path.rpartition("/")[2].removesuffix(".ko"): (path, needs.split()) for path, needs in lines}
    loaded = set()
    for path, needs in (known[name] for name in names if name in known):
        for module in (*reversed(needs), path):
            if module not in loaded:
                loaded.add(module)
                with open(f"{folder}/{module}", "rb") as file:
                    LIBC.syscall(SYS_FINIT_MODULE, file.fileno(), b"", 0)


def enter_namespaces(writable: list, shown: list) -> None:
    """Become pid 1 of fresh namespaces of this machine's kernel, with `writable` alone to be written.

    Without root a user namespace gives the rights. The process before it waits, and ends as this one does.
    """
    flags = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET
    uid, gid = os.geteuid(), os.getegid()
    if LIBC.unshare(flags):
        check(LIBC.unshare(flags | CLONE_NEWUSER), "no rights to make namespaces")
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    LIBC.prctl(PR_SET_PDEATHSIG, SIGKILL)  # the new rights have cleared it
    if init := os.fork():
        os._exit(os.waitstatus_to_exitcode(os.waitpid(init, 0)[1]) != 0)
    LIBC.prctl(PR_SET_PDEATHSIG, SIGKILL)
    mount("/", "none", flags=MS_REC | MS_PRIVATE)
    before = [(other, os.open(other, os.O_PATH)) for other in (*shown, *writable)]
    set_read_only("/", True, AT_RECURSIVE)
    for target, kind in (("/proc", "proc"), ("/sys", "sysfs"), ("/dev/shm", "tmpfs"), ("/run", "tmpfs")):
        try:
            mount(target, kind)
        except OSError:  # a container's masks forbid it: the old one then serves, as far as it does
            set_read_only(target, False)
    for other, descriptor in before:
        os.makedirs(other, exist_ok=True)
        mount(other, "none", source=f"/proc/self/fd/{descriptor}", flags=MS_BIND)
    for folder in writable:
        set_read_only(folder, False)


def mount(target: str, kind: str, *, source: str = "none", options: str = "", flags: int = 0) -> None:
    """mount(2). Raises OSError."""
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode(), flags, os.fsencode(options))
    check(LIBC.mount(*arguments), f"cannot mount {kind} on {target}")


def set_read_only(target: str, on: bool, flags: int = 0) -> None:
    """mount_setattr(2); kernels before 5.12 do not have it, and then nothing is protected."""
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY * on, MOUNT_ATTR_RDONLY * (not on), 0, 0)
    size = ctypes.sizeof(attributes)
    LIBC.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, os.fsencode(target), flags, attributes, size)


def check(result: int, what: str) -> None:
    """Raises OSError if a system call has failed."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def run(job: dict) -> None:
    """Run the job's program with its output in `log`, wait for it, and leave its exit status in `status`."""
    os.chdir(job["folder"])
    program = os.fork()
    if not program:
        become(job)
    while True:
        pid, status = os.wait()  # as pid 1 of orphans too
        if pid == program:
            break
    code = os.waitstatus_to_exitcode(status)
    with open("status.new", "w") as file:
        file.write(str(code if code >= 0 else 128 - code))
    os.rename("status.new", "status")


def become(job: dict) -> None:
    """Become the job's program; never returns."""
    try:
        os.setsid()
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), 1)
        os.dup2(1, 2)
        os.execve(job["argv"][0], job["argv"], job["environment"])
    except OSError as error:
        os.write(2, f"{job['argv'][0]}: {error.strerror}\n".encode())
    os._exit(127)


if __name__ == "__main__":
    main()
