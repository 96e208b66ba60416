"""The verdict for people: how it ended and of what, then what broke, then what could not be judged."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from rich.text import Text

from sctpinspect.report.lines import STATUS_STYLES, Part, count, line
from sctpinspect.rules.engine import RuleResult, Verdict
from sctpinspect.rules.model import Status
from sctpinspect.tables import Tables
from sctpinspect.tables.sends import received, sent

SHOWN = 3  # violations of an endpoint, rules and associations of a reason
SHOWN_GROUPS = 5  # endpoints that broke one rule

_BROKEN = (Status.FAIL, Status.CRASHED, Status.WARN, Status.NOTICE, Status.KNOWN)
_WORDS = {
    Status.FAIL: ("fails", "fail"),
    Status.CRASHED: ("crashed", "crashed"),
    Status.WARN: ("warns", "warn"),
    Status.NOTICE: ("gives a notice", "give notices"),
    Status.KNOWN: ("is broken as known", "are broken as known"),
    Status.PASS: ("holds", "hold"),
    Status.INCONCLUSIVE: ("could not be judged", "could not be judged"),
    Status.NOT_APPLICABLE: ("does not apply", "do not apply"),
    Status.NOT_IN_FORCE: ("is not in force", "are not in force"),
}
_INDENT = " " * 6
_NO_ASSOCIATION = 2**32 - 1


def verdict_lines(file: str, tables: Tables, verdict: Verdict) -> Iterator[Text]:
    """The verdict on one capture. Violations are grouped by rule and endpoint, with the first few of each."""
    yield from headline(file, tables, verdict)
    for status in _BROKEN:
        for result in verdict.results:
            if result.status is status:
                yield Text()
                yield from _broken(Path(file).name, result, _with_names(result.findings, tables))
    yield from _not_judged(verdict)


def headline(file: str, tables: Tables, verdict: Verdict) -> Iterator[Text]:
    """What was judged and how it ended, in a few lines."""
    status = overall(tables, verdict)
    origin = origin_of(tables.recipe)
    yield line((f"{status}  ", STATUS_STYLES.get(status, "bold")), (origin or file, "bold"))
    if origin:
        yield line(_INDENT, file)
    yield line(_INDENT, contents(tables))
    if has_no_sctp(tables):
        yield line(_INDENT, "no SCTP packet is in the file: nothing can be judged against the wire")
    elif tables.height("calls"):
        yield line(_INDENT, calls_judged(tables, verdict))
        if told := accounted(tables):
            yield line(_INDENT, told)
    yield line(_INDENT, *_tally(verdict))
    yield from remarks(tables, _INDENT)


def remarks(tables: Tables, indent: str) -> Iterator[Text]:
    """What a reader has to know of the file itself: that its run was interrupted, and its defects."""
    interrupted = ["the run was interrupted: what came later is not in it"]
    for remark in (interrupted if tables.recipe.get("interrupted") is True else []) + tables.defects:
        yield line(indent, ("note: ", "bold yellow"), remark)


def has_no_sctp(tables: Tables) -> bool:
    """Whether neither a packet nor an ICMP error that quotes one is in the file."""
    return not tables.height("packets") and not tables.height("icmp_errors")


def overall(tables: Tables, verdict: Verdict) -> str:
    """The worst status of the rules, in one word; NONE if no rule could be judged, by the wire."""
    counts = verdict.counts
    for status in (Status.FAIL, Status.CRASHED, Status.WARN):
        if counts[status]:
            return status.value
    held = (counts[Status.PASS] or counts[Status.NOTICE] or counts[Status.KNOWN]) and not has_no_sctp(tables)
    return "PASS" if held else "NONE"


def origin_of(recipe: dict[str, Any]) -> str:
    """`sample/multihoming:ipv6 on uml (Linux 6.1.176)`; empty for a capture made by others."""
    if not isinstance(scenario := recipe.get("scenario"), str):
        return ""
    variant, kernel = recipe.get("variant"), recipe.get("kernel")
    text = f"{scenario}:{variant}" if variant else scenario
    if isinstance(kernel, dict) and kernel.get("name"):
        text += f" on {kernel['name']} (Linux {kernel.get('release')})"
    return text


def contents(tables: Tables) -> str:
    """`61 calls, 74 packets, 1 association; no packet lost by the capture`."""
    packets, copies = tables.packets.lazy().select(pl.len(), pl.col("is_copy").sum()).collect().row(0)
    parts = [count(packets - copies, "packet"), count(tables.height("associations"), "association")]
    if calls := tables.height("calls"):
        parts.insert(0, count(calls, "call"))
    if errors := tables.height("icmp_errors"):
        parts.append(count(errors, "ICMP error"))
    if copies:
        parts.append(f"{copies} captured twice")
    return ", ".join(parts) + f"; {drops(tables)}"


def calls_judged(tables: Tables, verdict: Verdict) -> str:
    """`every call judged against the wire, 1 with findings`, or how many, and which kinds were not."""
    calls = tables.calls.lazy().select("call", "name").collect()
    left = calls.filter(~pl.col("call").is_in(verdict.calls_judged))
    wrong = verdict.findings["call"].drop_nulls().n_unique()
    findings = f", {wrong} with findings" if wrong else ""
    if left.is_empty():
        return f"every call judged against the wire{findings}"
    kinds = ", ".join(left["name"].unique(maintain_order=True))
    judged = f"{calls.height - left.height} calls judged against the wire{findings}"
    return f"{judged}, {left.height} not ({kinds})"


def accounted(tables: Tables) -> str:
    """`10 user messages, all matched to the calls that sent and received them`, or what matches nothing.

    Empty if nothing was sent or received.
    """
    messages = tables.messages.lazy().select("send_call", "receive_call").collect()
    # A call whose association is not in the capture counts too.
    calls = tables.calls.lazy().with_columns(pl.col("association").fill_null(_NO_ASSOCIATION))
    unsent, unreceived = messages["send_call"].null_count(), messages["receive_call"].null_count()
    sends, receives = (
        made.join(messages.lazy(), left_on="call", right_on=call, how="anti").collect().height
        for made, call in ((sent(calls), "send_call"), (received(calls), "receive_call"))
    )
    text = count(messages.height, "user message")
    if not messages.height and not sends and not receives:
        return ""
    if not any((unsent, sends, unreceived, receives)):
        return f"{text}, all matched to the calls that sent and received them"
    matched = (
        f"{text}, {messages.height - unsent} matched to the calls that sent them,"
        f" {messages.height - unreceived} to those that received them"
    )
    lonely = [count(number, noun) for number, noun in ((sends, "send"), (receives, "receive")) if number]
    return f"{matched}; matching none: {', '.join(lonely)}" if lonely else matched


def drops(tables: Tables) -> str:
    """What the capture's counters say of its own losses."""
    dropped = tables.interfaces.lazy().select("dropped").collect().to_series().to_list()
    if lost := sum(each or 0 for each in dropped):
        return f"{count(lost, 'packet')} LOST BY THE CAPTURE"
    if None in dropped:
        return "the file does not state what the capture lost"
    return "no packet lost by the capture"


def _tally(verdict: Verdict) -> Iterator[Part]:
    """`102 rules: 2 fail, 58 hold (4 in part), 3 could not be judged, 39 do not apply`."""
    yield f"{count(len(verdict.results), 'rule')}:"
    counts = verdict.counts
    in_part = sum(
        result.status is Status.PASS and not result.inconclusive.is_empty() for result in verdict.results
    )
    comma = " "
    for status, (one, many) in _WORDS.items():
        if counts[status]:
            yield comma
            yield f"{counts[status]} {one if counts[status] == 1 else many}", STATUS_STYLES.get(status, "")
            if status is Status.PASS and in_part:
                yield f" ({in_part} in part)"
            comma = ", "


def _broken(file: str, result: RuleResult, findings: pl.DataFrame) -> Iterator[Text]:
    """One rule that is broken: its title, then who broke it and where."""
    rule, style = result.rule, STATUS_STYLES[result.status]
    yield line((f"{result.status}  ", style), (rule.id, "bold"), f"  {', '.join(rule.cites)}")
    yield line(_INDENT, rule.title)
    if result.status is Status.CRASHED:
        yield line(_INDENT, f"the rule itself failed and judged nothing: {result.error}")
    for reason, times in findings["known"].drop_nulls().value_counts(sort=True).iter_rows():
        share = "" if times == findings.height else f" ({times} of {findings.height})"
        yield line(_INDENT, f"known of the stack{share}: {reason}")
    groups = findings.partition_by("association", "endpoint", maintain_order=True)
    for group in groups[:SHOWN_GROUPS]:
        association, endpoint = group.select("association", "endpoint").row(0)
        where = "" if association is None else f" in association {association}"
        who = f" by {endpoint}" if endpoint else ""
        yield line(_INDENT, (f"{count(group.height, 'violation')}{where}{who}", "dim"))
        for finding in group.head(SHOWN).iter_rows(named=True):
            expected = "" if finding["expected"] == rule.title else f"; expected: {finding['expected']}"
            told = f"{finding['actual']}{expected}"
            yield line(_INDENT, "  ", (f"{file}: ", "dim"), (f"{_place(finding)}: ", "bold"), told)
        if group.height > SHOWN:
            yield line(_INDENT, (f"  and {group.height - SHOWN} more", "dim"))
    if rest := groups[SHOWN_GROUPS:]:
        more = count(sum(group.height for group in rest), "violation")
        yield line(_INDENT, (f"{more} by {count(len(rest), 'other endpoint')}; all: --format json", "dim"))


def _with_names(findings: pl.DataFrame, tables: Tables) -> pl.DataFrame:
    """Findings with `chunk_name` and `call_name`."""
    chunks = tables.chunks.lazy().select("frame", "chunk", chunk_name="type_name")
    chunks = chunks.join(findings.lazy(), on=["frame", "chunk"], how="semi").unique(["frame", "chunk"])
    calls = tables.calls.lazy().select("call", call_name="name")
    named = findings.lazy().join(chunks, on=["frame", "chunk"], how="left", maintain_order="left")
    return named.join(calls, on="call", how="left", maintain_order="left").collect()


def _place(finding: dict[str, Any]) -> str:
    """`frame 17, chunk 0 (INIT)`, `frame 4 (sctp_bindx)`."""
    place = "the capture" if finding["frame"] is None else f"frame {finding['frame']}"
    if finding["chunk"] is not None:
        return f"{place}, chunk {finding['chunk']} ({finding['chunk_name'] or 'unknown type'})"
    return f"{place} ({finding['call_name']})" if finding["call_name"] else place


def _not_judged(verdict: Verdict) -> Iterator[Text]:
    """The rules that could not be judged, at all or in some associations, by reason."""
    rows = [
        (reason, result.rule.id, association)
        for result in verdict.results
        for association, reason in result.inconclusive.select("association", "reason").iter_rows()
    ]
    groups: dict[str, list[tuple[str, str, int | None]]] = {}
    for row in rows:  # reasons that differ in a number only are one
        groups.setdefault(re.sub(r"\d+", "", row[0]), []).append(row)
    if groups:
        yield Text()
        yield line(("Not judged, and why", "bold"))
    for group in sorted(groups.values(), key=len, reverse=True):
        reasons, rules, numbers = (list(dict.fromkeys(column)) for column in zip(*group, strict=True))
        alike = f" (and {len(reasons) - 1} alike)" if len(reasons) > 1 else ""
        known = [number for number in numbers if number is not None]
        where = f" in {_associations(known)}" if known else ""
        yield line(_INDENT, f"{count(len(rules), 'rule')}{where}: {reasons[0]}{alike}")
        yield line(_INDENT, (f"  {_first(rules)}", "dim"))


def _associations(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"association {numbers[0]}"
    return f"{len(numbers)} associations ({_first(numbers)})"


def _first(items: list) -> str:
    """`1, 2, 5, 17 more`."""
    more = [f"{len(items) - SHOWN} more"] if len(items) > SHOWN else []
    return ", ".join([*map(str, items[:SHOWN]), *more])
