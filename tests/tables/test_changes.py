"""What extensions change in an association that goes on, and what was announced at set-up."""

import struct
from dataclasses import replace

import pytest
from builders import address_parameter, asconf, chunk, cookie_ack, cookie_echo, parameter
from conversation import COOKIE, Conversation

from sctpinspect.protocol import ChunkType, ParameterType

ADD, DELETE = ParameterType.ADD_IP_ADDRESS, ParameterType.DELETE_IP_ADDRESS
PRIMARY = ParameterType.SET_PRIMARY_ADDRESS
SUCCESS, FAILURE = ParameterType.SUCCESS_INDICATION, ParameterType.ERROR_CAUSE_INDICATION
OUTGOING, INCOMING = ParameterType.OUTGOING_SSN_RESET_REQUEST, ParameterType.INCOMING_SSN_RESET_REQUEST
MORE_OUT, MORE_IN = ParameterType.ADD_OUTGOING_STREAMS_REQUEST, ParameterType.ADD_INCOMING_STREAMS_REQUEST
ONE = address_parameter("10.1.0.1")


def request(type: int, correlation: int, address: str) -> bytes:
    return parameter(type, struct.pack(">I", correlation) + address_parameter(address))


def asconf_ack(serial: int, *parameters: bytes) -> bytes:
    return asconf(serial, *parameters, type=ChunkType.ASCONF_ACK)


def refusal(correlation: int, code: int) -> bytes:
    return parameter(FAILURE, struct.pack(">IHH", correlation, code, 4))


def re_config(*parameters: bytes) -> bytes:
    return chunk(ChunkType.RE_CONFIG, b"".join(parameters))


def response(number: int, result: int, *tsns: int) -> bytes:
    return parameter(
        ParameterType.RE_CONFIGURATION_RESPONSE, struct.pack(f">{2 + len(tsns)}I", number, result, *tsns)
    )


def more_streams(number: int, count: int, type: int = MORE_OUT) -> bytes:
    return parameter(type, struct.pack(">IHH", number, count, 0))


def reset(number: int, *streams: int) -> bytes:
    return parameter(OUTGOING, struct.pack(f">III{len(streams)}H", number, 0, 999, *streams))


def auth(key: int) -> bytes:
    return chunk(ChunkType.AUTH, struct.pack(">HH", key, 1) + bytes(20))


def changed(found, *columns) -> list[tuple]:
    return found.changes.select("frame", "side", "kind", *columns).rows()


def addresses(found, side=0) -> list[tuple]:
    rows = found.addresses.filter(side=side)
    return rows.select("address", "learned_frame", "learned_from", "removed_frame").rows()


def test_addresses_come_and_go(tables):
    talk = Conversation().handshake()
    talk.send(0, asconf(7, ONE, request(ADD, 1, "10.9.0.1"))).send(1, asconf_ack(7))
    talk.send(0, asconf(8, ONE, request(PRIMARY, 1, "10.9.0.1"))).send(1, asconf_ack(8))
    talk.send(0, asconf(9, ONE, request(DELETE, 1, "10.1.0.1"))).send(
        0, asconf(9, ONE, request(DELETE, 1, "10.1.0.1"))
    )
    found = tables(talk.packets)
    assert changed(found, "number", "address", "outcome", "answer_frame") == [
        (5, 0, "address_added", 7, "10.9.0.1", "done", 6),
        (7, 0, "primary_set", 8, "10.9.0.1", "done", 8),
        (9, 0, "address_removed", 9, "10.1.0.1", None, None),  # sent again, not answered
    ]
    assert addresses(found) == [("10.1.0.1", 1, "source", 9), ("10.9.0.1", 5, "asconf", None)]


def test_what_was_refused_is_not_changed(tables):
    """RFC 5061 §5.1 A7: what follows it is refused too, unless the answer says otherwise."""
    talk = Conversation(client=["10.1.0.1", "10.2.0.1"]).handshake()
    wishes = [request(ADD, 1, "10.9.0.1"), request(ADD, 2, "10.9.0.2"), request(DELETE, 3, "10.2.0.1")]
    wishes.append(request(ADD, 4, "10.9.0.4"))
    talk.send(0, asconf(7, ONE, *wishes))
    talk.send(1, asconf_ack(7, refusal(2, 0xA1), parameter(SUCCESS, struct.pack(">I", 4))))
    found = tables(talk.packets)
    outcomes = [row[-2:] for row in changed(found, "outcome", "result")]
    assert outcomes == [("done", None), ("refused", 0xA1), ("refused", None), ("done", None)]
    assert addresses(found) == [
        ("10.1.0.1", 1, "source", None),
        ("10.2.0.1", 1, "parameter", None),
        ("10.9.0.1", 5, "asconf", None),
        ("10.9.0.4", 5, "asconf", None),
    ]


def test_address_that_came_back_is_there(tables):
    talk = Conversation(client=["10.1.0.1", "10.2.0.1"]).handshake()
    talk.send(0, asconf(7, ONE, request(DELETE, 1, "10.2.0.1"))).send(1, asconf_ack(7))
    assert addresses(tables(talk.packets))[1] == ("10.2.0.1", 1, "parameter", 5)
    talk.send(0, asconf(8, ONE, request(ADD, 1, "10.2.0.1"))).send(1, asconf_ack(8))
    assert addresses(tables(talk.packets))[1] == ("10.2.0.1", 1, "parameter", None)


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
def test_wildcards_mean_the_source(tables, wildcard):
    """RFC 5061 §4.2.1, §4.2.2: it is added, or all others are removed."""
    talk = Conversation(client=["10.1.0.1", "10.2.0.1"]).handshake()
    talk.send(0, asconf(7, ONE, request(ADD, 1, wildcard))).send(1, asconf_ack(7))
    talk.packets[-2] = replace(talk.packets[-2], source="10.9.0.1")
    talk.send(0, asconf(8, ONE, request(DELETE, 1, wildcard)), path=1).send(1, asconf_ack(8))
    found = tables(talk.packets)
    assert changed(found, "address") == [(5, 0, "address_added", "10.9.0.1"), (7, 0, "address_removed", None)]
    assert addresses(found) == [
        ("10.1.0.1", 1, "source", 7),
        ("10.2.0.1", 1, "parameter", None),
        ("10.9.0.1", 5, "asconf", 7),
    ]


def test_streams_are_added(tables):
    """RFC 6525 §4.5, §4.6: what the asker's own streams are changes their number, once it is done."""
    talk = Conversation().init().init_ack(outbound=20).send(0, cookie_echo(COOKIE)).send(1, cookie_ack())
    talk.send(0, re_config(more_streams(50, 3))).send(1, re_config(response(50, 1)))
    talk.send(0, re_config(more_streams(51, 4))).send(1, re_config(response(51, 2)))
    talk.send(1, re_config(more_streams(60, 5, MORE_IN))).send(0, re_config(response(60, 6)))
    talk.send(0, re_config(more_streams(52, 5))).send(1, re_config(response(52, 1)))
    columns = ("number", "added_streams", "outcome", "result", "outbound_streams")
    assert changed(tables(talk.packets), *columns) == [
        (5, 0, "outgoing_streams_added", 50, 3, "done", 1, 13),
        (7, 0, "outgoing_streams_added", 51, 4, "refused", 2, None),
        (9, 1, "incoming_streams_added", 60, 5, None, 6, None),
        (11, 0, "outgoing_streams_added", 52, 5, "done", 1, 18),
    ]


def test_ssns_and_tsns_are_reset(tables):
    talk = Conversation().handshake()
    talk.send(0, re_config(reset(50, 1, 2), parameter(INCOMING, struct.pack(">I", 51))))
    talk.send(1, re_config(response(50, 6))).send(1, re_config(response(50, 1)))
    talk.send(0, re_config(parameter(ParameterType.SSN_TSN_RESET_REQUEST, struct.pack(">I", 52))))
    talk.send(1, re_config(response(52, 1, 4000, 3000)))
    columns = ("number", "streams", "outcome", "answer_frame", "next_tsn", "peer_next_tsn")
    assert changed(tables(talk.packets), *columns) == [
        (5, 0, "outgoing_ssns_reset", 50, [1, 2], "done", 7, None, None),
        (5, 0, "incoming_ssns_reset", 51, [], None, None, None, None),
        (8, 0, "ssns_and_tsns_reset", 52, None, "done", 9, 3000, 4000),
    ]


def test_keys(tables):
    talk = Conversation().handshake()
    for side, key in ((0, 0), (1, 0), (0, 0), (0, 5), (1, 0), (0, 0)):
        talk.send(side, auth(key))
    assert changed(tables(talk.packets), "shared_key_id") == [
        (5, 0, "key_used", 0),
        (6, 1, "key_used", 0),
        (8, 0, "key_used", 5),
        (10, 0, "key_used", 0),
    ]


@pytest.mark.parametrize("value", [b"", b"\0\0\0", bytes(7)])
def test_requests_and_answers_that_are_too_short_change_nothing(tables, value):
    types = [OUTGOING, MORE_OUT, ParameterType.RE_CONFIGURATION_RESPONSE]
    talk = Conversation().handshake().send(0, re_config(*(parameter(type, value) for type in types)))
    talk.send(0, asconf(7, ONE, parameter(ADD, value[:3]))).send(
        1, asconf_ack(7, parameter(FAILURE, value[:3]))
    )
    assert changed(tables(talk.packets)) == []


def test_of_no_association_is_no_change(tables):
    stray = Conversation().send(0, asconf(7, ONE, request(ADD, 1, "10.9.0.1")), auth(0), tag=0)
    assert tables(stray.packets).changes.height == 0


def test_what_is_announced_at_set_up(tables):
    mine = [
        parameter(ParameterType.SUPPORTED_EXTENSIONS, bytes([ChunkType.ASCONF, ChunkType.RE_CONFIG, 250])),
        parameter(ParameterType.FORWARD_TSN_SUPPORTED),
        parameter(ParameterType.ECN_CAPABLE),
        parameter(ParameterType.CHUNK_LIST, bytes([ChunkType.ASCONF, ChunkType.DATA])),
        parameter(ParameterType.REQUESTED_HMAC_ALGORITHM, struct.pack(">HH", 3, 1)),
    ]
    talk = Conversation()
    talk.listed = lambda side: (
        mine if side == 0 else [mine[0], parameter(ParameterType.ZERO_CHECKSUM_ACCEPTABLE, bytes(4))]
    )
    found = tables(talk.handshake().packets)
    assert found.endpoints.select("extensions", "auth_chunks", "hmac_ids").rows() == [
        (["250", "ASCONF", "ECN", "FORWARD_TSN", "RE_CONFIG"], ["ASCONF", "DATA"], [1, 3]),
        (["250", "ASCONF", "RE_CONFIG", "ZERO_CHECKSUM"], [], []),
    ]
    assert found.associations["extensions"].to_list() == [["250", "ASCONF", "RE_CONFIG"]]
    without = tables(talk.packets[2:])
    assert without.endpoints["extensions"].to_list() == [None, None]
    assert without.associations["extensions"].to_list() == [None]
