"""Known deviations of a stack: told, and no news; each has a capture that shows it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import sctpinspect
from sctpinspect.cli import app
from sctpinspect.report.text import overall
from sctpinspect.rules import Level, Status, all_rules, profiles

CAPTURES = Path(__file__).parents[2] / "captures"
DEVIATIONS = [entry for name in profiles.names() for entry in profiles.deviations(name).values()]
ONE = DEVIATIONS[0]


@pytest.fixture
def capture():
    return sctpinspect.read(CAPTURES / ONE.capture)


def status(capture, rule=ONE.rule, **options):
    (result,) = capture.verify(rule, **options).results
    return result.status


def by_others(capture):
    """The capture as if another program had taken it: no recipe, so that its stacks are not known."""
    return replace(capture, recipe={"hosts": "anything"})


@pytest.mark.parametrize("entry", DEVIATIONS, ids=lambda entry: entry.rule)
def test_each_names_a_rule_and_a_capture_that_shows_it(entry):
    """An entry that nothing shows any more goes, and is told here."""
    assert entry.rule in {rule.id for rule in all_rules()}
    assert entry.reason and entry.since
    assert status(sctpinspect.read(CAPTURES / entry.capture), entry.rule) is Status.KNOWN


def test_they_break_the_rule_where_the_stack_is_not_that_one_or_no_profile_is_wanted(capture):
    assert status(capture, profile="none") is Status.FAIL
    assert status(by_others(capture)) is Status.FAIL
    assert status(by_others(capture), profile="linux") is Status.KNOWN
    other = {host: {**facts, "stack": "usrsctp"} for host, facts in capture.recipe["hosts"].items()}
    assert status(replace(capture, recipe={**capture.recipe, "hosts": other})) is Status.FAIL


def test_they_are_kept_with_the_reason_and_are_no_findings(capture):
    verdict = capture.verify(ONE.rule)
    (result,) = verdict.results
    assert set(result.findings["known"]) == {ONE.reason}
    assert verdict.findings.is_empty() and not verdict.failed(Level.INFO)
    assert overall(capture, verdict) == "PASS"
    assert not capture.verify(ONE.rule, profile="none").findings.is_empty()


def test_the_command_tells_them(capture):
    argv = ["verify", str(capture.path), "--rules", ONE.rule]
    told = CliRunner().invoke(app, argv)
    assert told.exit_code == 0
    assert "1 rule: 1 is broken as known" in told.stdout
    assert f"known of the stack: {ONE.reason}" in told.stdout
    assert CliRunner().invoke(app, [*argv, "--profile", "none"]).exit_code == 1
    (result,) = json.loads(CliRunner().invoke(app, [*argv, "--format", "json"]).stdout)["captures"][0][
        "results"
    ]
    assert (result["status"], result["violations"][0]["known"]) == ("KNOWN", ONE.reason)
    junit = CliRunner().invoke(app, [*argv, "--format", "junit"]).stdout
    assert 'failures="0"' in junit and f"KNOWN: {ONE.reason}" in junit


def test_a_profile_that_does_not_exist(capture):
    with pytest.raises(sctpinspect.UsageError, match="no profile 'solaris'; choose one of auto, none, linux"):
        capture.verify(profile="solaris")
