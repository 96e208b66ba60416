"""Beside each good capture wrong ones: one thing is altered, and the right rules see it in its frame."""

import struct

import builders as b
import pytest
from rules import alterations_data, alterations_options, alterations_setup
from rules.alteration import Alteration, into
from rules.altering import (
    CUMULATIVE_TSN,
    INIT_A_RWND,
    INIT_OUTBOUND,
    INIT_TSN,
    PAYLOAD,
    PPID,
    SSN,
    STREAM,
    TSN,
    Thing,
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
from rules.good import HOSTS, MS, Story, given
from rules.verdicts import broken, judged

from sctpinspect.journal.digest import digest
from sctpinspect.protocol import ChunkType, DataFlag, ParameterType
from sctpinspect.rules import all_rules

T = ChunkType
A, B = HOSTS["a"], HOSTS["b"]


ALTERATIONS: list[Alteration] = [
    *alterations_data.ALTERATIONS,
    *alterations_options.ALTERATIONS,
    *alterations_setup.ALTERATIONS,
]

alteration = into(ALTERATIONS)


def lengthen(story: Story, which, over: b.Packet) -> None:
    """Let a call last until after a packet, before any other call of its host that could have caused it."""
    alter(story, which, end_ns=over.time_ns + 1000)


def whole(story: Story) -> None:
    """Let the recorder go on for a second: what is not in the recording was not sent."""
    story.linger_ns = 1000 * MS


# ---- RFC 6458: calls


@alteration("rfc6458/3.1.1/socket-no-packet", "multihoming", "rfc6458/7.5/implicit-setup")
def _(story):
    forget(story, call(story, "sctp_connectx"))
    lengthen(story, call(story, "socket", host="a"), find(story, T.INIT))
    return find(story, T.INIT)


@alteration("rfc6458/3.1.2/bind-no-packet", "multihoming")
def _(story):
    alter(story, call(story, "listen"), end_ns=story.clock)
    return insert(
        story, find(story, T.SACK), b.asconf(1, b.address_parameter(B[0])), like=find(story, T.COOKIE_ACK)
    )


@alteration("rfc6458/3.1.2/bind-port-and-address", "one_to_one")
def _(story):
    argue(story, call(story, "bind", host="a"), address="fd00::9")
    return find(story, T.INIT)


@alteration("rfc6458/3.1.2/bind-port-and-address", "one_to_one")
def _(story):
    argue(story, call(story, "bind", host="b"), port=7001)
    return find(story, T.INIT_ACK)


@alteration("rfc6458/3.1.3/listen-accepts-init", "multihoming")
def _(story):
    for name in ("socket", "listen"):
        story.calls.append(call(story, name, host="b")._replace(socket=90, local_port=4490))
    return find(story, T.ABORT)


@alteration("rfc6458/3.1.4/recv-from-peer", "multihoming")
def _(story):
    return result(story, call(story, "sctp_recvmsg", 2, host="b"), address="10.9.9.9")


@alteration("rfc6458/3.1.4/recv-from-peer", "multihoming")
def _(story):
    return result(story, call(story, "sctp_recvmsg", 2, host="b"), port=9)


@alteration("rfc6458/3.1.4/clock-alignment", "multihoming")
def _(story):
    sent = find(story, T.DATA, 2)
    alter(story, call(story, "sctp_sendmsg", 2), start_ns=sent.time_ns + 1)
    return sent


@alteration("rfc6458/3.1.4/message-has-send", "multihoming")
def _(story):
    forget(story, call(story, "sctp_sendmsg", 2))
    return find(story, T.DATA, 2)


@alteration("rfc6458/3.1.4/send-message-to-data", "multihoming")
def _(story):
    argue(story, call(story, "sctp_sendmsg", 2), digest=digest(b"DATA x"))
    return find(story, T.DATA, 2)


@alteration("rfc6458/3.1.4/send-message-to-data", "multihoming", "rfc6458/3.1.4/recv-equals-data")
def a_changed_payload_byte(story):
    return patch(story, find(story, T.DATA, 2), PAYLOAD, b"E")


@alteration("rfc6458/3.1.4/send-message-to-data", "multihoming")
def a_message_never_sent(story):
    lost = call(story, "sctp_sendmsg", -1)
    never = lost._replace(
        start_ns=lost.end_ns + 1,
        end_ns=lost.end_ns + 2,
        arguments={**lost.arguments, "digest": digest(b"more"), "length": 4},
        result={"length": 4},
    )
    story.calls.append(never)
    return never


@alteration("rfc6458/3.1.4/recv-equals-data", "multihoming")
def _(story):
    result(
        story, call(story, "sctp_recvmsg", test=lambda c: c.result["length"] == 6), digest=digest(b"DATA x")
    )
    return find(story, T.DATA)


@alteration("rfc6458/3.1.4/recv-equals-data", "multihoming")
def a_message_received_twice(story):
    first = call(story, "sctp_recvmsg", test=lambda c: c.result["length"] == 6)
    again = first._replace(start_ns=first.end_ns + 1, end_ns=first.end_ns + 2)
    story.calls.append(again)
    return again


@alteration("rfc6458/3.1.4/snd-order-per-stream", "one_to_one")
def two_messages_change_places(story):
    bundle = next(packet for packet in story.packets if len(packet.chunks) == 3)
    patched = patch(story, bundle, PAYLOAD, b"two", 1)
    patched = patch(story, patched, PAYLOAD, b"one", 2)
    for now, then in ((b"one", b"two"), (b"two", b"one")):
        got = call(story, "sctp_recvmsg", test=lambda c, now=now: c.result.get("start") == now.hex())
        result(story, got, start=then.hex() + "!", digest=digest(then))
    return patched


@alteration("rfc6458/3.1.5/close-graceful", "multihoming")
def _(story):
    ends = [find(story, T.SHUTDOWN_ACK), find(story, T.SHUTDOWN_COMPLETE)]
    remove(story, *ends)
    forget(story, notification(story, "b", "SCTP_SHUTDOWN_EVENT"))
    forget(story, notification(story, "b", "SCTP_ASSOC_CHANGE", "SCTP_SHUTDOWN_COMP"))
    return change(story, find(story, T.SHUTDOWN), chunks=[b.abort()])


@alteration("rfc6458/3.1.5/close-no-packet", "multihoming", "rfc9260/8.4/ootb-other-abort-reflected")
def _(story):
    during = call(story, "close", host="b")
    asconf = insert(
        story,
        find(story, T.INIT, -1),
        b.asconf(1, b.address_parameter(B[0])),
        like=find(story, T.COOKIE_ACK),
    )
    return change(story, asconf, time_ns=during.start_ns + 1)


@alteration("rfc6458/3.1.5/close-no-packet", "one_to_one")
def the_listener_is_closed_while_what_it_accepted_lives(story):
    first = find(story, T.DATA)
    asconf = insert(story, first, b.asconf(1, b.address_parameter(B[2])), like=find(story, T.COOKIE_ACK))
    during = {"start_ns": asconf.time_ns - 10, "end_ns": asconf.time_ns + 10}
    alter(story, call(story, "close", host="b", socket=2), **during)
    return asconf


@alteration("rfc6458/5.3.6/nxtinfo-fields", "encapsulated")
def _(story):
    first = call(story, "sctp_recvmsg", host="b")
    *others, following = first.result["control"]
    return result(story, first, control=[*others, {**following, "nxt_sid": 2}])


@alteration("rfc6458/5.3.6/nxtinfo-fields", "encapsulated")
def more_than_comes(story):
    first = call(story, "sctp_recvmsg", host="b")
    *others, following = first.result["control"]
    return result(story, first, control=[*others, {**following, "nxt_length": 4}])


@alteration("rfc6951/6.1/remote-udp-encaps-port", "encapsulated")
def _(story):
    option = call(story, "setsockopt")
    argue(story, option, value={**option.arguments["value"], "sue_port": 9900})
    return find(story, T.INIT)


@alteration("rfc6951/5.4/answer-follows-udp-port", "encapsulated")
def _(story):
    return change(story, find(story, T.INIT_ACK), udp=(9899, 9899))


@alteration("rfc6458/3.1.6/connect-sends-init", "one_to_one")
def _(story):
    first = find(story, T.INIT)
    alter(story, call(story, "connect"), start_ns=first.time_ns + 1)
    return first


@alteration("rfc6458/4.1.4/accept-no-packet", "one_to_one")
def _(story):
    during = call(story, "accept")
    asconf = insert(
        story, find(story, T.DATA), b.asconf(1, b.address_parameter(B[2])), like=find(story, T.COOKIE_ACK)
    )
    return change(story, asconf, time_ns=during.start_ns + 1)


@alteration("rfc6458/4.1.4/accept-established", "one_to_one")
def _(story):
    echo = find(story, T.COOKIE_ECHO)
    alter(story, call(story, "accept"), start_ns=echo.time_ns - 2, end_ns=echo.time_ns - 1)
    return echo


@alteration("rfc6458/4.1.5/connect-errno", "multihoming", "rfc9260/5.1/init-is-answered")
def _(story):
    whole(story)
    remove(story, find(story, T.ABORT))
    return call(story, "connect")


@alteration("rfc6458/4.1.5/connect-returns-established", "one_to_one")
def _(story):
    ack = find(story, T.COOKIE_ACK)
    alter(story, call(story, "connect"), end_ns=ack.time_ns - 1)
    return ack


@alteration("rfc6458/4.1.7/shutdown-rd-no-packet", "aborted")
def _(story):
    during = call(story, "shutdown", host="b")
    before = find(story, T.INIT, -1)
    asconf = insert(story, before, b.asconf(1, b.address_parameter(B[0])), like=find(story, T.COOKIE_ACK))
    remove(story, find(story, T.ABORT))
    forget(story, notification(story, "b", "SCTP_ASSOC_CHANGE", "SCTP_COMM_LOST"))
    forget(story, call(story, "sctp_sendmsg", -1))
    return change(story, asconf, time_ns=during.start_ns + 1)


@alteration("rfc6458/4.1.7/shutdown-wr", "one_to_one")
def _(story):
    remove(story, find(story, T.SHUTDOWN_ACK), find(story, T.SHUTDOWN_COMPLETE))
    return change(story, find(story, T.SHUTDOWN), chunks=[b.abort()])


@alteration("rfc6458/4.1.9/getpeername", "one_to_one")
def _(story):
    result(story, call(story, "getpeername"), address="fd00::9")
    return find(story, T.INIT_ACK)


@alteration("rfc6458/7.4/getsockname", "one_to_one")
def _(story):
    result(story, call(story, "getsockname"), port=6001)
    return find(story, T.INIT)


@alteration("rfc6458/5.3.4/snd-abort", "aborted", "rfc9260/9.1/user-abort-cause")
def _(story):
    return change(story, find(story, T.ABORT), chunks=[b.abort()])


@alteration("rfc6458/5.3.4/snd-abort", "aborted")
def another_reason_than_the_one_given(story):
    return change(story, find(story, T.ABORT), chunks=[b.abort(b.user_initiated_abort(b"no idea"))])


@alteration("rfc6458/5.3.4/snd-eof", "ended")
def _(story):
    remove(story, find(story, T.SHUTDOWN_ACK), find(story, T.SHUTDOWN_COMPLETE))
    return change(story, find(story, T.SHUTDOWN), chunks=[b.abort()])


@alteration("rfc6458/8.1.4/linger-zero-abort", "ended")
def _(story):
    abort = find(story, T.ABORT)
    like = {"source": B[0], "destination": A[0], "source_port": 9200, "destination_port": 8202, "tag": 0xA6}
    shutdown = change(story, insert(story, abort, b.shutdown(69)), time_ns=abort.time_ns - 60_000)
    change(story, insert(story, abort, b.shutdown_ack()), time_ns=abort.time_ns - 30_000, **like)
    change(story, abort, chunks=[b.shutdown_complete()])
    return shutdown


@alteration("rfc6458/4.1.5/connect-timed-out", "ended")
def _(story):
    last = find(story, T.INIT, -1)
    ends = {"source": B[0], "destination": A[0], "source_port": 9299, "destination_port": 8203, "tag": 0xA7}
    return append(story, b.abort(), time_ns=last.time_ns + MS, **ends)


@alteration("rfc6458/4.1.7/end-of-file", "one_to_one")
def _(story):
    shutdown, ended = find(story, T.SHUTDOWN), call(story, "recv")
    return alter(story, ended, start_ns=shutdown.time_ns - 20, end_ns=shutdown.time_ns - 10)


@alteration("rfc6458/3.1.4/recv-parts-add-up", "ended")
def a_part_too_short(story):
    result(story, call(story, "recvmsg"), **given(b"he"))
    return find(story, T.DATA)


@alteration("rfc6458/3.1.4/recv-parts-add-up", "ended")
def the_end_of_the_record_too_soon(story):
    parts = [call(story, "recvmsg", number) for number in (0, 1)]
    result(story, parts[1], flags=[])
    between = parts[0]._replace(start_ns=parts[0].end_ns, end_ns=parts[0].end_ns + 1)
    story.calls.append(between._replace(result={**between.result, "flags": ["MSG_EOR"]}))
    return find(story, T.DATA)


@alteration("rfc6458/9.1/bindx-changes-association", "ended")
def _(story):
    told = call(story, "sctp_bindx")
    remove(story, find(story, T.ASCONF), find(story, T.ASCONF_ACK))
    return told


@alteration("rfc6458/5.3.4/snd-ppid", "multihoming")
def _(story):
    argue(story, call(story, "sctp_sendmsg"), ppid=60)
    return find(story, T.DATA)


@alteration("rfc6458/5.3.4/snd-ppid", "multihoming", "rfc6458/5.3.5/rcvinfo-fields")
def a_swapped_ppid(story):
    return patch(story, find(story, T.DATA), PPID, struct.pack("<I", 46))


@alteration("rfc6458/5.3.4/snd-sid", "multihoming")
def _(story):
    argue(story, call(story, "sctp_sendmsg", 4), stream=3)
    return find(story, T.DATA, 4)


@alteration(
    "rfc6458/5.3.4/snd-sid", "multihoming", "rfc6458/5.3.5/rcvinfo-fields", "rfc9260/6.5/ssn-starts-at-zero"
)
def another_stream_id(story):
    return patch(story, find(story, T.DATA, -2), STREAM, u16(7))


@alteration("rfc6458/5.3.4/snd-unordered", "one_to_one")
def _(story):
    argue(
        story, call(story, "sctp_sendmsg", test=lambda c: "SCTP_UNORDERED" in c.arguments["flags"]), flags=[]
    )
    return next(packet for packet in story.packets if packet.chunks[0][:2] == bytes([0, b.WHOLE | 4]))


@alteration("rfc6458/5.3.5/rcvinfo-fields", "multihoming")
def _(story):
    result(story, call(story, "sctp_recvmsg", test=lambda c: c.result["length"] == 6), ppid=60)
    return find(story, T.DATA)


@alteration("rfc6458/6.1.1/comm-up-streams", "multihoming")
def _(story):
    up = notification(story, "a", "SCTP_ASSOC_CHANGE", "SCTP_COMM_UP")
    result(story, up, notification={**up.result["notification"], "sac_outbound_streams": 65_535})
    return find(story, T.INIT)


@alteration("rfc6458/6.1.1/notify-comm-up", "multihoming")
def _(story):
    up, ack = notification(story, "a", "SCTP_ASSOC_CHANGE", "SCTP_COMM_UP"), find(story, T.COOKIE_ACK)
    alter(story, up, start_ns=ack.time_ns - 20, end_ns=ack.time_ns - 10)
    return ack


@alteration("rfc6458/6.1.1/notify-comm-lost", "multihoming")
def _(story):
    end = notification(story, "b", "SCTP_ASSOC_CHANGE", "SCTP_SHUTDOWN_COMP")
    result(story, end, notification={"type": "SCTP_ASSOC_CHANGE", "state": "SCTP_COMM_LOST"})
    return find(story, T.SHUTDOWN_COMPLETE)


@alteration("rfc6458/6.1.1/notify-shutdown-comp", "aborted")
def _(story):
    end = notification(story, "b", "SCTP_ASSOC_CHANGE", "SCTP_COMM_LOST")
    result(story, end, notification={"type": "SCTP_ASSOC_CHANGE", "state": "SCTP_SHUTDOWN_COMP"})
    return find(story, T.ABORT)


@alteration("rfc6458/6.1.2/notify-addr-change", "multihoming")
def _(story):
    confirmed = notification(story, "b", "SCTP_PEER_ADDR_CHANGE", "SCTP_ADDR_CONFIRMED")
    ack = find(story, T.HEARTBEAT_ACK, source=A[1])
    return alter(story, confirmed, start_ns=ack.time_ns - 20, end_ns=ack.time_ns - 10)


@alteration("rfc6458/6.1.5/notify-shutdown-event", "multihoming")
def _(story):
    shutdown = find(story, T.SHUTDOWN)
    event = notification(story, "b", "SCTP_SHUTDOWN_EVENT")
    alter(story, event, start_ns=shutdown.time_ns - 20, end_ns=shutdown.time_ns - 10)
    return shutdown


@alteration("rfc6458/7.1/send-failed-no-data", "one_to_one", "rfc6458/3.1.4/message-has-send")
def _(story):
    alter(story, call(story, "sctp_sendmsg", host="a"), errno="EAGAIN", result={})
    return find(story, T.DATA, source=A[2])


@alteration("rfc6458/7.5/implicit-setup", "aborted")
def _(story):
    first = find(story, T.INIT)
    alter(story, call(story, "sctp_sendmsg"), start_ns=first.time_ns + 1)
    return first


@alteration("rfc6458/8.1/local-only-options", "multihoming", "rfc6458/7.5/implicit-setup")
def _(story):
    forget(story, call(story, "sctp_connectx"))
    lengthen(story, call(story, "setsockopt", -1, host="a"), find(story, T.INIT))
    return find(story, T.INIT)


@alteration("rfc6458/6.1.4/notify-send-failed", "changed")
def told_to_be_unsent_and_was_sent(story):
    told = call(story, "sctp_recvmsg", host="a")
    notified = {**told.result["notification"], "ssf_data": b"unread".hex()}
    return result(story, told, notification=notified)


@alteration("rfc6458/6.1.4/notify-send-failed", "changed")
def told_to_be_sent_and_was_not(story):
    told = call(story, "sctp_recvmsg", host="a")
    return result(story, told, notification={**told.result["notification"], "state": "SCTP_DATA_SENT"})


@alteration("rfc6525/6.3.2/reset-streams", "changed")
def another_direction_is_reset(story):
    option = call(story, "setsockopt", 0)
    value = {"srs_flags": ["SCTP_STREAM_RESET_INCOMING"]}
    return argue(story, option, value=value)


@alteration("rfc6525/6.3.3/reset-assoc", "changed")
def nothing_asks_for_the_reset(story):
    remove(story, find(story, T.RE_CONFIG, 4), find(story, T.RE_CONFIG, 5))
    return call(story, "setsockopt", 2)


@alteration("rfc6525/6.3.4/add-streams", "changed")
def streams_of_the_other_direction_are_asked_for(story):
    return argue(story, call(story, "setsockopt", 1), value={"sas_outstrms": 0, "sas_instrms": 2})


@alteration("rfc6458/8.1.1/rtoinfo-initial", "aborted", "rfc9260/6.3.1/rto-initial")
def _(story):
    first = find(story, T.INIT)
    change(story, first, time_ns=first.time_ns + 50 * b.MILLISECOND)
    return find(story, T.INIT, 1)


@alteration("rfc6458/8.1.3/initmsg-attempts", "aborted")
def _(story):
    again = find(story, T.INIT, 1)
    insert(story, again, *again.chunks)
    return again


@alteration("rfc6458/8.1.3/initmsg-instreams", "one_to_one")
def _(story):
    change_init_option(story, sinit_max_instreams=6)
    return find(story, T.INIT)


@alteration("rfc6458/8.1.3/initmsg-ostreams", "one_to_one")
def _(story):
    change_init_option(story, sinit_num_ostreams=6)
    return find(story, T.INIT)


def change_init_option(story, **values):
    option = call(story, "setsockopt", test=lambda c: c.arguments["option"] == "SCTP_INITMSG")
    argue(story, option, value={**option.arguments["value"], **values})


@alteration("rfc6458/8.1.11/disable-fragments", "aborted")
def _(story):
    parts = [b.data(50, b"hel", flags=DataFlag.BEGINNING), b.data(51, b"lo", flags=DataFlag.ENDING)]
    echo, ack = find(story, T.COOKIE_ECHO), find(story, T.COOKIE_ACK)
    change(story, ack, chunks=[b.cookie_ack(), b.sack(51)])
    return change(story, echo, chunks=[echo.chunks[0], *parts])


@alteration("rfc6458/8.1.12/hb-interval-option", "multihoming", "rfc9260/8.3/hb-interval")
def a_round_of_heartbeats_on_one_path_is_left_out(story):
    on_path = [packet for packet in story.packets if packet.source in (A[1], B[1])]
    remove(story, *on_path[8:12])
    return [on_path[6], on_path[4]]  # the last HEARTBEAT of each side before; answers do not count


@alteration("rfc6458/8.1.12/hb-interval-option", "multihoming", "rfc9260/8.3/hb-interval")
def heartbeats_sooner_than_the_interval(story):
    option = call(story, "setsockopt", 1, host="a")
    argue(story, option, value={**option.arguments["value"], "spp_hbinterval": 500})
    beats = [packet for packet in story.packets if packet.source in A and packet.chunks[0][0] == T.HEARTBEAT]
    return beats[2:]


@alteration("rfc6458/8.2.1/status-streams", "one_to_one")
def _(story):
    result(story, call(story, "sctp_opt_info"), value={"sstat_outstrms": 10, "sstat_instrms": 4})
    return find(story, T.INIT)


@alteration("rfc6458/9.1/bindx-add-before-setup", "multihoming")
def _(story):
    argue(story, call(story, "sctp_bindx", host="b"), addresses=B[:1])
    return find(story, T.INIT_ACK)


@alteration("rfc6458/9.1/bindx-add-before-setup", "multihoming")
def _(story):
    argue(story, call(story, "sctp_bindx", host="a"), addresses=[*A[:2], "10.3.0.1"])
    return find(story, T.INIT)


@alteration(
    "rfc6458/9.1/bindx-add-before-setup",
    "multihoming",
    "rfc6458/9.3/getpaddrs",
    "rfc6458/9.5/getladdrs",
    "rfc6458/9.9/connectx-addresses-announced",
    "rfc9260/5.1.2/destination-in-peer-address-set",
    "rfc9260/5.1.2/source-in-own-address-set",
)
def an_address_removed_from_init_ack(story):
    init_ack = find(story, T.INIT_ACK)
    chunk = init_ack.chunks[0]
    listed = b.address_parameter(B[1])
    begin = chunk.index(listed)
    shorter = chunk[:2] + u16(len(chunk) - len(listed)) + chunk[4:begin] + chunk[begin + len(listed) :]
    return change(story, init_ack, chunks=[shorter])


@alteration("rfc6458/9.2/peeloff-no-packet", "aborted")
def _(story):
    during = call(story, "sctp_peeloff")
    asconf = insert(
        story, find(story, T.ABORT), b.asconf(1, b.address_parameter(B[0])), like=find(story, T.COOKIE_ACK)
    )
    return change(story, asconf, time_ns=during.start_ns + 1)


@alteration("rfc6458/9.3/getpaddrs", "multihoming")
def _(story):
    result(story, call(story, "sctp_getpaddrs", host="a"), addresses=B[:1])
    return find(story, T.INIT_ACK)


@alteration("rfc6458/9.5/getladdrs", "multihoming")
def _(story):
    result(story, call(story, "sctp_getladdrs", host="a"), addresses=[*A[:2], "10.3.0.1"])
    return find(story, T.INIT)


@alteration("rfc6458/9.9/connectx-tries-all-addresses", "multihoming")
def _(story):
    argue(story, call(story, "sctp_connectx"), addresses=B[1:2])
    return find(story, T.INIT)


@alteration("rfc6458/9.9/connectx-addresses-announced", "multihoming")
def _(story):
    argue(story, call(story, "sctp_connectx"), addresses=[*B[:2], "10.3.0.2"])
    return find(story, T.INIT_ACK)


# ---- RFC 9260: the wire


@alteration("rfc9260/3.1/ports-nonzero", "multihoming")
def _(story):
    return append(story, b.abort(), source_port=0)


@alteration("rfc9260/3.2/chunk-length-at-least-four", "multihoming")
def _(story):
    return append(story, b.chunk(0x3F, length=3))


@alteration("rfc9260/3.2/chunk-padding-zero", "multihoming")
def _(story):
    echo = find(story, T.COOKIE_ECHO)
    return change(story, echo, chunks=[echo.chunks[0][:-1] + b"\1"])


@alteration("rfc9260/3.2.1/param-length-valid", "multihoming")
def _(story):
    return append(story, b.error(b.cause(1, length=2)))


@alteration("rfc9260/3.2.1/param-length-valid", "multihoming")
def _(story):
    return append(story, b.error(b.cause(1, b"1234", length=12)))


@alteration("rfc9260/3.3.1/data-user-data-present", "late")
def _(story):
    return change(story, find(story, T.DATA, 2), chunks=[b.data(52, b"", ssn=2)])


@alteration("rfc9260/3.3.1/tsn-sequential", "late")
def _(story):
    remove(story, find(story, T.SACK, 2))
    return patch(story, find(story, T.DATA, 2), TSN, u32(53))


@alteration("rfc9260/3.3.2/init-chunk-minimum-length", "multihoming")
def _(story):
    return append(story, b.chunk(T.INIT, bytes(12)), tag=0)


@alteration("rfc9260/3.3.2/initiate-tag-nonzero", "multihoming")
def _(story):
    return append(story, b.init(tag=0), tag=0)


@alteration("rfc9260/3.3.2/init-stream-counts-nonzero", "multihoming")
def _(story):
    return append(story, b.init(outbound=0), tag=0)


@alteration("rfc9260/3.3.2/init-stream-counts-nonzero", "multihoming")
def _(story):
    return append(story, b.init(inbound=0), tag=0)


@alteration("rfc9260/3.3.2/a-rwnd-minimum", "multihoming")
def _(story):
    return patch(story, find(story, T.INIT, -1), INIT_A_RWND, u32(1499))


@alteration("rfc9260/3.3.2/first-tsn-is-initial-tsn", "multihoming")
def _(story):
    patch(story, find(story, T.INIT), INIT_TSN, u32(1005))
    return find(story, T.DATA)


@alteration("rfc9260/3.3.2/first-tsn-is-initial-tsn", "multihoming")
def an_initial_tsn_one_too_low(story):
    first = find(story, T.DATA)
    patch(story, find(story, T.INIT), INIT_TSN, u32(int.from_bytes(first.chunks[0][TSN : TSN + 4]) - 1))
    return find(story, T.DATA)


@alteration("rfc9260/3.3.2.1.1/address-param-length", "multihoming")
def _(story):
    return append(story, b.init(b.parameter(ParameterType.IPV4_ADDRESS, bytes(8))), tag=0)


@alteration("rfc9260/3.3.2.1.2/no-ipv4-mapped-address", "multihoming")
def _(story):
    return append(story, b.init(b.address_parameter("::ffff:10.1.0.1")), tag=0)


@alteration("rfc9260/3.3.2.1.4/no-hostname-param", "multihoming")
def _(story):
    return append(story, b.init(b.parameter(ParameterType.HOST_NAME_ADDRESS, b"host\0")), tag=0)


@alteration("rfc9260/3.3.3/init-ack-os-within-init-mis", "aborted")
def _(story):
    return patch(story, find(story, T.INIT_ACK), INIT_OUTBOUND, u16(11))


@alteration("rfc9260/3.3.3/init-ack-has-state-cookie", "aborted")
def _(story):
    old = find(story, T.INIT_ACK)
    return change(story, old, chunks=[b.init_ack(tag=0xB3, tsn=90, outbound=10, inbound=10)])


@alteration("rfc9260/3.3.4/sack-length-matches-counts", "one_to_one")
def _(story):
    return patch(story, gap_sack(story), 12, u16(1))


@alteration("rfc9260/3.3.4/gap-blocks-well-formed", "one_to_one")
def _(story):
    return patch(story, gap_sack(story), 22, u16(3))


@alteration("rfc9260/3.3.4/gap-blocks-isolated", "one_to_one")
def _(story):
    return patch(story, gap_sack(story), 20, u16(3))


def gap_sack(story):
    return next(
        packet for packet in story.packets if packet.chunks[0][0] == T.SACK and len(packet.chunks[0]) == 24
    )


@alteration("rfc9260/3.3.4/sack-only-sent-tsns", "multihoming", "rfc9260/9.2/shutdown-cum-tsn-current")
def _(story):
    return patch(story, find(story, T.SHUTDOWN), CUMULATIVE_TSN, u32(4))


@alteration("rfc9260/3.3.5/heartbeat-info-param", "multihoming")
def _(story):
    number = index(story, find(story, T.HEARTBEAT))
    empty = [b.chunk(T.HEARTBEAT), b.chunk(T.HEARTBEAT_ACK)]
    return [change(story, story.packets[number + offset], chunks=[empty[offset]]) for offset in (0, 1)]


@alteration("rfc9260/3.3.6/hb-ack-to-source", "multihoming")
def _(story):
    return change(story, find(story, T.HEARTBEAT_ACK, -1, source=B[1]), destination=A[0])


@alteration("rfc9260/3.3.6/hb-ack-solicited", "multihoming")
def _(story):
    answer = find(story, T.HEARTBEAT_ACK, source=B[0])
    return insert(story, find(story, T.DATA), b.heartbeat_ack(b"never asked"), like=answer)


@alteration("rfc9260/3.3.7/no-data-with-abort", "aborted", "rfc9260/6.10/control-before-data")
def _(story):
    last = find(story, T.ABORT)
    return change(story, last, chunks=[b.data(50, b"hello"), *last.chunks])


@alteration("rfc9260/3.3.7/abort-is-last-chunk", "aborted")
def _(story):
    last = find(story, T.ABORT)
    return change(story, last, chunks=[*last.chunks, b.sack(89)])


@alteration("rfc9260/3.3.8/fixed-chunk-lengths", "multihoming")
def _(story):
    return change(story, find(story, T.SHUTDOWN_ACK), chunks=[b.chunk(T.SHUTDOWN_ACK, bytes(4))])


@alteration("rfc9260/3.3.11/cookie-echo-exact", "multihoming", "rfc9260/5.1.5/invalid-cookie-silent")
def _(story):
    return patch(story, find(story, T.COOKIE_ECHO), 20, b"?")


@alteration("rfc9260/3.3.12/cookie-ack-before-data-or-sack", "multihoming")
def _(story):
    return insert(story, find(story, T.COOKIE_ACK), b.sack(999))


@alteration("rfc9260/5.1/cookie-ack-answers-echo", "multihoming")
def _(story):
    remove(story, find(story, T.COOKIE_ACK))
    return find(story, T.COOKIE_ECHO)


@alteration("rfc9260/5.1/cookie-ack-first-chunk", "multihoming")
def _(story):
    return change(story, find(story, T.COOKIE_ACK), chunks=[b.sack(999), b.cookie_ack()])


@alteration("rfc9260/5.1/cookie-echo-first-chunk", "multihoming")
def _(story):
    echo = find(story, T.COOKIE_ECHO)
    return change(story, echo, chunks=[b.chunk(T.PAD), *echo.chunks])


@alteration("rfc9260/5.1/cookie-echo-follows-init-ack", "multihoming")
def _(story):
    keep_packets(story, 0, 1, -2, -1)
    return find(story, T.INIT_ACK)


@alteration("rfc9260/5.1/init-is-answered", "multihoming")
def _(story):
    keep_packets(story, 0, -2, -1)
    return find(story, T.INIT)


def keep_packets(story, *numbers):
    story.packets = [story.packets[number] for number in numbers]
    story.calls = []


@alteration("rfc9260/5.1/first-data-acked-immediately", "multihoming")
def _(story):
    delay(story, find(story, T.SACK), 200)
    return find(story, T.DATA)


@alteration("rfc9260/6.2/sack-delay-limit", "one_to_one")
def _(story):
    delay(story, find(story, T.SACK, 2), 600)
    return find(story, T.DATA, 2)


@alteration("rfc9260/5.1/init-ack-vtag", "multihoming")
def _(story):
    return change(story, find(story, T.INIT_ACK), tag=0x1234)


@alteration(
    "rfc9260/5.1.1/data-sid-in-range",
    "one_to_one",
    "rfc6458/5.3.4/snd-invalid-stream",
    "rfc9260/6.5/invalid-sid-reported",
)
def _(story):
    urgent = next(packet for packet in story.packets if packet.chunks[0][:2] == bytes([0, b.WHOLE | 4]))
    argue(
        story, call(story, "sctp_sendmsg", test=lambda c: "SCTP_UNORDERED" in c.arguments["flags"]), stream=2
    )
    result(story, call(story, "sctp_recvmsg", test=lambda c: bool(c.result["unordered"])), stream=2)
    return patch(story, urgent, STREAM, u16(2))


@alteration(
    "rfc9260/5.1.2/destination-in-peer-address-set",
    "multihoming",
    "rfc9260/5.4/unconfirmed-address-restriction",
)
def _(story):
    return change(story, find(story, T.SACK, source=A[0]), destination="10.9.0.2")


@alteration("rfc9260/5.1.2/source-in-own-address-set", "multihoming")
def _(story):
    return change(story, find(story, T.SACK, source=A[0]), source="10.9.0.1")


@alteration(
    "rfc9260/5.1.2/init-ack-to-init-source",
    "aborted",
    "rfc9260/3.3.2.1/no-address-params-means-single-address",
    "rfc9260/5.1.2/destination-in-peer-address-set",
    "rfc9260/5.4/unconfirmed-address-restriction",
    "rfc9260/3.3.2.1/no-address-params-means-single-address",
)
def _(story):
    return change(story, find(story, T.INIT_ACK), destination="10.9.0.1")


@alteration("rfc9260/5.3.1/vtag-stable", "late")
def _(story):
    return change(story, find(story, T.DATA, 2), tag=0x77)


@alteration("rfc9260/5.4/path-verification-of-every-address", "multihoming")
def _(story):
    probes = ((A[1], T.HEARTBEAT), (B[1], T.HEARTBEAT_ACK))
    remove(story, *[packet for packet in story.packets if (packet.source, packet.chunks[0][0]) in probes])
    forget(story, notification(story, "a", "SCTP_PEER_ADDR_CHANGE", "SCTP_ADDR_CONFIRMED"))
    forget(story, *[c for c in story.calls if c.arguments.get("option") == "SCTP_PEER_ADDR_PARAMS"])
    argue(story, call(story, "sctp_connectx"), addresses=B[:1])
    delay(story, find(story, T.SHUTDOWN), 61_000)
    return find(story, T.INIT_ACK)


@alteration("rfc9260/5.4/unconfirmed-address-restriction", "multihoming")
def _(story):
    beat = find(story, T.HEARTBEAT, source=B[1])
    return insert(story, find(story, T.HEARTBEAT), b.sack(999), like=beat)


@alteration("rfc9260/6/data-not-before-cookie-echo", "aborted", "rfc9260/6.3.1/rto-min")
def _(story):
    echo = find(story, T.COOKIE_ECHO)
    return insert(story, echo, echo.chunks[1])


@alteration("rfc9260/6/data-state", "late")
def _(story):
    story.recipe = {"hosts": {}, "impaired": False}
    data, ack = find(story, T.DATA, 2), find(story, T.SACK, 2)
    append_to(story, data, b.shutdown(89))
    new = append_to(story, data, b.data(53, b"too late", ssn=3))
    append_to(story, ack, b.sack(53))
    return new


def append_to(story, like, *chunks):
    story.wait(1)
    return append(
        story,
        *chunks,
        **{
            name: getattr(like, name)
            for name in ("source", "destination", "source_port", "destination_port", "tag")
        },
    )


@alteration("rfc9260/6.2.1/sack-cum-tsn-monotonic", "late")
def _(story):
    story.recipe = {"hosts": {}, "impaired": False}
    return patch(story, find(story, T.SACK, 2), CUMULATIVE_TSN, u32(50))


@alteration("rfc9260/6.5/ssn-starts-at-zero", "one_to_one")
def _(story):
    result(story, call(story, "sctp_recvmsg", host="a"), ssn=1)
    return patch(story, find(story, T.DATA), SSN, u16(1))


@alteration("rfc9260/6.5/ssn-increments", "late")
def _(story):
    return patch(story, find(story, T.DATA, 2), SSN, u16(3))


@alteration("rfc9260/6.8/crc32c-correct", "multihoming")
def _(story):
    return change(story, find(story, T.SACK, 3), checksum=0x12345678)


@alteration("rfc9260/6.9/fragment-be-pattern", "late")
def _(story):
    return change(story, find(story, T.DATA, 2), chunks=[b.data(52, b"DATA 2", ssn=2, flags=DataFlag.ENDING)])


@alteration("rfc9260/6.9/fragment-same-ssn-sid", "late")
def _(story):
    return two_fragments(story, stream=1)


@alteration("rfc9260/6.9/fragment-same-u-bit", "late")
def _(story):
    return two_fragments(story, flags=DataFlag.ENDING | DataFlag.UNORDERED)


def two_fragments(story, **second):
    fields = {"flags": DataFlag.ENDING, **second}
    change(story, find(story, T.DATA), chunks=[b.data(50, b"one", flags=DataFlag.BEGINNING)])
    patch(story, find(story, T.DATA, 2), SSN, u16(1))
    return change(story, find(story, T.DATA, 1), chunks=[b.data(51, b"two", **fields)])


@alteration("rfc9260/6.9/retransmission-same-chunk", "one_to_one")
def _(story):
    again = next(p for p in reversed(story.packets) if p.chunks[0][:2] == bytes([0, 0]))
    return patch(story, again, PAYLOAD, b"?")


@alteration("rfc9260/6.10/control-before-data", "one_to_one")
def _(story):
    return reorder(story, 1, 0, 2)


@alteration("rfc9260/6.10/tsn-order-in-packet", "one_to_one")
def _(story):
    return reorder(story, 0, 2, 1)


def reorder(story, *numbers):
    bundle = next(packet for packet in story.packets if len(packet.chunks) == 3)
    return change(story, bundle, chunks=[bundle.chunks[number] for number in numbers])


@alteration("rfc9260/6.10/init-alone-in-packet", "multihoming")
def _(story):
    return bundle_pad(story, T.INIT)


@alteration("rfc9260/6.10/init-ack-alone-in-packet", "multihoming")
def _(story):
    return bundle_pad(story, T.INIT_ACK)


@alteration("rfc9260/6.10/shutdown-complete-alone-in-packet", "multihoming")
def _(story):
    return bundle_pad(story, T.SHUTDOWN_COMPLETE)


def bundle_pad(story, type):
    packet = find(story, type)
    return change(story, packet, chunks=[*packet.chunks, b.chunk(T.PAD)])


@alteration("rfc9260/6.10/no-data-with-shutdown", "one_to_one")
def _(story):
    bundle = next(packet for packet in story.packets if len(packet.chunks) == 3)
    shutdown = find(story, T.SHUTDOWN)
    return change(story, shutdown, chunks=[*shutdown.chunks, bundle.chunks[2]])


@alteration("rfc9260/6.10/no-partial-chunk", "multihoming")
def _(story):
    return append(story, b.chunk(0x3F, b"abcd", length=100))


@alteration("rfc9260/8.3/hb-ack-info-unchanged", "multihoming")
def a_heartbeat_ack_with_one_changed_byte(story):
    return patch(story, find(story, T.HEARTBEAT_ACK, -1), 12, b"?")


@alteration("rfc9260/8.3/hb-ack-sent", "multihoming")
def a_heartbeat_ack_removed(story):
    ack = find(story, T.HEARTBEAT_ACK, 5)
    question = story.packets[index(story, ack) - 1]
    remove(story, ack)
    return question


@alteration("rfc9260/8.5/vtag-equals-peer-initiate-tag", "multihoming", "rfc9260/8.5/wrong-vtag-ignored")
def a_wrong_tag(story):
    return change(story, find(story, T.DATA, 2), tag=0x1234)


@alteration("rfc9260/8.5/vtag-equals-peer-initiate-tag", "multihoming")
def a_shutdown_ack_with_a_wrong_tag(story):
    return change(story, find(story, T.SHUTDOWN_ACK), tag=0x1234)


@alteration(
    "rfc9260/8.5.1/abort-tag-and-t-bit",
    "aborted",
    "rfc6458/5.3.4/snd-abort",
    "rfc9260/8.5.1/abort-uses-known-tag",
)
def _(story):
    return change(story, find(story, T.ABORT), chunks=[b.abort(b.user_initiated_abort(), reflected=True)])


@alteration("rfc9260/8.5.1/cookie-echo-vtag", "multihoming")
def _(story):
    return change(story, find(story, T.COOKIE_ECHO), tag=0x1234)


@alteration("rfc9260/8.5.1/init-vtag-zero", "multihoming")
def _(story):
    return change(story, find(story, T.INIT), tag=5)


@alteration("rfc9260/8.5.1/shutdown-complete-tag-and-t-bit", "multihoming")
def _(story):
    return change(story, find(story, T.SHUTDOWN_COMPLETE), chunks=[b.shutdown_complete(reflected=True)])


@alteration("rfc9260/8.5.1/vtag-zero-only-for-init", "multihoming")
def _(story):
    return change(story, find(story, T.SACK, 2), tag=0)


@alteration("rfc9260/9/silence-after-close", "multihoming", "rfc9260/8.3/hb-state")
def _(story):
    beat = find(story, T.HEARTBEAT, source=A[0])
    return insert(story, find(story, T.INIT, -1), b.heartbeat(b"anybody there?"), like=beat)


@alteration("rfc9260/9.2/shutdown-after-own-data-acked", "one_to_one")
def _(story):
    remove(story, find(story, T.SACK, -1))
    return find(story, T.SHUTDOWN)


@alteration("rfc9260/9.2/shutdown-ack-answers-shutdown", "one_to_one")
def _(story):
    remove(story, find(story, T.SHUTDOWN_ACK), find(story, T.SHUTDOWN_COMPLETE))
    return find(story, T.SHUTDOWN)


@alteration("rfc9260/9.2/shutdown-complete-answers-ack", "one_to_one")
def _(story):
    remove(story, find(story, T.SHUTDOWN_COMPLETE))
    return find(story, T.SHUTDOWN_ACK)


@alteration("rfc9260/9.2/shutdown-ack-answers-shutdown", "one_to_one")
def nothing_but_the_shutdown_ack(story):
    remove(story, find(story, T.SHUTDOWN_ACK))
    return find(story, T.SHUTDOWN)


def end_at(story: Story, chunk: T) -> b.Packet:
    """Let the capture end with a packet, and the recorder go on for a second."""
    last = find(story, chunk)
    story.packets = [packet for packet in story.packets if packet.time_ns <= last.time_ns]
    story.calls = [call for call in story.calls if call.end_ns <= last.time_ns]
    whole(story)
    return last


@alteration("rfc9260/9.2/shutdown-in-order", "one_to_one", "rfc6458/4.1.7/end-of-file")
def no_shutdown(story):
    whole(story)
    remove(story, find(story, T.SHUTDOWN))
    return find(story, T.SHUTDOWN_ACK)


@alteration(
    "rfc6458/3.1.5/close-graceful",
    "multihoming",
    "rfc6458/6.1.5/notify-shutdown-event",
    "rfc6458/8.1.12/hb-interval-option",
    "rfc9260/8.3/hb-interval",
)
def nothing_after_close(story):
    whole(story)
    remove(story, *(find(story, type) for type in (T.SHUTDOWN, T.SHUTDOWN_ACK, T.SHUTDOWN_COMPLETE)))
    return [call(story, "close", host="a"), call(story, "close", host="b")]


@alteration("rfc9260/5.1/handshake-complete", "multihoming", "rfc9260/5.1/init-is-answered")
def no_init_ack(story):
    whole(story)
    remove(story, find(story, T.INIT_ACK))
    return find(story, T.COOKIE_ECHO)


@alteration("rfc6458/9.9/connectx-tries-all-addresses", "multihoming", "rfc9260/5.1/handshake-complete")
def no_init(story):
    whole(story)
    remove(story, find(story, T.INIT))
    return call(story, "sctp_connectx")


@alteration("rfc6458/3.1.6/connect-sends-init", "one_to_one", "rfc9260/5.1/handshake-complete")
def no_init_after_connect(story):
    whole(story)
    remove(story, find(story, T.INIT))
    return call(story, "connect")


@alteration(
    "rfc6458/4.1.4/accept-established",
    "one_to_one",
    "rfc9260/5.1/handshake-complete",
    "rfc9260/5.1/cookie-echo-follows-init-ack",
)
def no_cookie_echo(story):
    whole(story)
    remove(story, find(story, T.COOKIE_ECHO))
    return call(story, "accept")


@alteration(
    "rfc6458/4.1.5/connect-returns-established",
    "one_to_one",
    "rfc9260/5.1/handshake-complete",
    "rfc9260/5.1/cookie-ack-answers-echo",
)
def no_cookie_ack(story):
    whole(story)
    remove(story, find(story, T.COOKIE_ACK))
    return call(story, "connect")


@alteration(
    "rfc6458/6.1.1/notify-comm-up",
    "multihoming",
    "rfc6458/3.1.4/recv-equals-data",
    "rfc6458/4.1.5/connect-errno",
    "rfc6458/9.9/connectx-tries-all-addresses",
)
def nothing_on_the_wire(story):
    whole(story)
    story.packets = []
    return [notification(story, host, "SCTP_ASSOC_CHANGE", "SCTP_COMM_UP") for host in HOSTS]


@alteration("rfc9260/9.2/shutdown-ack-answers-shutdown", "one_to_one")
def at_the_end_of_the_capture(story):
    return end_at(story, T.SHUTDOWN)


@alteration("rfc9260/9.2/shutdown-complete-answers-ack", "one_to_one")
def at_the_end_of_the_recording(story):
    return end_at(story, T.SHUTDOWN_ACK)


# ---- the tests


@pytest.mark.parametrize("name", CAPTURES)
def test_good_capture_breaks_no_rule(name):
    story = CAPTURES[name]()
    assert set(broken(story)) == story.faults


@pytest.mark.parametrize("name", CAPTURES)
def test_good_recording_that_is_whole_breaks_no_rule(name):
    story = CAPTURES[name]()
    whole(story)
    silent = {"ended": {"rfc9260/5.1/init-is-answered"}}  # nobody is at the address of its last INIT
    assert set(broken(story)) == silent.get(name, set()) | story.faults


def test_every_rule_judges_something_in_a_good_capture():
    stories = [make() for make in CAPTURES.values()]
    passed = {
        rule
        for story in stories
        for rule, number in judged(story).items()
        if number and rule not in story.faults
    }
    assert {rule.id for rule in all_rules()} - passed == set()


def test_every_rule_has_a_wrong_capture():
    assert {rule.id for rule in all_rules()} - {wrong.rule for wrong in ALTERATIONS} == set()


@pytest.mark.parametrize(
    "wrong", ALTERATIONS, ids=lambda wrong: f"{wrong.rule}-{wrong.alter.__name__}".removesuffix("-_")
)
def test_an_altered_capture_breaks_exactly_the_right_rules_in_the_right_frame(wrong, request):
    """By all rules, which takes seconds each time, one in ten is judged; all with --all-scenarios."""
    is_for_all = request.config.getoption("all_scenarios") or ALTERATIONS.index(wrong) % 10 == 0
    story = CAPTURES[wrong.capture]()
    guilty = wrong.alter(story)
    found = broken(story, () if is_for_all else [wrong.rule, *wrong.also])
    assert set(found) - story.faults == {wrong.rule, *wrong.also} - story.faults
    guilty = [guilty] if isinstance(guilty, Thing) else guilty
    assert found[wrong.rule] == sorted(frame(story, thing) for thing in guilty)
