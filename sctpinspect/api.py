"""The public API: `read`, `verify`, `capture`, and the `Capture` and `Verdict` that they give."""

import atexit
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from sctpinspect import decode
from sctpinspect.decode import files, partitions
from sctpinspect.decode.extract import extract
from sctpinspect.decode.files import RawCapture
from sctpinspect.protocol import EnvironmentLacks, SctpInspectError, UsageError
from sctpinspect.report.escape import escape
from sctpinspect.report.ladder import PLAIN_WIDTH, ladder, pick_association
from sctpinspect.report.lines import count
from sctpinspect.report.text import contents
from sctpinspect.rules import engine
from sctpinspect.rules.engine import Verdict
from sctpinspect.tables import Tables
from sctpinspect.tables.build import build
from sctpinspect.tables.membership import frames_of
from sctpinspect.tables.model import Frame
from sctpinspect.tables.partitions import Built, build_all, merge

__all__ = [
    "Capture",
    "EnvironmentLacks",
    "Scan",
    "SctpInspectError",
    "UsageError",
    "Verdict",
    "capture",
    "read",
    "scan",
    "verify",
]


LARGE = 1 << 27
"""Bytes of a file that commands `scan` if it has more: of a smaller one all tables take less than 4 GB."""

Tell = Callable[[str, float], None]
"""Is called with what is done, and with the share of it that is done already."""


def silent(doing: str, share: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class _File(Tables[Frame]):
    """A capture file with its tables, from which packets can be taken."""

    path: str | Path

    def packet(self, frame: int) -> Any:
        """The frame as a Scapy packet, from its link layer up. Raises UsageError if it is no packet."""
        capture = self._opened()
        for frames in files.batches(capture):
            for found in frames[frames["number"] == frame]:
                begin, length = int(found["offset"]), int(found["captured"])
                link_type = capture.interfaces[found["interface"]].link_type
                return _dissect(capture.data[begin : begin + length].tobytes(), link_type)
        if 1 <= frame <= capture.frames_total:
            raise UsageError(f"frame {frame} is no packet but an entry of the journal")
        raise UsageError(f"there is no frame {frame}: the capture has {capture.frames_total}")

    def write(self, path: str | Path, association: int | None = None) -> None:
        """Write the packets and calls of an association, or of all, to a pcapng.

        Read again it gives the tables of that association, with frames numbered anew: ICMP errors that quote
        its packets, calls that made its sockets, and events go with it. What only other packets told is lost:
        which UDP ports carry SCTP, whether a sender computes checksums. Raises UsageError if there is no such
        association, or the file cannot be written.
        """
        from sctpinspect.recorder.assemble import replacing

        capture = self._opened()
        if association is not None:
            pick_association(self, association)
        packets, entries = frames_of(self.lazy(), association)
        out = Path(path)
        with replacing(out, out.with_name(f".{out.name}.unfinished")) as file:
            file.writelines(extract(capture, packets.to_numpy(), set(entries)))

    def _opened(self) -> RawCapture:
        if str(self.path) == "-":
            raise UsageError("standard input cannot be read a second time; save it to a file")
        return files.opened(self.path)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Capture(_File[pl.DataFrame]):
    """A capture file as tables: one Polars DataFrame per table of `sctpinspect.tables.schema`.

    Beside them: `path`, `recipe` (how sctpinspect made it; empty for captures by others), `defects`
    (a sentence for each fault of the file) and `frames` (their number, as Wireshark counts).
    """

    def __repr__(self) -> str:
        return f"<Capture {escape(str(self.path))}: {contents(self)}>"

    def verify(
        self,
        rules: str | Sequence[str] = (),
        baseline: str = "rfc9260",
        profile: str = "auto",
        tell: Tell = silent,
    ) -> Verdict:
        """Judge by the rules whose ids begin with `rules` (one prefix or several; default: all).

        `baseline` is the edition of the base protocol: rfc4960 or rfc9260. `profile` is the stack whose known
        deviations are no news: linux, none, or auto, which is that of each host of our own recordings. Raises
        UsageError for a prefix, baseline or profile that does not exist.
        """
        return engine.verify(self, [rules] if isinstance(rules, str) else rules, baseline, profile)

    def around(self, association: int | None = None) -> Tables[pl.DataFrame]:
        """Tables that have all of an association: these. Raises UsageError if there is none such."""
        pick_association(self, association)
        return self

    def ladder(self, association: int | None = None, width: int = PLAIN_WIDTH) -> str:
        """Hosts and paths as lanes, calls and packets in one time line; by default the first association."""
        return "\n".join(line.plain.rstrip() for line in ladder(self, association, width=width))


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Scan(_File[pl.LazyFrame]):
    """A capture file of any size as tables: one Polars LazyFrame per table; else as `Capture`."""

    built: Built

    def __repr__(self) -> str:
        return f"<Scan {escape(str(self.path))}: {contents(self)}>"

    def verify(
        self,
        rules: str | Sequence[str] = (),
        baseline: str = "rfc9260",
        profile: str = "auto",
        tell: Tell = silent,
    ) -> Verdict:
        """Judge as `Capture.verify` does, one partition after the other."""
        verdicts = []
        for number, part in enumerate(self.built.partitions()):
            tell("judging", number / len(self.built.folders))
            prefixes = [rules] if isinstance(rules, str) else rules
            verdicts.append(engine.verify(part, prefixes, baseline, profile))
        return engine.merged(verdicts)

    def around(self, association: int | None = None) -> Tables[pl.DataFrame]:
        """The tables of the partition that has an association, by default the first. Raises UsageError."""
        number = pick_association(self, association)
        return next(
            self.built.partition(index)
            for index, numbers in enumerate(self.built.associations)
            if number in numbers
        )


def read(path: str | Path, udp_ports: Iterable[int] = ()) -> Capture:
    """Read a pcap or pcapng file ("-": standard input).

    udp_ports: UDP ports that carry SCTP, beside 9899 and those where it proves to be (RFC 6951). Raises
    UsageError for what cannot be read, is no capture, or holds nothing of SCTP, and for what is no port.
    """
    ports = _ports(udp_ports)
    return _read(path, files.opened(path), ports)


def _read(path: str | Path, capture: RawCapture, ports: list[int]) -> Capture:
    built = build(decode.decode_opened(capture, ports))
    _require_rows(path, built)
    return Capture(path=path, **vars(built))


def scan(path: str | Path, udp_ports: Iterable[int] = (), tell: Tell = silent) -> Scan:
    """Read a file of any size: the tables of `read`, as LazyFrames over files in a temporary folder.

    The memory taken does not grow with the file but with the packets between one pair of ports: of these
    so many rows are read as `read` reads. The folder (in `tempfile.gettempdir()`) takes once or twice the
    space of the file, until Python ends. Raises as `read`, and EnvironmentLacks if it cannot be written.
    """
    ports = _ports(udp_ports)
    return _scan(path, files.opened(path), ports, tell)


def read_or_scan(path: str | Path, udp_ports: Iterable[int], tell: Tell) -> Capture | Scan:
    """`scan` for what is LARGE, else `read`."""
    ports = _ports(udp_ports)
    capture = files.opened(path)
    is_large = len(capture.data) > LARGE
    return _scan(path, capture, ports, tell) if is_large else _read(path, capture, ports)


def _scan(path: str | Path, capture: RawCapture, ports: list[int], tell: Tell) -> Scan:
    try:
        folder = _temporary_folder()
        for name in ("split", "built", "merged"):
            (folder / name).mkdir()
        split = partitions.split(capture, folder / "split", ports, partial(tell, "reading"))
        built = build_all(split, folder / "built", partial(tell, "building the tables of"))
        merged = merge(built, folder / "merged", partial(tell, "merging the tables of"))
    except OSError as error:
        raise EnvironmentLacks(
            f"the tables of {path} cannot be put into {tempfile.gettempdir()}: {error.strerror or error};"
            " let TMPDIR name a folder with space"
        ) from None
    _require_rows(path, merged)
    return Scan(path=path, built=built, **vars(merged))


def _temporary_folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="sctpinspect-")
    atexit.register(folder.cleanup)  # not before: LazyFrames may outlive whatever else names it
    return Path(folder.name)


def _require_rows(path: str | Path, found: Tables) -> None:
    """Raises UsageError if there is nothing of SCTP."""
    if not any(found.height(name) for name in ("packets", "calls", "icmp_errors")):
        held = f"{count(found.frames, 'frame')}, none of them SCTP" if found.frames else "no frame"
        why = f" ({found.defects[0]})" if found.defects else ""
        raise UsageError(f"{escape(str(path))} has {held}{why}; there is nothing to judge")


def verify(
    path: str | Path,
    rules: str | Sequence[str] = (),
    baseline: str = "rfc9260",
    udp_ports: Iterable[int] = (),
) -> Verdict:
    """Read and judge a capture file; see `read` and `Capture.verify`."""
    return read(path, udp_ports).verify(rules, baseline)


def capture(
    scenario: str = "sample/multihoming", kernel: str = "auto", out: str | Path | None = None
) -> Capture:
    """Run a scenario (`NAME` or `NAME:VARIANT`) on a real kernel, record it, and read what was recorded.

    kernel: host, uml, or auto, which takes this machine's own if it can. out: the capture file, by default
    `captures/<family>/<name>[-<variant>].pcapng`. Raises UsageError, EnvironmentLacks, or the
    SctpInspectError that made the run fail; then a file at `out` is as it was.
    """
    from sctpinspect import scenarios  # what runs needs Linux, what reads does not
    from sctpinspect.sandbox.record import record

    name, variant = scenarios.parse(scenario)
    return read(record(name, variant, kernel, None if out is None else Path(out)))


def _ports(given: Iterable[int]) -> list[int]:
    ports = list(given)
    for port in ports:
        if not 0 < port < 1 << 16:
            raise UsageError(f"{port} is no UDP port; give one from 1 to 65535")
    return ports


def _dissect(data: bytes, link_type: int) -> Any:
    from scapy.config import conf
    from scapy.layers import all as layers  # noqa: F401  (they register the link types)
    from scapy.packet import Raw

    return conf.l2types.num2layer.get(link_type, Raw)(data)
