"""The scenarios: the captures kept of them, and runs made now, judged as expected.

Now are run the defaults and some variants, with `--all-scenarios` (`make test-all`) all, in one kernel.
"""

from pathlib import Path

import expectations
import pytest

import sctpinspect
from sctpinspect import scenarios

KEPT = sorted((Path(__file__).parents[1] / "captures").glob("*/*.pcapng"))


@pytest.mark.parametrize("capture", KEPT, ids=lambda path: path.stem)
def test_a_kept_capture_is_judged_as_expected(capture):
    found = sctpinspect.read(capture)
    assert expectations.expectation(found) == expectations.read(capture)
    assert expectations.faults(found) == []


def test_a_run_made_now_is_judged_as_expected(recording):
    name, variant = recording.recipe["scenario"], recording.recipe["variant"]
    kept = expectations.FOLDER / expectations.default_path(name, variant)
    assert expectations.expectation(recording) == expectations.read(kept)


def test_a_capture_that_is_not_as_it_has_to_be_is_not_kept(tmp_path):
    """One message has other bytes on the wire than its send gave, and its packet a wrong checksum."""
    wrong = tmp_path / "wrong.pcapng"
    good = expectations.FOLDER / "captures/sample/multihoming.pcapng"
    wrong.write_bytes(good.read_bytes().replace(b"DATA 1", b"DATA 7"))
    found = expectations.faults(sctpinspect.read(wrong))
    assert "rfc6458/3.1.4/send-message-to-data is FAIL" in found


def test_every_scenario_has_a_title_and_loads():
    for name, variant in scenarios.all_variants():
        module = scenarios.load(name)
        assert scenarios.title(module) and scenarios.topology(module, variant)
