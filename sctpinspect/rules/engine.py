"""Runs rules over the tables of a capture and derives the status of each (see `model.Status`).

FAIL, WARN or NOTICE (by level) if there is any violation, but KNOWN if each is a known deviation of its stack
(see `profiles`); else CRASHED if the rule raised; else PASS if at least one subject was judged; else
INCONCLUSIVE; else NOT_APPLICABLE. NOT_IN_FORCE under a baseline that does not have the rule. A PASS is never
vacuous, and what the capture cannot show never is a FAIL.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import polars as pl
from polars._typing import PolarsDataType

from sctpinspect.protocol import UsageError
from sctpinspect.rules import profiles
from sctpinspect.rules.model import BROKEN, EDITIONS, OF_JUDGEMENTS, Judgement, Level, Need, Rule, Status
from sctpinspect.rules.registry import select
from sctpinspect.rules.view import View, view
from sctpinspect.tables import Tables
from sctpinspect.tables.associations import peer
from sctpinspect.tables.schema import FINDINGS, polars_schema

BASELINES = {"rfc4960": "RFC 4960", "rfc9260": "RFC 9260"}
"""Editions of the base protocol to judge by."""

FEW_CHUNKS = 100_000
AT_ONCE = 4
"""So many rules are judged at a time in a capture of few chunks, where planning queries takes the time.

In others Polars finds work enough for all processors in one query, and memory is for one."""

_NO_FINDINGS = pl.DataFrame(schema=polars_schema(FINDINGS))
_REASONS = pl.Schema({"association": pl.UInt32, "reason": pl.String})
_NO_REASONS = pl.DataFrame(schema=_REASONS)
_SUBJECT = {"association": pl.UInt32, "side": pl.UInt8}
_WANTS = {Level.MUST: "requires", Level.SHOULD: "recommends", Level.INFO: "expects"}
_OF_THE_CAPTURE = ["frames_dropped", "drops_unknown", "snaplen", "journal_damaged"]
_NOT_SANDBOXED = {
    Need.AT_SENDER: "packets may be captured out of the order they were sent in, or not on every path",
    Need.DELIVERY: "the capture does not show whether what was sent arrived",
}


@dataclass(frozen=True)
class RuleResult:
    """The verdict of one rule on one capture.

    judged: number of subjects judged. calls: the rows of calls among them.
    findings: one row per violation (`schema.FINDINGS`), known deviations too.
    inconclusive: `association` and `reason` of what could not be judged. error: why the rule crashed.
    """

    rule: Rule
    status: Status
    judged: int = 0
    calls: frozenset[int] = frozenset()
    findings: pl.DataFrame = field(default_factory=lambda: _NO_FINDINGS)
    inconclusive: pl.DataFrame = field(default_factory=lambda: _NO_REASONS)
    error: str = ""

    @property
    def news(self) -> pl.DataFrame:
        """The findings that are no known deviations."""
        return self.findings.filter(pl.col("known").is_null())


@dataclass(frozen=True)
class Verdict:
    """What the rules said of one capture, in the order of their ids."""

    results: tuple[RuleResult, ...]

    @property
    def findings(self) -> pl.DataFrame:
        """All violations (`schema.FINDINGS`) that are no known deviations."""
        return pl.concat([_NO_FINDINGS, *(result.news for result in self.results)])

    @property
    def calls_judged(self) -> frozenset[int]:
        """The rows of calls that at least one rule has judged."""
        return frozenset().union(*(result.calls for result in self.results))

    @property
    def counts(self) -> Counter[Status]:
        """Number of rules with each status."""
        return Counter(result.status for result in self.results)

    def failed(self, at_least: Level = Level.MUST) -> bool:
        """Whether a rule of this level or a stronger one is broken. One that crashed counts as broken."""
        levels = list(Level)[: list(Level).index(at_least) + 1]
        return any(
            result.status is Status.CRASHED or (result.rule.level in levels and not result.news.is_empty())
            for result in self.results
        )


def verify(
    tables: Tables[pl.DataFrame],
    prefixes: Sequence[str] = (),
    baseline: str = "rfc9260",
    profile: str = profiles.BY_RECIPE,
) -> Verdict:
    """Judge `tables` by the rules that begin with one of `prefixes` (default: all).

    profile: whose known deviations are no news, of every endpoint; see `profiles`. Raises UsageError for an
    unknown baseline, prefix or profile.
    """
    profiles.check(profile)
    if baseline not in BASELINES:
        raise UsageError(f"there is no baseline {baseline}; choose one of {', '.join(BASELINES)}")
    return judge(tables, select(prefixes), BASELINES[baseline], profile)


def judge(
    tables: Tables[pl.DataFrame],
    rules: Iterable[Rule],
    edition: str = EDITIONS[-1],
    profile: str = profiles.BY_RECIPE,
) -> Verdict:
    """Judge `tables` by `rules`, as `edition` of the base protocol has them."""
    seen = view(tables)
    lacking = _lacking(seen)
    stacks = profiles.of_endpoints(seen.endpoints, seen.recipe, profile)
    endpoints = _endpoint_texts(seen.endpoints).join(stacks, on=[*_SUBJECT], maintain_order="left").collect()

    def of(rule: Rule) -> RuleResult:
        if not rule.in_force(edition):
            return RuleResult(rule, Status.NOT_IN_FORCE)
        return _judge(rule, seen, lacking, endpoints)

    if tables.chunks.height > FEW_CHUNKS:
        return Verdict(tuple(map(of, rules)))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return Verdict(tuple(threads.map(of, rules)))


def _judge(rule: Rule, seen: View, lacking: dict[Need, pl.DataFrame], endpoints: pl.DataFrame) -> RuleResult:
    try:
        return _result(rule, seen, lacking, endpoints)
    except (Exception, pl.exceptions.PanicException) as error:
        return RuleResult(rule, Status.CRASHED, error=f"{type(error).__name__}: {error}")


def _result(rule: Rule, seen: View, lacking: dict[Need, pl.DataFrame], endpoints: pl.DataFrame) -> RuleResult:
    judgement = Judgement(*rule.check(seen))
    subjects, violations, *reasons = pl.collect_all(
        [
            _counted(judgement.subjects),
            _needed(judgement.violations),
            *([] if judgement.inconclusive is None else [judgement.inconclusive]),
        ]
    )
    subjects, left_out = _apart(subjects, _union(lacking, rule.needs))
    reasons.append(left_out)
    if not violations.is_empty():
        violations, doubtful = _doubted(violations, lacking, rule)
        subjects, _ = _apart(subjects, doubtful)
        reasons.append(doubtful)
    inconclusive = _reasons(reasons)
    judged = int(subjects["len"].sum())
    calls = frozenset(subjects["calls"].explode().drop_nulls())
    findings = _findings(rule, violations, endpoints)
    return RuleResult(
        rule, _status(rule, judged, findings, inconclusive), judged, calls, findings, inconclusive
    )


def _status(rule: Rule, judged: int, findings: pl.DataFrame, inconclusive: pl.DataFrame) -> Status:
    if not findings.is_empty():
        return BROKEN[rule.level] if findings["known"].has_nulls() else Status.KNOWN
    if judged:
        return Status.PASS
    return Status.NOT_APPLICABLE if inconclusive.is_empty() else Status.INCONCLUSIVE


def merged(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict of those on the parts of a capture, by the same rules."""
    return Verdict(
        tuple(_merged(results) for results in zip(*(each.results for each in verdicts), strict=True))
    )


def _merged(results: Sequence[RuleResult]) -> RuleResult:
    rule, error = results[0].rule, next((result.error for result in results if result.error), "")
    judged = sum(result.judged for result in results)
    findings = _in_order(pl.concat([result.findings for result in results]))
    inconclusive = _reasons([result.inconclusive for result in results])
    if results[0].status is Status.NOT_IN_FORCE:
        return results[0]
    status = _status(rule, judged, findings, inconclusive)
    return RuleResult(
        rule,
        Status.CRASHED if error and findings.is_empty() else status,
        judged,
        frozenset().union(*(result.calls for result in results)),
        findings,
        inconclusive,
        error,
    )


def _doubted(
    violations: pl.DataFrame, lacking: dict[Need, pl.DataFrame], rule: Rule
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The violations that count; and `association`, `side`, `reason` of what the capture makes doubtful."""
    fit, _ = _apart(violations, _union(lacking, rule.needs))
    is_certain = pl.col("certain").fill_null(False) if "certain" in fit.columns else pl.lit(False)
    kept, doubtful = _apart(fit.filter(~is_certain), _union(lacking, rule.to_fail))
    return pl.concat([fit.filter(is_certain), kept]), doubtful.select(*_SUBJECT, "reason").unique()


def _reasons(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """`association` and `reason`, each pair once."""
    given = [part.select(*_REASONS).cast(_REASONS) for part in parts if not part.is_empty()]
    return pl.concat(given).unique().sort("association", "reason") if given else _NO_REASONS


def _counted(subjects: pl.LazyFrame) -> pl.LazyFrame:
    """`len` and `calls`: the number of subjects of each association and side, and the calls among them."""
    known, _ = _with(subjects, **_SUBJECT, call=pl.UInt32)
    return known.group_by(*_SUBJECT).agg(pl.len(), calls=pl.col("call"))


def _needed(violations: pl.LazyFrame) -> pl.LazyFrame:
    """The columns of violations that a finding needs; so nothing else is computed."""
    known, columns = _with(violations, **_SUBJECT)
    return known.select(name for name in OF_JUDGEMENTS if name in columns)


def _with(frame: pl.LazyFrame, **columns: PolarsDataType) -> tuple[pl.LazyFrame, set[str]]:
    """The frame with these columns, null where it had none, and the names of all its columns."""
    present = set(frame.collect_schema().names())
    missing = {name: pl.lit(None, dtype) for name, dtype in columns.items() if name not in present}
    return frame.with_columns(**missing), present | missing.keys()


def _lacking(seen: View) -> dict[Need, pl.DataFrame]:
    """Per need, the associations (and sides; null: both) that lack it, with the reason."""
    columns = ["association", "side", "reason"]
    completeness, associations = pl.collect_all(
        [
            seen.completeness.with_columns(pl.col("kind").cast(pl.String)),
            seen.associations.select("association"),
        ]
    )

    def lack(need: Need) -> pl.DataFrame:
        own = completeness.filter(pl.col("kind").is_in(list(need.kinds))).select(columns)
        of_peer = completeness.filter(pl.col("kind").is_in(list(need.peer_kinds))).select(
            "association", peer().alias("side"), "reason"
        )
        # what the capture as a whole lacks concerns packets and calls of no association too
        whole = completeness.filter(
            pl.col("kind").is_in(list(need.kinds)) & pl.col("kind").is_in(_OF_THE_CAPTURE)
        ).select(pl.lit(None, pl.UInt32).alias("association"), pl.lit(None, pl.UInt8).alias("side"), "reason")
        everywhere = associations.clear() if seen.recipe or not need.sandboxed else associations
        unseen = everywhere.select(
            "association",
            pl.lit(None, pl.UInt8).alias("side"),
            pl.lit(_NOT_SANDBOXED.get(need), pl.String).alias("reason"),
        )
        return pl.concat([own, of_peer, whole.unique(), unseen])

    return {need: lack(need) for need in Need}


def _union(lacking: dict[Need, pl.DataFrame], needs: Iterable[Need]) -> pl.DataFrame:
    return pl.concat([next(iter(lacking.values())).clear(), *(lacking[need] for need in needs)])


def _apart(rows: pl.DataFrame, unfit: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows whose association and side are not in `unfit`, and those that are, with each `reason`.

    A null side stands for both.
    """
    if unfit.is_empty() or rows.is_empty():
        return rows, rows.clear().with_columns(reason=pl.lit(None, pl.String))
    numbered = rows.with_row_index("row")
    met = numbered.join(unfit.rename({"side": "unfit_side"}), on="association", nulls_equal=True).filter(
        pl.col("side").is_null() | pl.col("unfit_side").is_null() | (pl.col("side") == pl.col("unfit_side"))
    )
    fit = numbered.join(met, on="row", how="anti", maintain_order="left").drop("row")
    return fit, met


def _endpoint_texts(endpoints: pl.LazyFrame) -> pl.LazyFrame:
    """`endpoint` of each association and side: `10.0.0.1, 10.0.1.1 port 4444 (host b)`."""
    return endpoints.select(
        "association",
        "side",
        endpoint=pl.format("{} port {}", pl.col("addresses").list.join(", "), "port")
        + pl.format(" (host {})", "host").fill_null(""),
    )


def _findings(rule: Rule, violations: pl.DataFrame, endpoints: pl.DataFrame) -> pl.DataFrame:
    if violations.is_empty():
        return _NO_FINDINGS
    given = set(violations.columns)

    def or_else(column: str, other: pl.Expr) -> pl.Expr:
        return pl.col(column).fill_null(other) if column in given else other.alias(column)

    columns = polars_schema(FINDINGS)
    return (
        violations.with_columns(
            or_else("expected", pl.lit(rule.title)),
            or_else("actual", pl.lit("it is not so")),
            or_else("frames", pl.concat_list("frame")),
            or_else("chunk", pl.lit(None)),
            or_else("call", pl.lit(None)),
        )
        .with_columns(
            rule=pl.lit(rule.id),
            level=pl.lit(rule.level.value),
            cites=pl.lit(list(rule.cites), pl.List(pl.String)),
            message=pl.format(
                "{}; {} {}: {}", "actual", pl.lit(rule.cites[0]), pl.lit(_WANTS[rule.level]), "expected"
            ),
        )
        .join(endpoints, on=[*_SUBJECT], how="left", maintain_order="left")
        .with_columns(known=profiles.reason(rule.id))
        .select(pl.col(name).cast(dtype) for name, dtype in columns.items())
        .pipe(_in_order)
    )


def _in_order(findings: pl.DataFrame) -> pl.DataFrame:
    return findings.sort("frame", "chunk", "call", nulls_last=True, maintain_order=True)
