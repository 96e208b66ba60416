"""DATA sent again, acknowledged, and acknowledged without having been seen."""

import struct
from dataclasses import replace

import pytest
from builders import (
    chunk,
    data,
    ethernet,
    interface_block,
    ip,
    packet_block,
    sack,
    sctp_packet,
    section_block,
    shutdown,
)
from conversation import Conversation
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sctpinspect.decode import decode
from sctpinspect.protocol import ChunkType
from sctpinspect.protocol.serial import add, distance, leq
from sctpinspect.tables.build import build


def of_data(found, *columns):
    return found.chunks.filter(type_name="DATA").select(*columns).rows()


def test_same_tsn_again_is_a_retransmission(tables):
    talk = Conversation().handshake()
    for tsn in (1000, 1001, 1000, 1002, 1000):
        talk.send(0, data(tsn))
    talk.send(1, data(1000))  # the peer's TSNs are its own
    assert of_data(tables(talk.packets), "tsn", "is_retransmission") == [
        (1000, False),
        (1001, False),
        (1000, True),
        (1002, False),
        (1000, True),
        (1000, False),
    ]


def test_other_chunks_and_data_out_of_the_blue_are_no_retransmissions(tables):
    talk = Conversation().handshake().send(0, data(1000))
    stray = (
        Conversation(client=["10.7.0.1"], start_ns=talk.clock).send(0, data(1), tag=0).send(0, data(1), tag=0)
    )
    found = tables(talk.packets + stray.packets)
    assert found.chunks["is_retransmission"].to_list() == [None] * 4 + [False, None, None]


def test_packet_captured_twice_is_no_retransmission(tmp_path):
    """The same packet on two interfaces, then the same TSN in a packet of its own."""
    first, again = (
        ethernet(ip("10.1.0.1", "10.1.0.2", sctp_packet(data(7, b"x", stream=stream)))) for stream in (0, 1)
    )
    blocks = [packet_block(1, first), packet_block(2, first, interface=1), packet_block(3, again)]
    path = tmp_path / "twice.pcapng"
    path.write_bytes(b"".join([section_block(), interface_block(), interface_block(), *blocks]))
    found = build(decode(path))
    assert found.packets["is_copy"].to_list() == [False, True, False]
    assert of_data(found, "is_retransmission") == [(False,), (False,), (True,)]
    assert found.associations["packets"].item() == 2
    assert found.messages["retransmissions"].to_list() == [1]


def test_first_acknowledgement_counts(tables):
    talk = Conversation().handshake()  # frames 1 to 4
    talk.send(0, data(1000), data(1001), data(1002), data(1003))
    talk.send(1, sack(999, gaps=[(2, 2)])).send(1, sack(1000)).send(1, sack(1001)).send(1, sack(1001))
    talk.send(1, shutdown(1002))
    assert of_data(tables(talk.packets), "tsn", "acked_frame") == [
        (1000, 7),
        (1001, 6),
        (1002, 10),
        (1003, None),
    ]


def test_nr_sacks_acknowledge_too(tables):
    """As SACK, with non-renegable gap ack blocks beside the others."""
    blocks = struct.pack(">IIHHHHHHHH", 1000, 9000, 1, 1, 0, 0, 2, 2, 4, 4)
    talk = Conversation().handshake().send(0, *(data(1000 + step) for step in range(5)))
    talk.send(1, chunk(ChunkType.NR_SACK, blocks))
    assert of_data(tables(talk.packets), "acked_frame") == [(6,), (None,), (6,), (None,), (6,)]


def test_own_sacks_acknowledge_nothing_of_oneself(tables):
    talk = Conversation(tsns=(1000, 1000)).handshake().send(0, data(1000)).send(0, sack(1000))
    assert of_data(tables(talk.packets), "acked_frame") == [(None,)]


WRAP = st.integers(0xFFFFFFF0, 0xFFFFFFFF) | st.integers(0, 5)
EVENT = st.one_of(
    st.tuples(st.just("data"), st.integers(0, 12)),
    st.tuples(
        st.just("sack"),
        st.integers(-1, 12),
        st.lists(
            st.tuples(st.integers(1, 9), st.integers(0, 4)).map(lambda gap: (gap[0], sum(gap))), max_size=3
        ),
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WRAP, st.lists(EVENT, max_size=20), st.booleans())
@example(0xFFFFFFFF, [("data", 0), ("data", 1), ("sack", 1, [])], True)
def test_against_the_definition(tables, initial, events, with_handshake):
    """acked_frame and the unseen TSNs, worked out TSN by TSN with serial arithmetic, wrapping included."""
    talk = Conversation(tsns=(initial, 1))
    if with_handshake:
        talk.handshake()
    else:
        talk.send(0, data(initial)).send(1, sack(add(initial, -1)))
    acks, seen = [], []  # what each frame acknowledges, and the TSNs in order
    if not with_handshake:
        seen.append(initial)
    for event in events:
        tsn = add(initial, event[1])
        frame = len(talk.packets) + 1
        if event[0] == "data":
            talk.send(0, data(tsn))
            seen.append(tsn)
        else:
            talk.send(1, sack(tsn, gaps=event[2]))
            gaps = {add(tsn, step) for start, end in event[2] for step in range(start, end + 1)}
            acks.append((frame, tsn, gaps))
    found = tables(talk.packets)
    for tsn, acked_frame in of_data(found, "tsn", "acked_frame"):
        covering = [frame for frame, cumulative, gaps in acks if leq(tsn, cumulative) or tsn in gaps]
        assert acked_frame == (covering[0] if covering else None)
    acked = {
        tsn
        for _, cumulative, gaps in acks
        for tsn in gaps | {add(initial, step) for step in range(distance(initial, cumulative) + 1)}
    }
    unseen = found.completeness.filter(kind="tsn_unseen", side=0)
    missing = acked - set(seen)
    assert unseen["reason"].to_list() == (
        [f"{len(missing)} acknowledged TSNs are not in the capture"] if missing else []
    )
    if missing:
        shows = [
            frame
            for frame, cumulative, gaps in acks
            if any((leq(tsn, cumulative) and leq(initial, tsn)) or tsn in gaps for tsn in missing)
        ]
        assert unseen["frame"].item() == shows[0]


@pytest.mark.parametrize("cumulative", [0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_absurd_acknowledgements_cost_nothing(tables, cumulative):
    talk = Conversation().handshake().send(0, data(1000))
    for _ in range(50):
        talk.send(1, sack(cumulative, gaps=[(1, 65535)] * 20))
    found = tables([replace(packet, checksum=0) for packet in talk.packets])
    assert found.gap_blocks.height == 50 * 20
    assert found.completeness.filter(kind="tsn_unseen").height == 1
