"""One thing is altered in a good recording of the first scenario: exactly the right rules fail, in its frame.

The recording is captures/sample/multihoming.pcapng, made by `sctpinspect capture`.
"""

import struct
from collections.abc import Callable
from pathlib import Path

import crc32c
import polars as pl
import pytest

import sctpinspect
from sctpinspect.protocol import ChunkType, ParameterType

GOOD = Path(__file__).parents[1] / "captures" / "sample" / "multihoming.pcapng"
EPB, SJE = 6, 9
ETHERNET, IPV4, COMMON_HEADER = 14, 20, 12
SCTP = ETHERNET + IPV4

Edit = Callable[[bytearray], bytearray | None]


@pytest.fixture(scope="module")
def good():
    return sctpinspect.read(GOOD)


@pytest.fixture
def broken_by(tmp_path):
    """`broken_by(frame, edit)`: the rules broken with that frame edited, and the frames they name."""

    def judge(frame: int, edit: Edit, recording: Path = GOOD) -> dict[str, list[int]]:
        file = tmp_path / "broken.pcapng"
        file.write_bytes(edited(recording.read_bytes(), frame, edit))
        findings = sctpinspect.read(file).verify().findings
        return {rule: group["frame"].to_list() for (rule,), group in findings.group_by("rule")}

    return judge


def edited(file: bytes, wanted: int, edit: Edit) -> bytes:
    """The pcapng file with the packet of one frame edited, its lengths and its CRC32c mended, or left out."""
    out, offset, frame = bytearray(), 0, 0
    while offset < len(file):
        kind, length = struct.unpack_from("<II", file, offset)
        block = file[offset : offset + length]
        offset += length
        frame += kind in (EPB, SJE)
        if kind == EPB and frame == wanted:
            captured = struct.unpack_from("<I", block, 20)[0]
            packet = edit(bytearray(block[28 : 28 + captured]))
            options = block[28 + -(-captured // 4) * 4 : -4]
            block = b"" if packet is None else epb(block[8:20], mended(packet), options)
        out += block
    return bytes(out)


def epb(head: bytes, packet: bytes, options: bytes) -> bytes:
    body = head + struct.pack("<II", len(packet), len(packet)) + packet + bytes(-len(packet) % 4) + options
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", EPB) + length + body + length


def mended(packet: bytearray) -> bytes:
    struct.pack_into(">H", packet, ETHERNET + 2, len(packet) - ETHERNET)
    struct.pack_into("<I", packet, SCTP + 8, 0)
    struct.pack_into("<I", packet, SCTP + 8, crc32c.crc32c(bytes(packet[SCTP:])))
    return bytes(packet)


def chunk(capture, type: ChunkType, number: int = 0) -> dict:
    return capture.chunks.filter(pl.col("type") == type).row(number, named=True)


def confirmed_beat(capture) -> dict:
    """A HEARTBEAT in the middle of the recording, when all addresses are confirmed long since."""
    return capture.heartbeats.row(capture.heartbeats.height // 2, named=True)


def flip(offset: int, mask: int = 1) -> Edit:
    """One byte of the SCTP packet with some bits flipped."""

    def edit(packet: bytearray) -> bytearray:
        packet[SCTP + offset] ^= mask
        return packet

    return edit


def put(offset: int, value: bytes) -> Edit:
    def edit(packet: bytearray) -> bytearray:
        packet[SCTP + offset : SCTP + offset + len(value)] = value
        return packet

    return edit


def test_the_recording_itself_breaks_nothing(good):
    assert good.verify().findings.height == 0


def test_an_address_removed_from_init_ack(good, broken_by):
    init_ack = chunk(good, ChunkType.INIT_ACK)
    listed = good.parameters.filter(
        pl.col("frame") == init_ack["frame"], pl.col("type") == ParameterType.IPV4_ADDRESS
    )
    address = listed.row(1, named=True)

    def edit(packet: bytearray) -> bytearray:
        del packet[SCTP + address["offset"] : SCTP + address["offset"] + address["length"]]
        struct.pack_into(">H", packet, SCTP + COMMON_HEADER + 2, init_ack["length"] - address["length"])
        return packet

    broken = broken_by(init_ack["frame"], edit)
    # the API rules compare what was bound, and what was told to both programs, with the list in this frame
    for rule in ("rfc6458/9.1/bindx-add-before-setup", "rfc6458/9.3/getpaddrs", "rfc6458/9.5/getladdrs"):
        assert broken.pop(rule) == [init_ack["frame"]]
    assert broken.pop("rfc6458/9.9/connectx-addresses-announced") == [init_ack["frame"]]
    # and packets go to and come from an address that was not announced
    assert set(broken) == {
        "rfc9260/5.1.2/destination-in-peer-address-set",
        "rfc9260/5.1.2/source-in-own-address-set",
    }


def test_another_stream_identifier(good, broken_by):
    data, next_of_side = (chunk(good, ChunkType.DATA, number) for number in (4, 6))
    assert data["side"] == next_of_side["side"] and data["ssn"] == 2
    broken = broken_by(data["frame"], flip(data["offset"] + 9))
    assert broken.pop("rfc6458/5.3.4/snd-sid") == [data["frame"]]
    assert broken.pop("rfc6458/5.3.5/rcvinfo-fields") == [data["frame"]]
    # the SSN 2 now is the first of stream 1, and missing in stream 0
    assert broken.pop("rfc9260/6.5/ssn-starts-at-zero") == [data["frame"]]
    assert broken.pop("rfc9260/6.5/ssn-increments") == [next_of_side["frame"]]
    assert broken == {}


def test_a_changed_payload_byte(good, broken_by):
    data = chunk(good, ChunkType.DATA, 4)
    broken = broken_by(data["frame"], flip(data["offset"] + 16))
    assert broken == {
        "rfc6458/3.1.4/send-message-to-data": [data["frame"]],
        "rfc6458/3.1.4/recv-equals-data": [data["frame"]],
    }


def test_a_changed_ppid(good, broken_by):
    data = chunk(good, ChunkType.DATA, 4)
    broken = broken_by(data["frame"], put(data["offset"] + 12, struct.pack("<I", 46)))
    assert broken == {
        "rfc6458/5.3.4/snd-ppid": [data["frame"]],
        "rfc6458/5.3.5/rcvinfo-fields": [data["frame"]],
    }


def test_a_heartbeat_ack_with_a_changed_byte(good, broken_by):
    beat = confirmed_beat(good)
    ack = good.chunks.filter(pl.col("frame") == beat["ack_frame"]).row(0, named=True)
    assert broken_by(ack["frame"], flip(ack["offset"] + ack["length"] - 1)) == {
        "rfc9260/8.3/hb-ack-info-unchanged": [ack["frame"]]
    }


def test_a_heartbeat_ack_with_a_changed_byte_from_another_address_than_was_asked(broken_by):
    recording = GOOD.with_name("multihoming-2x1.pcapng")
    good = sctpinspect.read(recording)
    beats = good.heartbeats.filter(pl.col("ack_source") != pl.col("destination"))
    beat = beats.row(1, named=True)
    assert broken_by(beat["ack_frame"], flip(COMMON_HEADER + 20), recording) == {
        "rfc9260/8.3/hb-ack-info-unchanged": [beat["ack_frame"]]
    }


def test_an_address_that_gets_no_heartbeats(good, tmp_path):
    beats = good.heartbeats.filter(pl.col("side") == 0, pl.col("destination") == "10.0.0.2")
    file = GOOD.read_bytes()
    # from the last one on, since frames after one that is left out move up
    for frame in sorted([*beats["frame"], *beats["ack_frame"]], reverse=True):
        file = edited(file, frame, lambda packet: None)
    (tmp_path / "broken.pcapng").write_bytes(file)
    findings = sctpinspect.read(tmp_path / "broken.pcapng").verify().findings
    assert findings["rule"].to_list() == ["rfc6458/8.1.12/hb-interval-option", "rfc9260/8.3/hb-interval"]
    assert "10.0.0.2" in findings["expected"][0]


def test_a_heartbeat_ack_left_out(good, broken_by):
    beat = confirmed_beat(good)
    # frames of packets after it move up by one; the HEARTBEAT is before it
    assert broken_by(beat["ack_frame"], lambda packet: None) == {"rfc9260/8.3/hb-ack-sent": [beat["frame"]]}


def test_a_wrong_verification_tag(good, broken_by):
    sack = chunk(good, ChunkType.SACK, 0)
    broken = broken_by(sack["frame"], flip(4))
    assert broken.pop("rfc9260/8.5/vtag-equals-peer-initiate-tag") == [sack["frame"]]
    assert set(broken) <= {"rfc9260/5.3.1/vtag-stable", "rfc9260/8.5/wrong-vtag-ignored"}


def test_a_wrong_checksum(good, tmp_path):
    sack = chunk(good, ChunkType.SACK, 0)
    file = bytearray(GOOD.read_bytes())
    packet = good.packets.filter(pl.col("frame") == sack["frame"]).row(0, named=True)
    at = file.index(struct.pack(">I", packet["checksum"]))
    file[at] ^= 1
    (tmp_path / "broken.pcapng").write_bytes(file)
    findings = sctpinspect.read(tmp_path / "broken.pcapng").verify().findings
    assert findings.select("rule", "frame").rows() == [("rfc9260/6.8/crc32c-correct", sack["frame"])]


def test_another_cookie(good, broken_by):
    echo = chunk(good, ChunkType.COOKIE_ECHO)
    ack = chunk(good, ChunkType.COOKIE_ACK)  # by what the capture shows, a wrong cookie was accepted
    assert broken_by(echo["frame"], flip(echo["offset"] + 20)) == {
        "rfc9260/3.3.11/cookie-echo-exact": [echo["frame"]],
        "rfc9260/5.1.5/invalid-cookie-silent": [ack["frame"]],
    }


def test_a_sack_of_what_was_never_sent(good, broken_by):
    sack = chunk(good, ChunkType.SACK, -1)
    broken = broken_by(
        sack["frame"], put(sack["offset"] + 4, struct.pack(">I", (sack["cumulative_tsn"] + 9) % 2**32))
    )
    assert broken.pop("rfc9260/3.3.4/sack-only-sent-tsns") == [sack["frame"]]


def test_an_initiate_tag_in_the_header_of_an_init(good, broken_by):
    init = chunk(good, ChunkType.INIT)
    assert "rfc9260/8.5.1/init-vtag-zero" in broken_by(init["frame"], put(4, b"\0\0\0\1"))


HANDSHAKE = [ChunkType.INIT, ChunkType.INIT_ACK, ChunkType.COOKIE_ECHO, ChunkType.COOKIE_ACK]


def without(good, *types: ChunkType) -> bytes:
    """The recording without the packets that hold a chunk of these types; its counters stay."""
    file = GOOD.read_bytes()
    frames = good.chunks.filter(pl.col("type").is_in(types))["frame"].unique().sort(descending=True)
    for frame in frames:
        file = edited(file, frame, lambda packet: None)
    return file


@pytest.mark.parametrize(
    ("types", "rules"),
    [
        ([ChunkType.INIT], {"rfc6458/9.9/connectx-tries-all-addresses", "rfc9260/5.1/handshake-complete"}),
        ([ChunkType.INIT_ACK], {"rfc9260/5.1/handshake-complete", "rfc9260/5.1/init-is-answered"}),
        (
            [ChunkType.COOKIE_ECHO],
            {
                "rfc6458/6.1.1/notify-comm-up",
                "rfc9260/5.1/cookie-echo-follows-init-ack",
                "rfc9260/5.1/handshake-complete",
            },
        ),
        (
            [ChunkType.COOKIE_ACK],
            {
                "rfc6458/4.1.5/connect-returns-established",
                "rfc6458/6.1.1/notify-comm-up",
                "rfc9260/5.1/cookie-ack-answers-echo",
                "rfc9260/5.1/handshake-complete",
            },
        ),
        (
            HANDSHAKE,
            {
                "rfc6458/6.1.1/notify-comm-up",
                "rfc6458/9.9/connectx-tries-all-addresses",
                "rfc9260/5.1/handshake-complete",
            },
        ),
        (
            [ChunkType.SHUTDOWN],
            {"rfc6458/6.1.5/notify-shutdown-event", "rfc9260/9.2/shutdown-in-order"},
        ),
        (
            [ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK, ChunkType.SHUTDOWN_COMPLETE],
            {"rfc6458/3.1.5/close-graceful", "rfc6458/6.1.5/notify-shutdown-event"},
        ),
        (
            list(ChunkType),
            {
                "rfc6458/3.1.4/recv-equals-data",
                "rfc6458/6.1.1/notify-comm-up",
                "rfc6458/9.9/connectx-tries-all-addresses",
            },
        ),
    ],
    ids=lambda case: "+".join(type.name for type in case[:4]) if isinstance(case, list) else "",
)
def test_packets_that_a_whole_recording_cannot_lack(good, tmp_path, types, rules):
    (tmp_path / "broken.pcapng").write_bytes(without(good, *types))
    verdict = sctpinspect.read(tmp_path / "broken.pcapng").verify()
    assert set(verdict.findings["rule"]) == rules


def test_each_heartbeat_ack_is_missed(good, broken_by):
    beats = good.heartbeats.drop_nulls("ack_frame")
    assert len(beats) >= 12
    for beat in beats.iter_rows(named=True):
        broken = broken_by(beat["ack_frame"], lambda packet: None)
        assert broken.pop("rfc9260/8.3/hb-ack-sent") == [beat["frame"]]
        # without the first answer from an address it was not confirmed when the program was told so
        assert set(broken) <= {"rfc6458/6.1.2/notify-addr-change"}
