"""Which message is which call, also where something was altered."""

import polars as pl
import pytest

from sctpinspect.tables import sends as tables_sends
from sctpinspect.tables.schema import CALLS, MESSAGES, polars_schema


def calls(*rows: dict) -> pl.LazyFrame:
    common = {
        "name": "sctp_sendmsg",
        "association": 0,
        "side": 0,
        "length": 4,
        "arguments": "{}",
        "host": "a",
    }
    numbered = [{"call": number, "socket": 1, **common, **row} for number, row in enumerate(rows)]
    return pl.DataFrame(numbered, polars_schema(CALLS)).lazy()


def messages(*rows: dict) -> pl.LazyFrame:
    numbered = [{"message": number, "association": 0, "side": 0, **row} for number, row in enumerate(rows)]
    return pl.DataFrame(numbered, polars_schema(MESSAGES)).lazy()


def associations(handshake: bool = True) -> pl.LazyFrame:
    return pl.DataFrame(
        {"association": [0], "handshake": [handshake]}, schema_overrides={"association": pl.UInt32}
    ).lazy()


def sends(calls: pl.LazyFrame, messages: pl.LazyFrame, handshake: bool = True) -> pl.LazyFrame:
    return tables_sends.sends(calls, messages, associations(handshake))


def receives(calls: pl.LazyFrame, messages: pl.LazyFrame, chunks: pl.LazyFrame) -> pl.LazyFrame:
    return tables_sends.receives(calls, messages, chunks, associations())


def pairs(joined: pl.LazyFrame) -> set[tuple]:
    return set(joined.select("call", "message").collect().rows())


def test_equal_ones_belong_together_in_whatever_order():
    joined = sends(calls({}, {}, {}), messages({"send_call": 2}, {"send_call": 0}, {"send_call": 1}))
    assert pairs(joined) == {(2, 0), (0, 1), (1, 2)}


def test_where_one_differs_the_order_tells():
    joined = sends(calls({}, {}, {}), messages({"send_call": 1}, {}, {"send_call": 2}))
    assert pairs(joined) == {(0, 0), (1, 1), (2, 2)}


def test_without_the_handshake_the_order_tells_nothing():
    """The first message's call came before the capture starts, the last call's message after it ends."""
    joined = sends(calls({}, {}), messages({}, {"send_call": 0}), handshake=False)
    assert pairs(joined) == {(None, 0), (0, 1), (1, None)}


def test_where_numbers_differ_only_equal_ones_belong_together():
    joined = sends(calls({}, {}, {}), messages({"send_call": 1}, {}))
    assert pairs(joined) == {(1, 0), (None, 1), (0, None), (2, None)}


@pytest.mark.parametrize(
    "other",
    [
        {"errno": "EAGAIN"},
        {"name": "sctp_recvmsg"},
        {"association": None},
        {"length": 0},
        {"arguments": '{"flags":["SCTP_ABORT"]}'},
        {"side": 1},
    ],
)
def test_calls_that_send_no_message_of_the_side_do_not_count(other):
    joined = sends(calls({}, other, {}), messages({}, {}))
    assert {(0, 0), (2, 1)} <= pairs(joined)
    assert (1, 0) not in pairs(joined) and (1, 1) not in pairs(joined)


def test_a_side_without_calls_is_left_out():
    assert pairs(sends(calls({"side": 1}), messages({}))) == {(0, None)}


def received(**values) -> dict:
    return {"name": "sctp_recvmsg", "side": 1, "end_of_record": True, **values}


def chunks(*tsns: tuple[int, int]) -> pl.LazyFrame:
    """Chunks of side 0: (TSN, message)."""
    rows = [{"association": 0, "side": 0, "tsn": tsn, "message": message} for tsn, message in tsns]
    schema = {"association": pl.UInt32, "side": pl.UInt8, "tsn": pl.UInt32, "message": pl.UInt32}
    return pl.DataFrame(rows, schema).lazy()


def test_a_tsn_tells_the_message_whatever_else_differs():
    got = calls(received(tsn=11), received(tsn=10))
    assert pairs(receives(got, messages({}, {}), chunks((10, 0), (11, 1)))) == {(0, 1), (1, 0)}


def test_any_fragment_tells_the_message():
    assert pairs(receives(calls(received(tsn=11)), messages({}), chunks((10, 0), (11, 0)))) == {(0, 0)}


def test_without_a_tsn_equal_ones_belong_together():
    got = calls(received(), received())
    both = messages({"receive_call": 1}, {"receive_call": 0})
    assert pairs(receives(got, both, chunks())) == {(1, 0), (0, 1)}


def test_a_second_receive_of_a_tsn_has_no_message():
    got = calls(received(tsn=10), received(tsn=10))
    assert pairs(receives(got, messages({}, {}), chunks((10, 0), (11, 1)))) >= {(0, 0)}
    assert pairs(receives(got, messages({}), chunks((10, 0)))) == {(0, 0), (1, None)}


def test_parts_of_a_message_are_no_receives():
    got = calls(received(end_of_record=False), received(), received(tsn=11))
    both = messages({"receive_call": 1}, {})
    assert pairs(receives(got, both, chunks((10, 0), (11, 1)))) == {(None, 0), (2, 1)}
