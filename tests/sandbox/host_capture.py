"""Run in a guest, a host with SCTP: `sctpinspect capture` on that host's own kernel, as root or as nobody.

`host_capture.py root|nobody FOLDER` leaves the capture in FOLDER, and a list of what else was left.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import sctpinspect
from sctpinspect.kernels import guest

NOBODY = 65534
HOME = Path("/dev/shm/home")  # hostfs would give what nobody makes to root


def main(who: str, folder: Path) -> int:
    HOME.mkdir()
    user = None
    if who == "nobody":
        user = NOBODY
        os.chown(HOME, user, user)
        reveal(Path(sys.base_prefix), Path(sys.prefix), Path(sctpinspect.__file__).parents[1])
    argv = [sys.executable, "-m", "sctpinspect", "capture", "--out", str(HOME / "out.pcapng")]
    environment = os.environ | {"HOME": str(HOME), "PYTHONDONTWRITEBYTECODE": "1"}
    status = subprocess.run(argv, user=user, group=user, cwd="/", env=environment).returncode
    shutil.copy(HOME / "out.pcapng", folder)
    left = sorted(str(path.relative_to(HOME)) for path in HOME.rglob("*") if path.is_file())
    (folder / "left").write_text("\n".join(left))
    return status


def reveal(*paths: Path) -> None:
    """Python and the package may lie where only their owner comes: nobody gets them by other mounts."""
    hidden = {ancestor for path in paths for ancestor in path.parents if not ancestor.stat().st_mode & 1}
    covered = [path for path in paths if hidden & set(path.parents)]
    for ancestor in sorted(hidden):
        guest.mount(str(ancestor), "tmpfs", options="mode=755")
    for path in covered:
        path.mkdir(parents=True, exist_ok=True)
        guest.mount(str(path), "hostfs", options=str(path))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
