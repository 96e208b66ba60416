"""What looks wrong and is not, or cannot be told: no rule may break, and a rule that cannot tell says so."""

from dataclasses import replace

import builders as b
import pytest
from rules.alterations_data import sack_after
from rules.altering import (
    PAYLOAD,
    SSN,
    STREAM,
    TSN,
    alter,
    append,
    argue,
    call,
    change,
    delay,
    find,
    forget,
    frame,
    index,
    insert,
    notification,
    patch,
    remove,
    result,
    u16,
    u32,
)
from rules.captures import CAPTURES
from rules.good import COOKIE, HOSTS, MS, Story, given, late
from rules.verdicts import broken, verdict

from sctpinspect.decode import decode
from sctpinspect.journal import STALLED, Event, stall
from sctpinspect.protocol import ChunkType, DataFlag, ParameterType
from sctpinspect.rules import Status
from sctpinspect.rules.engine import verify
from sctpinspect.tables.build import build

T = ChunkType
A, B = HOSTS["a"], HOSTS["b"]
SANDBOX = {"hosts": {}, "impaired": False}

INNOCENT = []


def innocent(capture: str):
    def add(function):
        INNOCENT.append(pytest.param(capture, function, id=function.__name__))
        return function

    return add


@pytest.mark.parametrize(("capture", "change_it"), INNOCENT)
def test_nothing_is_broken(capture, change_it):
    story = CAPTURES[capture]()
    change_it(story)
    assert broken(story) == {}


@innocent("one_to_one")
def a_call_that_runs_while_an_earlier_one_takes_effect(story):
    """shutdown() returns at once; SHUTDOWN leaves when all DATA is acknowledged."""
    leaving = find(story, T.SHUTDOWN)
    cause = alter(story, call(story, "shutdown"), end_ns=leaving.time_ns - 20_000)
    story.calls.append(
        cause._replace(
            start_ns=leaving.time_ns - 10_000,
            end_ns=leaving.time_ns + 10_000,
            name="getsockopt",
            arguments={"option": "SCTP_STATUS"},
            result={},
        )
    )


def a_receiver_is_read_while_it_sends(story: Story, option: str | None, *, goes_on: bool) -> int:
    """A side without a send or close() sends SHUTDOWN during a getsockopt() of another socket: its frame."""
    leaving, opened = find(story, T.SHUTDOWN), call(story, "socket", host="a")
    sends = [c for c in story.calls if c.host == "a" and c.name == "sctp_sendmsg"]
    forget(story, call(story, "close", host="a", socket=1), *sends)
    during = {"start_ns": leaving.time_ns - 10_000, "end_ns": leaving.time_ns + 10_000}
    reads = {"name": "getsockopt", "arguments": {"option": "SCTP_STATUS"}, "result": {}}
    story.calls.append(opened._replace(**during, **reads, socket=77))
    if option:
        sets = {"level": "IPPROTO_SCTP", "option": option, "value": {"value": 1}}
        after = {"start_ns": opened.end_ns + 1, "end_ns": opened.end_ns + 2}
        story.calls.append(opened._replace(**after, name="setsockopt", arguments=sets, result={}))
    if goes_on:
        later = call(story, "sctp_getpaddrs", host="a")
        story.calls.append(
            later._replace(start_ns=leaving.time_ns + 400_000, end_ns=leaving.time_ns + 500_000)
        )
    return frame(story, leaving)


@pytest.mark.parametrize(
    ("option", "goes_on", "is_blamed"),
    [("SCTP_AUTOCLOSE", True, False), (None, False, False), ("SCTP_NODELAY", True, True)],
)
def test_a_shutdown_of_autoclose_or_of_an_exit_is_caused_by_no_other_call(option, goes_on, is_blamed):
    story = CAPTURES["multihoming"]()
    leaving = a_receiver_is_read_while_it_sends(story, option, goes_on=goes_on)
    assert ("rfc6458/8.1/local-only-options" in broken(story)) is is_blamed
    assert not is_blamed or broken(story)["rfc6458/8.1/local-only-options"] == [leaving]


def status(story: Story, rule: str) -> Status:
    return next(result.status for result in verdict(story).results if result.rule.id == rule)


# ---- HEARTBEATs that need no answer


@innocent("one_to_one")
def a_heartbeat_right_before_the_end_of_the_association(story):
    insert(story, find(story, T.SHUTDOWN), b.heartbeat(b"last question"))


@innocent("one_to_one")
def a_heartbeat_after_shutdown(story):
    insert(story, find(story, T.SHUTDOWN_ACK), b.heartbeat(b"still there?"))


@innocent("multihoming")
def a_path_mtu_probe(story):
    beat = find(story, T.HEARTBEAT, source=A[0])
    insert(story, find(story, T.DATA), b.heartbeat(b"how big?"), b.chunk(T.PAD, bytes(1000)), like=beat)


@innocent("multihoming")
def a_heartbeat_lost_on_the_way(story):
    story.recipe["impaired"] = True
    ack = find(story, T.HEARTBEAT_ACK, 5)
    question = story.packets[index(story, ack) - 1]
    remove(story, ack)
    change(story, question, comment="sctpinspect delivery: lost")


@innocent("late")
def a_heartbeat_unanswered_in_somebodys_capture(story):
    beat = append(story, b.heartbeat(b"anybody?"), source="10.1.0.1", destination="10.1.0.2", tag=0xB4)
    change(story, beat, source_port=8100, destination_port=9100)
    story.wait(5000)
    append(story, b.abort())


# ---- what depends on where, or how completely, the capture was taken


def test_a_heartbeat_ack_that_the_capture_may_have_lost_is_not_missing():
    story = CAPTURES["multihoming"]()
    remove(story, find(story, T.HEARTBEAT_ACK, 5))
    assert set(broken(story)) == {"rfc9260/8.3/hb-ack-sent"}
    for dropped in (None, 1):
        story.dropped = dropped
        assert broken(story) == {}
        result = verdict(story).results
        sent = next(each for each in result if each.rule.id == "rfc9260/8.3/hb-ack-sent")
        assert sent.inconclusive["association"].to_list() == [0]


def test_a_gap_of_tsns_that_the_capture_may_have_made_is_none():
    story = late()
    remove(story, find(story, T.SACK, 2))
    patch(story, find(story, T.DATA, 2), TSN, u32(53))
    assert set(broken(story)) == {"rfc9260/3.3.1/tsn-sequential"}
    story.dropped = None
    assert status(story, "rfc9260/3.3.1/tsn-sequential") is Status.INCONCLUSIVE
    story.dropped = 0
    append_like(story, find(story, T.SACK), b.sack(53))
    assert status(story, "rfc9260/3.3.1/tsn-sequential") is Status.INCONCLUSIVE


def append_like(story, like, *chunks, **fields):
    ends = {
        name: getattr(like, name) for name in ("source", "destination", "source_port", "destination_port")
    }
    return append(story, *chunks, tag=like.tag, **ends, **fields)


@pytest.mark.parametrize(("pause_ms", "expected"), [(10, Status.INCONCLUSIVE), (1500, Status.FAIL)])
def test_an_acknowledgement_goes_back_for_certain_only_where_it_cannot_have_been_overtaken(
    pause_ms, expected
):
    story = late()
    story.wait(pause_ms)
    append_like(story, find(story, T.SACK), b.sack(50))
    assert status(story, "rfc9260/6.2.1/sack-cum-tsn-monotonic") is expected


def test_an_answer_to_a_heartbeat_that_the_capture_lost_is_no_changed_answer_to_the_one_before():
    story = CAPTURES["multihoming"]()
    beats = [packet for packet in story.packets if packet.chunks[0][0] == T.HEARTBEAT]
    first, second = [beat for beat in beats if beat.source == A[0]][-2:]
    remove(story, story.packets[index(story, first) + 1], second)
    assert "rfc9260/8.3/hb-ack-info-unchanged" in broken(story)
    story.dropped = None
    assert status(story, "rfc9260/8.3/hb-ack-info-unchanged") is not Status.FAIL
    assert "rfc9260/8.3/hb-ack-info-unchanged" not in broken(story)


def test_an_init_without_its_init_ack_has_no_tag_to_compare_with():
    story = CAPTURES["multihoming"]()
    story.recipe, story.calls = {}, []
    remove(story, find(story, T.INIT_ACK))
    assert broken(story) == {}


def extensions(*types: T) -> bytes:
    return b.parameter(ParameterType.SUPPORTED_EXTENSIONS, bytes(types))


@pytest.mark.parametrize(
    ("rule", "extension"),
    [
        ("rfc9260/5.1.1/data-sid-in-range", T.RE_CONFIG),
        ("rfc9260/5.1.2/source-in-own-address-set", T.ASCONF),
    ],
)
def test_what_a_lost_chunk_may_have_changed_is_certain_only_where_there_is_no_such_chunk(rule, extension):
    story = CAPTURES["one_to_one"]()
    story.calls, urgent = [], find(story, T.DATA, 2)
    patch(story, urgent, STREAM, u16(2))
    change(story, find(story, T.SACK, 2), source="fd00::9")
    story.dropped = None
    for type in (T.INIT, T.INIT_ACK):
        assert rule in broken(story)
        packet = find(story, type)
        chunk = packet.chunks[0]
        longer = chunk + bytes(-len(chunk) % 4) + extensions(T.FORWARD_TSN, extension)
        change(story, packet, chunks=[longer[:2] + u16(len(longer) - 2) + longer[4:]])
    assert rule not in broken(story)
    story.dropped = 0
    assert rule in broken(story)


def test_an_ssn_of_zero_may_follow_a_reset_that_was_not_captured():
    story = late()
    story.dropped = None
    patch(story, find(story, T.DATA, 2), SSN, u16(0))
    assert status(story, "rfc9260/6.5/ssn-increments") is Status.INCONCLUSIVE
    patch(story, find(story, T.DATA, 2), SSN, u16(1))
    assert set(broken(story)) == {"rfc9260/6.5/ssn-increments"}


def test_a_message_may_be_given_up_by_a_forward_tsn_that_was_not_captured():
    story = late()
    story.dropped = None
    begun = b.data(51, b"DATA 1", ssn=1, flags=DataFlag.BEGINNING)
    change(story, find(story, T.DATA, 1), chunks=[begun])
    assert status(story, "rfc9260/6.9/fragment-be-pattern") is Status.INCONCLUSIVE
    story.dropped = 0
    assert "rfc9260/6.9/fragment-be-pattern" in broken(story)


def test_an_acknowledgement_goes_half_way_round_by_a_reset_that_was_not_captured():
    story = late()
    story.wait(1500)
    append_like(story, find(story, T.SACK), b.sack(50 + (1 << 31)))
    assert broken(story) == {}


@pytest.mark.parametrize(("tag", "is_certain"), [(0x1234, False), (0xA3, True)])
def test_an_abort_may_refuse_an_init_that_was_not_captured_but_not_with_the_own_tag(tag, is_certain):
    rule = "rfc9260/8.5.1/abort-tag-and-t-bit"
    story = CAPTURES["aborted"]()
    change(story, find(story, T.ABORT), tag=tag)
    assert rule in broken(story)
    story.dropped = None
    assert (rule in broken(story)) is is_certain


def test_of_heartbeats_that_were_cut_the_addresses_alone_tell_which_is_answered(tmp_path):
    story = CAPTURES["multihoming"]()
    beat = find(story, T.HEARTBEAT, source=A[0])
    answer = find(story, T.HEARTBEAT_ACK, destination=A[1])
    frames = [(packet.time_ns, packet.frame()) for packet in (*story.packets[:4], beat, answer)]
    file = tmp_path / "cut.pcap"
    file.write_bytes(b.pcap(frames, snaplen=60))
    found = build(decode(file)).heartbeats
    assert found.select("frame", "info", "ack_frame").rows() == [(5, None, None)]


@pytest.mark.parametrize("snaplen", [74, 96, 128])
@pytest.mark.parametrize("capture", CAPTURES)
def test_packets_that_the_capture_cut_break_nothing(tmp_path, capture, snaplen):
    story = CAPTURES[capture]()
    frames = [(packet.time_ns, packet.frame()) for packet in story.packets]
    file = tmp_path / "cut.pcap"
    file.write_bytes(b.pcap(frames, snaplen=snaplen))
    assert {*verify(build(decode(file))).findings["rule"]} <= story.faults


def test_tsns_on_a_path_that_was_not_captured_are_acknowledged_unseen():
    story = late()
    patch(story, find(story, T.SACK, 2), TSN, u32(60))
    assert broken(story) == {}


def test_offloaded_checksums_are_no_wrong_ones():
    story = late()
    for packet in list(story.packets):
        change(story, packet, checksum=0)
    assert status(story, "rfc9260/6.8/crc32c-correct") is Status.INCONCLUSIVE


# ---- the wire


def an_init_comes_late(story, before, **fields):
    """An INIT that was held back on the other path; its responder answers it with a tag of its own."""
    init, answer = find(story, T.INIT), find(story, T.INIT_ACK)
    listed = [b.address_parameter(address) for address in B[:2]]
    other = b.init_ack(b.state_cookie(b"unused"), *listed, tag=0xCCCC, tsn=77, outbound=10, inbound=10)
    insert(story, before, *init.chunks, like=init, source=A[1], destination=B[1], **fields)
    insert(story, before, other, like=answer, source=B[1], destination=A[1], **fields)


@pytest.mark.parametrize("number", [0, 1])
def test_an_init_that_comes_late_breaks_nothing(number):
    """Before the first DATA, and after the end."""
    before, after = CAPTURES["multihoming"](), CAPTURES["multihoming"]()
    an_init_comes_late(after, find(after, [T.DATA, T.INIT][number], number))
    verdicts = [
        {result.rule.id: result.status for result in verdict(story).results} for story in (before, after)
    ]
    changed = {(verdicts[0][rule], verdicts[1][rule]) for rule in verdicts[0]} - {
        (each, each) for each in Status
    }
    # rules about such INITs have something to judge, and hold
    assert changed <= {(Status.NOT_APPLICABLE, Status.PASS)}


@innocent("multihoming")
def a_heartbeat_that_the_link_duplicated_is_answered_twice(story):
    answer = find(story, T.HEARTBEAT_ACK)
    question = story.packets[index(story, answer) - 1]
    change(story, question, comment="sctpinspect delivery: duplicated +1000 ns +2000 ns")
    insert(story, find(story, T.DATA), *answer.chunks, like=answer)


@innocent("multihoming")
def an_init_sent_again_to_the_other_address_and_two_answers(story):
    """The second one is used. After a minute the path of the first has seen DATA and no HEARTBEAT."""
    init, answer = find(story, T.INIT), find(story, T.INIT_ACK)
    listed = [b.address_parameter(address) for address in B[:2]]
    unused = b.init_ack(b.state_cookie(b"unused"), *listed, tag=0xCCCC, tsn=77, outbound=10, inbound=10)
    insert(story, answer, *init.chunks, like=init, source=A[1], destination=B[1])
    insert(story, answer, unused, like=answer)
    delay(story, answer, 99)
    for packet in story.packets[:]:
        if packet.chunks[0][0] in (T.HEARTBEAT, T.HEARTBEAT_ACK) and packet.source in (A[0], B[0]):
            remove(story, packet)
    story.calls = []
    delay(story, find(story, T.SHUTDOWN), 61_000)


@innocent("late")
def new_data_of_the_peer_after_a_shutdown(story):
    story.recipe = SANDBOX
    data, ack = find(story, T.DATA, 2), find(story, T.SACK, 2)
    append_like(story, data, b.shutdown(89))
    story.wait(1)
    append_like(story, ack, b.data(90, b"one more"))
    story.wait(1)
    append_like(story, data, b.shutdown(90))


@innocent("multihoming")
def an_asconf_that_adds_its_own_source_as_the_wildcard_address(story):
    story.calls = []
    beat = find(story, T.HEARTBEAT, -1, source=A[0])
    added = b.parameter(0xC001, u32(1) + b.address_parameter("0.0.0.0"))
    ends = {"source": "10.9.0.1", "destination": B[0]}
    insert(story, beat, b.asconf(1, b.address_parameter(A[0]), added), like=beat, **ends)
    insert(story, beat, b.sack(2), like=beat, **ends)


@innocent("late")
def a_retransmission_in_the_same_words(story):
    append_like(story, find(story, T.DATA, 2), *find(story, T.DATA, 2).chunks)


@innocent("late")
def ssns_moved_by_a_reset(story):
    data = find(story, T.DATA, 2)
    insert(story, data, b.chunk(T.RE_CONFIG, b.parameter(13, bytes(12))))
    patch(story, data, SSN, u16(0))


def test_a_reset_of_ssns_makes_inconclusive():
    story = late()
    ssns_moved_by_a_reset(story)
    assert status(story, "rfc9260/6.5/ssn-increments") is Status.INCONCLUSIVE


@pytest.mark.parametrize(("told", "is_late"), [("nothing ran for 700 ms", False), ("a nap of 700 ms", True)])
def test_a_time_in_which_the_machine_ran_nothing_makes_nothing_late(told, is_late):
    story = CAPTURES["one_to_one"]()
    ack = find(story, T.SACK)
    delay(story, ack, 800)
    after = find(story, T.SACK)
    rule = "rfc9260/6.2/sack-delay-limit"
    assert rule in broken(story)
    story.events.append(Event(after.time_ns - 1000, "wire", STALLED, told))
    assert (rule in broken(story)) is is_late


def test_a_timer_may_run_out_as_late_as_the_machine_runs_again():
    story = CAPTURES["losses"]()
    story.recipe["sysctls"]["rto_max"] = "1000"
    again = next(packet for packet in story.packets if frame(story, packet) == 31)  # after RTO.Min
    delay(story, again, 600)
    rule = "rfc9260/6.3.1/rto-max"
    assert broken(story) == {rule: [31]}
    due_ns = again.time_ns - 5 * MS
    story.events.append(stall(due_ns, due_ns + 600 * MS))
    assert broken(story) == {}


@innocent("losses")
def a_time_out_right_after_a_fast_retransmit(story):
    """Which need not have restarted the timer."""
    first, again = find(story, T.DATA, 8), find(story, T.DATA, 12)
    sack = delay(story, sack_after(story, again), 1000)
    change(story, sack, chunks=[b.sack(1011, duplicates=[1008])])
    story.packets.insert(index(story, again) + 1, replace(again, time_ns=first.time_ns + 985 * MS))


def test_where_tsns_were_reset_they_tell_no_order_of_calls():
    story = CAPTURES["one_to_one"]()
    bundle = next(packet for packet in story.packets if len(packet.chunks) == 3)
    patched = patch(story, patch(story, bundle, PAYLOAD, b"two", 1), PAYLOAD, b"one", 2)
    assert "rfc6458/3.1.4/snd-order-per-stream" in broken(story)
    insert(story, patched, b.chunk(T.RE_CONFIG, b.parameter(15, bytes(4))))
    assert status(story, "rfc6458/3.1.4/snd-order-per-stream") is Status.INCONCLUSIVE


@innocent("multihoming")
def an_auth_chunk_before_cookie_echo(story):
    change(story, find(story, T.COOKIE_ECHO), chunks=[b.chunk(T.AUTH, bytes(24)), b.cookie_echo(COOKIE)])


@innocent("multihoming")
def an_abort_that_reflects_the_tag_of_what_it_answers(story):
    end = find(story, T.SHUTDOWN_COMPLETE)
    question = find(story, T.SACK, source=A[0])
    late_one = insert(story, find(story, T.INIT, -1), b.abort(reflected=True), like=end)
    change(
        story,
        late_one,
        tag=question.tag,
        source=B[0],
        destination=A[0],
        source_port=4444,
        destination_port=5000,
    )


@innocent("aborted")
def an_init_ack_that_is_repeated(story):
    answer = find(story, T.INIT_ACK)
    insert(story, find(story, T.COOKIE_ECHO), *answer.chunks, like=answer)


@innocent("one_to_one")
def a_message_of_two_fragments_with_the_u_bit(story):
    urgent = next(packet for packet in story.packets if packet.chunks[0][1] == b.WHOLE | DataFlag.UNORDERED)
    assert urgent.chunks[0][STREAM : STREAM + 2] == u16(1)
    patch(story, urgent, SSN, u16(77))  # an unordered message's SSN means nothing


# ---- calls


def unlike_the_default(story, **option):
    """A send that says nothing about its message, on a socket with or without defaults of its own."""
    sent = call(story, "sctp_sendmsg", 4)
    argue(story, sent, stream=None, ppid=None, flags=None)
    if option:
        story.calls.append(
            call(story, "socket", host="a")._replace(
                name="setsockopt", arguments={"option": "SCTP_DEFAULT_SNDINFO", "value": option}
            )
        )


def test_a_send_without_particulars_uses_the_defaults_of_its_socket():
    story = CAPTURES["multihoming"]()
    unlike_the_default(story)
    assert set(broken(story)) == {"rfc6458/5.3.4/snd-ppid"}
    story = CAPTURES["multihoming"]()
    unlike_the_default(story, snd_ppid=46)
    assert broken(story) == {}


@innocent("multihoming")
def messages_of_equal_content(story):
    for number in (0, 4):  # both on stream 0
        result(story, argue(story, call(story, "sctp_sendmsg", number), **given(b"same")), length=4)
    for number, packet in enumerate([find(story, T.DATA, 0), find(story, T.DATA, 4)]):
        chunk = packet.chunks[0]
        same = chunk[:2] + u16(20) + chunk[4:PAYLOAD] + b"same"
        change(story, packet, chunks=[same])
        received = call(
            story, "sctp_recvmsg", host="b", test=lambda c, n=2 * number: c.result.get("tsn") == 1000 + n
        )
        result(story, received, **given(b"same"))


@innocent("multihoming")
def a_message_read_in_two_parts(story):
    whole = call(story, "sctp_recvmsg", test=lambda c: c.result["length"] == 6)
    middle = whole.end_ns + 10
    first = alter(story, whole, end_ns=middle - 5)
    first = result(story, first, flags=[], **given(b"DAT"))
    story.calls.append(
        first._replace(
            start_ns=middle,
            end_ns=middle + 10,
            result={**first.result, "flags": ["MSG_EOR"], **given(b"A 0")},
        )
    )


@innocent("one_to_one")
def two_threads_send_at_once(story):
    one, two = (
        call(story, "sctp_sendmsg", test=lambda c, s=s: c.arguments["start"] == s.hex())
        for s in (b"one", b"two")
    )
    alter(story, two, start_ns=one.start_ns - 5)


def abort_by_close(story):
    remove(story, find(story, T.SHUTDOWN_ACK), find(story, T.SHUTDOWN_COMPLETE))
    forget(story, notification(story, "b", "SCTP_SHUTDOWN_EVENT"))
    forget(story, notification(story, "b", "SCTP_ASSOC_CHANGE", "SCTP_SHUTDOWN_COMP"))
    change(story, find(story, T.SHUTDOWN), chunks=[b.abort(b.user_initiated_abort())])


@innocent("multihoming")
def close_with_a_linger_time_of_zero(story):
    abort_by_close(story)
    story.calls.append(
        call(story, "socket", host="a")._replace(
            name="setsockopt", arguments={"option": "SO_LINGER", "value": {"l_onoff": 1, "l_linger": 0}}
        )
    )


@innocent("multihoming")
def close_with_unread_data(story):
    abort_by_close(story)
    forget(story, call(story, "sctp_recvmsg", -1, host="a", test=lambda c: c.result["length"] == 2))


@innocent("one_to_one")
def a_listener_closed_before_an_accepted_socket_aborts(story):
    listener = call(story, "close", host="b", socket=2)
    first = find(story, T.DATA)
    alter(story, listener, start_ns=first.time_ns - 20, end_ns=first.time_ns - 10)
    forget(
        story,
        call(story, "shutdown"),
        call(story, "close", host="a"),
        call(story, "close", host="b", socket=3),
    )
    remove(story, find(story, T.SHUTDOWN_ACK), find(story, T.SHUTDOWN_COMPLETE))
    last = find(story, T.SHUTDOWN)
    change(
        story,
        last,
        chunks=[b.abort()],
        source=B[2],
        destination=A[2],
        source_port=7000,
        destination_port=6000,
        tag=0xA2,
    )


@innocent("multihoming")
def a_bound_address_of_another_scope_is_not_announced(story):
    argue(story, call(story, "sctp_bindx", host="b"), addresses=[*B[:2], "127.0.0.1", "fd00::2"])


@innocent("multihoming")
def another_port_of_the_same_host_is_closed(story):
    story.calls.append(call(story, "listen")._replace(socket=90, local_port=4491))


@innocent("multihoming")
def a_send_whose_association_is_not_known(story):
    sent = call(story, "sctp_sendmsg", 2)
    argue(story, sent, address="10.77.0.1", port=1)


@innocent("multihoming")
def heartbeats_that_wait_for_data(story):
    """The idle time counts from the last packet, whatever it was."""
    delay(story, find(story, T.SHUTDOWN), 700)


@innocent("multihoming")
def an_interval_set_again_later(story):
    option = call(story, "setsockopt", 1, host="a")
    later = find(story, T.DATA).time_ns
    again = {**option.arguments, "value": {**option.arguments["value"], "spp_hbinterval": 5000}}
    story.calls.append(
        option._replace(start_ns=later - 5, end_ns=later - 1, local_port=5000, arguments=again)
    )
    delay(story, find(story, T.SHUTDOWN), 3000)
    forget(story, call(story, "setsockopt", 1, host="b"))


# ---- answers that the end of the capture, or the way, may have kept away


def up_to(story: Story, last: b.Packet, seconds: float) -> None:
    """The recording goes on so long after a packet, and nothing else is in it then."""
    story.packets = story.packets[: index(story, last) + 1]
    story.calls = [call for call in story.calls if call.start_ns < last.time_ns]
    story.linger_ns = int(seconds * b.SECOND)


def slow(story: Story, packet: b.Packet) -> b.Packet:
    """The packet on a link that takes 0.7 s."""
    story.recipe["impaired"] = True
    return change(story, packet, comment="sctpinspect delivery: delivered +700000000 ns")


UNANSWERED = [
    ("rfc9260/5.1/init-is-answered", T.INIT, Status.WARN),
    ("rfc9260/5.1/cookie-echo-follows-init-ack", T.INIT_ACK, Status.FAIL),
    ("rfc9260/5.1/cookie-ack-answers-echo", T.COOKIE_ECHO, Status.FAIL),
    ("rfc9260/8.3/hb-ack-sent", T.HEARTBEAT, Status.FAIL),
    ("rfc9260/9.2/shutdown-ack-answers-shutdown", T.SHUTDOWN, Status.FAIL),
    ("rfc9260/9.2/shutdown-complete-answers-ack", T.SHUTDOWN_ACK, Status.FAIL),
]


@pytest.mark.parametrize("is_slow", [False, True])
@pytest.mark.parametrize(("rule", "question", "broken_status"), UNANSWERED)
def test_an_answer_is_missing_only_where_the_recording_goes_on_after_the_question_arrived(
    rule, question, broken_status, is_slow
):
    story = CAPTURES["multihoming"]()
    for packet in list(story.packets) if is_slow else []:
        slow(story, packet)
    asked = find(story, question)
    up_to(story, asked, 0.6 + 0.7 * is_slow)
    assert status(story, rule) is broken_status
    up_to(story, asked, 0.4 + 0.7 * is_slow)
    assert status(story, rule) is Status.INCONCLUSIVE


@pytest.mark.parametrize(("after_ms", "expected"), [(1000, Status.PASS), (1300, Status.FAIL)])
def test_the_peer_may_send_until_a_slow_abort_has_arrived(after_ms, expected):
    story = CAPTURES["aborted"]()
    abort = find(story, T.ABORT)
    up_to(story, abort, 0)
    append_like(
        story, find(story, T.COOKIE_ACK), b.sack(50), time_ns=abort.time_ns + after_ms * b.MILLISECOND
    )
    for packet in list(story.packets):
        slow(story, packet)
    assert status(story, "rfc9260/9/silence-after-close") is expected


# ---- what a receiver must discard is no question, and ends nothing


def only(story: Story, *packets: b.Packet) -> None:
    """Those packets alone, and a recording that goes on for a second."""
    story.packets, story.calls, story.linger_ns = list(packets), [], b.SECOND


@pytest.mark.parametrize(
    "wrong",
    [
        lambda init: {"tag": 5},
        lambda init: {"chunks": [*init.chunks, b.chunk(T.PAD)]},
        lambda init: {"checksum": 5},
    ],
    ids=["tag", "bundled", "checksum"],
)
def test_an_init_that_must_be_discarded_needs_no_answer(wrong):
    story = CAPTURES["one_to_one"]()
    init = find(story, T.INIT)
    only(story, init)
    assert status(story, "rfc9260/5.1/init-is-answered") is Status.WARN
    change(story, init, **wrong(init))
    assert status(story, "rfc9260/5.1/init-is-answered") is Status.NOT_APPLICABLE


def test_a_peer_that_still_closes_answers_an_init_with_shutdown_ack():
    story = CAPTURES["one_to_one"]()
    end, ack = find(story, T.SHUTDOWN_COMPLETE), find(story, T.SHUTDOWN_ACK)
    story.packets = story.packets[: index(story, end)]
    append_like(story, end, b.init(tag=0xC2, tsn=1))
    change(story, story.packets[-1], tag=0)
    story.calls, story.linger_ns = [], b.SECOND
    assert "rfc9260/5.1/init-is-answered" in broken(story)
    story.wait(1)
    again = append_like(story, ack, *ack.chunks)
    assert "rfc9260/5.1/init-is-answered" not in broken(story)
    delay(story, again, 600)
    assert "rfc9260/5.1/init-is-answered" in broken(story)


def test_an_init_ack_without_streams_or_with_a_wrong_tag_needs_no_cookie_echo():
    story = CAPTURES["one_to_one"]()
    init, init_ack = find(story, T.INIT), find(story, T.INIT_ACK)
    only(story, init, init_ack)
    assert set(broken(story)) == {"rfc9260/5.1/cookie-echo-follows-init-ack"}
    refused = patch(story, init_ack, 12, u16(0))  # streams
    assert set(broken(story)) == {"rfc9260/3.3.2/init-stream-counts-nonzero"}
    change(story, refused, chunks=init_ack.chunks, tag=0x1234)
    assert set(broken(story)) == {"rfc9260/5.1/init-ack-vtag"}


def test_a_cookie_that_was_not_issued_needs_no_cookie_ack():
    story = CAPTURES["one_to_one"]()
    only(story, *story.packets[:3])
    assert set(broken(story)) == {"rfc9260/5.1/cookie-ack-answers-echo"}
    patch(story, find(story, T.COOKIE_ECHO), 20, b"?")
    assert set(broken(story)) == {"rfc9260/3.3.11/cookie-echo-exact"}


@innocent("one_to_one")
def inits_that_crossed(story):
    """One INIT ACK is echoed, and both repeat what the INITs asked for."""
    init, init_ack, echo = story.packets[:3]
    ends = {"source": B[2], "destination": A[2], "source_port": 7000, "destination_port": 6000}
    crossing = b.init(tag=0xB2, tsn=0x7FFFFFFF, outbound=4, inbound=2)
    insert(story, init_ack, crossing, like=init, **ends)
    answer = b.init_ack(b.state_cookie(COOKIE[::-1]), tag=0xA2, tsn=7, outbound=3, inbound=5)
    insert(story, echo, answer, like=echo)
    only(story, *story.packets[:6])


def test_a_heartbeat_with_a_wrong_tag_needs_no_answer():
    story = CAPTURES["one_to_one"]()
    beat = insert(story, find(story, T.DATA), b.heartbeat(b"who?"), like=find(story, T.COOKIE_ECHO))
    delay(story, find(story, T.DATA), 1000)
    assert set(broken(story)) == {"rfc9260/8.3/hb-ack-sent"}
    change(story, beat, tag=0x1234)
    assert set(broken(story)) == {"rfc9260/8.5/vtag-equals-peer-initiate-tag"}


@pytest.mark.parametrize(
    ("stray", "ends"),
    [(b.abort(), True), (b.abort(reflected=True), False), (b.shutdown_complete(), False)],
    ids=["good", "tag", "state"],
)
def test_what_must_be_ignored_ends_no_association(stray, ends):
    story = CAPTURES["one_to_one"]()
    insert(story, find(story, T.DATA, 1), stray, like=find(story, T.COOKIE_ECHO))
    assert ("rfc9260/9/silence-after-close" in broken(story)) is ends
