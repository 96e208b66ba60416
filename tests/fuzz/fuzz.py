"""Coverage-guided fuzzing of the decoder, uncompiled: Atheris does not see into compiled code.

    python fuzz.py [--seconds N] [--keep] [TARGET...]        (make fuzz ARGS=...)

Each target (`targets.py`) gets its share of the time. What is found grows in .fuzz/TARGET; input that raises,
warns or hangs is left in .fuzz/TARGET-failed, and the exit status is 1. With --keep, the smallest set of
inputs of the same coverage is put into tests/fuzz/corpus, which the tests replay.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORK = ROOT / ".fuzz"
CORPUS = HERE / "corpus"
TARGETS = ("file", "packet")
LONGEST = {"file": 4096, "packet": 512}
"""Bytes of an input."""
_SLOW = ("-timeout=120", "-report_slow_units=120")
"""An input takes milliseconds; on a machine that does much else, a thousand times as long."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", choices=[*TARGETS, []])
    parser.add_argument("--seconds", type=int, default=120, help="for all targets together")
    parser.add_argument("--work", type=Path, default=WORK, help="where the corpus grows (default: .fuzz)")
    parser.add_argument("--keep", action="store_true", help="keep the smallest set of inputs in tests/fuzz")
    given = parser.parse_args()
    targets = given.targets or TARGETS
    environment = {
        **os.environ,
        "NUMBA_DISABLE_JIT": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE.parent), str(HERE)]),
    }
    seeds = given.work / "seeds"
    subprocess.run([sys.executable, HERE / "seeds.py", seeds], env=environment, check=True)
    status = 0
    for target in targets:
        work, failed = given.work / target, given.work / f"{target}-failed"
        for folder in (work, failed, CORPUS / target):
            folder.mkdir(parents=True, exist_ok=True)
        run = [_itself(given.work, target), f"-max_len={LONGEST[target]}", *_SLOW]
        command = [*run, f"-max_total_time={given.seconds // len(targets)}", "-print_final_stats=1"]
        command += [f"-artifact_prefix={failed}/", work, CORPUS / target, seeds / target]
        status |= subprocess.run(command, env=environment).returncode != 0
        if given.keep:
            with tempfile.TemporaryDirectory() as smallest:
                folders = [smallest, work, CORPUS / target, seeds / target]
                subprocess.run([*run, "-merge=1", *folders], env=environment, check=True)
                for old in (CORPUS / target).iterdir():
                    old.unlink()
                for path in Path(smallest).iterdir():
                    (CORPUS / target / path.name[:16]).write_bytes(path.read_bytes())
    return status


def _itself(work: Path, target: str) -> Path:
    """A command that fuzzes a target, under a name by which libFuzzer can start itself again."""
    command = work / f"fuzz-{target}"
    words = [sys.executable, str(Path(__file__).resolve()), "--target", target]
    command.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$0" "$@"\n')
    command.chmod(0o755)
    return command.resolve()


def fuzz(target: str, command: list[str]) -> None:
    """Fuzz one target until libFuzzer's options, in its command, say that it is enough; then exit."""
    import warnings

    import atheris

    with atheris.instrument_imports(include=["sctpinspect.decode", "sctpinspect.protocol"]):
        import targets

    warnings.simplefilter("error")
    check = targets.TARGETS[target]
    atheris.Setup(command, lambda content: check(content) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--target"]:
        fuzz(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main())
