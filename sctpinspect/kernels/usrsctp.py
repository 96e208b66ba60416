"""usrsctp: FreeBSD's SCTP stack in user space, for hosts that no kernel speaks SCTP for.

Debian's package libusrsctp2 has it.
"""

import ctypes
from collections.abc import Iterator
from pathlib import Path

from sctpinspect.kernels import debian

PACKAGE = "libusrsctp2"
LIBRARY = "libusrsctp.so.2"


def find() -> str | None:
    """The library, as ctypes takes it: this machine's, else the one unpacked earlier, else nothing."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        root = debian.folder_of([PACKAGE])
        return str(next(_libraries(root))) if debian.is_whole(root) else None
    return LIBRARY


def choose() -> str:
    """The library to use, fetched if the machine has none. Raises EnvironmentLacks."""
    return find() or str(next(_libraries(debian.fetch([PACKAGE]))))


def describe() -> str:
    """Where it is, or would come from. Raises EnvironmentLacks."""
    if library := find():
        return library
    debian.require_tools([PACKAGE])
    return f"not here yet, will be fetched into {debian.folder_of([PACKAGE])} when it is needed"


def _libraries(root: Path) -> Iterator[Path]:
    return root.glob(f"usr/lib/*/{LIBRARY}")
