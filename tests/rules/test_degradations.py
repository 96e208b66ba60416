"""What a worse capture of the same traffic may change: verdicts become INCONCLUSIVE, never a new finding."""

from itertools import islice
from pathlib import Path

import pytest
from degrading import (
    blocks_of,
    counted,
    journal_in,
    lossy,
    not_whole,
    packets_in,
    short,
    swapped,
    twice,
    uncounted,
    without,
)
from external_captures import FOLDER, needed
from rules import good
from rules.captures import CAPTURES

from sctpinspect.decode import decode
from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Status
from sctpinspect.rules.engine import verify
from sctpinspect.tables.build import build

SAVED = Path(__file__).parents[2] / "captures" / "sample"
FEW = 5
"""So many of the packets of a capture are where it begins or ends."""


@pytest.fixture
def tables(tmp_path):
    def of(blocks):
        path = tmp_path / "worse.pcapng"
        path.write_bytes(b"".join(blocks))
        return build(decode(path))

    return of


@pytest.fixture
def broken(tables):
    """The rules that have findings, or raised."""

    def of(blocks):
        results = verify(tables(blocks)).results
        return {
            result.rule.id for result in results if len(result.findings) or result.status is Status.CRASHED
        }

    return of


def degradations(blocks, tables):
    """Names and blocks of captures that show less, or later, or twice what there was."""
    packets = packets_in(blocks)
    for number in range(1, len(packets), max(1, len(packets) // FEW)):
        front, back = without(blocks, packets[:number]), without(blocks, packets[-number:])
        yield f"begins with packet {number}", not_whole(front)
        yield f"begins with packet {number}, drops unknown", uncounted(front)
        yield f"lacks the last {number}, drops unknown", uncounted(back)
    for percent, seed in ((5, 1), (5, 2), (20, 3), (20, 4)):
        yield f"lost {percent} % ({seed})", lossy(blocks, percent, seed)
    for snaplen in (34, 42, 46, 50, 54, 62, 66, 70, 82, 96, 128):
        yield f"snaplen {snaplen}", short(blocks, snaplen)
    for later_ns in (0, 50_000):
        yield f"twice, {later_ns} ns later", twice(blocks, later_ns)
    found = tables(blocks)
    handshake = found.chunks.filter(
        found.chunks["type"].is_in([ChunkType.INIT, ChunkType.INIT_ACK, ChunkType.COOKIE_ECHO])
    )
    for packet in handshake["packet"].to_list()[:FEW]:
        yield f"without packet {packet}, drops unknown", uncounted(without(blocks, [packets[packet]]))
    for side in (0, 1):
        gone = [packets[packet] for packet in found.packets.filter(side=side)["packet"].to_list()]
        yield f"one direction, {side}", counted(without(blocks, gone), len(gone))
        yield f"one direction, {side}, drops unknown", uncounted(without(blocks, gone))
    calls = journal_in(blocks)
    yield "the first calls are missing", without(blocks, calls[: len(calls) // 3])
    yield "the last calls are missing", without(blocks, calls[-len(calls) // 3 :])
    for host in (b"a", b"b"):
        of_host = [index for index in calls if b"SCTP_HOST=" + host + b"\n" in blocks[index]]
        yield f"without the journal of {host!r}", without(blocks, of_host)
    others = uncounted(blocks)
    for index in packets_in(others)[:-1][:: max(1, len(packets) // FEW)]:
        yield f"block {index} overtaken", swapped(others, index)


@pytest.fixture
def new_findings(tables, broken, request):
    """The findings that the capture has not: of one degradation in six, with --all-scenarios of all."""
    step = 1 if request.config.getoption("all_scenarios") else 6

    def of(blocks):
        there = broken(blocks) | broken(uncounted(blocks))
        chosen = islice(degradations(blocks, tables), len(blocks) % step, None, step)
        worse = ((name, broken(degraded) - there) for name, degraded in chosen)
        return {name: found for name, found in worse if found}

    return of


@pytest.mark.parametrize("story", [*good.CAPTURES, "losses"])
def test_stories(story, new_findings, tmp_path):
    path = tmp_path / "story.pcapng"
    path.write_bytes(CAPTURES[story]().bytes())
    assert new_findings(blocks_of(path)) == {}


@pytest.mark.parametrize("name", ["multihoming", "multihoming-1x2-ipv6"])
def test_recordings(name, new_findings):
    assert new_findings(blocks_of(SAVED / f"{name}.pcapng")) == {}


@needed
@pytest.mark.parametrize(
    "name", ["wireshark-wiki__sctp-addip.cap", "tcpdump__sctp-i-data.pcap", "openss7__etsisun2-168.pcap"]
)
def test_captures_by_others(name, new_findings):
    assert new_findings(blocks_of(FOLDER / name)) == {}
