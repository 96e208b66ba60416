"""Runs programs (scenario modules given by their files) side by side in one kernel; called by conftest.py."""

import importlib.util
import json
import os
import sys
from pathlib import Path

from sctpinspect.sandbox.run import run


def main(folder: Path, programs: list[str]) -> None:
    pids = [start(folder, *program.split(":")) for program in programs]
    for pid in pids:
        os.waitpid(pid, 0)


def start(folder: Path, file: str, variant: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    spool = folder / f"{Path(file).stem}{variant}"
    spool.mkdir()
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    failures = run(module, f"test/{module.__name__}", variant, "uml", spool)
    (spool / "result.json").write_text(json.dumps(failures))
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
