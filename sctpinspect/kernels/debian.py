"""Debian packages without root: downloaded by apt-get and unpacked into this user's cache folder.

Run as a file (`python debian.py PACKAGE...`) it does that for the set-up.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sctpinspect.protocol.errors import EnvironmentLacks, SctpInspectError


def cache_folder() -> Path:
    """This user's cache folder of the project, absolute; it can be written. Raises EnvironmentLacks."""
    # Resolved, because a guest has file systems of its own where a link may point to.
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "sctpinspect").resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise EnvironmentLacks(
            f"The cache folder {folder} cannot be written ({error.strerror}):"
            " set XDG_CACHE_HOME to another one."
        ) from None
    return folder


def folder_of(packages: Sequence[str]) -> Path:
    """Where `fetch` leaves these packages, whether or not it has."""
    return cache_folder() / "debian" / "+".join(packages)


def fetch(packages: Sequence[str]) -> Path:
    """Download and unpack packages, not those they depend on; gives the folder with their usr/, etc/, ...

    What was fetched before is taken as it is. Raises EnvironmentLacks.
    """
    root = folder_of(packages)
    if root.is_dir():
        return root
    require_tools(packages)
    print(f"Fetching {' '.join(packages)} into {root}, once ...", file=sys.stderr, flush=True)
    root.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".fetch-") as work:
        download(packages, Path(work))
        for package in Path(work).glob("*.deb"):
            call(["dpkg-deb", "--extract", package.name, "root"], Path(work))
        with suppress(OSError):  # another process was faster
            Path(work, "root").rename(root)
    return root


def require_tools(packages: Sequence[str]) -> None:
    """Raises EnvironmentLacks on a machine that cannot fetch these packages."""
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            raise EnvironmentLacks(
                f"{' '.join(packages)} is not installed, and cannot be fetched without {program}:"
                " install it by this system's own means, or load this kernel's own SCTP (sudo modprobe sctp)."
            )


def download(packages: Sequence[str], folder: Path) -> None:
    """Leave the packages' files in `folder`: by the machine's package lists, else by new ones."""
    get = ["apt-get", "--quiet", "-o", "APT::Sandbox::User=root"]
    try:
        call([*get, "download", *packages], folder)
    except EnvironmentLacks:
        own = ["-o", f"Dir::State={folder}/state", "-o", f"Dir::Cache={folder}/cache"]
        for sub in ("state/lists/partial", "cache/archives/partial"):
            Path(folder, sub).mkdir(parents=True)
        call([*get, *own, "update"], folder)
        call([*get, *own, "download", *packages], folder)


def call(argv: Sequence[str], folder: Path) -> None:
    """Run a program in `folder`. Raises EnvironmentLacks with its last line."""
    done = subprocess.run(
        argv, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines() or ["it gave no reason"]
        raise EnvironmentLacks(f"{' '.join(argv)} failed ({words[-1]}): check the network and /etc/apt.")


if __name__ == "__main__":
    try:
        print(fetch(sys.argv[1:]))
    except SctpInspectError as error:
        sys.exit(f"sctpinspect: {error}")
