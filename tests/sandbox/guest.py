"""Runs programs (scenario modules, by their files) one after another in one kernel; called by conftest.py."""

import importlib.util
import json
import os
import sys
from pathlib import Path

from sctpinspect.sandbox.run import run


def main(folder: Path, programs: list[str]) -> None:
    for program in programs:
        if not (pid := os.fork()):
            act(folder, *program.split(":"))
            os._exit(0)
        os.waitpid(pid, 0)


def act(folder: Path, file: str, variant: str) -> None:
    spool = folder / f"{Path(file).stem}{variant}"
    spool.mkdir()
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    failures = run(module, f"test/{module.__name__}", variant, "uml", spool)
    (spool / "result.json").write_text(json.dumps(failures))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
