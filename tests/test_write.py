"""What is cut out of a capture reads like that part of the capture."""

from pathlib import Path

import polars as pl
import pytest
from builders import START_NS, capture, data, ethernet, icmp, ipv4, pcap, sack, sctp_packet
from conversation import Conversation, together
from external_captures import CAPTURES, needed
from frames import pieces

import sctpinspect
from sctpinspect.tables import TABLES

RECORDINGS = sorted((Path(__file__).parents[1] / "captures").rglob("*.pcapng"))


def part(found: sctpinspect.Capture, name: str, association: int) -> pl.DataFrame:
    """The rows of an association, without what is counted over all."""
    counted = [column for column in TABLES[name] if column.endswith("frame")]
    counted += ["packet", "association", "message", "payload_offset", "reason"]
    return getattr(found, name).filter(association=association).drop(counted, strict=False)


def require_same(path: Path, association: int, out: Path) -> sctpinspect.Capture:
    whole = sctpinspect.read(path)
    whole.write(out, association)
    found = sctpinspect.read(out)
    assert found.recipe == whole.recipe
    assert found.associations.height == 1
    times = pl.concat([found.packets["time_ns"], found.icmp_errors["time_ns"]])
    assert times.len() >= whole.packets.filter(association=association).height
    return found


def conversations() -> list:
    talks = []
    for index in range(3):
        talk = Conversation(
            ports=(5000, 4444), tags=(index + 1, index + 11), start_ns=START_NS + index * 10**10
        )
        talks.append(talk.handshake().send(0, data(1000)).send(1, sack(1000)).shutdown().packets)
    return together(*talks)


def test_one_of_several(tmp_path):
    path, out = tmp_path / "all.pcapng", tmp_path / "one.pcapng"
    path.write_bytes(capture(conversations(), dropped=2))
    found = require_same(path, 1, out)
    whole = sctpinspect.read(path)
    for name in ("packets", "chunks", "associations", "endpoints", "addresses", "messages", "completeness"):
        assert part(found, name, 0).equals(part(whole, name, 1)), name
    assert found.packets["frame"].to_list() == list(range(1, 10))
    assert found.interfaces.equals(whole.interfaces)


@pytest.mark.parametrize("path", RECORDINGS[:2], ids=lambda path: path.name)
def test_a_recording_with_its_calls(path, tmp_path):
    out = tmp_path / "out.pcapng"
    found = require_same(path, 0, out)
    whole = sctpinspect.read(path)
    columns = ["start_ns", "name", "association", "side", "message", "arguments", "result"]
    assert found.calls.select(columns).equals(whole.calls.select(columns))
    assert found.messages.drop("first_frame", "last_frame", "acked_frame").equals(
        whole.messages.drop("first_frame", "last_frame", "acked_frame")
    )
    assert found.events.select("time_ns", "name").equals(whole.events.select("time_ns", "name"))
    one, other = whole.verify(), found.verify()
    assert [result.status for result in one.results] == [result.status for result in other.results]


def test_fragments_and_icmp_errors_go_with_their_packets(tmp_path):
    ends = ("10.1.0.1", "10.1.0.2")
    packet = sctp_packet(data(7, bytes(100)), source_port=1, destination_port=2)
    other = ipv4(*ends, sctp_packet(data(8), source_port=3, destination_port=4))
    packets = [
        other,
        *pieces(packet, 64),
        *pieces(sctp_packet(data(9, bytes(100)), source_port=3, destination_port=4), 64, identification=8),
        ipv4("10.1.0.9", ends[0], icmp(3, 2, ipv4(*ends, packet)), protocol=1),
        ipv4("10.1.0.9", ends[0], icmp(3, 2, other), protocol=1),
    ]
    path, out = tmp_path / "all.pcap", tmp_path / "one.pcapng"
    path.write_bytes(pcap([(START_NS + at * 1000, ethernet(each)) for at, each in enumerate(packets)]))
    whole = sctpinspect.read(path)
    number = whole.packets.filter(source_port=1)["association"][0]
    sctpinspect.scan(path).write(out, number)
    found = sctpinspect.read(out)
    assert (found.frames, found.chunks["tsn"].to_list()) == (3 + len(pieces(packet, 64)) - 2, [7])
    assert found.icmp_errors["quoted_source_port"].to_list() == [1]
    whole.write(out)
    assert sctpinspect.read(out).packets.drop("checksum_state").equals(whole.packets.drop("checksum_state"))


def test_a_damaged_capture_gives_no_complete_one(tmp_path):
    path, out = tmp_path / "cut.pcapng", tmp_path / "one.pcapng"
    path.write_bytes(capture(conversations(), dropped=0)[:-70])
    sctpinspect.read(path).write(out, 0)
    assert sctpinspect.read(out).interfaces["dropped"].to_list() == [None]


def test_what_cannot_be_written_is_one_sentence(tmp_path):
    path = tmp_path / "all.pcapng"
    path.write_bytes(capture(conversations()))
    found = sctpinspect.read(path)
    with pytest.raises(sctpinspect.UsageError, match="there is no association 9"):
        found.write(tmp_path / "one.pcapng", 9)
    with pytest.raises(sctpinspect.UsageError, match=r"cannot write .*: Is a directory"):
        found.write(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(sctpinspect.UsageError, match="cannot write"):
        found.write(tmp_path / "file" / "one.pcapng")
    path.unlink()
    with pytest.raises(sctpinspect.UsageError, match="there is no such file"):
        found.write(tmp_path / "one.pcapng")


@needed
@pytest.mark.parametrize("path", CAPTURES[::8], ids=lambda path: path.name)
def test_captures_by_others(path, tmp_path):
    try:
        whole = sctpinspect.read(path)
    except sctpinspect.UsageError:
        return
    out = tmp_path / "out.pcapng"
    whole.write(out)
    found = sctpinspect.read(out)
    for name in ("packets", "chunks", "messages", "endpoints"):
        dropped = [
            column for column in TABLES[name] if column.endswith("frame") or column == "payload_offset"
        ]
        assert getattr(found, name).drop(dropped).equals(getattr(whole, name).drop(dropped)), name
