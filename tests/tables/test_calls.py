"""Calls of a journal to associations, and sends and receives to messages."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from builders import MILLISECOND, START_NS, Packet, data, sack
from conversation import Conversation, together

from sctpinspect.journal.digest import digest
from sctpinspect.journal.entry import Call

RECIPE = {"hosts": {"a": {"addresses": ["10.1.0.1", "10.1.0.3"]}, "b": {"addresses": ["10.1.0.2"]}}}


class Script:
    """A conversation with the calls that made it, in one time line."""

    def __init__(self, talk: Conversation):
        self.talk = talk
        self.calls: list[Call] = []

    def call(
        self,
        host: str,
        name: str,
        arguments: dict | None = None,
        result: dict | None = None,
        socket: int = 1,
        port: int | None = None,
        errno: str | None = None,
        took: int = 0,
    ) -> "Script":
        """A call that begins half a millisecond before the next packet and takes some milliseconds."""
        start = self.talk.clock - MILLISECOND // 2
        port = {"a": self.talk.ports[0], "b": self.talk.ports[1]}[host] if port is None else port
        end = start + MILLISECOND // 4 + took * MILLISECOND
        values = {
            "arguments": arguments or {},
            "result": result or {},
            "local_port": port or None,
            "errno": errno,
        }
        self.calls.append(Call(start, end, host, 1, 1, socket, name, **values))
        self.talk.clock += MILLISECOND
        return self

    def send(self, host: str, payload: bytes, **arguments) -> "Script":
        values = {
            "stream": 0,
            "ppid": 0,
            "flags": [],
            "length": len(payload),
            "digest": digest(payload),
            **arguments,
        }
        return self.call(host, "sctp_sendmsg", values, {"length": len(payload)})

    def receive(self, host: str, payload: bytes, flags: Sequence[str] = ("MSG_EOR",), **result) -> "Script":
        values = {"length": len(payload), "digest": digest(payload), "flags": list(flags), **result}
        return self.call(host, "sctp_recvmsg", {"size": 100}, values)

    def message(self, side: int, tsn: int, payload: bytes, **fields) -> "Script":
        self.talk.send(side, data(tsn, payload, **fields)).send(1 - side, sack(tsn))
        return self


@pytest.fixture
def script():
    return Script(Conversation().handshake())


@pytest.fixture
def read(tables):
    def read_scripts(*scripts: Script, packets: Sequence[Packet] = ()):
        calls = sorted((call for each in scripts for call in each.calls), key=lambda call: call.start_ns)
        return tables(packets or together(*(each.talk.packets for each in scripts)), calls, RECIPE)

    return read_scripts


def matches(found):
    """Of each message the payload's sender and the numbers of its calls."""
    return found.messages.select("side", "send_call", "receive_call").rows()


def belongs(found):
    return found.calls.select("association", "side").rows()


# ---- messages


def test_sends_and_receives_are_their_messages(read, script):
    script.send("a", b"DATA 0").message(0, 1000, b"DATA 0").receive("b", b"DATA 0")
    script.send("b", b"OK").message(1, 2000, b"OK").receive("a", b"OK")
    script.send("a", b"DATA 1").message(0, 1001, b"DATA 1").receive("b", b"DATA 1")
    found = read(script)
    assert belongs(found) == [(0, 0), (0, 1), (0, 1), (0, 0), (0, 0), (0, 1)]
    assert matches(found) == [(0, 0, 1), (1, 2, 3), (0, 4, 5)]


def test_changed_payload_is_nobodys(read, script):
    script.send("a", b"DATA 0").message(0, 1000, b"DATA X").receive("b", b"DATA 0")
    script.send("a", b"DATA 1").message(0, 1001, b"DATA 1").receive("b", b"DATA 1")
    assert matches(read(script)) == [(0, None, None), (0, 2, 3)]


def test_equal_messages_are_matched_in_order(read, script):
    for tsn in (1000, 1001, 1002):
        script.send("a", b"OK").message(0, tsn, b"OK")
    for _ in range(3):
        script.receive("b", b"OK")
    assert matches(read(script)) == [(0, 0, 3), (0, 1, 4), (0, 2, 5)]


@pytest.mark.parametrize(
    "arguments, fields, is_equal",
    [
        ({"stream": 1}, {"stream": 1}, True),
        ({"stream": 1}, {"stream": 2}, False),
        ({"ppid": 46}, {"ppid": 46}, True),
        ({"ppid": 46}, {"ppid": 46 << 24}, False),
        ({"flags": ["SCTP_UNORDERED"]}, {"flags": 7}, True),
        ({"flags": []}, {"flags": 7}, False),
        ({"stream": None, "ppid": None, "flags": None}, {"stream": 4, "ppid": 5, "flags": 7}, True),
    ],
)
def test_send_is_matched_with_its_stream_ppid_and_flags(read, script, arguments, fields, is_equal):
    found = read(script.send("a", b"x", **arguments).message(0, 1000, b"x", **fields))
    assert matches(found) == [(0, 0 if is_equal else None, None)]


def test_receive_prefers_its_stream_and_takes_another(read, script):
    """A stream identifier that differs is for a rule to judge."""
    script.message(0, 1000, b"OK", stream=1).message(0, 1001, b"OK", stream=2).message(
        0, 1002, b"no", stream=3
    )
    script.receive("b", b"OK", stream=2, ssn=0).receive("b", b"OK", stream=1, ssn=0)
    script.receive("b", b"no", stream=9, ssn=0)
    assert matches(read(script)) == [(0, None, 1), (0, None, 0), (0, None, 2)]


def test_message_before_its_send_is_not_its_message(read, script):
    script.message(0, 1000, b"x").send("a", b"x")
    assert matches(read(script)) == [(0, None, None)]


def test_receive_that_ended_before_the_message_is_not_of_it(read, script):
    script.receive("b", b"x").message(0, 1000, b"x").receive("b", b"x")
    assert matches(read(script)) == [(0, None, 1)]


def test_receive_that_waited_for_the_message_is_of_it(read, script):
    script.call("b", "recvmsg", {}, {"length": 1, "digest": digest(b"x"), "flags": ["MSG_EOR"]}, took=50)
    assert matches(read(script.message(0, 1000, b"x"))) == [(0, None, 0)]


def test_failed_calls_send_and_receive_nothing(read, script):
    values = {"stream": 0, "ppid": 0, "flags": [], "length": 1, "digest": digest(b"x")}
    script.call("a", "sctp_sendmsg", values, errno="EAGAIN").send("a", b"x").message(0, 1000, b"x")
    script.call("b", "sctp_recvmsg", {"size": 1}, errno="EAGAIN").receive("b", b"x")
    assert matches(read(script)) == [(0, 1, 3)]


def test_own_receive_is_not_of_an_own_message(read, script):
    script.send("a", b"x").message(0, 1000, b"x").receive("a", b"x")
    assert matches(read(script)) == [(0, 0, None)]


def test_message_read_in_parts_is_received_by_the_last(read, script):
    script.message(0, 1000, b"abcdef").message(0, 1001, b"gh")
    script.receive("b", b"abc", flags=[]).receive("b", b"de", flags=[]).receive("b", b"f").receive("b", b"gh")
    assert matches(read(script)) == [(0, None, 2), (0, None, 3)]


def test_parts_of_another_length_are_not_of_it(read, script):
    script.message(0, 1000, b"abcdef").receive("b", b"abc", flags=[]).receive("b", b"de")
    assert matches(read(script)) == [(0, None, None)]


def test_notifications_are_no_messages(read, script):
    script.message(0, 1000, b"x")
    script.receive(
        "b", b"x", flags=["MSG_NOTIFICATION", "MSG_EOR"], notification={"type": "SCTP_ASSOC_CHANGE"}
    )
    found = read(script)
    assert matches(found) == [(0, None, None)]
    assert belongs(found) == [(0, 1)]


# ---- associations


def test_hosts_of_endpoints(read, script):
    found = read(script.send("a", b"x"))
    assert found.endpoints["host"].to_list() == ["a", None]  # b has no calls
    found = read(script.send("b", b"x", port=7))
    assert found.endpoints["host"].to_list() == ["a", "b"]


def two_associations(**fields):
    """Two associations of one server socket, side by side."""
    one = Conversation(client=["10.1.0.1"], tags=(1, 2), **fields)
    other = Conversation(client=["10.1.0.3"], tags=(3, 4), start_ns=START_NS + MILLISECOND // 10, **fields)
    return Script(one), Script(other)


def test_peer_address_tells_the_association_and_the_id_recalls_it(read):
    one, other = two_associations()
    for number, script in enumerate((one, other)):
        script.call("b", "listen", socket=9) if number == 0 else None
        script.talk.handshake()
        peer = script.talk.packets[0].source
        notification = {"type": "SCTP_ASSOC_CHANGE", "state": "SCTP_COMM_UP"}
        script.call(
            *("b", "sctp_recvmsg", {}),
            {"address": peer, "port": 5000, "association_id": 10 + number, "notification": notification},
            socket=9,
        )
        script.call(
            "b", "sctp_getladdrs", {"association_id": 10 + number}, {"addresses": ["10.1.0.2"]}, socket=9
        )
        script.call("b", "sendmsg", {"association_id": 10 + number, "length": 1}, socket=9)
        script.call("b", "getsockopt", {"option": "SCTP_NODELAY"}, socket=9)
        script.talk.send(0, data(1000)).send(1, sack(1000))
    found = read(one, other)
    names = found.calls.select("name", "association").rows()
    assert {name: [home for other, home in names if other == name] for name, _ in names} == {
        "listen": [None],
        "sctp_recvmsg": [0, 1],
        "sctp_getladdrs": [0, 1],
        "sendmsg": [0, 1],
        "getsockopt": [None, None],
    }


def test_unknown_peer_is_nobody(read, script):
    script.call("a", "sendmsg", {"address": "10.9.9.9", "port": 4444, "length": 1})
    script.call("a", "connect", {"address": "10.1.0.2", "port": 4445}, errno="ECONNREFUSED")
    assert belongs(read(script)) == [(None, None), (None, None)]


def test_preparations_belong_to_the_only_association(read):
    script = Script(Conversation())
    script.call("a", "socket", port=0).call("a", "setsockopt", {"option": "SCTP_INITMSG"}, port=0)
    script.call(
        "a", "sctp_connectx", {"addresses": ["10.1.0.2"], "port": 4444}, {"association_id": 3}, took=6
    )
    script.talk.handshake()
    script.call("a", "close")
    script.talk.shutdown()
    assert belongs(read(script)) == [(0, 0)] * 4


def test_sockets_one_after_the_other_on_a_port(read):
    scripts = []
    clock = START_NS
    for number in (1, 2):
        script = Script(Conversation(tags=(number, 10 + number), start_ns=clock))
        script.call("a", "connect", {"address": "10.1.0.2", "port": 4444}, socket=number, took=4)
        script.talk.handshake()
        script.call("a", "close", socket=number)
        script.talk.shutdown()
        clock = script.talk.clock + MILLISECOND
        scripts.append(script)
    assert belongs(read(*scripts)) == [(0, 0), (0, 0), (1, 0), (1, 0)]


def test_accepted_sockets_have_one_association_each(read):
    one, other = two_associations()
    for number, script in enumerate((one, other), start=1):
        peer = script.talk.addresses[0][0]
        script.talk.handshake()
        script.call("b", "accept", {}, {"socket": 20 + number, "address": peer, "port": 5000}, socket=9)
        script.call("b", "getsockopt", {"option": "SCTP_STATUS"}, socket=20 + number)
        script.message(0, 1000, b"x")
        script.call(
            "b", "recv", {}, {"length": 1, "digest": digest(b"x"), "flags": ["MSG_EOR"]}, socket=20 + number
        )
    found = read(one, other)
    calls = found.calls.select("name", "socket", "association").rows()
    assert sorted(calls) == [
        *(("accept", 9, 0), ("accept", 9, 1)),
        *(("getsockopt", 21, 0), ("getsockopt", 22, 1)),
        *(("recv", 21, 0), ("recv", 22, 1)),
    ]
    received = [found.calls["socket"][call] for call in found.messages["receive_call"]]
    assert received == [21, 22]


def test_two_accepts_of_one_peer_are_two_associations(read):
    """The same client again, from the same port."""
    scripts, clock = [], START_NS
    for number in (1, 2):
        script = Script(Conversation(tags=(number, 10 + number), start_ns=clock))
        script.talk.handshake()
        result = {"socket": 20 + number, "address": "10.1.0.1", "port": 5000}
        script.talk.shutdown()
        clock = script.talk.clock
        scripts.append((script, result))
    last = scripts[1][0]
    for _, result in scripts:
        last.call("b", "accept", {}, result, socket=9)
    assert belongs(read(*(script for script, _ in scripts))) == [(0, 1), (1, 1)]


def test_peeled_off_socket_keeps_its_association(read):
    one, other = two_associations()
    for number, script in enumerate((one, other), start=1):
        script.talk.handshake()
        script.receive("b", b"x", address=script.talk.addresses[0][0], port=5000, association_id=number)
    other.call("b", "sctp_peeloff", {"association_id": 2}, {"socket": 7}).call("b", "getpeername", socket=7)
    other.talk.send(0, data(1000))
    found = read(one, other)
    assert found.calls.filter(name="sctp_peeloff")["association"].to_list() == [1]
    assert found.calls.filter(name="getpeername").select("association", "side").rows() == [(1, 1)]


def test_own_addresses_are_not_taken_for_the_peers(read, script):
    """getsockname() and sctp_bindx() return and take the socket's own."""
    script.call("a", "getsockname", {}, {"address": "10.1.0.1", "port": 5000})
    script.call("a", "sctp_bindx", {"addresses": ["10.1.0.1"], "port": 5000})
    assert belongs(read(script)) == [(0, 0), (0, 0)]


def test_without_a_recipe_calls_belong_to_nobody(tables, script):
    script.send("a", b"x").message(0, 1000, b"x")
    found = tables(script.talk.packets, script.calls)
    assert belongs(found) == [(None, None)]
    assert matches(found) == [(0, None, None)]


def test_addresses_of_two_hosts_name_neither(tables, script):
    script.send("a", b"x").call("b", "listen", port=5000)
    both = {"hosts": {"a": {"addresses": ["10.1.0.1"]}, "b": {"addresses": ["10.1.0.1"]}}}
    assert tables(script.talk.packets, script.calls, both).endpoints["host"].to_list() == [None, None]


def test_altered_packet_leaves_the_other_messages_matched(read, script):
    for number in range(4):
        script.send("a", b"DATA %d" % number).message(0, 1000 + number, b"DATA %d" % number)
    packets = list(script.talk.packets)
    second = packets[6]
    packets[6] = replace(second, chunks=[data(1001, b"DATA 1", ppid=1)])
    assert [call for _, call, _ in matches(read(script, packets=packets))] == [0, None, 2, 3]
