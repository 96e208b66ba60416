"""A file read in partitions gives the tables, and the verdict, of one read whole."""

from pathlib import Path

import pytest
from builders import (
    MILLISECOND,
    START_NS,
    capture,
    data,
    ethernet,
    heartbeat,
    heartbeat_ack,
    icmp,
    init,
    interface_block,
    ipv4,
    packet_block,
    pcap,
    sack,
    sctp_packet,
    section_block,
    simple_packet_block,
    udp,
)
from conversation import Conversation, together
from external_captures import CAPTURES, needed
from frames import pieces

import sctpinspect
from sctpinspect import api
from sctpinspect.cli import main
from sctpinspect.decode import columns as decoder
from sctpinspect.decode import decode, frames, partitions
from sctpinspect.tables import TABLES
from sctpinspect.tables import partitions as tables


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Partitions and batches so small that a few packets fill several."""
    monkeypatch.setattr(partitions, "PARTITION_BYTES", 1000)
    monkeypatch.setattr(partitions, "BUFFER", 300)
    monkeypatch.setattr(frames, "BATCH", 7)
    monkeypatch.setattr(tables, "ROWS", 11)


def require_equal(path):
    read, scanned = sctpinspect.read(path), sctpinspect.scan(path)
    for name in TABLES:
        assert getattr(scanned, name).collect().equals(getattr(read, name)), name
    for fact in ("recipe", "frames", "end_ns", "defects"):
        assert getattr(scanned, fact) == getattr(read, fact)
    return scanned


def conversations(number: int, ports: int = 50) -> list:
    """Of one server, at the same time; some come twice, send wrong tags, or begin before the capture."""
    talks = []
    for index in range(number):
        talk = Conversation(
            client=[f"10.1.0.{10 + index}", f"10.2.0.{10 + index}"][: 1 + index % 2],
            ports=(5000 + index % ports, 4444),
            tags=(index + 1, 0x10000 + index),
            start_ns=START_NS + index * 3 * MILLISECOND + index * 1000,
        )
        if index % 4:
            talk.handshake()
        for step in range(3):
            talk.send(0, data(1000 + step, b"abc", ssn=step)).send(1, sack(1000 + step))
        talk.send(0, data(1002, b"abc", ssn=2)).send(1, sack(1002, duplicates=[1002]))  # again
        talk.send(0, heartbeat(b"h")).send(1, heartbeat_ack(b"h"))
        if index % 3:
            talk.shutdown()
        if index == 5:
            talk.handshake()
            talk.send(0, init(tag=7), tag=9)
        talks.append(talk.packets)
    return together(*talks)


@pytest.fixture
def many(tmp_path):
    path = tmp_path / "many.pcapng"
    path.write_bytes(capture(conversations(12)))
    return path


def test_many_associations(many):
    assert len(require_equal(many).built.folders) > 3


def test_lazy_frames_outlive_what_gave_them(many):
    rows = sctpinspect.scan(many).chunks.filter(type_name="INIT").collect()
    assert rows.equals(sctpinspect.read(many).chunks.filter(type_name="INIT"))


def test_all_that_packets_can_be_wrapped_in(tmp_path):
    """Fragments over batches, whole and not; UDP ports learned late; blank checksums; ICMP errors; copies."""
    addresses = ("10.1.0.1", "10.1.0.2")
    blank = sctp_packet(data(5, bytes(80)), source_port=1, destination_port=2, checksum=0)
    blank_elsewhere = ipv4("10.9.0.1", "10.9.0.2", blank)
    late = udp(sctp_packet(data(7, bytes(4)), source_port=3, destination_port=4), 700, 800)
    early = udp(sctp_packet(data(6, bytes(4)), source_port=3, destination_port=4, checksum=0), 700, 800)
    long = [
        pieces(sctp_packet(data(9, bytes(100)), source_port=port), 64, identification=port)
        for port in (20, 21, 22, 23)
    ]
    others = [
        ipv4(*addresses, sctp_packet(sack(port), source_port=port), identification=port)
        for port in range(30, 60)
    ]
    packets = [
        blank_elsewhere,
        ipv4(*addresses, blank),
        ipv4(*addresses, early, protocol=17),
        *[part[0] for part in long],
        *others,
        *others[:3],
        *[part[-1] for part in long[:2]],
        ipv4("10.1.0.9", "10.1.0.1", icmp(3, 2, others[0]), protocol=1),
        ipv4(*addresses, late, protocol=17),
        ipv4(*addresses, sctp_packet()[:3]),
        *long[2][1:],
    ]
    path = tmp_path / "wrapped.pcap"
    path.write_bytes(
        pcap([(START_NS + number * 1000, ethernet(packet)) for number, packet in enumerate(packets)])
    )
    found = require_equal(path)
    states = set(found.packets.collect()["checksum_state"])
    assert {"good", "bad", "offloaded", "not_captured"} <= states
    assert found.packets.collect()["is_copy"].any()
    assert len(found.built.folders) > 3


def test_frames_without_a_time_take_that_of_the_batch_before(tmp_path):
    frame = ethernet(ipv4("10.1.0.1", "10.1.0.2", sctp_packet(sack(1))))
    path = tmp_path / "untimed.pcapng"
    blocks = [packet_block(START_NS, frame), *[simple_packet_block(frame)] * 20]
    path.write_bytes(b"".join([section_block(), interface_block(), *blocks]))
    assert set(require_equal(path).packets.collect()["time_ns"]) == {START_NS}


def test_damaged_and_empty_files(many, tmp_path):
    path = tmp_path / "cut.pcapng"
    path.write_bytes(many.read_bytes()[:-200])
    assert require_equal(path).defects
    path.write_bytes(b"no capture")
    with pytest.raises(sctpinspect.UsageError, match="is no pcap or pcapng file"):
        sctpinspect.scan(path)
    path.write_bytes(pcap([(START_NS, bytes(60))]))
    with pytest.raises(sctpinspect.UsageError, match="none of them SCTP"):
        sctpinspect.scan(path)


def test_no_association_in_any_partition(tmp_path):
    """What the capture as a whole lacks is told once."""
    path = tmp_path / "capture.pcapng"
    packets = [
        packet
        for port in range(40)
        for packet in Conversation(ports=(port, 1)).send(0, init(tag=0), tag=0).packets
    ]
    path.write_bytes(capture(packets, dropped=3))
    assert len(require_equal(path).built.folders) > 1


def test_recordings_are_one_partition(tmp_path):
    recording = sorted((Path(__file__).parents[1] / "captures").rglob("*.pcapng"))[0]
    assert len(require_equal(recording).built.folders) == 1


@needed
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_captures_by_others(path, monkeypatch):
    monkeypatch.setattr(frames, "BATCH", 1000)
    monkeypatch.setattr(tables, "ROWS", 5000)
    monkeypatch.setattr(partitions, "PARTITION_BYTES", 20_000)
    try:
        sctpinspect.read(path)
    except sctpinspect.UsageError as error:
        with pytest.raises(sctpinspect.UsageError) as other:
            sctpinspect.scan(path)
        assert str(other.value) == str(error)
    else:
        require_equal(path)


def test_a_partition_of_too_many_rows_is_cut_and_says_so(many, monkeypatch):
    monkeypatch.setattr(decoder, "MAXIMUM_ROWS", 20)
    found = sctpinspect.scan(many)
    assert found.defects and all(defect.endswith("what follows was not read") for defect in found.defects)
    assert decode(many).defects
    whole = found.packets.collect()
    assert whole["packet"].is_sorted() and whole.height > 20


@pytest.mark.parametrize(
    "command",
    [
        "verify",
        "verify --format json",
        "verify --format junit",
        "show",
        "show --association 3",
        "show --ladder --association 4",
        "show --frame 9",
        "show --calls",
        "show --association 99",
    ],
)
def test_commands_say_the_same_of_large_files(many, command, monkeypatch, capsys):
    monkeypatch.setattr(partitions, "PARTITION_BYTES", 4000)
    said = []
    for large in (1 << 30, 0):
        monkeypatch.setattr(api, "LARGE", large)
        with pytest.raises(SystemExit) as end:
            main([*command.split(), str(many)])
        said.append((end.value.code, capsys.readouterr()))
    assert said[0] == said[1]
