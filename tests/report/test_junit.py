"""The JUnit verdict: one suite per capture, one case per rule, well-formed whatever the capture holds."""

from xml.etree import ElementTree

from builders import association

from sctpinspect import read
from sctpinspect.report import junit
from sctpinspect.rules import Level, Rule, Status
from sctpinspect.rules.engine import judge


def parsed(capture, verdict=None, at_least=Level.MUST) -> ElementTree.Element:
    suite = junit.suite("x.pcapng", capture, verdict or capture.verify(), at_least)
    return ElementTree.fromstring(junit.document([suite]))


def test_there_is_one_case_per_rule_and_the_counts_are_right(wrong_tag):
    suite = parsed(wrong_tag).find("testsuite")
    cases = suite.findall("testcase")
    results = wrong_tag.verify().results
    assert [case.get("name") for case in cases] == [result.rule.id for result in results]
    assert int(suite.get("tests")) == len(cases)
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.get(attribute)) == len(suite.findall(f"testcase/{tag}"))


def test_statuses_become_what_junit_has_for_them(wrong_tag):
    cases = {case.get("name"): case for case in parsed(wrong_tag).iter("testcase")}
    for result in wrong_tag.verify().results:
        case = cases[result.rule.id]
        tags = {child.tag for child in case}
        match result.status:
            case Status.FAIL:
                assert (
                    tags == {"failure"}
                    and f"frame {result.findings['frame'][0]}" in case.find("failure").text
                )
            case Status.PASS:
                assert tags == set()
            case Status.WARN | Status.NOTICE:
                assert tags == {"system-out"}
            case _:
                assert tags == {"skipped"} and result.status in case.find("skipped").get("message")
    assert any(result.status is Status.FAIL for result in wrong_tag.verify().results)


def test_a_warning_fails_only_if_it_is_asked_to(good):
    def check(view):
        return view.packets, view.packets.head(1)

    rule = Rule("rfc9260/1/warns", check, Level.SHOULD, ("RFC 9260 §1",), "RFC 2960", None, (), ())
    verdict = judge(good, [rule])
    assert parsed(good, verdict).find(".//failure") is None
    assert parsed(good, verdict, Level.SHOULD).find(".//failure") is not None


def test_a_crash_is_an_error_and_control_characters_are_gone(good):
    def check(view):
        raise ValueError("\x00\x1b\ufffe\ud800")

    rule = Rule("rfc9260/1/crash", check, Level.MUST, ("RFC 9260 §1",), "RFC 2960", None, (), ())
    message = parsed(good, judge(good, [rule])).find(".//error").get("message")
    assert message == r"ValueError: \x00\x1b\ufffe\ud800"


def test_an_unreadable_file_is_a_suite_with_an_error():
    suites = ElementTree.fromstring(junit.document([junit.unreadable("\x1b.pcap", "no such \x00 file")]))
    (suite,) = suites.findall("testsuite")
    assert (suite.get("name"), suite.get("tests"), suite.get("errors")) == (r"\x1b.pcap", "1", "1")
    assert suite.find("testcase/error").get("message") == r"no such \x00 file"


def test_the_files_own_faults_are_told(save):
    path = save(association())
    path.write_bytes(path.read_bytes()[:-60])
    assert "not read" in parsed(read(path)).find(".//system-out").text
