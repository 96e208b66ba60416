"""The sandbox's entry point in a kernel: `python -m sctpinspect.sandbox JOB` runs a scenario.

JOB is a file `{"scenario", "variant", "kernel"}`; the spool and `result.json` (member to the reason of
its failure, empty when all went well) are left in its folder.
"""

import json
import sys
from pathlib import Path

from sctpinspect import scenarios
from sctpinspect.sandbox.run import run


def main() -> None:
    job_file = Path(sys.argv[1])
    job = json.loads(job_file.read_text())
    module = scenarios.load(job["scenario"])
    failures = run(module, job["scenario"], job["variant"], job["kernel"], job_file.parent)
    (job_file.parent / "result.json").write_text(json.dumps(failures))


if __name__ == "__main__":
    main()
