"""What a capture's verdict is expected to be, kept beside it as NAME.expected.toml.

    python tests/expectations.py [SCENARIO[:VARIANT]...]

(that is `make captures`) records scenarios, all if none is named, in one kernel, and renews captures and
expectations. A capture that is not as a right program's has to be is told and not taken.
"""

import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import polars as pl

import sctpinspect
from sctpinspect import scenarios
from sctpinspect.rules import Status
from sctpinspect.sandbox.record import Run, default_path, record_all
from sctpinspect.tables.calls import RECEIVES

FOLDER = Path(__file__).parents[1]
LIMIT_BYTES = 100_000
BROKEN = {Status.FAIL, Status.WARN, Status.CRASHED}


def expectation(capture: sctpinspect.Capture) -> dict[str, Any]:
    """What has to be the same in every run: statuses that say something, and the calls.

    Receives are left out: how many notifications come is a matter of time. So are known deviations, which
    come now and then.
    """
    verdict = capture.verify()
    calls = capture.calls.filter(~pl.col("name").is_in(RECEIVES)).group_by("name").len().sort("name")
    told = {result.rule.id: result.status for result in verdict.results}
    return {
        "calls_not_judged": capture.calls.height - len(verdict.calls_judged),
        "statuses": {
            rule: str(status)
            for rule, status in told.items()
            if status not in (Status.PASS, Status.NOT_APPLICABLE, Status.KNOWN)
        },
        "calls": dict(calls.iter_rows()),
    }


def faults(capture: sctpinspect.Capture) -> list[str]:
    """Why a capture cannot be kept; empty if it can."""
    expected = expectation(capture)
    found = [f"{rule} is {status}" for rule, status in expected["statuses"].items() if status in BROKEN]
    if expected["calls_not_judged"]:
        found.append(f"{expected['calls_not_judged']} calls are not judged")
    if Path(capture.path).stat().st_size > LIMIT_BYTES:
        found.append(f"it has more than {LIMIT_BYTES} bytes")
    return found


def beside(capture: Path) -> Path:
    """The file with the expectation of a capture."""
    return capture.with_suffix(".expected.toml")


def read(capture: Path) -> dict[str, Any]:
    return tomllib.loads(beside(capture).read_text())


def write(capture: Path, expected: dict[str, Any]) -> None:
    lines = [f"calls_not_judged = {expected['calls_not_judged']}"]
    lines += ["", "[statuses]  # of rules that neither hold nor do not apply"]
    lines += [f'"{rule}" = "{status}"' for rule, status in expected["statuses"].items()]
    lines += ["", "[calls]  # without receives"]
    lines += [f"{name} = {number}" for name, number in expected["calls"].items()]
    beside(capture).write_text("\n".join(lines) + "\n")


def main() -> None:
    chosen = [scenarios.parse(text) for text in sys.argv[1:]] or scenarios.all_variants()
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        runs = [Run(name, variant, Path(folder, default_path(name, variant))) for name, variant in chosen]
        failed = record_all(runs, "uml", print)
        for run in runs:
            told = [str(failed[run.out])] if run.out in failed else faults(sctpinspect.read(run.out))
            if told:
                status = 1
                print(f"{run.scenario} was not renewed: {'; '.join(told)}")
                continue
            kept = FOLDER / default_path(run.name, run.variant)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(run.out.read_bytes())
            write(kept, expectation(sctpinspect.read(kept)))
            print(f"{run.scenario} was renewed")
    sys.exit(status)


if __name__ == "__main__":
    main()
