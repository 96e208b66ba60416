"""The ladder: what stands in which lane, at which edge, in which order."""

import itertools
import json
import re
from dataclasses import replace

import polars as pl
import pytest
from builders import (
    CLIENT,
    MILLISECOND,
    SECOND,
    SERVER,
    abort,
    association,
    cause,
    data,
    heartbeat,
    heartbeat_ack,
    sack,
)

from sctpinspect import UsageError, read
from sctpinspect.protocol import CauseCode
from sctpinspect.report.ladder import FOLD_ABOVE, MIN_WIDTH, ladder


def drawn(capture, **options) -> list[str]:
    return [line.plain for line in ladder(capture, **options)]


def row(lines: list[str], frame: int) -> str:
    return next(line for line in lines if re.match(rf" *[\d.]+ +{frame}  ", line))


def test_an_arrow_points_from_its_sender_and_carries_its_chunks(good):
    lines = drawn(good)
    first = good.packets["frame"][0]
    assert re.search(r"─ INIT os=\d+ mis=\d+ ─+▶", row(lines, first))
    assert re.search(r"◀─+ INIT_ACK os=10 mis=10 ─", row(lines, first + 1))


def test_tsns_are_relative_to_their_senders_initial_tsn_even_where_they_wrap(good):
    text = "\n".join(drawn(good))
    for number in range(5):
        assert f"DATA tsn=+{number} s=0 ppid=0 6 bytes" in text
        assert f"DATA tsn=+{number} s=0 ppid=0 2 bytes" in text  # the server's begin at 0xFFFFFFFE
        assert f"SACK +{number} " in text


def test_every_pair_of_addresses_has_its_lane_in_a_capture_by_others(save):
    capture = read(save(association()))
    lines = drawn(capture)
    for client, server in zip(CLIENT, SERVER, strict=True):
        assert any(client in line and server in line for line in lines[:3])
    second = capture.packets.filter(pl.col("destination") == SERVER[1])["frame"][0]
    first = capture.packets["frame"][0]
    assert row(lines, second).index("─") > row(lines, first).index("▶")


def test_calls_stand_at_their_hosts_edge_at_their_time(good):
    lines = drawn(good)
    connect = next(number for number, line in enumerate(lines) if "● sctp_connectx(" in line)
    returned = next(number for number, line in enumerate(lines) if "● sctp_connectx returns 0" in line)
    received = next(number for number, line in enumerate(lines) if "recvmsg(" in line)
    init, cookie_ack = (
        next(number for number, line in enumerate(lines) if f" {name} " in line)
        for name in ("INIT", "COOKIE_ACK")
    )
    assert connect < init < cookie_ack < returned < received  # recvmsg() began first, and waited
    assert lines[received].endswith("●") and not lines[connect].endswith("●")
    assert any("● peer addresses: 10.1.0.2" in line for line in lines)


def test_a_finding_is_marked_below_its_frame(wrong_tag):
    findings = wrong_tag.verify("rfc9260/8.5").findings
    lines = drawn(wrong_tag, findings=findings)
    frame, rule = findings.select("frame", "rule").row(0)
    below = lines[lines.index(row(lines, frame)) + 1]
    assert below.strip().startswith(f"✗ {rule}: ")
    assert not any("✗" in line for line in drawn(wrong_tag))


def test_no_line_is_wider_than_asked(good):
    for width in (100, 120, 200):
        assert max(map(len, drawn(good, width=width))) <= width
    assert max(map(len, drawn(good, width=20))) <= MIN_WIDTH


def test_time_runs_downwards(good):
    times = [float(match[1]) for line in drawn(good) if (match := re.match(r" *(\d+\.\d{3}) ", line))]
    assert len(times) > good.packets.height and times == sorted(times) and times[0] == 0


def test_heartbeats_are_folded_only_in_long_ladders(save):
    packets = association()
    last = packets.pop().time_ns
    short = drawn(read(save(packets)))
    assert sum("HEARTBEAT" in line for line in short) == sum(p.chunks[0][0] in (4, 5) for p in packets)
    clock = itertools.count(last, MILLISECOND)
    for number in range(FOLD_ABOVE):
        info = bytes([number]) * 16
        ask = replace(packets[0], time_ns=next(clock), tag=0xBBBB0002, chunks=[heartbeat(info)])
        answer = replace(packets[1], time_ns=next(clock), tag=0xAAAA0001, chunks=[heartbeat_ack(info)])
        packets += [ask, answer]
    folded = drawn(read(save(packets)))
    assert len(folded) < len(short) + 20
    assert any(f"{FOLD_ABOVE} HEARTBEATs, {FOLD_ABOVE} HEARTBEAT_ACKs in 0.399 s" in line for line in folded)


def test_retransmissions_fragments_gaps_and_causes_are_told(save):
    packets = association(messages=0, heartbeats=1)[:-3]
    model, reply = packets[0], packets[1]
    clock = itertools.count(packets[-1].time_ns + MILLISECOND, MILLISECOND)

    def send(side, *chunks):
        like, tag = ((model, 0xBBBB0002), (reply, 0xAAAA0001))[side]
        packets.append(replace(like, time_ns=next(clock), tag=tag, chunks=list(chunks)))

    send(0, data(1000, b"one", flags=2))
    send(0, data(1001, b"two", flags=1))
    send(0, data(1003, b"four", ssn=1, flags=7))
    send(1, sack(1001, gaps=[(2, 2)]))
    send(0, data(1003, b"four", ssn=1, flags=7))
    send(1, abort(cause(CauseCode.USER_INITIATED_ABORT, b"bye")))
    text = "\n".join(drawn(read(save(packets)), width=200))
    assert "DATA tsn=+0 s=0 ppid=0 3 bytes first" in text
    assert "DATA tsn=+1 s=0 ppid=0 3 bytes last" in text
    assert "DATA tsn=+3 s=0 ppid=0 4 bytes unordered ─" in text
    assert "SACK +1 gaps +3" in text
    assert "unordered again" in text
    assert "ABORT (USER_INITIATED_ABORT)" in text


def test_another_association_is_drawn_when_asked_for(save):
    later = association(client_port=6000, client_tag=3, server_tag=4)
    packets = association() + [replace(p, time_ns=p.time_ns + 60 * SECOND) for p in later]
    capture = read(save(packets))
    assert "side 0 port 5000" in drawn(capture)[1] and "association 0, one of 2" in drawn(capture)[0]
    assert "side 0 port 6000" in drawn(capture, association=1)[1]
    with pytest.raises(UsageError, match="associations 0 to 1"):
        drawn(capture, association=2)


def test_a_lost_packet_has_no_head_and_a_bad_checksum_is_told(save):
    packets = association()
    packets[0] = replace(packets[0], comment="sctpinspect delivery: lost")
    packets[1] = replace(packets[1], checksum=1)
    capture = read(save(packets))
    lines = drawn(capture)
    frames = capture.packets["frame"]
    assert "✗" in row(lines, frames[0]) and "▶" not in row(lines, frames[0])
    assert "bad checksum" in row(lines, frames[1])


def test_many_pairs_of_addresses_share_the_last_lane(save):
    client, server = ([f"10.{path}.0.{end}" for path in range(9)] for end in (1, 2))
    capture = read(save(association(client, server)))
    lines = drawn(capture, width=100)
    assert any("other pairs" in line for line in lines[:3])
    assert max(map(len, lines)) <= 100
    assert sum("▶" in line or "◀" in line for line in lines) == capture.packets.height


def test_ipv6_addresses_have_space(save):
    client, server = ([f"2001:db8:1111:2222:3333:4444:5555:{end}", f"fd00::{end}"] for end in (1, 2))
    lines = drawn(read(save(association(client, server))), width=100)
    assert any(client[0] in line for line in lines[:4]) and any(server[0] in line for line in lines[:4])


def test_hostile_text_is_escaped_in_place(save):
    from sctpinspect.journal.entry import Event

    event = Event(association()[0].time_ns, "\x1b[2J", "\u202edown", "[bold]\x07")
    lines = drawn(read(save(association(), [event])))
    assert any(r"\x1b[2J: \u202edown [bold]\x07" in line for line in lines)


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal(good, width):
    lines = drawn(good, width=width)
    assert max(map(len, lines)) <= width
    for frame in good.packets["frame"].to_list():
        assert re.search("[▶◀]", row(lines, frame))


def test_a_call_shows_what_it_gives(good):
    result = '{"address": "10.1.0.1", "port": 5000}'
    changed = replace(
        good, calls=good.calls.with_columns(name=pl.lit("getsockname"), result=pl.lit(result), errno=None)
    )
    assert "getsockname() = 10.1.0.1:5000" in "\n".join(drawn(changed, width=160))


@pytest.mark.parametrize(("flags", "shown"), [("SCTP_BINDX_REM_ADDR", True), ("SCTP_BINDX_ADD_ADDR", False)])
def test_only_flags_out_of_the_ordinary_are_shown(good, flags, shown):
    arguments = json.dumps({"addresses": ["10.1.0.1"], "port": 5000, "flags": flags})
    changed = replace(
        good, calls=good.calls.with_columns(name=pl.lit("sctp_bindx"), arguments=pl.lit(arguments))
    )
    assert (flags in " ".join(drawn(changed, width=160))) is shown
