"""Why DATA was sent again."""

from dataclasses import replace

import pytest
from builders import SECOND, data, forward_tsn, sack
from conversation import Conversation

TWO = dict(client=["10.1.0.1", "10.2.0.1"], server=["10.1.0.2", "10.2.0.2"])


def sent(*tsns: int, talk: Conversation | None = None) -> Conversation:
    """DATA of the client, each TSN in a packet of its own."""
    talk = talk or Conversation().handshake()
    for tsn in tsns:
        talk.send(0, data(tsn))
    return talk


def later(talk: Conversation, time_ns: int = SECOND) -> Conversation:
    talk.clock += time_ns
    return talk


def kinds(found) -> list[tuple[int, str]]:
    """TSN and kind of each DATA chunk that was sent again, in order."""
    again = found.chunks.filter(found.chunks["retransmission"].is_not_null())
    assert again["is_retransmission"].all()
    assert again.height == found.chunks["is_retransmission"].sum()
    return again.select("tsn", "retransmission").rows()


@pytest.mark.parametrize("ack", [sack(1000), sack(999, gaps=[(1, 1)])])
def test_spurious_is_what_was_acknowledged_before(tables, ack):
    talk = sent(1000, 1001).send(1, ack).send(0, data(1000))
    assert kinds(tables(talk.packets)) == [(1000, "spurious")]
    talk = later(sent(1000)).send(0, data(1000)).send(1, ack)
    assert kinds(tables(talk.packets)) == [(1000, "tail")]


def test_what_the_receiver_took_back_is_not_spurious(tables):
    """RFC 9260 §6.2.1: what is in gap ack blocks may be missing in a later SACK."""
    talk = sent(1000, 1001).send(1, sack(999, gaps=[(2, 2)])).send(1, sack(999)).send(0, data(1001))
    assert kinds(tables(talk.packets)) == [(1001, "unknown")]
    talk.packets[-2] = replace(talk.packets[-2], chunks=[sack(998)])  # an older SACK takes nothing back
    assert kinds(tables(talk.packets)) == [(1001, "spurious")]


@pytest.mark.parametrize(
    ("lasts", "kind"), [((2, 3, 4), "fast"), ((2, 3), "t3"), ((2, 2, 2), "t3"), ((2, 3, 3, 4), "fast")]
)
def test_fast_is_what_three_sacks_with_news_reported_missing(tables, lasts, kind):
    """RFC 9260 §7.2.4."""
    talk = sent(1000, 1001, 1002, 1003)
    for last in lasts:
        talk.send(1, sack(999, gaps=[(2, last)]))
    assert kinds(tables(talk.send(0, data(1000)).packets))[0] == (1000, kind)


def test_a_tsn_is_sent_again_fast_once(tables):
    talk = sent(*range(1000, 1009))
    for last in (2, 3, 4):
        talk.send(1, sack(999, gaps=[(2, last)]))
    talk.send(0, data(1000))
    for last in (5, 6, 7):
        talk.send(1, sack(999, gaps=[(2, last)]))
    later(talk).send(0, data(1000))
    assert kinds(tables(talk.packets)) == [(1000, "fast"), (1000, "t3")]


def test_in_fast_recovery_an_advance_counts_for_all_that_is_missing(tables):
    """RFC 9260 §7.2.4: the SACK of 1000 has no news above 1002, which two SACKs had reported missing."""
    talk = sent(*range(1000, 1008))
    for gaps in ([(2, 2)], [(2, 2), (4, 4)], [(2, 2), (4, 5)]):
        talk.send(1, sack(999, gaps=gaps))
    talk.send(0, data(1000)).send(1, sack(1001, gaps=[(2, 3)])).send(0, data(1002))
    assert kinds(tables(talk.packets)) == [(1000, "fast"), (1002, "fast")]
    del talk.packets[-3]  # 1000 was not sent again: no Fast Recovery
    assert kinds(tables(talk.packets)) == [(1002, "unknown")]


def test_t3_and_what_follows_it(tables):
    """RFC 9260 §6.3.3 E3: the earliest TSN is sent again, then those sent before the timer ran out."""
    talk = later(sent(1000, 1001, 1002))
    talk.send(0, data(1000)).send(0, data(1003)).send(1, sack(1000)).send(0, data(1001)).send(0, data(1003))
    assert kinds(tables(talk.packets)) == [(1000, "t3"), (1001, "t3"), (1003, "unknown")]


def test_not_t3_before_a_round_trip_or_out_of_turn(tables):
    talk = later(sent(1000), 5_000_000).send(1, sack(1000))  # 6 ms
    sent(1001, 1002, talk=talk).send(0, data(1001))
    assert kinds(tables(talk.packets)) == [(1001, "unknown")]
    later(sent(1001, 1002, talk=talk)).send(0, data(1002))
    assert kinds(tables(talk.packets))[-1] == (1002, "unknown")


def test_t3_is_of_a_path(tables):
    """The earliest TSN of the second path is sent again, while one of the first is outstanding."""
    talk = Conversation(**TWO).handshake().send(0, data(1000))
    for tsn in (1001, 1002):
        talk.send(0, data(tsn), path=1)
    later(talk).send(0, data(1001)).send(0, data(1002))
    assert kinds(tables(talk.packets)) == [(1001, "t3"), (1002, "tail")]


def test_tail_is_sent_again_with_the_last_outstanding_tsn(tables):
    talk = later(sent(1000, 1001, 1002).send(1, sack(1000))).send(0, data(1001), data(1002))
    assert kinds(tables(talk.packets)) == [(1001, "tail"), (1002, "tail")]
    talk = later(sent(1000, 1001, 1002).send(1, sack(1000))).send(0, data(1001))
    assert kinds(tables(talk.packets)) == [(1001, "t3")]


def test_zero_window_probe(tables):
    """RFC 9260 §6.1 A: one DATA chunk may be in flight though the receiver has no space."""
    talk = later(sent(1001, talk=sent(1000).send(1, sack(1000, a_rwnd=0))))
    talk.send(0, data(1001)).send(1, sack(1000, a_rwnd=0))
    later(talk).send(0, data(1001)).send(1, sack(1000, a_rwnd=9000))
    later(talk).send(0, data(1001))
    assert kinds(tables(talk.packets)) == [
        (1001, "zero_window_probe"),
        (1001, "zero_window_probe"),
        (1001, "tail"),
    ]


def test_what_forward_tsn_gave_up_is_no_longer_the_earliest(tables):
    talk = later(sent(1000, 1001, 1002)).send(0, forward_tsn(1000)).send(0, data(1001))
    assert kinds(tables(talk.packets)) == [(1001, "t3")]
    del talk.packets[-2]
    assert kinds(tables(talk.packets)) == [(1001, "unknown")]


def test_unknown_without_the_peer(tables):
    talk = later(sent(1000, talk=Conversation())).send(0, data(1000))
    assert kinds(tables(talk.packets)) == [(1000, "unknown")]


def test_lost_sacks_report_nothing_missing(tables):
    talk = sent(1000, 1001, 1002, 1003)
    for last in (2, 3, 4):
        talk.send(1, sack(999, gaps=[(2, last)]))
    talk.send(0, data(1000))
    talk.packets[-2] = replace(talk.packets[-2], comment="sctpinspect delivery: lost")
    assert kinds(tables(talk.packets)) == [(1000, "t3")]


@pytest.mark.parametrize("base", [0xFFFFFFFE, 0x7FFFFFFE])
def test_tsns_that_wrap(tables, base):
    tsns = [(base + step) % (1 << 32) for step in range(4)]
    talk = sent(*tsns, talk=Conversation(tsns=(base, 1)).handshake())
    for last in (2, 3, 4):
        talk.send(1, sack((base - 1) % (1 << 32), gaps=[(2, last)]))
    assert kinds(tables(talk.send(0, data(base)).packets)) == [(base, "fast")]
