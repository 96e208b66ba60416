"""Kernels with SCTP: this machine's own, or one that is booted for the run. They know no scenario."""

import sys

from sctpinspect.kernels import debian, usrsctp
from sctpinspect.kernels.doctor import Fact, facts
from sctpinspect.kernels.kernel import Kernel, KernelFailed, Outcome, TimeLimit, tail
from sctpinspect.protocol.errors import EnvironmentLacks, UsageError

__all__ = [
    "NAMES",
    "Fact",
    "Kernel",
    "KernelFailed",
    "Outcome",
    "TimeLimit",
    "choose",
    "debian",
    "facts",
    "tail",
    "usrsctp",
]

NAMES = ("auto", "host", "uml")


def choose(name: str = "auto") -> Kernel:
    """The kernel of that name; `auto` takes this machine's own if it can do the work, else user-mode Linux.

    Fetches user-mode Linux if it is needed and not there. Raises UsageError, EnvironmentLacks.
    """
    if name not in (*NAMES, "timetravel"):
        raise UsageError(f"There is no kernel {name}: --kernel takes {', '.join(NAMES)}.")
    if sys.platform != "linux":
        raise EnvironmentLacks("Recording needs Linux: here captures can be read and judged only.")
    if name == "timetravel":
        raise EnvironmentLacks("This version has no time-travel kernel: use --kernel uml.")
    from sctpinspect.kernels import host, uml

    if name == "uml":
        return uml.choose()
    reason = host.lack()
    if not reason:
        return host.Host()
    if name == "host":
        raise EnvironmentLacks(f"{reason}, or use --kernel uml.")
    try:
        return uml.choose()
    except EnvironmentLacks as error:
        raise EnvironmentLacks(f"{reason}. There is no other kernel either: {error}") from None
