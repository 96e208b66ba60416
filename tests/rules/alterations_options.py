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
    notification,
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


@alteration("rfc6458/8.1.1/rtoinfo-min", "given_up", "rfc9260/6.3.1/rto-min")
def sent_again_before_the_shortest_timeout(story):
    another_value(story, "SCTP_RTOINFO", srto_min=400)
    return find(story, T.DATA, 2)


@alteration("rfc6458/8.1.1/rtoinfo-max", "given_up", "rfc9260/6.3.1/rto-max")
def sent_again_after_more_than_the_longest_timeout(story):
    another_value(story, "SCTP_RTOINFO", srto_max=400)
    return [find(story, T.DATA, 3), find(story, T.DATA, 4)]


@alteration("rfc6458/8.1.2/associnfo-maxrxt", "given_up", "rfc9260/8.1/association-max-retrans")
def sent_again_once_too_often(story):
    another_value(story, "SCTP_ASSOCINFO", sasoc_asocmaxrxt=2)
    return find(story, T.DATA, 4)


@alteration("rfc6458/8.1.2/associnfo-maxrxt", "given_up")
def given_up_too_soon(story):
    another_value(story, "SCTP_ASSOCINFO", sasoc_asocmaxrxt=4)
    return notification(story, "a", "SCTP_ASSOC_CHANGE", "SCTP_COMM_LOST")


def read(story: Story, name: str, number: int = 0, **fields: object) -> Call:
    """The call that reads an option, with other fields in its result."""
    made = call(story, "getsockopt", number, test=lambda c: c.arguments["option"] == name)
    return result(story, made, value={**made.result["value"], **fields})


@alteration("rfc6458/8.1.2/associnfo-readback", "given_up")
def an_address_too_many_is_told(story):
    return read(story, "SCTP_ASSOCINFO", sasoc_number_peer_destinations=2)


@alteration("rfc6458/8.1.12/path-max-rxt", "unreachable")
def an_address_is_unreachable_too_soon(story):
    another_value(story, "SCTP_PEER_ADDR_PARAMS", spp_pathmaxrxt=2)
    return notification(story, "a", "SCTP_PEER_ADDR_CHANGE", "SCTP_ADDR_UNREACHABLE")


@alteration("rfc6458/8.1.12/path-max-rxt", "unreachable")
def an_unreachable_address_is_used(story):
    return change(story, find(story, T.DATA, 2), source=A[0], destination=B[0])


@alteration("rfc6458/8.1.5/nodelay", "extended", "rfc9260/5.1/first-data-acked-immediately")
def a_small_message_waits(story):
    return delay(story, find(story, T.DATA, 1), 150)


@alteration("rfc6458/8.3.1/set-peer-primary", "extended")
def another_address_is_asked_for(story):
    made = option(story, "SCTP_SET_PEER_PRIMARY_ADDR")
    return argue(story, made, value={"sspp_assoc_id": 0, "sspp_addr": A[0], "sspp_addr_port": 8433})


@alteration("rfc6458/6.1.3/notify-remote-error", "extended")
def another_cause_is_told(story):
    told = notification(story, "a", "SCTP_REMOTE_ERROR")
    return result(story, told, notification={**told.result["notification"], "sre_error": 5})


@alteration("rfc6458/6.1.1/notify-cant-start", "cannot_start")
def nobody_refused(story):
    remove(story, find(story, T.ABORT))
    return notification(story, "a", "SCTP_ASSOC_CHANGE", "SCTP_CANT_STR_ASSOC")


@alteration("linux/close/close-with-unread-data", "changed", "rfc9260/9.2/shutdown-ack-answers-shutdown")
def a_shutdown_in_spite_of_unread_data(story):
    return change(story, find(story, T.ABORT), chunks=[b.shutdown(5999)])


@alteration("linux/options/assoc-stats", "extended")
def a_packet_too_many_is_counted(story):
    return read(story, "SCTP_GET_ASSOC_STATS", 1, sas_opackets=14)


@alteration("linux/options/pr-supported", "extended")
def partial_reliability_is_announced_in_spite_of_its_option(story):
    another_value(story, "SCTP_PR_SUPPORTED", assoc_value=0)
    return find(story, T.INIT)


@alteration("linux/options/auth-supported", "extended")
def auth_is_announced_in_spite_of_its_option(story):
    another_value(story, "SCTP_AUTH_SUPPORTED", assoc_value=0)
    return find(story, T.INIT)


@alteration("linux/options/asconf-supported", "extended")
def asconf_is_announced_in_spite_of_its_option(story):
    another_value(story, "SCTP_ASCONF_SUPPORTED", assoc_value=0)
    return find(story, T.INIT)


@alteration("linux/options/reconfig-supported", "extended")
def re_config_is_announced_in_spite_of_its_option(story):
    another_value(story, "SCTP_RECONFIG_SUPPORTED", assoc_value=0)
    return find(story, T.INIT)


@alteration("linux/options/ecn-supported", "extended")
def ecn_is_announced_in_spite_of_its_option(story):
    another_value(story, "SCTP_ECN_SUPPORTED", assoc_value=0)
    return find(story, T.INIT)


@alteration("linux/sysctls/sysctl-defaults", "extended")
def ecn_is_announced_in_spite_of_the_system(story):
    story.recipe["sysctls"]["ecn_enable"] = "0"
    return find(story, T.INIT_ACK)


@alteration("rfc6458/8.1.3/initmsg-init-timeout", "sized")
def an_init_later_than_the_longest_timeout(story):
    another_value(story, "SCTP_INITMSG", sinit_max_init_timeo=200)
    return [find(story, T.INIT, 2), find(story, T.INIT, 3)]


@alteration("rfc6458/8.1.12/path-mtu-fixed", "sized")
def a_packet_larger_than_the_path_mtu(story):
    another_value(story, "SCTP_PEER_ADDR_PARAMS", spp_pathmtu=500)
    return [find(story, T.DATA, 0), find(story, T.DATA, 1)]


@alteration("rfc6458/8.1.12/dscp-option", "sized")
def a_packet_of_another_class(story):
    return change(story, find(story, T.COOKIE_ECHO), fields={"tos": 2})


@alteration("rfc6458/8.1.12/hb-time-zero", "sized", "rfc9260/8.3/hb-interval")
def a_heartbeat_too_soon(story):
    beat, ack = find(story, T.HEARTBEAT, 1), find(story, T.HEARTBEAT_ACK, 1)
    insert(story, beat, b.heartbeat(b"too soon"))
    insert(story, beat, b.heartbeat_ack(b"too soon"), like=ack)
    return beat


@alteration("rfc6458/8.1.24/max-burst", "sized")
def a_packet_too_many_at_a_time(story):
    another_value(story, "SCTP_MAX_BURST", assoc_value=1)
    return find(story, T.DATA, 2)


@alteration("rfc6458/8.2.1/status-state", "sized")
def an_association_is_told_not_to_be_up(story):
    return read(story, "SCTP_STATUS", sstat_state="SCTP_COOKIE_WAIT")


@alteration("rfc6458/8.2.1/status-fragmentation-point", "sized")
def a_fragment_beyond_the_point_that_is_told(story):
    read(story, "SCTP_STATUS", sstat_fragmentation_point=400)
    return find(story, T.DATA)


@alteration("rfc6458/8.2.2/peer-addr-info", "sized")
def a_confirmed_address_is_told_to_be_unconfirmed(story):
    return read(story, "SCTP_GET_PEER_ADDR_INFO", spinfo_state="SCTP_UNCONFIRMED")


@alteration("rfc6458/8.2.2/peer-addr-info", "sized")
def a_path_mtu_that_packets_have_exceeded(story):
    return read(story, "SCTP_GET_PEER_ADDR_INFO", spinfo_mtu=60)


@alteration("rfc6458/5.3.4/snd-sack-immediately", "extended")
def a_message_without_the_i_bit(story):
    return patch(story, find(story, T.DATA, 1), 1, bytes([b.WHOLE]))


@alteration("rfc6458/8.3.2/auth-chunk", "extended")
def a_chunk_to_be_authenticated_is_not_listed(story):
    another_value(story, "SCTP_AUTH_CHUNK", sauth_chunk=int(T.DATA))
    return find(story, T.INIT)


@alteration("rfc6458/8.1.17/hmac-ident", "extended")
def hmacs_in_another_order(story):
    another_value(story, "SCTP_HMAC_IDENT", shmac_idents=[1, 3])
    return find(story, T.INIT)


@alteration("rfc6458/8.2.3/peer-auth-chunks", "extended")
def a_chunk_is_told_that_the_peer_did_not_list(story):
    read(story, "SCTP_PEER_AUTH_CHUNKS", gauth_chunks="c100")
    return find(story, T.INIT_ACK)
