"""Alterations of the capture whose programs set options."""

import builders as b
from rules.alteration import Alteration, into
from rules.altering import (
    PPID,
    STREAM,
    alter,
    argue,
    call,
    change,
    delay,
    find,
    forget,
    insert,
    patch,
    remove,
    result,
    u16,
    u32,
)
from rules.good import HOSTS, Story, given

from sctpinspect.journal.entry import Call
from sctpinspect.protocol import ChunkType

T = ChunkType
A, B = HOSTS["a"], HOSTS["b"]

ALTERATIONS: list[Alteration] = []
alteration = into(ALTERATIONS)


def option(story: Story, name: str, number: int = 0) -> Call:
    return call(story, "setsockopt", number, test=lambda c: c.arguments["option"] == name)


def another_value(story: Story, name: str, number: int = 0, **fields: object) -> None:
    made = option(story, name, number)
    argue(story, made, value={**made.arguments["value"], **fields})


@alteration("rfc6458/4.1.7/snd-after-shutdown", "configured")
def a_send_succeeds_behind_the_shutdown(story):
    shutdown, late = find(story, T.SHUTDOWN), call(story, "sctp_sendmsg", -1)
    ack = find(story, T.SHUTDOWN_ACK)
    forget(story, late)
    early = late._replace(errno=None, start_ns=ack.time_ns + 1, end_ns=ack.time_ns + 2, result={"length": 0})
    early = early._replace(arguments={**early.arguments, **given(b"")})
    story.calls.append(early)
    assert shutdown.time_ns < early.start_ns
    return early


@alteration("rfc6458/5.3.4/snd-invalid-stream", "configured")
def a_send_succeeds_on_a_stream_that_is_not_there(story):
    wrong = call(story, "sctp_sendmsg", -2)
    argued = argue(story, wrong, **given(b""))
    return alter(story, argued, errno=None, result={"length": 0})


@alteration("rfc6458/5.3.4/snd-addr-over", "configured")
def the_address_of_the_send_is_not_used(story):
    return change(story, find(story, T.DATA, 2), source=A[1], destination=B[1])


@alteration("rfc6458/8.1.9/primary-addr", "configured")
def the_primary_address_is_not_used(story):
    return change(story, find(story, T.DATA, 1), source=A[0], destination=B[0])


@alteration("rfc6458/8.1.31/snd-default-info", "configured", "rfc6458/5.3.5/rcvinfo-fields")
def the_default_stream_is_not_used(story):
    return patch(story, find(story, T.DATA), STREAM, u16(3))


@alteration("rfc6458/8.1.31/snd-default-info", "configured", "rfc6458/5.3.5/rcvinfo-fields")
def the_default_ppid_is_not_used(story):
    return patch(story, find(story, T.DATA), PPID, u32(78))


@alteration("rfc6458/8.1.16/maxseg", "configured")
def a_message_longer_than_a_segment(story):
    another_value(story, "SCTP_MAXSEG", assoc_value=9)
    return find(story, T.DATA)


@alteration("rfc6458/8.1.10/adaptation-layer", "configured")
def another_adaptation_layer_is_set(story):
    another_value(story, "SCTP_ADAPTATION_LAYER", ssb_adaptation_ind=8)
    return find(story, T.INIT_ACK)


@alteration("rfc6458/8.1.10/adaptation-layer", "configured")
def an_adaptation_layer_is_set_and_not_indicated(story):
    value = {"level": "IPPROTO_SCTP", "option": "SCTP_ADAPTATION_LAYER", "value": {"ssb_adaptation_ind": 1}}
    argue(story, option(story, "SCTP_MAXSEG"), **value)
    return find(story, T.INIT)


@alteration("rfc6458/6.1.6/notify-adaptation", "configured")
def another_adaptation_layer_is_told(story):
    told = call(story, "sctp_recvmsg", host="a")
    notification = {"type": "SCTP_ADAPTATION_INDICATION", "state": None, "sai_adaptation_ind": 8}
    result(story, told, notification=notification)
    return find(story, T.INIT_ACK)


@alteration("rfc6458/8.1.12/hb-disable", "configured")
def a_heartbeat_where_they_are_off(story):
    like = find(story, T.HEARTBEAT)
    stray = insert(story, find(story, T.DATA, 2), b.heartbeat(b"forbidden"), like=like)
    insert(story, find(story, T.DATA, 2), b.heartbeat_ack(b"forbidden"), like=find(story, T.HEARTBEAT_ACK))
    return stray


@alteration("rfc6458/8.1.12/hb-demand", "configured")
def no_heartbeat_on_demand(story):
    remove(story, find(story, T.HEARTBEAT, -1), find(story, T.HEARTBEAT_ACK, -1))
    return option(story, "SCTP_PEER_ADDR_PARAMS", 1)


@alteration("rfc6458/8.1.19/sack-delay-option", "configured")
def a_sack_later_than_the_delay(story):
    another_value(story, "SCTP_DELAYED_SACK", sack_delay=50)
    return find(story, T.DATA, 1)


@alteration("rfc6458/8.1.19/sack-freq-option", "configured")
def a_packet_is_not_acknowledged_at_once(story):
    another_value(story, "SCTP_DELAYED_SACK", sack_freq=1)
    return find(story, T.DATA, 1)


@alteration("rfc6458/8.1.8/autoclose", "configured")
def the_association_is_closed_too_soon(story):
    another_value(story, "SCTP_AUTOCLOSE", value=3)
    return find(story, T.SHUTDOWN)


@alteration("rfc6458/8.1.8/autoclose", "configured")
def the_association_is_closed_too_late(story):
    delay(story, find(story, T.SHUTDOWN), 500)
    return find(story, T.SHUTDOWN)
