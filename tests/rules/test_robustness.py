"""No packet and no journal entry, however odd, makes a rule crash."""

import random
from dataclasses import replace

import builders as b
import pytest
from rules.captures import CAPTURES
from rules.good import Story
from rules.verdicts import tables, verdict

from sctpinspect.journal.entry import Call
from sctpinspect.rules import Status
from sctpinspect.rules.calls import causes_no_packet, succeeded
from sctpinspect.rules.engine import verify
from sctpinspect.rules.view import view

ODD = [
    None,
    "",
    "x" * 300,
    -1,
    1 << 70,
    1.5,
    [],
    {},
    [None],
    {"a": [1]},
    True,
    "::",
    "10.1.0.1",
    ["10.1.0.1"],
]


def crashes(story: Story) -> list[str]:
    return [result.error for result in verdict(story).results if result.status is Status.CRASHED]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("capture", CAPTURES)
def test_changed_bytes(capture, seed):
    chance = random.Random(seed)
    story = CAPTURES[capture]()

    def spoiled(chunk: bytes) -> bytes:
        changed = bytearray(chunk)
        for _ in range(chance.choice([0, 0, 1, 4])):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)

    story.packets = [
        replace(packet, chunks=[spoiled(chunk) for chunk in packet.chunks]) for packet in story.packets
    ]
    assert crashes(story) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("capture", [name for name in CAPTURES if CAPTURES[name]().calls])
def test_odd_calls(capture, seed):
    chance = random.Random(seed)
    story = CAPTURES[capture]()

    def odd(values: dict) -> dict:
        return {
            name: chance.choice(ODD) if chance.random() < 0.3 else value for name, value in values.items()
        }

    story.calls = [
        call._replace(arguments=odd(call.arguments), result=odd(call.result)) for call in story.calls
    ]
    story.recipe["sysctls"] = chance.choice(ODD)
    assert crashes(story) == []


@pytest.mark.parametrize("seed", range(4))
def test_records_lost_and_shuffled(seed):
    chance = random.Random(seed)
    story = CAPTURES["multihoming"]()
    story.packets = [packet for packet in story.packets if chance.random() < 0.7]
    story.calls = [call for call in story.calls if chance.random() < 0.7]
    chance.shuffle(story.packets)
    assert crashes(story) == []


def test_an_empty_capture():
    results = verify(tables(Story())).results
    assert {result.status for result in results} == {Status.NOT_APPLICABLE}


def test_calls_and_packets_of_one_host_are_not_paired():
    """Calls that all last as long as the capture: each is blamed once, not once for each packet."""
    number = 2000
    story = Story()
    story.packets = [
        b.Packet(
            story.clock + index, "10.1.0.1", "10.1.0.2", 1024 + index, 7, 0, [b.init(tag=index + 1, tsn=1)]
        )
        for index in range(1, number + 1)
    ]
    reads = {"option": "SCTP_STATUS"}
    read = Call(story.clock, story.clock + number, "a", 1, 1, 1, "getsockopt", reads, {}, 1025)
    story.calls = [read] * number
    seen = view(tables(story))
    violations = causes_no_packet(seen, succeeded(seen, "getsockopt")).violations.collect()
    assert violations.height == number
