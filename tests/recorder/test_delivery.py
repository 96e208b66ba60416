"""Sent packets and the copies that left the link: loss, duplication, reordering, and the same bytes again."""

import pytest
from scapy.utils import PcapNgReader

from sctpinspect.recorder.assemble import assemble
from sctpinspect.recorder.delivery import match

MS = 1_000_000
END = {"packets": 0, "drops": 0, "freezes": 0, "end_ns": 1_700_000_000_000_000_000 + 3600 * 1000 * MS}


@pytest.fixture
def told(spool, frame, tmp_path):
    """What the capture says of each packet: payload, then its comment without prefix and unit."""

    def tell(sent: list[tuple[float, str]], copies: list[tuple[float, str]], drops: dict | None = END):
        frames = [(at, frame(int(at * MS), text.encode())) for at, text in sent]
        frames += [(at, frame(int(at * MS), text.encode(), copy=True, ifindex=4)) for at, text in copies]
        ordered = [made for _, made in sorted(frames, key=lambda pair: pair[0])]
        assemble(spool(ordered, drops=drops, impaired=True), tmp_path / "out.pcapng")
        with PcapNgReader(str(tmp_path / "out.pcapng")) as reader:
            packets = list(reader)
        assert len(packets) == len(sent)
        return [(bytes(packet)[14:].decode(), comment(packet)) for packet in packets]

    return tell


def comment(packet) -> str:
    if not packet.comments:
        return ""
    (text,) = packet.comments
    prefix, _, rest = text.decode().partition("sctpinspect delivery: ")
    assert prefix == ""
    return rest


def test_each_packet_gets_its_own_delay(told):
    assert told([(0, "x"), (1, "y")], [(5, "x"), (6.000001, "y")]) == [
        ("x", "delivered +5000000 ns"),
        ("y", "delivered +5000001 ns"),
    ]


def test_what_has_no_copy_is_lost(told):
    assert told([(0, "x"), (1, "y"), (2, "z")], [(5, "x"), (7, "z")])[1] == ("y", "lost")


def test_what_left_twice_is_duplicated(told):
    assert told([(0, "x")], [(5, "x"), (5.5, "x")]) == [("x", "duplicated +5000000 ns +5500000 ns")]


def test_reordering_does_not_confuse(told):
    sent = [(0, "x"), (1, "y"), (2, "z")]
    assert [text for _, text in told(sent, [(3, "z"), (5, "x"), (9, "y")])] == [
        "delivered +5000000 ns",
        "delivered +8000000 ns",
        "delivered +1000000 ns",
    ]


def test_a_retransmission_of_the_same_bytes_is_the_delivered_one_when_the_first_was_lost(told):
    sent = [(0, "other"), (10, "same"), (1010, "same")]
    assert [text for _, text in told(sent, [(5, "other"), (1015, "same")])] == [
        "delivered +5000000 ns",
        "lost",
        "delivered +5000000 ns",
    ]


def test_the_first_of_the_same_bytes_is_the_delivered_one_when_the_copy_left_before_the_second_was_sent(told):
    sent = [(0, "other"), (10, "same"), (1010, "same")]
    assert [text for _, text in told(sent, [(5, "other"), (15, "same")])] == [
        "delivered +5000000 ns",
        "delivered +5000000 ns",
        "lost",
    ]


def test_a_packet_still_on_its_way_at_the_end_is_unknown(told):
    end = {**END, "end_ns": 1_700_000_000_000_000_000 + 20 * MS}
    sent = [(0, "x"), (9, "lost"), (11, "unknown"), (19, "unknown too")]
    assert [text for _, text in told(sent, [(5, "x")], drops=end)] == [
        "delivered +5000000 ns",
        "lost",
        "",
        "",
    ]


@pytest.mark.parametrize("drops", [None, {**END, "drops": 1}])
def test_a_recording_that_lost_frames_or_was_cut_does_not_say_lost(told, drops):
    assert [text for _, text in told([(0, "x"), (1, "y")], [(5, "x")], drops=drops)] == [
        "delivered +5000000 ns",
        "",
    ]


def test_without_any_copy_nothing_is_known(told):
    assert told([(0, "x")], []) == [("x", "")]


def test_each_direction_is_matched_by_itself(spool, frame, tmp_path):
    folder = spool(
        [
            frame(0, b"x"),
            frame(1 * MS, b"x", ifindex=4),
            frame(5 * MS, b"x", ifindex=4, copy=True),
            frame(50 * MS, b"z"),
            frame(51 * MS, b"z", ifindex=4),
            frame(60 * MS, b"z", ifindex=3, copy=True),
        ],
        drops=END,
        impaired=True,
    )
    summary = assemble(folder, tmp_path / "out.pcapng")
    with PcapNgReader(str(tmp_path / "out.pcapng")) as reader:
        assert [comment(packet) for packet in reader] == [
            "delivered +5000000 ns",
            "lost",
            "lost",
            "delivered +9000000 ns",
        ]
    assert summary.packets == 4


def test_without_impairment_nothing_is_said(spool, frame, tmp_path):
    assemble(spool([frame(0, b"x")], drops=END), tmp_path / "out.pcapng")
    with PcapNgReader(str(tmp_path / "out.pcapng")) as reader:
        assert [packet.comments for packet in reader] == [None]


@pytest.mark.parametrize(
    ("sent", "copies", "shortest", "longest", "delays"),
    [
        ([0], [], 0, None, [[]]),
        ([10], [9], 0, None, [[]]),  # nothing arrives before it was sent
        ([0, 10], [50, 60], 45, 55, [[50], [50]]),
        ([0, 10], [50, 52], 45, 55, [[50, 52], []]),  # the second is too early to be the other's
        ([0, 10], [52, 60, 62], 45, 55, [[52], [50, 52]]),
        ([0, 1000], [1050], 45, 55, [[], [50]]),
        ([0, 10, 20], [45, 55, 70], 40, 60, [[45], [45], [50]]),  # jitter
        ([0, 10], [500], 45, 55, [[], [490]]),  # later than any other: of the latest
        ([0], [10], 45, 55, [[10]]),  # earlier than any other: of it all the same
        ([0, 1, 2], [3, 3, 3], 0, None, [[3], [2], [1]]),
    ],
)
def test_copies_of_the_same_bytes(sent, copies, shortest, longest, delays):
    assert match(sent, copies, shortest, longest) == delays
