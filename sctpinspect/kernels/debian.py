"""Debian packages without root: downloaded by apt-get and unpacked into this user's cache folder.

Run as a file (`python debian.py PACKAGE...`) it does that for the set-up.
"""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sctpinspect.kernels.sudo import as_owner
from sctpinspect.protocol.errors import EnvironmentLacks, SctpInspectError

CONTENTS = "contents.json"


def cache_folder() -> Path:
    """This user's cache folder of the project, absolute; it can be written. Raises EnvironmentLacks."""
    try:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        raise EnvironmentLacks("This user has no home folder: set XDG_CACHE_HOME to a folder.") from None
    # Resolved, because a guest has file systems of its own where a link may point to.
    folder = Path(cache, "sctpinspect").resolve()
    with unusable(folder), as_owner(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    return folder


@contextmanager
def unusable(folder: Path) -> Iterator[None]:
    """Turns an OSError of the body into EnvironmentLacks, with the way out for a folder of the cache."""
    try:
        yield
    except OSError as error:
        way_out = ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            way_out = "make room there, or "
        elif os.path.exists(folder):
            way_out = "make it yours (sudo chown -R), or remove it, or "
        raise EnvironmentLacks(
            f"{folder} cannot be used ({error.strerror}): {way_out}set XDG_CACHE_HOME to another folder."
        ) from error


def folder_of(packages: Sequence[str]) -> Path:
    """Where `fetch` leaves these packages, whether or not it has."""
    return cache_folder() / "debian" / "+".join(packages)


def fetch(packages: Sequence[str]) -> Path:
    """Download and unpack packages, not those they depend on; gives the folder with their usr/, etc/, ...

    What was fetched before is taken as it is, if it is whole. Raises EnvironmentLacks.
    """
    root = folder_of(packages)
    if is_whole(root):
        return root
    require_tools(packages)
    print(f"Fetching {' '.join(packages)} into {root}, once ...", file=sys.stderr, flush=True)
    with unusable(root), as_owner(root):
        root.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root.parent, prefix=".fetch-") as work:
            download(packages, Path(work))
            for package in Path(work).glob("*.deb"):
                call(["dpkg-deb", "--extract", package.name, "root"], Path(work))
            made = Path(work, "root")
            Path(made, CONTENTS).write_text(json.dumps(sizes(made)))
            if not is_whole(root):  # else another process was faster
                with suppress(FileNotFoundError):
                    root.rename(Path(work, "damaged"))
                made.rename(root)
    return root


def is_whole(root: Path) -> bool:
    """Whether `fetch` has left its packages in `root` and all of their files are still there."""
    try:
        contents = json.loads(Path(root, CONTENTS).read_bytes())
        return all(os.lstat(root / name).st_size == size for name, size in contents.items())
    except (OSError, ValueError):
        return False


def sizes(root: Path) -> dict[str, int]:
    """The files below `root`, links not followed, and their length in bytes."""
    files = (path for path in root.rglob("*") if not path.is_dir())
    return {str(path.relative_to(root)): path.lstat().st_size for path in files}


def require_tools(packages: Sequence[str]) -> None:
    """Raises EnvironmentLacks on a machine that cannot fetch these packages."""
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            raise EnvironmentLacks(
                f"{' '.join(packages)} is not installed, and cannot be fetched without {program}:"
                " install it by this system's own means."
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
        argv,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        user=os.geteuid(),  # under sudo not that of the process; see `as_owner`
        group=os.getegid(),
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines() or ["it gave no reason"]
        raise EnvironmentLacks(f"{' '.join(argv)} failed ({words[-1]}): check the network and /etc/apt.")


if __name__ == "__main__":
    try:
        print(fetch(sys.argv[1:]))
    except SctpInspectError as error:
        sys.exit(f"sctpinspect: {error}")
