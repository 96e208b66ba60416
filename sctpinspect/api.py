"""The public API: `read`, `verify`, `capture`, and the `Capture` and `Verdict` that they give."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from sctpinspect import decode, tables
from sctpinspect.decode import files
from sctpinspect.protocol import EnvironmentLacks, SctpInspectError, UsageError
from sctpinspect.report.escape import escape
from sctpinspect.report.ladder import PLAIN_WIDTH, ladder
from sctpinspect.report.lines import count
from sctpinspect.report.text import contents
from sctpinspect.rules import engine
from sctpinspect.rules.engine import Verdict
from sctpinspect.tables import Tables

__all__ = [
    "Capture",
    "EnvironmentLacks",
    "SctpInspectError",
    "UsageError",
    "Verdict",
    "capture",
    "read",
    "verify",
]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Capture(Tables[pl.DataFrame]):
    """A capture file as tables: one Polars DataFrame per table of `sctpinspect.tables.schema`.

    Beside them: `path`, `recipe` (how sctpinspect made it; empty for captures by others), `defects`
    (a sentence for each fault of the file) and `frames` (their number, as Wireshark counts).
    """

    path: str | Path

    def __repr__(self) -> str:
        return f"<Capture {escape(str(self.path))}: {contents(self)}>"

    def verify(self, rules: str | Sequence[str] = (), baseline: str = "rfc9260") -> Verdict:
        """Judge by the rules whose ids begin with `rules` (one prefix or several; default: all).

        `baseline` is the edition of the base protocol: rfc4960 or rfc9260. Raises UsageError for
        a prefix or baseline that does not exist.
        """
        return engine.verify(self, [rules] if isinstance(rules, str) else rules, baseline)

    def packet(self, frame: int) -> Any:
        """The frame as a Scapy packet, from its link layer up. Raises UsageError if it is no packet."""
        if str(self.path) == "-":
            raise UsageError(
                "standard input cannot be read a second time; save it to a file to see its packets"
            )
        raw = files.open_capture(self.path)
        found = raw.frames[raw.frames["number"] == frame]
        if not len(found):
            if 1 <= frame <= raw.frames_total:
                raise UsageError(f"frame {frame} is no packet but an entry of the journal")
            raise UsageError(f"there is no frame {frame}: the capture has {raw.frames_total}")
        begin, length = int(found[0]["offset"]), int(found[0]["captured"])
        link_type = raw.interfaces[found[0]["interface"]].link_type
        return _dissect(raw.data[begin : begin + length].tobytes(), link_type)

    def ladder(self, association: int | None = None, width: int = PLAIN_WIDTH) -> str:
        """Hosts and paths as lanes, calls and packets in one time line; by default the first association."""
        return "\n".join(line.plain.rstrip() for line in ladder(self, association, width=width))


def read(path: str | Path, udp_ports: Iterable[int] = ()) -> Capture:
    """Read a pcap or pcapng file ("-": standard input).

    udp_ports: UDP ports that carry SCTP, beside 9899 and those where it proves to be (RFC 6951). Raises
    UsageError for what cannot be read, is no capture, or holds nothing of SCTP, and for what is no port.
    """
    built = tables.build(decode.decode(path, _ports(udp_ports)))
    if not (built.packets.height or built.calls.height or built.icmp_errors.height):
        held = f"{count(built.frames, 'frame')}, none of them SCTP" if built.frames else "no frame"
        why = f" ({built.defects[0]})" if built.defects else ""
        raise UsageError(f"{escape(str(path))} has {held}{why}; there is nothing to judge")
    return Capture(path=path, **vars(built))


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
