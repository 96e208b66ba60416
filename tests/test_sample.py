"""The main job, end to end: the first scenario, on a real kernel, recorded and judged now."""

import itertools
import shutil
import subprocess

import polars as pl
import pytest

import sctpinspect
from sctpinspect.rules import Status
from sctpinspect.scenarios.sample.multihoming import HEARTBEAT_INTERVAL_MS, MESSAGES


@pytest.fixture(scope="session")
def recorded(request, recordings):
    """A variant of the scenario; see conftest.py."""
    made = recordings[request.param]
    if isinstance(made, Exception):
        raise made
    return sctpinspect.read(made)


def counted(capture):
    """SERVERxCLIENT addresses of the variant."""
    return {host: capture.recipe["hosts"][host]["addresses"] for host in "ba"}


def test_no_rule_is_broken(recorded):
    verdict = recorded.verify()
    assert verdict.findings.height == 0, verdict.findings.select("rule", "frame", "message").rows()
    assert not [result.rule.id for result in verdict.results if result.status is Status.CRASHED]


def test_at_least_twenty_api_rules_and_fifteen_wire_rules_judge_it(recorded):
    passed = [result.rule.id for result in recorded.verify().results if result.status is Status.PASS]
    assert sum(rule.startswith("rfc6458/") for rule in passed) >= 20
    assert sum(rule.startswith("rfc9260/") for rule in passed) >= 15


def test_every_call_is_accounted_for(recorded):
    verdict = recorded.verify()
    left = recorded.calls.filter(~pl.col("call").is_in(verdict.calls_judged))
    assert left.height == 0, left.select("host", "message").rows()


def test_messages_join_the_calls_that_sent_and_received_them(recorded):
    calls = recorded.calls
    assert recorded.messages.height == 2 * MESSAGES
    for message in recorded.messages.iter_rows(named=True):
        sent, received = (calls.row(message[end], named=True) for end in ("send_call", "receive_call"))
        assert (sent["name"], received["name"]) == ("sctp_sendmsg", "sctp_recvmsg")
        assert sent["digest"] == received["digest"] == message["digest"]
        assert sent["start_ns"] < message["first_ns"] < received["end_ns"]
        assert {sent["host"], received["host"]} == {"a", "b"}


def test_both_hosts_list_their_addresses_in_the_handshake(recorded):
    (association,) = recorded.associations["association"]
    listed = recorded.addresses.filter(
        pl.col("association") == association, pl.col("learned_from") != "traffic"
    )
    for side, host in ((0, "a"), (1, "b")):
        assert set(listed.filter(pl.col("side") == side)["address"]) == set(counted(recorded)[host])


def test_every_address_gets_three_answered_heartbeats_from_either_side(recorded):
    for side, peer in ((0, "b"), (1, "a")):
        beats = recorded.heartbeats.filter(pl.col("side") == side)
        for address in counted(recorded)[peer]:
            to_it = beats.filter(pl.col("destination") == address)
            assert to_it["ack_frame"].count() == to_it.height >= 3
            assert (to_it["info"] == to_it["ack_info"]).all()
            gaps_ms = to_it["time_ns"].diff().drop_nulls() / 1e6
            assert gaps_ms.min() > HEARTBEAT_INTERVAL_MS


def test_outside_judges_agree(recorded):
    """tshark counts the same packets, finds every checksum good and shows the calls between the packets."""
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")
    fields = ["frame.number", "sctp.checksum.status", "systemd_journal.message"]
    options = [option for field in fields for option in ("-e", field)]
    argv = ["tshark", "-r", str(recorded.path), "-o", "sctp.checksum:CRC-32C", "-T", "fields", *options]
    lines = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
    rows = [line.split("\t") for line in lines]
    assert len(rows) == recorded.frames
    assert [int(frame) for frame, status, _ in rows if status] == recorded.packets["frame"].to_list()
    assert {status for _, status, _ in rows if status} == {"1"}
    shown = {int(frame): message for frame, _, message in rows if message}
    assert shown.items() >= dict(recorded.calls.select("frame", "message").iter_rows()).items()
    kinds = ["call" if message else "packet" for _, status, message in rows if message or status]
    assert any(pair == ("packet", "call") for pair in itertools.pairwise(kinds))


def test_nothing_was_dropped(recorded):
    assert recorded.interfaces["dropped"].to_list() == [0] * recorded.interfaces.height
    assert recorded.completeness.height == 0, recorded.completeness.rows()
