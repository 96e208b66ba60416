"""The findings in captures of other projects: those that `expected.toml` lists, and no other."""

import tomllib
from pathlib import Path

import pytest
from external_captures import CAPTURES, needed

from sctpinspect.decode import decode
from sctpinspect.rules.engine import verify
from sctpinspect.tables.build import build

EXPECTED = tomllib.loads(Path(__file__).with_name("expected.toml").read_text())


def listed(name: str) -> dict[str, tuple[int, int]]:
    return {
        each["rule"]: (each["frame"], each["number"]) for each in EXPECTED.get(name, {}).get("findings", [])
    }


def test_each_has_a_reason_and_is_listed_once():
    for name, of_file in EXPECTED.items():
        assert len(listed(name)) == len(of_file["findings"])
        assert all(each["why"].strip() for each in of_file["findings"])


@needed
@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
def test_findings_are_those_listed(capture):
    results = verify(build(decode(capture))).results
    assert [result.rule.id for result in results if result.error] == []
    found = {
        result.rule.id: (int(result.findings["frame"][0]), len(result.findings))
        for result in results
        if len(result.findings)
    }
    assert found == listed(capture.name)
