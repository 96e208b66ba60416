"""From a scenario's name to a capture file: a kernel, the run in it, and what it spooled put together."""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from sctpinspect import kernels, scenarios
from sctpinspect.kernels.sudo import as_owner, nearest
from sctpinspect.protocol.errors import SctpInspectError, UsageError
from sctpinspect.recorder import assemble, salvage
from sctpinspect.sandbox import USRSCTP

LIMIT_S = 180.0


class ScenarioFailed(SctpInspectError):
    """The scenario's programs did not come to their end."""


def record(
    name: str,
    variant: str = "",
    kernel: str = "auto",
    out: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    meanwhile: Callable[[], object] | None = None,
) -> Path:
    """Run a scenario and write its capture to `out` (default: `captures/<family>/<name>[-<variant>].pcapng`).

    Gives the file. It is replaced at the end of a run that went well, and left alone by any other: what a
    failed run had recorded goes to a file beside it, which the error names. `say` is told what is being done;
    `meanwhile` is done while the kernel works.
    Raises UsageError before anything runs, EnvironmentLacks, ScenarioFailed, or what the kernel raises.
    """
    scenario = f"{name}:{variant}".rstrip(":")
    scenarios.parse(scenario)
    out = out or default_path(name, variant)
    require_writable(out)
    chosen = kernels.choose(kernel)
    stacks = scenarios.topology(scenarios.load(name), variant).stacks.values()
    library = kernels.usrsctp.choose() if "usrsctp" in stacks else ""
    with salvage.open_run(kernels.debian.cache_folder(), out) as folder:
        say(f"running {scenario} on {chosen.name}")
        job = folder / "job.json"
        job.write_text(json.dumps({"scenario": name, "variant": variant, "kernel": chosen.name}))
        (folder / USRSCTP).write_text(library)
        program = [sys.executable, "-m", "sctpinspect.sandbox", str(job)]
        outcome = chosen.run(program, folder, LIMIT_S, meanwhile)
        result = folder / "result.json"
        if outcome.status or not result.exists():
            raise ScenarioFailed(f"{scenario} failed on {chosen.name}: {outcome.log.strip()}")
        if failures := json.loads(result.read_text()):
            told = "; ".join(f"{member}: {reason}" for member, reason in failures.items())
            raise ScenarioFailed(f"{scenario} failed, {told}")
        say("writing the capture")
        assemble.assemble(folder, out)
    return out


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
