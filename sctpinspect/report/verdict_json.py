"""The verdict for programs, as JSON: every rule and every violation (`verdict.schema.json` describes it)."""

import json
from collections.abc import Iterable
from typing import Any

import polars as pl

from sctpinspect.rules.engine import RuleResult, Verdict
from sctpinspect.tables import Tables

VERSION = 1

_VIOLATION = (
    "frame",
    "frames",
    "chunk",
    "association",
    "endpoint",
    "expected",
    "actual",
    "message",
    "cites",
    "known",
)


def document(captures: Iterable[dict[str, Any]]) -> str:
    """The whole document, of what `capture` and `unreadable` give; no character of it acts on a terminal."""
    text = json.dumps({"version": VERSION, "captures": list(captures)}, indent=2)
    return text.replace("\x7f", "\\u007f")  # the one control character that JSON lets through


def capture(file: str, tables: Tables, verdict: Verdict) -> dict[str, Any]:
    """One capture and what the rules said of it."""
    return {
        "file": file,
        "packets": tables.height("packets"),
        "calls": tables.height("calls"),
        "defects": list(tables.defects),
        "associations": _associations(tables),
        "results": [_result(result) for result in verdict.results],
    }


def unreadable(file: str, error: str) -> dict[str, Any]:
    """A file that cannot be judged, and why."""
    return {"file": file, "error": error}


def _associations(tables: Tables) -> list[dict[str, Any]]:
    columns = ("association", "packets", "first_frame", "last_frame", "handshake", "end", "restart_of")
    ends = ("association", "side", "host", "addresses", "port")
    endpoints: dict[int, list[dict[str, Any]]] = {}
    for row in tables.endpoints.lazy().select(ends).collect().iter_rows(named=True):
        endpoints.setdefault(row.pop("association"), []).append(row)
    rows = tables.associations.lazy().select(columns).collect().iter_rows(named=True)
    return [{**row, "endpoints": endpoints.get(row["association"], [])} for row in rows]


def _result(result: RuleResult) -> dict[str, Any]:
    crash = {"error": result.error} if result.error else {}
    return {
        "rule": result.rule.id,
        "level": result.rule.level.value,
        "status": result.status.value,
        "judged": result.judged,
        "inconclusive": result.inconclusive.select("association", "reason").to_dicts(),
        "violations": _violations(result.findings),
        **crash,
    }


def _violations(findings: pl.DataFrame) -> list[dict[str, Any]]:
    return findings.select(_VIOLATION).to_dicts()
