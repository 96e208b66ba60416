"""From a scenario's name to a capture file: a kernel, the run in it, and what it spooled put together."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sctpinspect import kernels, scenarios
from sctpinspect.protocol.errors import SctpInspectError
from sctpinspect.recorder import assemble, salvage

LIMIT_S = 180.0


class ScenarioFailed(SctpInspectError):
    """The scenario's programs did not come to their end."""


@dataclass(frozen=True)
class Recording:
    """A finished run."""

    path: Path
    scenario: str
    variant: str
    kernel: str


def record(
    name: str,
    variant: str = "",
    kernel: str = "auto",
    out: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Recording:
    """Run a scenario and write its capture to `out` (default: `captures/<family>/<name>[-<variant>].pcapng`).

    `out` is replaced at the end of a run that went well, and left alone by any other. `say` is told what is
    being done. Raises UsageError, EnvironmentLacks, ScenarioFailed, or what the kernel raises.
    """
    scenarios.parse(f"{name}:{variant}")
    out = out or default_path(name, variant)
    chosen = kernels.choose(kernel)
    with salvage.open_run(kernels.debian.cache_folder(), out) as folder:
        say(f"running {name} on {chosen.name}")
        job = folder / "job.json"
        job.write_text(json.dumps({"scenario": name, "variant": variant, "kernel": chosen.name}))
        outcome = chosen.run([sys.executable, "-m", "sctpinspect.sandbox", str(job)], folder, LIMIT_S)
        result = folder / "result.json"
        if outcome.status or not result.exists():
            raise ScenarioFailed(f"{name} failed on {chosen.name}: {outcome.log.strip()}")
        for member, reason in json.loads(result.read_text()).items():
            raise ScenarioFailed(f"{name} failed on host {member}: {reason}")
        say("writing the capture")
        assemble.assemble(folder, out)
    return Recording(out, name, variant, chosen.name)


def default_path(name: str, variant: str) -> Path:
    """Where a scenario's capture goes, below the current directory."""
    return Path("captures") / f"{name}{'-' if variant else ''}{variant}.pcapng"
