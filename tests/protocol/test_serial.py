"""Serial number arithmetic (RFC 1982)."""

from hypothesis import given
from hypothesis import strategies as st

from sctpinspect.protocol import serial

TSN = st.integers(0, 0xFFFFFFFF)


def test_numbers_wrap():
    assert serial.add(0xFFFFFFFF, 1) == 0
    assert serial.add(0, -1) == 0xFFFFFFFF
    assert serial.add(0xFFFF, 2, bits=16) == 1
    assert serial.lt(0xFFFFFFFF, 0)
    assert not serial.lt(0, 0xFFFFFFFF)
    assert serial.distance(0xFFFFFFFE, 1) == 3
    assert serial.distance(1, 0xFFFFFFFE) == -3
    assert serial.lt(0xFFFF, 0, bits=16)


def test_of_numbers_half_the_circle_apart_none_is_first():
    assert not serial.lt(0, 1 << 31)
    assert not serial.lt(1 << 31, 0)


@given(TSN, st.integers(1, (1 << 31) - 1))
def test_what_is_ahead_by_less_than_half_the_circle_comes_after(start, step):
    end = serial.add(start, step)
    assert serial.lt(start, end) and serial.leq(start, end) and not serial.leq(end, start)
    assert serial.distance(start, end) == step
    assert serial.distance(end, start) == -step


@given(TSN)
def test_a_number_is_not_before_itself(number):
    assert serial.leq(number, number) and not serial.lt(number, number)
