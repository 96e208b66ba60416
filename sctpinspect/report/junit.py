"""The verdict as JUnit XML: one suite per capture, one case per rule."""

from collections.abc import Iterable
from xml.etree import ElementTree

from sctpinspect.report.escape import escape
from sctpinspect.report.lines import count
from sctpinspect.report.text import contents
from sctpinspect.rules.engine import RuleResult, Verdict
from sctpinspect.rules.model import Level, Status
from sctpinspect.tables import Tables


def document(suites: Iterable[ElementTree.Element]) -> str:
    """The whole document, of suites as `suite` and `unreadable` give them."""
    root = ElementTree.Element("testsuites", name="sctpinspect")
    root.extend(suites)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="us-ascii").decode("ascii")


def suite(file: str, tables: Tables, verdict: Verdict, at_least: Level = Level.MUST) -> ElementTree.Element:
    """One capture: what broke a rule of `at_least` or above fails, what was not judged is skipped."""
    cases = [_case(result, at_least) for result in verdict.results]
    element = ElementTree.Element("testsuite", name=escape(file), tests=str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    element.extend(cases)
    ElementTree.SubElement(element, "system-out").text = "\n".join(
        map(escape, [contents(tables), *tables.defects])
    )
    return element


def unreadable(file: str, error: str) -> ElementTree.Element:
    """A file that cannot be judged, and why: a suite whose only case is to read it."""
    element = ElementTree.Element(
        "testsuite", name=escape(file), tests="1", failures="0", errors="1", skipped="0"
    )
    case = ElementTree.SubElement(element, "testcase", classname="sctpinspect", name="read")
    ElementTree.SubElement(case, "error", message=escape(error), type="unreadable")
    return element


def _case(result: RuleResult, at_least: Level) -> ElementTree.Element:
    rule = result.rule
    document, section, _slug = rule.id.split("/")
    case = ElementTree.Element("testcase", classname=f"{document}.{section}", name=rule.id)
    levels = list(Level)
    messages = [
        escape(_message(*row)) for row in result.news.select("frame", "chunk", "endpoint", "message").rows()
    ]
    if result.status is Status.CRASHED:
        ElementTree.SubElement(case, "error", message=escape(result.error), type=result.status.value)
    elif messages and levels.index(rule.level) <= levels.index(at_least):
        told = f"{rule.title} {count(len(messages), 'violation')}"
        failure = ElementTree.SubElement(case, "failure", message=escape(told), type=rule.level.value)
        failure.text = "\n".join(messages)
    elif messages:
        ElementTree.SubElement(case, "system-out").text = "\n".join(
            [f"{result.status}: {rule.title}", *messages]
        )
    elif result.status is Status.KNOWN:
        reasons = result.findings["known"].unique(maintain_order=True)
        ElementTree.SubElement(case, "system-out").text = "\n".join(
            f"KNOWN: {escape(reason)}" for reason in reasons
        )
    elif result.status is not Status.PASS:
        ElementTree.SubElement(case, "skipped", message=escape(_reason(result)))
    return case


def _message(frame: int | None, chunk: int | None, endpoint: str | None, message: str | None) -> str:
    place = (
        "the capture"
        if frame is None
        else f"frame {frame}"
        if chunk is None
        else f"frame {frame}, chunk {chunk}"
    )
    return f"{place}: {message}" + (f" ({endpoint})" if endpoint else "")


def _reason(result: RuleResult) -> str:
    """`INCONCLUSIVE: the handshake is not in the capture`."""
    reasons = [reason for reason in result.inconclusive["reason"].unique(maintain_order=True) if reason]
    return ": ".join([result.status.value, *filter(None, ["; ".join(reasons)])])
