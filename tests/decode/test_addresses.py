"""Addresses of packets as text, each once."""

import ipaddress
import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sctpinspect.decode.addresses import NO_ADDRESS, address_texts, addresses
from sctpinspect.decode.rows import PACKET

HALF = (1 << 64) - 1


def packets_of(pairs) -> np.ndarray:
    """Packets between pairs of addresses; None: without IP."""
    rows = np.zeros(len(pairs), dtype=PACKET)
    for row, pair in zip(rows, pairs, strict=True):
        if pair is not None:
            row["family"] = pair[0].version
            for name, address in zip(("source", "destination"), pair, strict=True):
                row[f"{name}_high"], row[f"{name}_low"] = int(address) >> 64, int(address) & HALF
    return rows


V4 = st.integers(0, (1 << 32) - 1).map(ipaddress.IPv4Address)
V6 = st.integers(0, (1 << 128) - 1).map(ipaddress.IPv6Address) | st.integers(0, 3).map(ipaddress.IPv6Address)
PAIRS = st.none() | st.tuples(V4, V4) | st.tuples(V6, V6)


@settings(max_examples=200, deadline=None)
@given(st.lists(PAIRS, max_size=50))
def test_addresses(pairs):
    texts, sources, destinations = addresses(packets_of(pairs))
    assert len(set(texts)) == len(texts)
    for pair, source, destination in zip(pairs, sources, destinations, strict=True):
        if pair is None:
            assert source == destination == NO_ADDRESS
        else:
            shown = tuple(ipaddress.ip_address(texts[index]) for index in (source, destination))
            assert shown == pair


def test_the_same_number_in_both_versions():
    pairs = [(kind(1), kind(2)) for kind in (ipaddress.IPv4Address, ipaddress.IPv6Address)]
    texts, sources, destinations = addresses(packets_of(pairs))
    assert texts == ["0.0.0.1", "0.0.0.2", "::1", "::2"]
    assert (sources.tolist(), destinations.tolist()) == ([0, 2], [1, 3])


def test_text_is_that_of_rfc_5952():
    numbers = [1 << 112 | 1, 0x20010DB8 << 96, 0, 0x20010DB8000000010001000100010001]
    high = np.array([number >> 64 for number in numbers], dtype=np.uint64)
    low = np.array([number & HALF for number in numbers], dtype=np.uint64)
    expected = ["1::1", "2001:db8::", "::", "2001:db8:0:1:1:1:1:1"]
    assert address_texts(np.full(4, 6, dtype=np.uint8), high, low) == expected
    assert address_texts(np.zeros(1, dtype=np.uint8), high[:1], low[:1]) == [""]


def test_many():
    chance = random.Random(1)
    kinds = [ipaddress.IPv4Address, ipaddress.IPv6Address]
    pool = [kinds[number % 2](number << (number % 2 * 60)) for number in range(1, 20_001)]
    pairs = [(one, pool[(pool.index(one) + 2) % 20_000]) for one in chance.sample(pool, 300)]
    pairs += [(pool[index], pool[index - 2]) for index in range(20_000)]
    texts, sources, destinations = addresses(packets_of(pairs))
    assert len(texts) == 20_000
    assert [texts[index] for index in sources] == [str(pair[0]) for pair in pairs]
    assert [texts[index] for index in destinations] == [str(pair[1]) for pair in pairs]


def test_none():
    texts, sources, destinations = addresses(np.zeros(0, dtype=PACKET))
    assert (texts, len(sources), len(destinations)) == ([], 0, 0)
