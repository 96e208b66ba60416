"""The commands. What takes long to import is imported inside the command that needs it."""

import os
import shlex
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from sctpinspect import __version__
from sctpinspect.protocol.errors import EnvironmentLacks, Interrupted, SctpInspectError, UsageError
from sctpinspect.report.escape import escape

if TYPE_CHECKING:
    from sctpinspect.api import Capture, Scan, Tell, Verdict

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Run SCTP programs on a real kernel, record calls and packets, judge them by the RFCs.",
    epilog="Exit status: 0 nothing wrong, 1 findings, 2 wrong usage or input, 3 not possible here.",
)


class Format(StrEnum):
    """How a verdict is written."""

    text = "text"
    json = "json"
    junit = "junit"


UdpPorts = Annotated[
    list[int] | None,
    typer.Option("--udp-port", metavar="N", help="A UDP port that carries SCTP, beside 9899; repeatable."),
]


class FailOn(StrEnum):
    """Which broken rules make the exit status 1."""

    must = "must"
    should = "should"
    never = "never"


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command and exit with its status; errors for the user are one sentence on standard error."""
    open_standard_streams()
    if arguments is None and hasattr(signal, "SIGPIPE"):  # a program in a pipe: who reads no further ends it
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what was recorded is kept
    try:
        app(arguments, prog_name="sctpinspect")
    except SctpInspectError as error:
        complain(error)
        sys.exit(error.exit_status)
    except OSError as error:
        where = error.filename or "standard output, or a file in use,"
        complain(f"{where} fails: {error.strerror}; make room, or use another place")
        sys.exit(EnvironmentLacks.exit_status)
    sys.exit(0)


def open_standard_streams() -> None:
    """Let those that the caller has closed lead nowhere, so that no file opened later is taken for one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  (open as long as the process)


def print_version(wanted: bool) -> None:
    if wanted:
        from sctpinspect.report.lines import write

        write(f"sctpinspect {__version__}\n")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=print_version, help="Print the version.")
    ] = False,
) -> None:
    """Options of no command."""
    salvage()


@app.command()
def capture(
    scenario: Annotated[list[str] | None, typer.Argument(metavar="[SCENARIO[:VARIANT]]...")] = None,
    kernel: Annotated[str, typer.Option(metavar="auto|host|uml", help="Whose SCTP to use.")] = "auto",
    out: Annotated[str | None, typer.Option(metavar="FILE|DIRECTORY", help="Where the captures go.")] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="Run all scenarios in all variants.")] = False,
    list_them: Annotated[bool, typer.Option("--list", help="List the scenarios and their variants.")] = False,
) -> None:
    """Run scenarios on a real kernel, record and judge them.

    Without a name it runs sample/multihoming. A capture goes to captures/FAMILY/NAME[-VARIANT].pcapng.
    Several run side by side in one kernel.
    """
    from sctpinspect import scenarios

    if list_them:
        return list_scenarios()
    if sys.platform != "linux":
        raise EnvironmentLacks("recording needs Linux; captures can be read and judged here")
    if all_of_them and scenario:
        raise UsageError("--all takes no scenario beside it; leave out the one or the other")
    named = [scenarios.parse(text) for text in scenario or [scenarios.DEFAULT]]
    chosen = list(scenarios.all_variants() if all_of_them else dict.fromkeys(named))

    from sctpinspect.report.lines import emit, line, write
    from sctpinspect.sandbox.record import Run, record_all

    alone = len(chosen) == 1
    runs = [Run(name, variant, target(name, variant, out, alone)) for name, variant in chosen]
    files = [run.out for run in runs]
    ends, status = Counter[str](), 0
    with telling_of_those_not_judged(files):
        with progress("running") as say:
            failed = record_all(runs, kernel, say, get_ready)
        while files:
            file = files[0]
            if file in failed:
                complain(failed[file])
                ends["failed"] += 1
                status = max(status, failed[file].exit_status)
            else:
                found, verdict = judge(str(file))
                ends[print_verdict(str(file), found, verdict)] += 1
                write("\n")
                status = max(status, exit_status(str(file), found, verdict))
            files.pop(0)
    if not alone:
        tell_ends(len(runs), ends)
    elif not failed:
        hint = f"Calls and packets side by side: sctpinspect show {shlex.quote(str(file))} --ladder"
        emit([line((hint, "dim")), line()])
    raise typer.Exit(status)


@app.command()
def verify(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="pcap or pcapng; - is standard input.")
    ],
    rules: Annotated[str, typer.Option(metavar="PREFIX,...", help="Judge by these rules only.")] = "",
    baseline: Annotated[str, typer.Option(metavar="EDITION", help="rfc9260 or rfc4960.")] = "rfc9260",
    format: Annotated[Format, typer.Option(help="How to write the verdict.")] = Format.text,
    profile: Annotated[
        str, typer.Option(metavar="auto|none|STACK", help="Whose known deviations are no news (linux).")
    ] = "auto",
    fail_on: Annotated[FailOn, typer.Option(help="Exit with 1 if such a rule is broken.")] = FailOn.must,
    udp_port: UdpPorts = None,
) -> None:
    """Judge capture files, whoever made them."""
    from sctpinspect.report import junit, verdict_json
    from sctpinspect.report.lines import write
    from sctpinspect.rules import Level, profiles, select

    prefixes = [prefix.strip() for prefix in rules.split(",") if prefix.strip()]
    select(prefixes)  # what is wrong here is told before any file is read
    profiles.check(profile)
    at_least = Level(fail_on.upper()) if fail_on is not FailOn.never else Level.MUST
    captures, suites, ends, status = [], [], Counter[str](), 0
    for number, file in enumerate(files):
        try:
            found, verdict = judge(file, prefixes, baseline, profile, udp_port or ())
        except UsageError as error:
            complain(error)
            status = error.exit_status
            ends["unreadable"] += 1
            captures.append(verdict_json.unreadable(file, str(error)))
            suites.append(junit.unreadable(file, str(error)))
            continue
        match format:
            case Format.text:
                write("\n" if number else "")
                ends[print_verdict(file, found, verdict)] += 1
            case Format.json:
                captures.append(verdict_json.capture(file, found, verdict))
            case Format.junit:
                suites.append(junit.suite(file, found, verdict, at_least))
        status = max(status, exit_status(file, found, verdict, fail_on))
    if format is Format.text and len(files) > 1:
        write("\n")
        tell_ends(len(files), ends)
    elif format is Format.json:
        write(f"{verdict_json.document(captures)}\n")
    elif format is Format.junit:
        write(f"{junit.document(suites)}\n")
    raise typer.Exit(status)


@app.command()
def show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="pcap or pcapng; - is standard input.")],
    ladder: Annotated[bool, typer.Option("--ladder", help="Calls and packets in one time line.")] = False,
    calls: Annotated[bool, typer.Option("--calls", help="The socket calls.")] = False,
    frame: Annotated[int | None, typer.Option(metavar="N", help="Everything about one frame.")] = None,
    association: Annotated[int | None, typer.Option(metavar="N", help="This association only.")] = None,
    udp_port: UdpPorts = None,
) -> None:
    """Show what is in a capture.

    Without an option: the file, its associations and their paths.
    """
    from sctpinspect.report import ladder as drawing
    from sctpinspect.report import summary
    from sctpinspect.report.lines import emit, line, width
    from sctpinspect.rules import engine

    with progress(f"reading {file}") as say:
        found = read(file, udp_port or (), told(say, file))
    if association is not None:
        drawing.pick_association(found, association)
    if frame is not None:
        if not 1 <= frame <= found.frames:
            raise UsageError(f"there is no frame {frame}: the capture has {found.frames}")
        if not summary.is_journal_entry(found, frame):
            emit(line(text) for text in found.packet(frame).show(dump=True).splitlines())
        emit(summary.frame_lines(found, frame))
    if calls:
        emit(summary.call_lines(found, association))
    if ladder:
        part = found.around(association)
        with progress("judging"):
            findings = engine.verify(part).findings
        across, among = width(drawing.PLAIN_WIDTH), found.height("associations")
        emit(drawing.ladder(part, association, findings, across, among))
    if frame is None and not calls and not ladder:
        emit(summary.summary(file, found, association))


@app.command()
def rules(prefix: Annotated[str, typer.Argument(metavar="[PREFIX]", show_default=False)] = "") -> None:
    """List the rules, all or those that begin with PREFIX."""
    from sctpinspect.report.lines import aligned, emit
    from sctpinspect.rules import select

    rows = [(rule.id, rule.level.value, rule.title) for rule in select([prefix] if prefix else [])]
    emit(aligned([("rule", "level", "what is true when it passes"), *rows]))


@app.command()
def explain(rule: Annotated[str, typer.Argument(metavar="RULE")]) -> None:
    """Explain a rule: what it checks, why, and where."""
    from sctpinspect.report.explain import explanation
    from sctpinspect.report.lines import emit
    from sctpinspect.rules import select

    for each in select([rule]):
        emit(explanation(each))


@app.command()
def doctor() -> None:
    """Tell what this machine can do, and what it lacks."""
    from sctpinspect import kernels
    from sctpinspect.report.lines import emit, line

    facts = kernels.facts()
    for fact in facts:
        mark = ("yes ", "bold green") if fact.ok else ("no  ", "bold red")
        emit([line(mark, (f"{fact.name:<20}", "bold"), fact.found)])
    if not any(fact.ok for fact in facts if fact.name.startswith("kernel ")):
        raise EnvironmentLacks(
            "no kernel with SCTP can be used here, so nothing can be recorded; captures can be judged"
        )


# ------------------------------------------------------------------ what the commands share


def judge(
    file: str,
    prefixes: Sequence[str] = (),
    baseline: str = "rfc9260",
    profile: str = "auto",
    udp_ports: Sequence[int] = (),
) -> tuple["Capture | Scan", "Verdict"]:
    """Read and judge a file, with progress shown on a terminal."""
    with progress(f"reading {file}") as say:
        tell = told(say, file)
        found = read(file, udp_ports, tell)
        tell("judging", 0)
        return found, found.verify(prefixes, baseline, profile, tell)


def read(file: str, udp_ports: Sequence[int], tell: "Tell") -> "Capture | Scan":
    from sctpinspect import api

    with decoding():
        return api.read_or_scan(file, udp_ports, tell)


def told(say: Callable[[str], None], file: str) -> "Tell":
    """Says what is done with a file, and how far it is."""
    return lambda doing, share: say(f"{doing} {file}" + (f" ({share:.0%})" if share else ""))


def get_ready() -> None:
    """Load what captures are judged with: it takes a second or two, while a kernel works on the first one."""
    from sctpinspect.decode import decode
    from sctpinspect.decode.prepare import read_samples
    from sctpinspect.rules import engine
    from sctpinspect.tables.build import build

    with decoding(), suppress(OSError):  # without room for the samples it is loaded later
        read_samples(lambda capture: engine.verify(build(decode(capture))))


@contextmanager
def decoding() -> Iterator[None]:
    """While the body decodes, Ctrl-C ends it, and it is said if something has to be compiled first."""
    from sctpinspect.decode import compiled

    # Polars' handler of SIGINT lets system calls go on: Ctrl-C would not end the reading of a pipe.
    if hasattr(signal, "siginterrupt"):
        signal.siginterrupt(signal.SIGINT, True)
    often = "once" if compiled.folder() else "at each start, for its result can be kept nowhere"
    with compiled.on_compiling(lambda: complain(f"compiling the decoder (about 15 s, {often}) ...")):
        yield


def exit_status(file: str, found: "Capture | Scan", verdict: "Verdict", fail_on: FailOn = FailOn.must) -> int:
    """The status that a verdict gives a command; says why where it is that of wrong input."""
    from sctpinspect.rules import Level

    if fail_on is not FailOn.never and verdict.failed(Level(fail_on.upper())):
        return 1
    if not found.height("packets") and not verdict.failed():
        complain(f"{file} has calls, but no SCTP in it: nothing could be judged against the wire")
        return UsageError.exit_status
    return 0


def print_verdict(file: str, found: "Capture | Scan", verdict: "Verdict") -> str:
    """Print the verdict as text; gives its first word."""
    from sctpinspect.report import text
    from sctpinspect.report.lines import emit

    emit(text.verdict_lines(file, found, verdict))
    return text.overall(found, verdict)


def tell_ends(captures: int, ends: Counter[str]) -> None:
    """The last line after several verdicts: how many ended how."""
    from sctpinspect.report.lines import write

    told = ", ".join(f"{times} {end}" for end, times in sorted(ends.items()))
    write(f"{captures} captures: {told}\n")


def list_scenarios() -> None:
    """One line per scenario, and one for its variants."""
    from sctpinspect import scenarios
    from sctpinspect.report.lines import emit, line

    for name in scenarios.names():
        try:
            module = scenarios.load(name)
        except UsageError as error:
            complain(error)
            continue
        emit([line((f"{name:<28}", "bold"), scenarios.title(module))])
        if variants := getattr(module, "VARIANTS", {}):
            emit([line("  ", (" ".join(f":{variant}" for variant in variants), "dim"))])


def target(name: str, variant: str, out: str | None, alone: bool) -> Path:
    """Where a scenario's capture goes. Raises UsageError if it cannot be written."""
    from sctpinspect.sandbox.record import default_path, require_writable

    file = default_path(name, variant)
    if out in ("", "-"):
        raise UsageError(f"a capture cannot be written to {out!r}; give --out a file or a directory")
    if out is not None:
        if not alone and out.endswith(".pcapng"):
            raise UsageError(f"{out} can hold one capture only; give --out a directory for several")
        is_folder = not alone or out.endswith("/") or os.path.isdir(out)  # which raises nothing
        file = Path(out, *file.parts[1:]) if is_folder else Path(out)
    require_writable(file)
    return file


def salvage() -> None:
    """Turn what killed runs have left behind into captures, and say so."""
    if sys.platform != "linux":
        return
    from sctpinspect import kernels
    from sctpinspect.recorder.salvage import salvage as make_captures

    with suppress(EnvironmentLacks):  # without a cache folder nothing was left in it
        for file in make_captures(kernels.debian.cache_folder()):
            complain(f"an interrupted run was saved as {file}")


@contextmanager
def telling_of_those_not_judged(files: list[Path]) -> Iterator[None]:
    """Lets Ctrl-C in the body say which of the files that are still in the list the body has replaced."""

    def identity(file: Path) -> tuple[int, ...]:
        with suppress(OSError):
            facts = file.stat()
            return facts.st_dev, facts.st_ino, facts.st_mtime_ns
        return ()

    before = {file: identity(file) for file in files}
    try:
        yield
    except (KeyboardInterrupt, Interrupted):
        recorded = [str(file) for file in files if identity(file) != before[file]]
        if not recorded:
            raise
        told, them = ", ".join(recorded), "it" if len(recorded) == 1 else "them"
        command = f"sctpinspect verify {shlex.join(recorded)}"
        raise Interrupted(f"interrupted: recorded as {told}, not judged; `{command}` judges {them}") from None


@contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """Show on standard error, if it is a terminal, what is being done; gives what changes the text."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(escape(text))) as status:
        yield lambda text: status.update(Text(escape(text)))


def complain(message: object) -> None:
    """Say something on standard error."""
    with suppress(OSError):  # there is nowhere left to say it; the exit status remains
        for text in str(message).splitlines():
            print(f"sctpinspect: {escape(text)}", file=sys.stderr, flush=True)
