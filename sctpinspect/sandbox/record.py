"""From scenarios' names to capture files: a kernel, the runs in it, and what they spooled put together."""

import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from sctpinspect import kernels, scenarios
from sctpinspect.kernels.sudo import as_owner, nearest
from sctpinspect.protocol.errors import SctpInspectError, UsageError
from sctpinspect.recorder import assemble, salvage
from sctpinspect.sandbox import USRSCTP

LIMIT_S = 120.0
BOOT_LIMIT_S = 60.0

AT_ONCE = 4
"""Runs at a time in one kernel: they wait most of the time, but one CPU has to serve the timers of all."""


class ScenarioFailed(SctpInspectError):
    """The scenario's programs did not come to their end."""


class Run(NamedTuple):
    """A scenario, its variant, and the capture file to make of them."""

    name: str
    variant: str
    out: Path

    @property
    def scenario(self) -> str:
        """As a user writes it."""
        return f"{self.name}:{self.variant}".rstrip(":")


def record(
    name: str,
    variant: str = "",
    kernel: str = "auto",
    out: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    meanwhile: Callable[[], object] | None = None,
) -> Path:
    """Run a scenario and write its capture to `out` (default: `captures/<family>/<name>[-<variant>].pcapng`).

    Gives the file; see `record_all`. Raises ScenarioFailed too.
    """
    out = out or default_path(name, variant)
    for error in record_all([Run(name, variant, out)], kernel, say, meanwhile).values():
        raise error
    return out


def record_all(
    runs: Sequence[Run],
    kernel: str = "auto",
    say: Callable[[str], None] = lambda text: None,
    meanwhile: Callable[[], object] | None = None,
) -> dict[Path, ScenarioFailed]:
    """Run scenarios side by side in one kernel and write their captures; gives the failures by `out`.

    A capture is replaced at the end of a run that went well, and left alone by any other: what a failed run
    had recorded goes to a file beside it, which the error names. `say` is told what is being done;
    `meanwhile` is done while the kernel works.
    Raises UsageError before anything runs, EnvironmentLacks, or what the kernel raises.
    """
    for run in runs:
        scenarios.parse(run.scenario)
        require_writable(run.out)
    chosen = kernels.choose(kernel)
    topologies = [scenarios.topology(scenarios.load(run.name), run.variant) for run in runs]
    is_wanted = any("usrsctp" in topology.stacks.values() for topology in topologies)
    library = kernels.usrsctp.choose() if is_wanted else ""
    failed = {}
    with ExitStack() as all_runs:
        opened = []
        for run in runs:
            own = all_runs.enter_context(ExitStack())
            folder = own.enter_context(salvage.open_run(kernels.debian.cache_folder(), run.out))
            opened.append((run, own, folder))
        what = runs[0].scenario if len(runs) == 1 else f"{len(runs)} scenarios"
        say(f"running {what} on {chosen.name}")
        outcome = run_in(chosen, [(run, folder) for run, _, folder in opened], library, meanwhile)
        say("writing the captures" if len(runs) > 1 else "writing the capture")
        for run, own, folder in opened:
            try:
                with own:  # what a failed run had recorded is saved at its end
                    require_success(run, folder, outcome, chosen.name)
                    assemble.assemble(folder, run.out)
            except ScenarioFailed as error:
                failed[run.out] = error
    return failed


def run_in(
    chosen: kernels.Kernel,
    runs: Sequence[tuple[Run, Path]],
    library: str,
    meanwhile: Callable[[], object] | None,
) -> kernels.Outcome:
    """Have a kernel run all scenarios, each with its folder for the spool. library: usrsctp's, or none."""
    told = [{"scenario": run.name, "variant": run.variant, "folder": str(folder)} for run, folder in runs]
    first, *others = [folder for _, folder in runs]
    for _, folder in runs:
        (folder / USRSCTP).write_text(library)
    job = first / "job.json"
    job.write_text(json.dumps({"kernel": chosen.name, "at_once": AT_ONCE, "runs": told}))
    limit_s = BOOT_LIMIT_S + LIMIT_S * math.ceil(len(runs) / AT_ONCE)
    program = [sys.executable, "-m", "sctpinspect.sandbox", str(job)]
    return chosen.run(program, first, limit_s, meanwhile, others)


def require_success(run: Run, folder: Path, outcome: kernels.Outcome, kernel: str) -> None:
    """Raises ScenarioFailed with the reason that the run left in its folder, or the kernel's output."""
    result = folder / "result.json"
    if not result.exists():
        words = f"{kernels.tail(folder / 'output')}{outcome.log}".strip()
        raise ScenarioFailed(f"{run.scenario} failed on {kernel}: {words or 'it said nothing'}")
    if failures := json.loads(result.read_text()):
        told = "; ".join(f"{member}: {reason}" for member, reason in failures.items())
        raise ScenarioFailed(f"{run.scenario} failed, {told}")


def default_path(name: str, variant: str) -> Path:
    """Where a scenario's capture goes, below the current directory."""
    return Path("captures") / f"{name}{'-' if variant else ''}{variant}.pcapng"


def require_writable(out: Path) -> None:
    """Raises UsageError if no capture can be put there. Nothing is changed, nothing is left."""
    try:
        with as_owner(out.parent):
            # A trial beside the place, for folders that are missing must not be left by a run that fails.
            there = nearest(out.parent)
            with tempfile.TemporaryDirectory(dir=there) as trial:
                file = Path(trial, out.absolute().relative_to(there.absolute()))
                file.parent.mkdir(parents=True, exist_ok=True)
                assemble.unfinished_name(Path(trial), file).touch()
            in_the_way = out.exists() and not out.is_file()
            is_protected = out.exists() and not os.access(out, os.W_OK, effective_ids=True)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror}); choose another --out") from None
    if in_the_way:  # a device would be replaced by a file
        raise UsageError(f"{out} is a directory or a device; choose another --out")
    if is_protected:
        raise UsageError(f"{out} is there and write-protected; choose another --out")
