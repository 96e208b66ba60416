"""The sandbox's entry point in a kernel: `python -m sctpinspect.sandbox JOB` runs scenarios, side by side.

JOB is a file `{"kernel", "at_once", "runs": [{"scenario", "variant", "folder"}]}`. The spool of each run, its
`output` and its `result.json` (member to the reason of its failure, empty when all went well) are left in its
folder.
"""

import json
import os
import sys
from pathlib import Path
from types import ModuleType

from sctpinspect import scenarios
from sctpinspect.recorder.ring import BLOCKS
from sctpinspect.sandbox.run import run


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    waiting = [(scenarios.load(each["scenario"]), each) for each in job["runs"]]
    side_by_side = min(job["at_once"], len(waiting))
    running: set[int] = set()
    while waiting or running:
        while waiting and len(running) < side_by_side:
            module, each = waiting.pop(0)
            if not (pid := os.fork()):
                return act(module, each, job["kernel"], BLOCKS // side_by_side)
            running.add(pid)
        running.discard(os.wait()[0])


def act(module: ModuleType, each: dict[str, str], kernel: str, blocks: int) -> None:
    """One run, in a process of its own, with its output in `output` of its folder."""
    folder = Path(each["folder"])
    output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    failures = run(module, each["scenario"], each["variant"], kernel, folder, blocks)
    (folder / "result.json").write_text(json.dumps(failures))


if __name__ == "__main__":
    main()
