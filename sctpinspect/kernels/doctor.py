"""What this machine has for recording, as `sctpinspect doctor` tells it."""

import platform
import shutil
import sys
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from sctpinspect.kernels import debian
from sctpinspect.protocol.errors import EnvironmentLacks

PROGRAMS = "/usr/sbin:/sbin:/usr/bin:/bin"  # a user's PATH may lack the sbin ones
PACKAGES = ("scapy", "pysctp", "pyroute2")
TOOLS = {
    "nft": "package nftables; loses packets by chunk",
    "tshark": "package tshark; an outside judge in the tests",
}


class Fact(NamedTuple):
    """One thing that recording needs or uses: whether it is there, and what was found."""

    name: str
    ok: bool
    found: str


def facts() -> list[Fact]:
    """Looks at everything, fetches and changes nothing."""
    if sys.platform != "linux":
        return [Fact("system", False, f"{platform.system()}: captures can be read and judged, not recorded")]
    from sctpinspect.kernels import host, uml, usrsctp

    lack = host.lack()
    return [
        Fact("kernel host", not lack, lack or f"Linux {platform.release()} has SCTP, and paths can be built"),
        _fact("kernel uml", uml.describe),
        _fact("stack usrsctp", usrsctp.describe),
        _fact("memory of a guest", lambda: f"in {uml.ram_folder()}"),
        _fact("cache", lambda: str(debian.cache_folder())),
        *(_fact(package, partial(_version, package)) for package in PACKAGES),
        *(_fact(tool, partial(_where, tool)) for tool in TOOLS),
    ]


def _fact(name: str, look: Callable[[], str]) -> Fact:
    try:
        return Fact(name, True, look())
    except EnvironmentLacks as error:
        return Fact(name, False, str(error))


def _version(package: str) -> str:
    from importlib import metadata

    try:
        return f"version {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        raise EnvironmentLacks(f"not installed: pip install {package}") from None


def _where(tool: str) -> str:
    if path := shutil.which(tool, path=PROGRAMS):
        return path
    raise EnvironmentLacks(f"not found ({TOOLS[tool]})")
