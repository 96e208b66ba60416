"""User messages put together from chunks."""

import pytest
from builders import WHOLE, data, i_data, sack
from conversation import Conversation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sctpinspect.journal.digest import digest
from sctpinspect.protocol import DataFlag
from sctpinspect.protocol.serial import add

B, E, U = DataFlag.BEGINNING, DataFlag.ENDING, DataFlag.UNORDERED


def parts(tsn, payloads, unordered=0, **fields):
    """DATA chunks of one message."""
    last = len(payloads) - 1
    return [
        data(add(tsn, n), part, flags=(B if n == 0 else 0) | (E if n == last else 0) | unordered, **fields)
        for n, part in enumerate(payloads)
    ]


def test_whole_message_in_one_chunk(tables):
    talk = (
        Conversation().handshake().send(0, data(1000, b"hello", stream=3, ssn=9, ppid=46)).send(1, sack(1000))
    )
    (row,) = tables(talk.packets).messages.to_dicts()
    assert row["digest"] == digest(b"hello")
    assert (row["stream"], row["ssn"], row["ppid"], row["length"], row["unordered"]) == (3, 9, 46, 5, False)
    assert (row["first_frame"], row["last_frame"], row["acked_frame"], row["chunks"]) == (5, 5, 6, 1)
    assert row["complete"] and row["mid"] is None and row["retransmissions"] == 0


def test_fragments_in_several_packets_with_a_wrapping_tsn(tables):
    first, second, third = parts(0xFFFFFFFE, [b"one ", b"two ", b"three"])
    talk = (
        Conversation(tsns=(0xFFFFFFFE, 1)).handshake().send(0, first, second).send(0, third).send(1, sack(0))
    )
    found = tables(talk.packets)
    (row,) = found.messages.to_dicts()
    assert (row["length"], row["chunks"], row["complete"]) == (13, 3, True)
    assert row["digest"] == digest(b"one two three")
    assert (row["first_tsn"], row["last_tsn"]) == (0xFFFFFFFE, 0)
    assert (row["first_frame"], row["last_frame"], row["acked_frame"]) == (5, 6, 7)
    assert found.chunks.filter(type_name="DATA")["message"].to_list() == [0, 0, 0]


def test_fragments_that_arrive_out_of_order_and_again(tables):
    first, second, third = parts(1000, [b"one ", b"two ", b"three"])
    talk = (
        Conversation()
        .handshake()
        .send(0, third)
        .send(0, first)
        .send(0, second)
        .send(0, third)
        .send(0, second)
    )
    found = tables(talk.packets)
    (row,) = found.messages.to_dicts()
    assert (row["digest"], row["retransmissions"]) == (digest(b"one two three"), 2)
    assert (row["first_frame"], row["last_frame"]) == (6, 5)
    assert found.chunks.filter(type_name="DATA")["message"].to_list() == [0] * 5


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_message_without_a_fragment_is_incomplete(tables, lost):
    chunks = parts(1000, [b"one ", b"two ", b"three"])
    del chunks[lost]
    (row,) = tables(Conversation().handshake().send(0, *chunks).packets).messages.to_dicts()
    assert (row["complete"], row["digest"], row["chunks"]) == (False, None, 2)


def test_messages_side_by_side(tables):
    """Ordered and unordered, on two streams and from both sides; numbered by their first frames."""
    talk = Conversation().handshake()
    talk.send(0, data(1000, b"a", stream=0)).send(1, data(2000, b"A"))
    talk.send(0, data(1001, b"b", stream=1), data(1002, b"c", flags=WHOLE | U))
    rows = tables(talk.packets).messages.select("message", "side", "stream", "unordered", "first_tsn").rows()
    assert rows == [
        (0, 0, 0, False, 1000),
        (1, 1, 0, False, 2000),
        (2, 0, 1, False, 1001),
        (3, 0, 0, True, 1002),
    ]


def test_message_on_two_streams_is_none(tables):
    talk = Conversation().handshake().send(0, data(1000, b"a", flags=B), data(1001, b"b", stream=1, flags=E))
    assert tables(talk.packets).messages["complete"].to_list() == [False, False]


def test_interleaved_messages_of_i_data(tables):
    """RFC 8260 §2.1: fragments are told apart by stream and MID and ordered by FSN."""
    talk = Conversation().handshake()
    talk.send(0, i_data(1000, b"a1", stream=1, mid=0, ppid=7, flags=B))
    talk.send(0, i_data(1001, b"b1", stream=2, mid=0, ppid=8, flags=B))
    talk.send(0, i_data(1002, b"a2", stream=1, mid=0, fsn=1, flags=E))
    talk.send(0, i_data(1003, b"b2", stream=2, mid=0, fsn=1, flags=0))
    talk.send(0, i_data(1004, b"a3", stream=1, mid=1, ppid=7))
    talk.send(0, i_data(1005, b"b3", stream=2, mid=0, fsn=3, flags=E))
    rows = tables(talk.packets).messages.select("stream", "mid", "ppid", "digest", "complete", "ssn").rows()
    assert rows == [
        (1, 0, 7, digest(b"a1a2"), True, None),
        (2, 0, 8, None, False, None),  # FSN 2 is missing
        (1, 1, 7, digest(b"a3"), True, None),
    ]


def test_data_of_no_association_is_no_message(tables):
    found = tables(Conversation().send(0, data(1, b"x"), tag=0).packets)
    assert found.messages.height == 0
    assert found.chunks["message"].to_list() == [None]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=4),
            st.integers(0, 2),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 0xFFFFFFFF),
    st.randoms(use_true_random=False),
)
def test_every_message_is_put_together_again(tables, sent, initial, random):
    """Whatever the fragments, streams, initial TSN, order of arrival and repetitions."""
    chunks, tsn, ssns = [], initial, [0, 0, 0]
    for payloads, stream, unordered in sent:
        chunks += parts(
            tsn, payloads, U if unordered else 0, stream=stream, ssn=0 if unordered else ssns[stream]
        )
        ssns[stream] += not unordered
        tsn = add(tsn, len(payloads))
    random.shuffle(chunks)
    again = random.sample(chunks, len(chunks) // 2)
    talk = Conversation(tsns=(initial, 1)).handshake()
    for chunk in chunks + again:
        talk.send(0, chunk)
    messages = tables(talk.packets).messages
    expected = sorted((digest(b"".join(payloads)), stream, unordered) for payloads, stream, unordered in sent)
    assert sorted(messages.select("digest", "stream", "unordered").rows()) == expected
    assert messages["complete"].all()
    assert messages["retransmissions"].sum() == len(again)
