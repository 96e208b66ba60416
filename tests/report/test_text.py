"""The verdict as text: how it ended first, then each broken rule with frames, then what was not judged."""

import re
from dataclasses import replace
from fnmatch import fnmatchcase

import pytest
from builders import START_NS, association, pcap
from rules import altering, verdicts
from rules.good import CAPTURES

from sctpinspect import read
from sctpinspect.protocol import ChunkType
from sctpinspect.report.text import SHOWN, headline, overall, verdict_lines
from sctpinspect.rules import Level, Rule, Status
from sctpinspect.rules.engine import judge


def of_all_calls(view):
    return view.calls, view.calls.head(0)


HOLDS = Rule("rfc6458/1/holds", of_all_calls, Level.MUST, ("RFC 6458",), "RFC 6458", None, (), ())


def told(capture, *rules) -> list[str]:
    return [line.plain for line in verdict_lines("x/capture.pcapng", capture, capture.verify(rules))]


def test_the_first_lines_say_what_was_judged_and_how_it_ended(good):
    lines = told(good, "rfc9260/8.5")
    assert lines[0] == "PASS  sample/multihoming on uml (Linux 6.1.176)"
    assert lines[1].strip() == "x/capture.pcapng"
    packets = good.packets.height
    assert lines[2].strip() == f"5 calls, {packets} packets, 1 association; no packet lost by the capture"
    assert "calls judged against the wire" in lines[3]
    assert "user messages" in lines[4]
    assert "rules: " in lines[5] and "hold" in lines[5]


ALL = "all matched to the calls that sent and received them"


def without_data(story):
    altering.remove(story, altering.find(story, ChunkType.DATA, 1))


def with_another_payload(story):
    altering.patch(story, altering.find(story, ChunkType.DATA, 1), altering.PAYLOAD, b"x")


def with_another_stream(story):
    altering.patch(story, altering.find(story, ChunkType.DATA, 1), altering.STREAM, b"\0\3")


def without_a_send(story):
    altering.forget(story, altering.call(story, "sctp_sendmsg", 1))


def with_a_send_twice(story):
    again = altering.call(story, "sctp_sendmsg", 1)
    story.calls.append(again._replace(start_ns=again.start_ns + 10, end_ns=again.end_ns + 10))


def with_a_receive_twice(story):
    again = altering.call(story, "sctp_recvmsg", 1, lambda call: not call.result.get("notification"))
    story.calls.append(again._replace(start_ns=again.start_ns + 10, end_ns=again.end_ns + 10))


@pytest.mark.parametrize(
    ("alter", "findings", "matched"),
    [
        (lambda story: None, 0, f"10 user messages, {ALL}"),
        (without_data, 2, "9 user messages, 9 matched to * sent *, 9 to *; matching none: 1 send, 1 receive"),
        (with_another_payload, 2, "10 user messages, 9 *, 9 to *; matching none: 1 send, 1 receive"),
        (with_another_stream, 2, "10 user messages, 9 *, 10 to *; matching none: 1 send"),
        (without_a_send, 0, "10 user messages, 9 matched to the calls that sent them, 10 to *"),
        (with_a_send_twice, 1, "10 user messages, 10 *, 10 to *; matching none: 1 send"),
        (with_a_receive_twice, 1, "10 user messages, 10 *, 10 to *; matching none: 1 receive"),
    ],
)
def test_the_first_lines_claim_no_more_than_the_findings_allow(alter, findings, matched):
    story = CAPTURES["multihoming"]()
    alter(story)
    tables, judged = verdicts.tables(story), verdicts.verdict(story)
    _, _, calls, messages, _ = (line.plain.strip() for line in headline("x", tables, judged))
    assert (f"judged against the wire, {findings} with findings" in calls) is bool(findings)
    assert fnmatchcase(messages, matched)


def test_a_file_of_calls_without_sctp_says_so_and_is_no_pass():
    story = CAPTURES["multihoming"]()
    story.packets.clear()
    tables = verdicts.tables(story)
    for verdict in (verdicts.verdict(story), judge(tables, [HOLDS])):
        first, _, wire, _ = (line.plain.strip() for line in headline("x", tables, verdict))
        assert wire == "no SCTP packet is in the file: nothing can be judged against the wire"
        assert not first.startswith("PASS")


def test_a_broken_rule_comes_with_its_frame_endpoint_expectation_and_source(wrong_tag):
    lines = told(wrong_tag, "rfc9260/8.5")
    assert lines[0].startswith("FAIL ")
    text = "\n".join(lines)
    frame = wrong_tag.packets["frame"][4]
    assert f"capture.pcapng: frame {frame}" in text
    assert "RFC 9260 §8.5" in text and "10.1.0.1, 10.2.0.1 port 5000" in text and "expected" in text


def test_only_the_first_few_violations_of_an_endpoint_are_shown_with_their_number(save):
    packets = association(heartbeats=9)
    wrong = [
        replace(each, checksum=number) if number % 5 == 4 else each for number, each in enumerate(packets)
    ]
    capture = read(save(wrong))
    violations = capture.verify("rfc9260/6.8/crc32c-correct").findings
    per_endpoint = violations.group_by("endpoint").len()["len"]
    assert per_endpoint.min() > SHOWN
    lines = told(capture, "rfc9260/6.8/crc32c-correct")
    assert sum("capture.pcapng: frame" in line for line in lines) == 2 * SHOWN
    for number in per_endpoint:
        assert any(f"and {number - SHOWN} more" in line for line in lines)


def test_what_could_not_be_judged_is_told_with_the_reason(tmp_path):
    path = tmp_path / "late.pcap"
    path.write_bytes(pcap([(packet.time_ns, packet.frame()) for packet in association()[4:]]))
    capture = read(path)
    lines = told(capture)
    start = next(number for number, line in enumerate(lines) if line.startswith("Not judged"))
    verdict = capture.verify()
    reasons = {reason for result in verdict.results for reason in result.inconclusive["reason"]}
    assert reasons and all(any(reason in line for line in lines[start:]) for reason in reasons)


def test_losses_of_the_capture_are_told(save):
    assert any("3 packets LOST BY THE CAPTURE" in line for line in told(read(save(association(), dropped=3))))


def test_a_cut_file_is_told(save):
    path = save(association())
    path.write_bytes(path.read_bytes()[:-60])
    assert any(line.strip().startswith("note: ") for line in told(read(path)))


def test_an_interrupted_run_is_told(save):
    note = "note: the run was interrupted: what came later is not in it"
    for recipe in ({"interrupted": True}, {}):
        told_so = note in [line.strip() for line in told(read(save(association(), (), recipe)))]
        assert told_so is bool(recipe)


def test_rules_that_judged_only_some_associations_are_counted(save, tmp_path):
    whole = association()
    late = [
        replace(packet, source_port=packet.source_port + 9, destination_port=packet.destination_port + 9)
        for packet in whole[4:]
    ]
    (tally,) = (line for line in told(read(save(whole + late))) if " rules: " in line)
    assert re.search(r" \d+ hold \(\d+ in part\)", tally)
    (tally,) = (line for line in told(read(save(whole))) if " rules: " in line)
    assert "in part" not in tally


def test_the_worst_status_counts(good, wrong_tag):
    assert overall(good, good.verify("rfc9260/8.5")) == "PASS"
    assert overall(wrong_tag, wrong_tag.verify("rfc9260/8.5")) == "FAIL"
    nothing = good.verify("rfc9260/3.3.7")
    assert set(nothing.counts) == {Status.NOT_APPLICABLE} and overall(good, nothing) == "NONE"


@pytest.mark.parametrize(
    "recipe", [{"scenario": 5}, {"interfaces": 7}, {"kernel": "x", "scenario": "[bold]"}]
)
def test_a_strange_recipe_does_no_harm(save, recipe):
    capture = read(save(association(), (), recipe))
    assert told(capture)[0].split()[0] in ("PASS", "NONE") and capture.ladder()


def test_hostile_text_of_a_capture_reaches_no_terminal(save):
    recipe = {"scenario": "\x1b]0;owned\x07", "kernel": {"name": "\u202egnp", "release": "[/red]"}}
    text = "\n".join(told(read(save(association(), (), recipe))))
    assert "\x1b" not in text and "\u202e" not in text and r"\x1b]0;owned\x07" in text and "[/red]" in text


def test_times_do_not_matter_for_a_file_of_one_packet(tmp_path):
    path = tmp_path / "one.pcap"
    path.write_bytes(pcap([(START_NS, association()[0].frame())]))
    assert told(read(path))[0].startswith(("PASS", "NONE"))
