"""The JSON verdict follows its schema and holds every violation."""

import json
from importlib import resources

import pytest
from jsonschema import Draft202012Validator

from sctpinspect.report import verdict_json
from sctpinspect.rules import Level, Rule, Status
from sctpinspect.rules.engine import judge

SCHEMA = json.loads(resources.files("sctpinspect.report").joinpath("verdict.schema.json").read_text())


def document(*captures) -> dict:
    judged = [verdict_json.capture("x.pcapng", capture, capture.verify()) for capture in captures]
    return json.loads(verdict_json.document(judged))


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


def test_documents_follow_the_schema(good, wrong_tag):
    for captures in ((), (good,), (good, wrong_tag)):
        Draft202012Validator(SCHEMA).validate(document(*captures))


def test_an_unreadable_file_follows_the_schema_and_is_no_capture(good):
    judged = verdict_json.capture("x.pcapng", good, good.verify("rfc9260/3.1"))
    whole = json.loads(verdict_json.document([judged, verdict_json.unreadable("\x1b.pcap", "no such file")]))
    Draft202012Validator(SCHEMA).validate(whole)
    whole["captures"][0]["error"] = "both"
    assert not Draft202012Validator(SCHEMA).is_valid(whole)


def test_the_schema_refuses_what_is_no_verdict(good):
    broken = document(good)
    broken["captures"][0]["results"][0]["status"] = "FINE"
    assert not Draft202012Validator(SCHEMA).is_valid(broken)


def test_every_violation_is_in_it(wrong_tag):
    results = {result["rule"]: result for result in document(wrong_tag)["captures"][0]["results"]}
    for result in wrong_tag.verify().results:
        frames = [violation["frame"] for violation in results[result.rule.id]["violations"]]
        assert frames == result.findings["frame"].to_list()
    assert any(result["status"] == "FAIL" for result in results.values())


def test_a_crash_is_told(good):
    def check(view):
        raise ValueError("bad \x1b")

    rule = Rule("rfc9260/1/crash", check, Level.MUST, ("RFC 9260 §1",), "RFC 2960", None, (), ())
    verdict = judge(good, [rule])
    assert verdict.results[0].status is Status.CRASHED
    text = verdict_json.document([verdict_json.capture("x.pcapng", good, verdict)])
    Draft202012Validator(SCHEMA).validate(json.loads(text))
    assert "ValueError" in json.loads(text)["captures"][0]["results"][0]["error"] and "\x1b" not in text


@pytest.mark.parametrize("name", ["\x7f.pcap", "\x1b[31m.pcap", "\u202e.pcap"])
def test_no_character_of_it_acts_on_a_terminal(good, name):
    text = verdict_json.document([verdict_json.capture(name, good, good.verify("rfc9260/3.1"))])
    assert text.isascii() and text.replace("\n", "").isprintable()
    assert json.loads(text)["captures"][0]["file"] == name
