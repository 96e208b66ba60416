"""This machine's own kernel, in fresh namespaces: as root, or in an unprivileged user namespace."""

import errno
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sctpinspect.kernels.kernel import (
    KernelFailed,
    Outcome,
    TimeLimit,
    Work,
    guest_command,
    read_outcome,
    run_to_end,
    write_job,
)

PROBE = Path(__file__).with_name("probe.py")
PROBE_LIMIT_S = 10


@dataclass(frozen=True, slots=True)
class Host:
    """The running kernel."""

    name: str = "host"

    def run(
        self,
        argv: Sequence[str],
        folder: Path,
        limit_s: float,
        meanwhile: Work | None = None,
        writable: Sequence[Path] = (),
    ) -> Outcome:
        """Run `argv` in fresh namespaces, without root one of users among them; see Kernel.run."""
        command = guest_command(write_job(argv, folder, writable))
        code = run_to_end(command, folder / "kernel.log", limit_s, meanwhile)
        return read_outcome(folder, "The process that makes the namespaces", code)


def lack() -> str | None:
    """What keeps this machine's own kernel from doing the work, with the remedy; nothing if it can.

    It can if one small path can be built in fresh namespaces and an SCTP socket listens there.
    """
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, str(error))
        return f"This machine's kernel has no SCTP (socket: {code}): load its module (sudo modprobe sctp)"
    with tempfile.TemporaryDirectory(prefix="sctpinspect-") as folder:
        try:
            probe = [sys.executable, "-I", "-S", str(PROBE)]
            outcome = Host().run(probe, Path(folder).resolve(), PROBE_LIMIT_S)
        except (KernelFailed, TimeLimit) as error:
            return f"This machine's kernel gives no namespaces ({error.args[0].rstrip('.')}): use sudo"
    if outcome.status:
        words = outcome.log.strip()
        return f"This machine's kernel lacks {words}: load its modules (sudo modprobe -a sctp veth bridge)"
    return None
