"""Alterations of good captures that break rules on DATA, acknowledgements, timers and windows."""

from dataclasses import replace

import builders as b
from rules.alteration import Alteration, into
from rules.altering import (
    CUMULATIVE_TSN,
    PPID,
    SSN,
    TSN,
    alter,
    call,
    change,
    delay,
    find,
    index,
    insert,
    patch,
    remove,
    u16,
    u32,
)
from rules.good import MS, Story

from sctpinspect.protocol import ChunkType, DataFlag

T = ChunkType
A_RWND = 8

ALTERATIONS: list[Alteration] = []
alteration = into(ALTERATIONS)


def sack_after(story: Story, packet: b.Packet) -> b.Packet:
    """The next SACK after a packet, from the other end."""
    return next(
        other
        for other in story.packets[index(story, packet) :]
        if other.source == packet.destination and other.chunks[0][0] == T.SACK
    )


# ---- §3.3.1, §6.5: fragments, unordered messages


@alteration("rfc9260/3.3.1/fragment-same-ppid", "losses")
def of_the_last_fragment(story):
    return patch(story, find(story, T.DATA, 2), PPID, u32(47))


@alteration(
    "rfc9260/3.3.1/fragment-tsn-consecutive",
    "losses",
    "rfc9260/6.9/fragment-be-pattern",
)
def a_message_between_two_fragments(story):
    """The whole message after it changes places with the last fragment."""
    last, other = find(story, T.DATA, 2), find(story, T.DATA, 3)
    first, second = last.chunks[0], other.chunks[0]
    swapped = [chunk[:4] + tsn[4:8] + chunk[8:] for chunk, tsn in ((second, first), (first, second))]
    change(story, last, chunks=swapped[:1])
    return change(story, other, chunks=swapped[1:])


@alteration("rfc9260/6.5/unordered-does-not-use-ssn", "losses", "rfc9260/6.5/ssn-increments")
def an_ssn_left_out(story):
    return patch(story, find(story, T.DATA, 5), SSN, u16(2))


# ---- §3.3.4, §9.2: what is acknowledged


@alteration("rfc9260/3.3.4/sack-initial-cum-tsn", "ended", "rfc9260/9.2/shutdown-cum-tsn-current")
def in_a_shutdown(story):
    return patch(story, find(story, T.SHUTDOWN), CUMULATIVE_TSN, u32(88))


@alteration("rfc9260/3.3.4/sack-cum-tsn-exact", "losses")
def less_than_what_was_received(story):
    late = delay(story, find(story, T.SACK, 6), 30)
    return patch(story, late, CUMULATIVE_TSN, u32(1006))


@alteration("rfc9260/3.3.4/sack-cum-tsn-exact", "losses")
def more_than_what_was_received(story):
    """The SACK that reports the gap last."""
    return change(story, find(story, T.SACK, 9), chunks=[b.sack(1011)])


@alteration("rfc9260/9.2/shutdown-cum-tsn-current", "multihoming", "rfc9260/6.2.1/sack-cum-tsn-monotonic")
def in_a_shutdown_after_data(story):
    shutdown = find(story, T.SHUTDOWN)
    return patch(story, shutdown, CUMULATIVE_TSN, u32(1))


@alteration("rfc9260/3.3.4/duplicates-truthful", "one_to_one")
def a_duplicate_that_came_once(story):
    return change(story, find(story, T.SACK, 1), chunks=[b.sack(7, duplicates=[7])])


# ---- §6.2, §6.7: when it is acknowledged


@alteration("rfc9260/6.2/sack-every-second-packet", "losses")
def two_packets_acknowledged_late(story):
    second = find(story, T.DATA, 7)
    delay(story, sack_after(story, second), 150)
    return second


@alteration("rfc9260/6.2/duplicate-only-packet-acked-immediately", "losses")
def a_duplicate_acknowledged_late(story):
    again = find(story, T.DATA, -2)
    delay(story, sack_after(story, again), 150)
    return again


@alteration("rfc9260/6.2/i-bit-acked-immediately", "losses")
def urgent_data_acknowledged_late(story):
    urgent = find(story, T.DATA, -1)
    delay(story, sack_after(story, urgent), 150)
    return urgent


@alteration("rfc9260/6.7/gap-reported-immediately", "losses")
def a_gap_reported_late(story):
    after = find(story, T.DATA, 9)
    delay(story, sack_after(story, after), 150)
    return after


@alteration("rfc9260/6.7/no-retransmission-of-acked-data", "losses")
def the_acknowledgement_did_arrive(story):
    again = find(story, T.DATA, -2)
    before = story.packets[index(story, again) - 1]
    change(story, before, comment=story.packets[0].comment)
    return again


@alteration(
    "rfc9260/9.2/shutdown-ack-after-own-data-acked",
    "multihoming",
    "rfc9260/9.2/shutdown-cum-tsn-current",
    "rfc9260/6.3.3/data-eventually-delivered-or-failed",
)
def of_the_peer(story):
    last = [
        packet for packet in story.packets if packet.chunks[0][0] == T.SACK and packet.source == "10.1.0.1"
    ][-1]
    remove(story, last)
    shutdown = find(story, T.SHUTDOWN)
    patch(story, shutdown, CUMULATIVE_TSN, u32(1))
    return find(story, T.SHUTDOWN_ACK)


# ---- §6.3, §7.2.1, §8, §9.2: timers


def sooner(story: Story, packet: b.Packet, ms: float) -> b.Packet:
    """The packet, and all that came after it, earlier."""
    return delay(story, packet, -ms)


@alteration("rfc9260/6.3.1/rto-min", "losses")
def half_a_second(story):
    return sooner(story, find(story, T.DATA, -2), 500)


@alteration("rfc9260/6.3.1/rto-max", "silence")
def more_than_a_minute(story):
    return delay(story, find(story, T.DATA, 5), 70_000)


@alteration("rfc9260/6.3.1/rto-initial", "aborted", "rfc6458/8.1.1/rtoinfo-initial")
def an_init_repeated_late(story):
    return delay(story, find(story, T.INIT, 1), 300)


@alteration("rfc9260/6.3.3/t3-exponential-backoff", "silence")
def the_same_time_again(story):
    return sooner(story, find(story, T.DATA, 4), 900)


@alteration("rfc9260/6.3.3/timeout-retransmits-earliest", "silence", "rfc9260/6.3.3/t3-exponential-backoff")
def the_later_one_first(story):
    again = find(story, T.DATA, 3)
    return change(story, again, chunks=again.chunks[1:])


@alteration(
    "rfc9260/6.3.3/data-eventually-delivered-or-failed",
    "silence",
    "rfc9260/9.2/shutdown-after-own-data-acked",
)
def given_up_in_silence(story):
    last = find(story, T.DATA, 5)
    remove(story, sack_after(story, last), last)
    return find(story, T.DATA, 4)


@alteration("rfc9260/7.2.1/one-packet-after-timeout", "silence")
def two_packets(story):
    again = find(story, T.DATA, 3)
    second = replace(again, time_ns=again.time_ns + 30 * MS, chunks=again.chunks[1:])
    change(story, again, chunks=again.chunks[:1])
    story.packets.insert(index(story, find(story, T.DATA, 3)) + 1, second)
    return second


@alteration("rfc9260/8.1/association-max-retrans", "silence")
def once_too_often(story):
    story.recipe["sysctls"]["association_max_retrans"] = "2"
    return find(story, T.DATA, 5)


@alteration("rfc9260/8.3/hb-interval", "silence")
def heartbeats_too_soon(story):
    """Those of the side that retransmits nothing."""
    story.recipe["sysctls"]["hb_interval"] = "60000"
    beats = [packet for packet in story.packets if packet.chunks[0][0] == T.HEARTBEAT]
    return beats[3::2]


@alteration("rfc9260/9.2/t2-backoff", "silence")
def a_shutdown_as_soon_as_before(story):
    return sooner(story, find(story, T.SHUTDOWN, 2), 900)


@alteration("rfc9260/9.2/shutdown-retransmission-limit", "silence", "rfc9260/8.1/association-max-retrans")
def a_shutdown_too_often(story):
    story.recipe["sysctls"]["association_max_retrans"] = "1"
    return find(story, T.SHUTDOWN, 2)


# ---- §6.2: what SACKs report


@alteration(
    "rfc9260/6.2/gap-blocks-complete", "losses", "rfc9260/7.2.4/fast-retransmit-not-before-three-misses"
)
def a_tsn_not_reported(story):
    late = delay(story, find(story, T.SACK, 9), 30)
    return change(story, late, chunks=[b.sack(1007, gaps=[(2, 3)])])


@alteration("rfc9260/6.2/duplicates-reported", "losses")
def no_duplicate(story):
    last = sack_after(story, find(story, T.DATA, -2))
    return change(story, last, chunks=[b.sack(1012)])


@alteration("rfc9260/6.2/one-sack-per-packet", "window")
def the_same_sack_twice(story):
    sack = find(story, T.SACK, 2)
    second = replace(sack, time_ns=sack.time_ns + MS)
    story.packets.insert(index(story, sack) + 1, second)
    return second


@alteration("rfc9260/6.2/no-reneging", "losses")
def a_report_taken_back(story):
    return change(story, find(story, T.SACK, 9), chunks=[b.sack(1007, gaps=[(3, 4)])])


@alteration("rfc9260/6.2/empty-data-aborted", "faulty")
def no_abort(story):
    remove(story, find(story, T.ABORT))
    return find(story, T.DATA, 1)


# ---- §6.1: windows, and what is sent first


@alteration("rfc9260/6.1/peer-rwnd-respected", "window")
def more_than_there_is_room_for(story):
    patch(story, find(story, T.SACK), A_RWND, u32(3))
    return find(story, T.DATA, 2)


@alteration(
    "rfc9260/6.1/zero-window-probe-single",
    "window",
    "rfc9260/6.1/peer-rwnd-respected",
    "rfc9260/6.1/zero-window-probe-timing",
)
def two_probes(story):
    patch(story, find(story, T.SACK), A_RWND, u32(0))
    return find(story, T.DATA, 2)


@alteration("rfc9260/6.1/zero-window-probe-timing", "window")
def the_first_probe_too_soon(story):
    return sooner(story, find(story, T.DATA, 3), 500)


@alteration("rfc9260/6.1/zero-window-probe-timing", "window")
def a_probe_as_soon_as_the_one_before(story):
    return sooner(story, find(story, T.DATA, 5), 900)


@alteration("rfc9260/6.1/retransmissions-before-new-data", "silence")
def new_data_first(story):
    again = find(story, T.DATA, 5)
    early, late = again.chunks
    sack = sack_after(story, again)
    change(story, again, chunks=[early])
    sack = change(story, sack, chunks=[b.sack(1001)])
    end = index(story, sack) + 1
    new, old = (
        replace(again, time_ns=sack.time_ns + ms * MS, chunks=[chunk])
        for ms, chunk in ((50, b.data(1003, b"new", ssn=3)), (60, late))
    )
    reports = [
        replace(sack, time_ns=sent.time_ns + 3 * MS, chunks=[chunk])
        for sent, chunk in ((new, b.sack(1001, gaps=[(2, 2)])), (old, b.sack(1003)))
    ]
    story.packets[end:end] = [new, reports[0], old, reports[1]]
    return new


# ---- §7.2.4: Fast Retransmit


@alteration("rfc9260/7.2.4/fast-retransmit-not-before-three-misses", "losses")
def after_two_misses(story):
    remove(story, find(story, T.SACK, 8))
    return find(story, T.DATA, 12)


@alteration("rfc9260/7.2.4/fast-retransmit-after-three-misses", "losses")
def a_fast_retransmit_that_was_slow(story):
    return delay(story, find(story, T.DATA, 12), 150)


@alteration("rfc9260/7.2.4/fast-retransmit-once", "losses")
def two_fast_retransmits(story):
    again = find(story, T.DATA, 12)
    sack = delay(story, sack_after(story, again), 60)
    change(story, sack, chunks=[b.sack(1011, duplicates=[1008])])
    second = replace(again, time_ns=again.time_ns + 30 * MS)
    story.packets.insert(index(story, again) + 1, second)
    return second


# ---- §1.6, §6.5, §6.9: TSNs, streams, fragments


@alteration(
    "rfc9260/1.6/tsn-wrap", "wrapped", "rfc9260/3.3.1/tsn-sequential", "rfc9260/3.3.4/sack-cum-tsn-exact"
)
def tsn_zero_left_out(story):
    patch(story, find(story, T.SACK, 2), CUMULATIVE_TSN, u32(1))
    return patch(story, find(story, T.DATA, 2), TSN, u32(1))


@alteration("rfc9260/6.9/no-refragmentation", "one_to_one", "rfc9260/6.9/retransmission-same-chunk")
def a_fragment_that_becomes_the_last(story):
    again = [packet for packet in story.packets if packet.chunks[0][:2] == bytes([0, 0])][-1]
    return patch(story, again, 1, bytes([DataFlag.ENDING]))


@alteration("rfc9260/6.5/invalid-sid-reported", "faulty_stream")
def no_error(story):
    error = find(story, T.ERROR)
    change(story, error, chunks=error.chunks[:1])
    return find(story, T.DATA, 1)


# ---- §4, §8.3, §9.2: states


@alteration("rfc9260/4/shutdown-received-flush", "flush")
def sent_after_the_peer_has_closed(story):
    delay(story, find(story, T.DATA, 1), 700)
    late = call(story, "sctp_sendmsg", host="b")
    alter(story, late, start_ns=late.start_ns + 650 * MS, end_ns=late.end_ns + 700 * MS)
    return find(story, T.DATA, 1)


@alteration(
    "rfc9260/8.3/hb-state", "multihoming", "rfc6458/8.1.12/hb-interval-option", "rfc9260/8.3/hb-interval"
)
def a_heartbeat_after_the_own_shutdown(story):
    beat = find(story, T.HEARTBEAT, source="10.1.0.1")
    return insert(story, find(story, T.SHUTDOWN_ACK), b.heartbeat(b"still there?"), like=beat)


@alteration("rfc9260/9.2/shutdown-sent-answers-data", "flush", "rfc9260/5.1/first-data-acked-immediately")
def data_after_shutdown_answered_with_sack(story):
    again = find(story, T.SHUTDOWN, 1)
    delay(story, again, 150)
    insert(story, find(story, T.SHUTDOWN, 1), b.sack(90))
    return find(story, T.DATA, 1)


@alteration(
    "rfc9260/9.2/shutdown-collision",
    "crossing",
    "rfc9260/9.2/shutdown-ack-answers-shutdown",
    "rfc9260/9.2/shutdown-complete-answers-ack",
    "rfc9260/9.2/shutdown-in-order",
)
def one_does_not_answer(story):
    source = story.packets[1].source
    remove(story, find(story, T.SHUTDOWN_ACK, source=source), find(story, T.SHUTDOWN_COMPLETE, source=source))
    return find(story, T.SHUTDOWN)


# ---- §6.1, §6.4, §7.2.1: bundling, paths, the first window


@alteration("rfc9260/6.1/sack-bundled-with-data", "two_paths")
def data_without_a_sack(story):
    bundle = next(packet for packet in story.packets if len(packet.chunks) == 2)
    mixed = change(story, bundle, chunks=bundle.chunks[1:])
    alone = replace(mixed, time_ns=mixed.time_ns + MS, chunks=bundle.chunks[:1])
    story.packets.insert(index(story, mixed) + 1, alone)
    return mixed


@alteration("rfc9260/6.4/sack-to-data-source", "two_paths")
def a_sack_to_the_other_address(story):
    return change(story, find(story, T.SACK, 2), destination="10.2.0.1", source="10.2.0.2")


@alteration("rfc9260/6.4/timeout-retransmission-other-path", "two_paths")
def again_on_the_same_path(story):
    again = find(story, T.DATA, -1)
    answer = sack_after(story, again)
    change(story, answer, source="10.1.0.2", destination="10.1.0.1")
    return change(story, again, source="10.1.0.1", destination="10.1.0.2")


@alteration("rfc9260/7.2.1/initial-cwnd", "burst")
def twice_as_much(story):
    remove(story, find(story, T.SACK))
    return find(story, T.DATA, 5)


@alteration("rfc9260/6.2/a-rwnd-tracks-buffer", "multihoming")
def more_room_than_there_is(story):
    return patch(story, find(story, T.SACK, 2), 8, u32(106_497))
