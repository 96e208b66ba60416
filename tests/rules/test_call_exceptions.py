"""What programs do with calls that looks wrong beside the wire and is not: no rule may break."""

import builders as b
import pytest
from rules.altering import alter, append, argue, call, change, find, forget, remove, result
from rules.good import CAPTURES, HOSTS, MS, given
from rules.verdicts import broken, judged, verdict

import sctpinspect
from sctpinspect.protocol import ChunkType, DataFlag
from sctpinspect.rules import Status

T = ChunkType
A, B = HOSTS["a"], HOSTS["b"]


def test_an_address_added_later_is_no_address_beside_the_bound_one():
    story = CAPTURES["ended"]()
    assert judged(story)["rfc6458/3.1.2/bind-port-and-address"] > 0
    assert broken(story) == {}
    client = call(story, "bind", host="a")
    argue(story, client, address=A[1])
    assert "rfc6458/3.1.2/bind-port-and-address" in broken(story)


def test_a_connect_that_does_not_wait_sends_its_init_too():
    story = CAPTURES["one_to_one"]()
    connect = call(story, "connect")
    alter(story, connect, errno="EINPROGRESS", end_ns=connect.start_ns + 10)
    assert broken(story) == {}
    assert judged(story)["rfc6458/3.1.6/connect-sends-init"] > 0
    argue(story, call(story, "connect"), address="fd00::9")
    assert set(broken(story)) == {"rfc6458/3.1.6/connect-sends-init"}


def test_a_second_connectx_that_comes_too_late_began_nothing():
    story = CAPTURES["multihoming"]()
    first, established = call(story, "sctp_connectx"), find(story, T.COOKIE_ACK).time_ns
    again = first._replace(start_ns=established + 10, end_ns=established + 20, errno="EISCONN", result={})
    story.calls.append(again)
    argue(story, again, addresses=["10.9.9.9"])
    assert broken(story) == {}


def test_shutdown_before_an_abort_that_was_asked_for_too():
    story = CAPTURES["one_to_one"]()
    remove(story, find(story, T.SHUTDOWN_ACK), find(story, T.SHUTDOWN_COMPLETE))
    change(story, find(story, T.SHUTDOWN), chunks=[b.abort()])
    assert set(broken(story)) == {"rfc6458/4.1.7/shutdown-wr"}
    option = {"option": "SO_LINGER", "value": {"l_onoff": 1, "l_linger": 0}}
    story.calls.append(call(story, "socket", host="a")._replace(name="setsockopt", arguments=option))
    assert broken(story) == {}


def test_a_receive_of_a_message_that_the_capture_has_in_part_is_not_compared_with_it():
    story = CAPTURES["one_to_one"]()
    first = next(packet for packet in story.packets if packet.chunks[0][:2] == bytes([0, DataFlag.BEGINNING]))
    remove(story, first)
    story.dropped = 1
    assert broken(story) == {}


def test_an_end_of_file_after_the_last_packet_of_the_capture_proves_nothing():
    story = CAPTURES["one_to_one"]()
    shutdown = find(story, T.SHUTDOWN)
    story.packets = [packet for packet in story.packets if packet.time_ns < shutdown.time_ns]
    assert broken(story) == {}


@pytest.mark.parametrize("how", ["SHUT_RD", "SHUT_RDWR"])
def test_an_end_of_file_that_the_program_brought_about_itself(how):
    story = CAPTURES["one_to_one"]()
    early = find(story, T.DATA).time_ns
    alter(story, call(story, "recv"), start_ns=early - 20, end_ns=early - 10)
    assert set(broken(story)) == {"rfc6458/4.1.7/end-of-file"}
    ended = call(story, "recv")
    story.calls.append(
        ended._replace(
            name="shutdown", start_ns=early - 40, end_ns=early - 30, arguments={"how": how}, result={}
        )
    )
    assert "rfc6458/4.1.7/end-of-file" not in broken(story)


def test_a_receive_into_no_room_is_no_end_of_file():
    story = CAPTURES["one_to_one"]()
    early = find(story, T.DATA).time_ns
    ended = alter(story, call(story, "recv"), start_ns=early - 20, end_ns=early - 10)
    argue(story, ended, size=0)
    assert broken(story) == {}


def test_an_answer_that_was_lost_on_the_way_times_out():
    story = CAPTURES["ended"]()
    last = find(story, T.INIT, -1)
    ends = {"source": B[0], "destination": A[0], "source_port": 9299, "destination_port": 8203, "tag": 0xA7}
    answer = append(story, b.abort(), time_ns=last.time_ns + MS, **ends)
    assert set(broken(story)) == {"rfc6458/4.1.5/connect-timed-out"}
    story.recipe["impaired"] = True
    change(story, answer, comment="sctpinspect delivery: lost")
    assert broken(story) == {}


def test_a_message_not_read_to_its_end_is_not_judged():
    story = CAPTURES["ended"]()
    forget(story, call(story, "recvmsg", 1))
    assert broken(story) == {}
    assert judged(story)["rfc6458/3.1.4/recv-parts-add-up"] == 0


def test_parts_of_a_message_that_the_capture_lacks_are_not_judged():
    story = CAPTURES["ended"]()
    result(story, call(story, "recvmsg"), **given(b"he"))
    assert set(broken(story)) == {"rfc6458/3.1.4/recv-parts-add-up"}
    remove(story, find(story, T.DATA))
    story.dropped = 1
    assert broken(story) == {}


def test_a_bindx_whose_peer_knows_no_asconf_tells_it_nothing():
    story = CAPTURES["ended"]()
    remove(story, find(story, T.ASCONF), find(story, T.ASCONF_ACK))
    assert set(broken(story)) == {"rfc6458/9.1/bindx-changes-association"}
    init_ack = find(story, T.INIT_ACK)
    change(story, init_ack, chunks=[b.init_ack(b.state_cookie(bytes(range(61))), tag=0xB5, tsn=90)])
    assert "rfc6458/9.1/bindx-changes-association" not in broken(story)


def test_after_sctp_eof_a_peer_that_is_gone_is_aborted():
    story = CAPTURES["ended"]()
    remove(story, find(story, T.SACK), find(story, T.SHUTDOWN_ACK), find(story, T.SHUTDOWN_COMPLETE))
    change(story, find(story, T.SHUTDOWN), chunks=[b.abort()])
    assert "rfc6458/5.3.4/snd-eof" not in broken(story)


def test_a_linger_time_that_was_taken_back():
    story = CAPTURES["ended"]()
    option = call(story, "setsockopt")
    off = {**option.arguments, "value": {"l_onoff": 0, "l_linger": 0}}
    story.calls.append(option._replace(start_ns=option.end_ns + 1, end_ns=option.end_ns + 2, arguments=off))
    results = {result.rule.id: result.status for result in verdict(story).results}
    assert results["rfc6458/8.1.4/linger-zero-abort"] is Status.NOT_APPLICABLE
    assert broken(story) == {}


def test_a_connect_to_the_own_host_is_refused_where_no_wire_sees_it():
    story = CAPTURES["multihoming"]()
    story.linger_ns = 1000 * MS
    refused = call(story, "connect")
    argue(story, refused, address=A[0])
    assert broken(story) == {}
    argue(story, call(story, "connect"), address=B[1], port=9)
    assert set(broken(story)) == {"rfc6458/4.1.5/connect-errno"}


def test_a_journal_with_an_entry_that_cannot_be_read_accuses_nobody(tmp_path):
    story = CAPTURES["multihoming"]()
    sent = call(story, "sctp_sendmsg", 2)
    alter(story, sent, host="\0damaged")
    whole = story.bytes()
    at = whole.index(b"SCTP_HOST= damaged")
    file = tmp_path / "damaged.pcapng"
    file.write_bytes(whole[:at] + b"SCTP_LOST=" + whole[at + 10 :])
    found = sctpinspect.read(file)
    (defect,) = found.defects
    assert defect.startswith("from frame ") and defect.endswith(" 1 entry of the journal cannot be read")
    results = {result.rule.id: result for result in found.verify().results}
    unsure = results["rfc6458/3.1.4/message-has-send"]
    assert unsure.findings.is_empty() and defect in unsure.inconclusive["reason"].to_list()
    assert found.verify().findings.is_empty()


def test_an_association_is_over_for_a_side_that_has_sent_shutdown_ack():
    rule = "rfc6458/3.1.5/close-no-packet"
    story = CAPTURES["multihoming"]()
    all_of_them = judged(story)[rule]
    closed = call(story, "close", host="b")
    change(story, find(story, T.SHUTDOWN_COMPLETE), time_ns=closed.end_ns + MS)
    assert judged(story)[rule] == all_of_them
    assert broken(story) == {}
    change(story, find(story, T.SHUTDOWN_ACK), time_ns=closed.end_ns + MS // 2)
    assert judged(story)[rule] == all_of_them - 1


def test_answers_to_a_port_that_has_changed_are_not_judged_and_plain_ones_are_where_the_peer_is_in_udp():
    rule = "rfc6951/5.4/answer-follows-udp-port"
    story = CAPTURES["encapsulated"]()
    change(story, find(story, T.COOKIE_ECHO), udp=(40_001, 9899))
    assert broken(story) == {}
    story = CAPTURES["encapsulated"]()
    change(story, find(story, T.COOKIE_ACK), udp=None)
    assert set(broken(story)) == {rule}


def test_an_init_to_another_address_than_the_option_names_is_not_judged():
    story = CAPTURES["encapsulated"]()
    option = call(story, "setsockopt")
    value = {**option.arguments["value"], "sue_port": 9900}
    argue(story, option, value={**value, "sue_address": "10.9.9.9"})
    assert broken(story) == {}
    argue(story, call(story, "setsockopt"), value={**value, "sue_address": HOSTS["b"][0]})
    assert set(broken(story)) == {"rfc6951/6.1/remote-udp-encaps-port"}


def test_what_is_told_of_the_next_message_is_not_compared_where_another_receive_may_have_got_it():
    rule = "rfc6458/5.3.6/nxtinfo-fields"
    story = CAPTURES["encapsulated"]()
    second = call(story, "sctp_recvmsg", 1, host="b")
    result(story, second, stream=7, ssn=None, tsn=None, ppid=None)
    assert rule in broken(story)
    first = call(story, "sctp_recvmsg", host="b")
    early = first.start_ns - MS // 100
    story.calls.append(first._replace(thread=101, start_ns=early, end_ns=second.end_ns + MS, result={}))
    assert rule not in broken(story)
    story.calls.pop()
    story.calls.append(first._replace(name="sctp_peeloff", start_ns=early, end_ns=early + 1, result={}))
    assert rule not in broken(story)


def test_a_close_after_a_set_up_that_timed_out_is_judged():
    story = CAPTURES["ended"]()
    close = call(story, "close", host="a", socket=13)
    assert sorted(story.calls).index(close) in verdict(story).calls_judged
