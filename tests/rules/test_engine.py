"""The engine: what status a rule gets from what it returns and from what the capture lacks."""

import builders as b
import polars as pl
import pytest
from rules.good import Story, late, multihoming
from rules.verdicts import tables

from sctpinspect.protocol import ChunkType, UsageError
from sctpinspect.rules import Judgement, Level, Need, Rule, Status, select
from sctpinspect.rules.engine import Verdict, judge, verify
from sctpinspect.tables.schema import FINDINGS, polars_schema


def rule(check, level=Level.MUST, since="RFC 2960", until=None, needs=(), to_fail=()) -> Rule:
    return Rule("rfc9260/5.1/made-up", check, level, ("RFC 9260 §5.1",), since, until, needs, to_fail)


def inits(t):
    return t.chunks.filter(pl.col("type") == ChunkType.INIT)


def all_right(t):
    """All is right."""
    return inits(t), inits(t).clear()


def all_wrong(t):
    """All is right."""
    return inits(t), inits(t)


def nothing_there(t):
    return inits(t).clear(), inits(t).clear()


def judged(story: Story, *rules: Rule, edition: str = "RFC 9260") -> Verdict:
    return judge(tables(story), rules, edition)


def status(story: Story, *rules: Rule, edition: str = "RFC 9260") -> list[Status]:
    return [result.status for result in judged(story, *rules, edition=edition).results]


@pytest.mark.parametrize(
    ("level", "expected"),
    [(Level.MUST, Status.FAIL), (Level.SHOULD, Status.WARN), (Level.INFO, Status.NOTICE)],
)
def test_a_violation_gives_the_status_of_the_level(level, expected):
    assert status(multihoming(), rule(all_wrong, level)) == [expected]


def test_a_pass_needs_a_subject():
    assert status(multihoming(), rule(all_right), rule(nothing_there)) == [Status.PASS, Status.NOT_APPLICABLE]


def test_judged_counts_subjects():
    result = judged(multihoming(), rule(all_right)).results[0]
    assert result.judged == 2  # the INIT of the association and the one that is refused


def raises(t):
    raise RuntimeError("no such thing")


def asks_for_a_column_that_is_not_there(t):
    return t.chunks, t.chunks.filter(pl.col("no such column") == 1)


def panics(t):
    raise pl.exceptions.PanicException("polars gave up")


def returns_no_frame(t):
    return inits(t), inits(t).drop("frame")


@pytest.mark.parametrize("check", [raises, asks_for_a_column_that_is_not_there, panics, returns_no_frame])
def test_a_crash_is_a_status_of_its_own_and_ends_nothing(check):
    crashed, passed = judged(multihoming(), rule(check), rule(all_right)).results
    assert (crashed.status, passed.status) == (Status.CRASHED, Status.PASS)
    assert crashed.error
    assert judged(multihoming(), rule(check)).failed(Level.MUST)


def test_an_interrupt_is_no_crash_of_a_rule():
    def interrupted(t):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judged(multihoming(), rule(interrupted))


@pytest.mark.parametrize(
    ("since", "until", "edition", "expected"),
    [
        ("RFC 2960", None, "RFC 4960", Status.PASS),
        ("RFC 9260", None, "RFC 4960", Status.NOT_IN_FORCE),
        ("RFC 9260", None, "RFC 9260", Status.PASS),
        ("RFC 2960", "RFC 9260", "RFC 4960", Status.PASS),
        ("RFC 2960", "RFC 9260", "RFC 9260", Status.NOT_IN_FORCE),
        ("RFC 6458", None, "RFC 4960", Status.PASS),
    ],
)
def test_a_rule_is_judged_only_by_the_editions_that_have_it(since, until, edition, expected):
    made_up = rule(all_right, since=since, until=until)
    assert status(multihoming(), made_up, edition=edition) == [expected]


def test_baseline_selects_the_edition():
    story = tables(multihoming())
    prefix = ["rfc9260/3.3.2.1.4/no-hostname-param"]
    assert verify(story, prefix, "rfc4960").results[0].status is Status.NOT_IN_FORCE
    assert verify(story, prefix, "rfc9260").results[0].status is Status.PASS
    with pytest.raises(UsageError, match="no baseline rfc1"):
        verify(story, baseline="rfc1")


# ---- what a capture lacks


def packets_judged(t):
    subjects = t.packets.filter(pl.col("association") == 0)
    return subjects, subjects


def without(story: Story, **changes) -> Story:
    for name, value in changes.items():
        setattr(story, name, value)
    return story


@pytest.mark.parametrize(
    ("need", "lacking"),
    [
        (Need.HANDSHAKE, lambda: late()),
        (Need.NO_LOSS, lambda: without(multihoming(), dropped=3)),
        (Need.NO_LOSS, lambda: without(multihoming(), dropped=None)),
        (Need.COUNTERS, lambda: without(multihoming(), dropped=3)),
        (Need.AT_SENDER, lambda: without(multihoming(), recipe={})),
        (Need.DELIVERY, lambda: without(multihoming(), recipe={})),
        (Need.DELIVERY, lambda: without(multihoming(), recipe={**multihoming().recipe, "impaired": True})),
    ],
    ids=lambda value: value.name if isinstance(value, Need) else "",
)
def test_what_the_capture_lacks_makes_a_rule_inconclusive_not_failed(need, lacking):
    passes, fails = lacking(), lacking()
    in_need = judged(passes, rule(packets_judged, needs=[need])).results[0]
    doubtful = judged(fails, rule(packets_judged, to_fail=[need])).results[0]
    assert in_need.status is doubtful.status is Status.INCONCLUSIVE
    assert set(in_need.inconclusive["association"]) == {0}
    assert in_need.inconclusive.rows() == doubtful.inconclusive.rows()
    assert in_need.judged == doubtful.judged == 0
    assert in_need.findings.is_empty() and doubtful.findings.is_empty()


@pytest.mark.parametrize("need", Need)
def test_a_complete_capture_lacks_nothing(need):
    result = judged(multihoming(), rule(packets_judged, needs=[need], to_fail=[need])).results[0]
    assert (result.status, result.inconclusive.rows()) == (Status.FAIL, [])


def test_what_is_right_needs_less_than_what_is_wrong():
    def right(t):
        return t.packets, t.packets.clear()

    made_up = rule(right, to_fail=[Need.NO_LOSS])
    assert status(without(multihoming(), dropped=3), made_up) == [Status.PASS]


def test_a_certain_violation_holds_whatever_the_capture_lacks():
    def certain(t):
        subjects, violations = packets_judged(t)
        return subjects, violations.with_columns(certain=True)

    made_up = rule(certain, to_fail=[Need.NO_LOSS])
    assert status(without(multihoming(), dropped=3), made_up) == [Status.FAIL]


def test_only_the_side_that_lacks_something_is_left_out():
    story = multihoming()
    story.recipe = {}  # in a recording of ours nothing is missing that was sent
    lost = next(packet for packet in story.packets if packet.chunks[0][0] == ChunkType.DATA)
    story.packets.remove(lost)  # a TSN of side 0 that is acknowledged all the same

    def each_side(t):
        subjects = t.endpoints.filter(pl.col("association") == 0).with_columns(frame="init_frame")
        return subjects, subjects

    result = judged(story, rule(each_side, to_fail=[Need.NO_SIGN_OF_LOSS])).results[0]
    assert result.status is Status.FAIL
    assert result.judged == 1
    assert result.findings["endpoint"].to_list() == ["10.1.0.2, 10.2.0.2 port 4444"]
    assert result.inconclusive.rows() == [(0, "1 acknowledged TSNs are not in the capture")]


def test_a_rule_says_itself_what_it_cannot_judge():
    def partly(t):
        reasons = t.associations.select("association", reason=pl.lit("it is too dark"))
        return Judgement(inits(t).clear(), inits(t).clear(), reasons)

    result = judged(late(), rule(partly)).results[0]
    assert (result.status, result.inconclusive.rows()) == (Status.INCONCLUSIVE, [(0, "it is too dark")])


# ---- findings


def test_a_finding_says_who_where_what_and_by_which_word():
    def wrong(t):
        """INIT is blue."""
        return inits(t), inits(t).head(1).with_columns(expected=pl.lit("blue"), actual=pl.lit("red"))

    finding = judged(multihoming(), rule(wrong, Level.SHOULD)).findings.row(0, named=True)
    assert finding.pop("frame") == finding.pop("frames")[0]
    assert finding == {
        "rule": "rfc9260/5.1/made-up",
        "level": "SHOULD",
        "association": 0,
        "endpoint": "10.1.0.1, 10.2.0.1 port 5000 (host a)",
        "chunk": 0,
        "call": None,
        "expected": "blue",
        "actual": "red",
        "message": "red; RFC 9260 §5.1 recommends: blue",
        "cites": ["RFC 9260 §5.1"],
        "known": None,
    }


def test_findings_have_the_columns_of_the_schema():
    verdict = judged(multihoming(), rule(all_wrong), rule(all_right))
    assert verdict.findings.schema == polars_schema(FINDINGS)
    assert verdict.findings["expected"].to_list() == ["All is right."] * 2


def test_copies_of_packets_are_not_judged_twice():
    story = multihoming()
    complete = tables(story)
    copied = complete.packets.with_columns(is_copy=pl.col("chunks_in_packet") >= 0)
    seen = judge(complete, [rule(all_wrong)]).findings
    unseen = judge(type(complete)(**{**vars(complete), "packets": copied}), [rule(all_wrong)]).findings
    assert (len(seen), len(unseen)) == (2, 0)


def test_failed_asks_for_the_level():
    warned = judged(multihoming(), rule(all_wrong, Level.SHOULD))
    assert [warned.failed(level) for level in Level] == [False, True, True]
    assert warned.counts == {Status.WARN: 1}


# ---- selection


def test_prefixes_select_documents_sections_and_rules():
    sections = {rule.id.split("/")[1] for rule in select(["rfc9260/8"])}
    assert sections == {"8.1", "8.3", "8.4", "8.5", "8.5.1"}
    assert [rule.id for rule in select(["rfc9260/9/silence-after-close", "rfc6458/9.9/"])] == [
        "rfc6458/9.9/connectx-addresses-announced",
        "rfc6458/9.9/connectx-tries-all-addresses",
        "rfc9260/9/silence-after-close",
    ]


def test_a_prefix_of_no_rule_is_wrong_usage():
    with pytest.raises(UsageError, match=r"rfc9260/5\.1\.9"):
        select(["rfc9260/8", "rfc9260/5.1.9"])


def test_parts_of_a_section_number_do_not_match():
    with pytest.raises(UsageError):
        select(["rfc9260/3.3.1.9"])
    assert not any(rule.id.startswith("rfc9260/3.3.11") for rule in select(["rfc9260/3.3.1"]))


def test_a_chunk_out_of_the_blue_is_judged_without_an_association():
    story = multihoming()
    story.packets.append(b.Packet(story.clock, "10.1.0.1", "10.1.0.2", 1, 2, 0, [b.chunk(0x3F, length=2)]))
    found = verify(tables(story), ["rfc9260/3.2"]).findings.row(0, named=True)
    assert (found["association"], found["endpoint"]) == (None, None)
