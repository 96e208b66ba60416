"""Why a capture may not show everything, one reason after the other."""

from dataclasses import replace

import pytest
from builders import (
    START_NS,
    abort,
    association,
    capture,
    data,
    ethernet,
    heartbeat_ack,
    interface_block,
    ip,
    packet_block,
    pcap,
    sack,
    sctp_packet,
    section_block,
    shutdown_ack,
    shutdown_complete,
    statistics_block,
)
from conversation import COOKIE, Conversation, cookie_ack, cookie_echo

from sctpinspect.decode import decode
from sctpinspect.tables.build import build


def reasons(found, *kinds):
    rows = found.completeness.select("association", "side", "kind", "reason", "frame").rows()
    return [row for row in rows if not kinds or row[2] in kinds]


def test_complete_capture(tables):
    assert reasons(tables(association())) == []


@pytest.mark.parametrize(
    "missing, reason",
    [
        ([0], "the capture starts after the INIT"),
        ([1], "no INIT_ACK is in the capture"),
        ([0, 1], "the capture starts after the handshake"),
    ],
)
def test_handshake_missing(tables, missing, reason):
    packets = [packet for number, packet in enumerate(association()) if number not in missing]
    assert reasons(tables(packets), "handshake_missing") == [(0, None, "handshake_missing", reason, 1)]


@pytest.mark.parametrize("end", [shutdown_complete(), abort(), None])
def test_end_missing(tables, end):
    *packets, last = association()
    if end:
        packets.append(replace(last, chunks=[end]))
    expected = [] if end else [(0, None, "end_missing", "its end is not in the capture", len(packets))]
    assert reasons(tables(packets)) == expected


def test_restart_comes_before_the_end(tables):
    first = Conversation(tags=(1, 2)).handshake()
    again = Conversation(tags=(3, 4), start_ns=first.clock).handshake().shutdown()
    assert reasons(tables(first.packets + again.packets)) == [
        (0, None, "end_missing", "frame 5 restarts it before its end", 5)
    ]


def test_frames_dropped(tables):
    reason = "the capture dropped 12 frames on interface a0"
    assert reasons(tables(association(), dropped=12)) == [(0, None, "frames_dropped", reason, None)]


def test_drops_unknown_without_counters(tmp_path):
    path = tmp_path / "capture.pcap"
    path.write_bytes(pcap([(packet.time_ns, packet.frame()) for packet in association()]))
    reason = "the capture does not state how many frames it dropped on interface 0"
    assert reasons(build(decode(path))) == [(0, None, "drops_unknown", reason, None)]


def test_drops_unknown_only_where_packets_are(tmp_path):
    """Two interfaces with an association each, of which one has counters."""
    blocks = [section_block(), interface_block(), interface_block(), statistics_block(0, 1, 0)]
    for number in (0, 1):
        frame = ethernet(
            ip("10.1.0.1", "10.1.0.2", sctp_packet(data(7), tag=number + 1, source_port=5000 + number))
        )
        blocks.append(packet_block(START_NS + number, frame, interface=number))
    path = tmp_path / "capture.pcapng"
    path.write_bytes(b"".join(blocks))
    unknown = reasons(build(decode(path)), "drops_unknown")
    assert [row[0] for row in unknown] == [1]
    assert unknown[0][3].endswith("interface 1")


@pytest.mark.parametrize("lost", [0, 2])
def test_tsn_unseen(tables, lost):
    """The client's first DATA, or one amid others, is not in the capture."""
    packets = [packet for number, packet in enumerate(association()) if number != 12 + 4 * lost]
    shown = 13 + 4 * lost
    reason = "1 acknowledged TSNs are not in the capture"
    assert reasons(tables(packets)) == [(0, 0, "tsn_unseen", reason, shown)]


@pytest.mark.parametrize(
    "question, answer, side, kind",
    [
        (0, 1, 0, "INIT_ACK"),
        (2, 3, 0, "COOKIE_ACK"),
        (48, 49, 0, "SHUTDOWN_ACK"),
        (49, 50, 1, "SHUTDOWN_COMPLETE"),
    ],
)
def test_answer_without_question(tables, question, answer, side, kind):
    packets = association()
    assert packets[answer].chunks
    del packets[question]
    found = reasons(tables(packets), "answer_without_question")
    assert found == [(0, side, "answer_without_question", f"{kind} without what it answers", answer)]


def test_question_after_the_answer_does_not_count(tables):
    talk = Conversation().init().init_ack().send(1, cookie_ack()).send(0, cookie_echo(COOKIE))
    talk.send(1, shutdown_ack())
    found = reasons(tables(talk.packets), "answer_without_question")
    assert [(side, frame) for _, side, _, _, frame in found] == [(0, 3), (0, 5)]


def test_heartbeat_acks_without_the_heartbeat(tables):
    talk = Conversation().handshake().send(0, heartbeat_ack(b"1")).send(0, heartbeat_ack(b"2"))
    reason = "2 HEARTBEAT_ACKs without the HEARTBEAT"
    found = reasons(tables(talk.packets), "answer_without_question")
    assert found == [(0, 1, "answer_without_question", reason, 5)]


@pytest.mark.parametrize("side", [0, 1])
def test_one_direction(tables, side):
    port = (5000, 4444)[side]
    found = tables([packet for packet in association()[4:] if packet.source_port == port])
    reason = "nothing that it sent is in the capture"
    assert reasons(found, "one_direction") == [(0, 1, "one_direction", reason, None)]


def test_snaplen(tmp_path):
    packets = association()
    path = tmp_path / "capture.pcap"
    path.write_bytes(
        pcap([(packet.time_ns, packet.frame()) for packet in packets], snaplen=14 + 20 + 12 + 70)
    )
    (row,) = reasons(build(decode(path)), "snaplen")
    # only INIT_ACK, with its state cookie, is longer
    assert row == (0, 1, "snaplen", "the capture cut 1 of its packets", 2)


def test_file_cut(tmp_path):
    path = tmp_path / "capture.pcapng"
    path.write_bytes(capture(association())[:-200])
    (row,) = reasons(build(decode(path)), "file_cut")
    assert row[3].endswith("what follows was not read")


@pytest.mark.parametrize(
    "impaired, delivered", [(False, "delivered"), (True, "delivered"), (True, None), (False, None)]
)
def test_lossy_path_where_delivery_is_unknown(tables, impaired, delivered):
    packets = association()
    if delivered:
        packets = [replace(packet, comment="sctpinspect delivery: delivered +1000 ns") for packet in packets]
    found = reasons(tables(packets, recipe={"impaired": impaired}))
    if impaired and not delivered:
        assert [(side, frame) for _, side, _, _, frame in found] == [(0, 1), (1, 2)]
        assert found[0][2:4] == ("lossy_path", "26 of its packets may have been lost on the way")
    else:
        assert found == []


def test_lossy_path_where_a_packet_was_lost(tables):
    packets = association()
    packets[12] = replace(packets[12], comment="sctpinspect delivery: lost")
    assert reasons(tables(packets)) == [(0, 0, "lossy_path", "1 of its packets were lost on the way", 13)]


def test_reasons_are_those_of_their_association(tables):
    """A gap in one association says nothing of another."""
    good = association()
    bad = Conversation(client=["10.7.0.1"], tags=(1, 2), start_ns=good[-1].time_ns + 1).handshake()
    bad.send(0, data(1000)).send(1, sack(1001)).shutdown()
    assert [(row[0], row[2]) for row in reasons(tables(good + bad.packets))] == [(1, "tsn_unseen")]
