"""FreeBSD's stack against the kernel's, end to end: recorded now, in IP and in UDP, and judged."""

import polars as pl
import pytest

import sctpinspect
from sctpinspect.rules import Status
from sctpinspect.scenarios.sample.ancillary_freebsd import MESSAGES, PPID, UDP_PORT, VARIANTS


@pytest.fixture(scope="module", params=["", *VARIANTS])
def made(request, kernel, tmp_path_factory):
    out = tmp_path_factory.mktemp("ancillary") / "freebsd.pcapng"
    scenario = f"sample/ancillary-freebsd:{request.param}".rstrip(":")
    return sctpinspect.capture(scenario, kernel=kernel.name, out=out)


def test_no_rule_is_broken_and_every_call_is_accounted_for(made):
    verdict = made.verify()
    assert verdict.findings.height == 0, verdict.findings.select("rule", "frame", "message").rows()
    assert not [result.rule.id for result in verdict.results if result.status is Status.CRASHED]
    left = made.calls.filter(~pl.col("call").is_in(verdict.calls_judged))
    assert left.height == 0, left.select("host", "message").rows()


def test_at_least_fifteen_rules_of_either_kind_judge_it_in_udp_too(made):
    passed = [result.rule.id for result in made.verify().results if result.status is Status.PASS]
    assert sum(rule.startswith("rfc6458/") for rule in passed) >= 15
    assert sum(rule.startswith("rfc9260/") for rule in passed) >= 15
    assert {rule for rule in passed if rule.startswith("rfc6951/")} == (
        {"rfc6951/5.4/answer-follows-udp-port", "rfc6951/6.1/remote-udp-encaps-port"}
        if "udp" in made.recipe["variant"]
        else set()
    )


def test_the_stacks_are_named_and_the_kernel_of_the_other_keeps_out(made):
    stacks = {host: told["stack"] for host, told in made.recipe["hosts"].items()}
    of_freebsd, of_linux = ("b", "a") if "server" in made.recipe["variant"] else ("a", "b")
    assert stacks == {of_freebsd: "usrsctp", of_linux: "kernel"}
    assert made.associations.height == 1
    assert not set(made.chunks["type_name"]) & {"ABORT", "ERROR"}


def test_all_packets_are_in_udp_where_that_is_asked_for(made):
    expected = UDP_PORT if "udp" in made.recipe["variant"] else None
    assert set(made.packets["encapsulation_port"]) == {expected}
    assert set(made.packets["checksum_state"]) == {"good"}


def test_five_messages_leave_on_streams_of_their_own_before_an_answer_is_read(made):
    data = made.messages.filter(side=0)
    assert data["stream"].to_list() == list(range(MESSAGES)) and set(data["ppid"]) == {PPID}
    assert made.messages.filter(side=1)["stream"].sort().to_list() == list(range(MESSAGES))
    assert made.messages["receive_call"].null_count() == made.messages["send_call"].null_count() == 0
    sends = made.calls.filter(host="a", name="sctp_sendv")
    reads = made.calls.filter(pl.col("digest").is_not_null(), host="a", name="sctp_recvv")
    assert sends["end_ns"].max() < reads["end_ns"].min()


def test_either_stack_tells_of_the_message_and_of_the_next_one(made):
    for host in "ab":
        told = made.calls.filter(host=host, name="sctp_recvv")["result"]
        assert sum('"SCTP_RCVINFO"' in result for result in told) >= MESSAGES
        assert sum('"SCTP_NXTINFO"' in result for result in told) >= 1
        assert any('"SCTP_COMM_UP"' in result for result in told)
