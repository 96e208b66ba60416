"""HEARTBEATs, their answers, and the paths."""

from dataclasses import replace

import pytest
from builders import SECOND, START_NS, association, chunk, heartbeat, heartbeat_ack
from conversation import Conversation, together

from sctpinspect.journal.entry import Call
from sctpinspect.protocol import ChunkType

TWO = {"client": ["10.1.0.1", "10.2.0.1"], "server": ["10.1.0.2", "10.2.0.2"]}


def answers(found):
    return found.heartbeats.select("frame", "ack_frame").rows()


def test_every_heartbeat_of_an_association_is_answered(tables):
    found = tables(association(heartbeats=3))
    assert found.heartbeats.height == 2 * 2 * 3
    assert all(ack == frame + 1 for frame, ack in answers(found))
    row = found.heartbeats.row(0, named=True)
    assert row["info"] == row["ack_info"] and row["info"][:2] == b"\x00\x01"
    assert (row["source"], row["destination"]) == (row["ack_destination"], row["ack_source"])
    assert found.heartbeats["path"].to_list() == [0, 0, 1, 1] * 3


def test_information_tells_which_heartbeat_is_answered(tables):
    talk = Conversation().handshake().send(0, heartbeat(b"first")).send(0, heartbeat(b"other"))
    talk.send(1, heartbeat_ack(b"other")).send(1, heartbeat_ack(b"first"))
    assert answers(tables(talk.packets)) == [(5, 8), (6, 7)]


def test_of_equal_heartbeats_the_last_one_is_answered(tables):
    """So that a lost one does not take the answer of the next."""
    talk = Conversation().handshake().send(0, heartbeat(b"same")).send(0, heartbeat(b"same"))
    talk.send(1, heartbeat_ack(b"same"))
    assert answers(tables(talk.packets)) == [(5, None), (6, 7)]


def test_of_equal_heartbeats_on_two_paths_each_has_its_own_answer(tables):
    talk = Conversation(**TWO).handshake()
    talk.send(0, heartbeat(b"same")).send(0, heartbeat(b"same"), path=1)
    talk.send(1, heartbeat_ack(b"same")).send(1, heartbeat_ack(b"same"), path=1)
    assert answers(tables(talk.packets)) == [(5, 7), (6, 8)]


def test_an_equal_heartbeat_is_answered_once_whatever_its_addresses(tables):
    talk = Conversation(**TWO).handshake().send(0, heartbeat(b"same")).send(0, heartbeat(b"same"), path=1)
    talk.send(1, heartbeat_ack(b"same"), path=1).send(1, heartbeat_ack(b"same"), path=1)
    assert answers(tables(talk.packets)) == [(5, 8), (6, 7)]


def test_answer_with_a_changed_byte_is_still_its_answer(tables):
    packets = association()
    good = packets[9]  # the client's on the second path
    packets[9] = replace(good, chunks=[heartbeat_ack(b"X" + good.chunks[0][9:])])
    found = tables(packets)
    row = found.heartbeats.row(2, named=True)
    assert (row["frame"], row["ack_frame"]) == (9, 10)
    assert row["info"] != row["ack_info"]
    assert found.paths.filter(side=0, path=1)["confirmed_frame"].to_list() == [38]  # by the next HEARTBEAT
    assert found.completeness.height == 0


def test_answer_from_elsewhere_with_a_changed_byte_answers_nothing(tables):
    talk = (
        Conversation(**TWO).handshake().send(0, heartbeat(b"asked")).send(1, heartbeat_ack(b"other"), path=1)
    )
    found = tables(talk.packets)
    assert answers(found) == [(5, None)]
    assert found.completeness.filter(kind="answer_without_question").select("side", "frame").rows() == [
        (0, 6)
    ]


@pytest.mark.parametrize("seconds, ack_frame", [(59, 6), (61, None)])
def test_changed_answer_is_not_awaited_for_ever(tables, seconds, ack_frame):
    talk = Conversation().handshake().send(0, heartbeat(b"asked"))
    talk.clock += seconds * SECOND
    assert answers(tables(talk.send(1, heartbeat_ack(b"other")).packets)) == [(5, ack_frame)]


def test_true_answer_comes_after_a_foreign_one(tables):
    talk = Conversation().handshake().send(0, heartbeat(b"asked"))
    talk.send(1, heartbeat_ack(b"other")).send(1, heartbeat_ack(b"asked"))
    assert answers(tables(talk.packets)) == [(5, 7)]


def test_answers_before_the_question_or_of_another_association_do_not_count(tables):
    talk = Conversation().handshake().send(1, heartbeat_ack(b"asked")).send(0, heartbeat(b"asked"))
    other = Conversation(client=["10.1.0.7"], tags=(5, 6), start_ns=talk.clock).handshake()
    other.send(1, heartbeat_ack(b"asked"))
    assert answers(tables(together(talk.packets, other.packets))) == [(6, None)]


def test_padded_heartbeat_is_a_probe(tables):
    talk = Conversation().handshake()
    talk.send(0, heartbeat(b"probe"), chunk(ChunkType.PAD, bytes(100))).send(0, heartbeat(b"plain"))
    assert tables(talk.packets).heartbeats["padded"].to_list() == [True, False]


def test_paths_count_what_is_sent(tables):
    found = tables(association(messages=5, heartbeats=3))
    columns = [
        "side",
        "path",
        "destination",
        "packets",
        "data_chunks",
        "heartbeats",
        "heartbeat_acks",
        "rtt_median_ns",
    ]
    assert found.paths.select(columns).rows() == [
        (0, 0, "10.1.0.2", 20, 5, 3, 3, 1_000_000),
        (0, 1, "10.2.0.2", 6, 0, 3, 3, 1_000_000),
        (1, 0, "10.1.0.1", 19, 5, 3, 3, 1_000_000),
        (1, 1, "10.2.0.1", 6, 0, 3, 3, 1_000_000),
    ]


def test_path_without_packets_is_there(tables):
    found = tables(Conversation(**TWO).handshake().packets)
    rows = found.paths.select("side", "path", "packets", "confirmed_frame", "rtt_median_ns").rows()
    assert rows == [(0, 0, 2, 2, None), (0, 1, 0, None, None), (1, 0, 2, 3, None), (1, 1, 0, None, None)]


def test_confirmation(tables):
    """RFC 9260 §5.4: INIT_ACK and COOKIE_ECHO confirm one address each, HEARTBEATs the others."""
    found = tables(association())
    assert found.paths.select("side", "path", "confirmed_frame").rows() == [
        (0, 0, 2),
        (0, 1, 10),
        (1, 0, 3),
        (1, 1, 12),
    ]
    assert found.paths["confirmed_ns"][1] == association()[9].time_ns


def test_addresses_given_to_connectx_are_confirmed(tables):
    given = {"addresses": ["10.1.0.2", "10.2.0.2"], "port": 4444}
    call = Call(
        *(START_NS - 1, START_NS + SECOND, "a", 1, 1, 1, "sctp_connectx"),
        arguments=given,
        result={"association_id": 1},
        local_port=5000,
        errno=None,
    )
    found = tables(association(), [call], {"hosts": {"a": {"addresses": ["10.1.0.1", "10.2.0.1"]}}})
    # the call is frame 1, INIT_ACK frame 3
    assert found.paths.filter(side=0)["confirmed_frame"].to_list() == [3, 3]


def test_addresses_that_init_went_to_are_confirmed(tables):
    talk = Conversation(**TWO).init().init().init_ack()
    talk.packets[1] = replace(talk.packets[1], destination="10.2.0.2")
    assert tables(talk.packets).paths.filter(side=0)["confirmed_frame"].to_list() == [3, 3]
