"""How long answers took."""

from dataclasses import replace

from builders import MILLISECOND, data, heartbeat, heartbeat_ack, sack, shutdown
from conversation import Conversation

TWO = dict(client=["10.1.0.1", "10.2.0.1"], server=["10.1.0.2", "10.2.0.2"])
DELIVERED = "sctpinspect delivery: delivered +{} ns"


def trips(found) -> list[tuple]:
    """Side, path, frame, frame of the answer, milliseconds."""
    rows = found.round_trips.select("side", "path", "kind", "frame", "acked_frame", "rtt_ns").rows()
    return [(*row[:-1], row[-1] / MILLISECOND) for row in rows]


def test_of_data_and_heartbeats(tables):
    talk = Conversation(**TWO).handshake().send(0, data(1000)).send(0, heartbeat(b"one"), path=1)
    talk.send(1, sack(1000)).send(1, heartbeat_ack(b"one"), path=1)
    assert trips(tables(talk.packets)) == [(0, 0, "data", 5, 7, 2), (0, 1, "heartbeat", 6, 8, 2)]


def test_a_sack_measures_by_the_tsn_sent_last(tables):
    """On each path, whether a cumulative TSN ack or a gap ack block acknowledges it; each TSN once."""
    talk = Conversation(**TWO).handshake().send(0, data(1000)).send(0, data(1001)).send(0, data(1002), path=1)
    talk.send(1, sack(1000, gaps=[(2, 2)])).send(1, sack(1002)).send(1, sack(1002))
    assert trips(tables(talk.packets)) == [
        (0, 0, "data", 5, 8, 3),
        (0, 1, "data", 7, 8, 1),
        (0, 0, "data", 6, 9, 3),
    ]


def test_what_was_sent_again_measures_nothing(tables):
    """RFC 9260 §6.3.1 C5: which of the two was acknowledged is not known."""
    talk = Conversation().handshake().send(0, data(1000)).send(0, data(1001)).send(0, data(1000))
    talk.send(1, sack(1001))
    assert trips(tables(talk.packets)) == [(0, 0, "data", 6, 8, 2)]


def test_what_may_have_been_sent_before_the_capture_measures_nothing(tables):
    talk = Conversation().send(0, data(1001)).send(0, data(1000)).send(1, sack(1001))
    assert trips(tables(talk.packets)) == [(0, 0, "data", 1, 3, 2)]


def test_acknowledged_before_it_was_seen_measures_nothing(tables):
    talk = Conversation().handshake().send(1, sack(1000)).send(0, data(1000)).send(1, sack(1000))
    assert trips(tables(talk.packets)) == []


def test_shutdown_acknowledges_too(tables):
    talk = Conversation().handshake().send(0, data(1000)).send(1, shutdown(1000))
    assert trips(tables(talk.packets)) == [(0, 0, "data", 5, 6, 1)]


def test_heartbeats_that_cannot_be_told_apart_measure_nothing(tables):
    talk = Conversation().handshake().send(0, heartbeat(b"same")).send(0, heartbeat(b"same"))
    talk.send(1, heartbeat_ack(b"same")).send(0, heartbeat(b"own")).send(1, heartbeat_ack(b"other"))
    found = tables(talk.packets)
    assert found.heartbeats["ack_frame"].to_list() == [None, 7, 9]
    assert trips(found) == []


def test_the_answer_counts_when_it_left_the_link_and_not_if_it_was_lost(tables):
    talk = Conversation().handshake().send(0, data(1000)).send(1, sack(1000)).send(0, heartbeat(b"one"))
    talk.send(1, heartbeat_ack(b"one"))
    delivered = [
        replace(packet, comment=DELIVERED.format(5 * MILLISECOND)) if packet in talk.packets[5::2] else packet
        for packet in talk.packets
    ]
    assert [trip[-1] for trip in trips(tables(delivered))] == [6, 6]
    lost = [replace(packet, comment="sctpinspect delivery: lost") for packet in talk.packets]
    assert trips(tables(lost)) == []


def test_of_paths(tables):
    talk = Conversation(**TWO).handshake()
    for tsn, wait in ((1000, 1), (1001, 2), (1002, 9)):
        talk.send(0, data(tsn))
        talk.clock += (wait - 1) * MILLISECOND
        talk.send(1, sack(tsn))
    columns = ["side", "path", "round_trips", "rtt_min_ns", "rtt_median_ns", "rtt_max_ns"]
    assert tables(talk.packets).paths.select(columns).rows() == [
        (0, 0, 3, MILLISECOND, 2 * MILLISECOND, 9 * MILLISECOND),
        (0, 1, 0, None, None, None),
        (1, 0, 0, None, None, None),
        (1, 1, 0, None, None, None),
    ]
