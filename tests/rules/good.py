"""Good captures: what correct endpoints send and what their programs call, together on one clock.

`CAPTURES` maps a name to a function that gives a `Story`; between them every rule judges something and
none is broken. A test alters one thing in one of them.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import builders as b

from sctpinspect.journal.digest import digest
from sctpinspect.journal.entry import RECORDING_ENDED, Call, Event
from sctpinspect.protocol import ChunkType, DataFlag, ParameterType
from sctpinspect.protocol.serial import add

MS = b.MILLISECOND
HOSTS = {"a": ["10.1.0.1", "10.2.0.1", "fd00::1"], "b": ["10.1.0.2", "10.2.0.2", "fd00::2"]}
COOKIE = bytes(range(61))


@dataclass
class Story:
    """Packets and calls on one clock, in nanoseconds."""

    packets: list[b.Packet] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    clock: int = b.START_NS
    recipe: dict[str, Any] = field(
        default_factory=lambda: {
            "sctpinspect": "0",
            "hosts": {host: {"addresses": addresses} for host, addresses in HOSTS.items()},
            "impaired": False,
            "sysctls": {"rto_min": "1000", "rto_max": "60000"},
        }
    )
    dropped: int | None = 0  # by the capture; None: not stated
    linger_ns: int = 0  # how long the recording went on after the last packet; 0: it does not say
    faults: frozenset[str] = frozenset()  # rules that one side breaks on purpose, to see what the other does

    def wait(self, ms: float) -> None:
        self.clock += int(ms * MS)

    @contextmanager
    def call(
        self,
        host: str,
        socket: int,
        name: str,
        local_port: int | None = None,
        errno: str | None = None,
        /,
        **given: Any,
    ) -> Iterator[dict[str, Any]]:
        """A call that lasts as long as the block, which may put results into what it is given."""
        result: dict[str, Any] = {}
        start = self.clock
        self.wait(0.1)
        yield result
        self.wait(0.1)
        self.calls.append(
            Call(start, self.clock, host, 100, 100, socket, name, given, result, local_port, errno)
        )

    def calls_only(self, *call: Any, result: dict[str, Any] | None = None, **given: Any) -> None:
        """A call during which nothing happens."""
        with self.call(*call, **given) as got:
            got.update(result or {})

    def bytes(self) -> bytes:
        """The capture file."""
        entries: list[Call | Event] = [*sorted(self.calls, key=lambda call: call.start_ns), *self.events]
        if self.linger_ns:
            last_ns = max([packet.time_ns for packet in self.packets] or [self.clock])
            entries.append(Event(last_ns + self.linger_ns, "wire", RECORDING_ENDED, ""))
        recipe = json.dumps(self.recipe) if self.recipe else ""
        whole = b.capture(self.packets, entries, dropped=self.dropped or 0, recipe=recipe)
        return whole if self.dropped is not None else whole[: -len(b.statistics_block(0, 0, 0))]


@dataclass
class Side:
    """One endpoint of an association."""

    host: str
    socket: int
    addresses: list[str]
    port: int
    tag: int
    tsn: int
    listed: list[bytes] = field(default_factory=list)
    streams: tuple[int, int] = (10, 65_535)
    ssns: dict[int, int] = field(default_factory=dict)


@dataclass
class Association:
    """Two sides, 0 the initiator, and what they send each other."""

    story: Story
    sides: tuple[Side, Side]

    def send(self, side: int, *chunks: bytes, path: int = 0, tag: int | None = None) -> None:
        own, other = self.sides[side], self.sides[1 - side]
        self.story.packets.append(
            b.Packet(
                self.story.clock,
                own.addresses[path],
                other.addresses[path],
                own.port,
                other.port,
                other.tag if tag is None else tag,
                list(chunks),
            )
        )
        self.story.wait(0.5)

    def init(self) -> None:
        own = self.sides[0]
        outbound, inbound = own.streams
        self.send(0, b.init(*own.listed, tag=own.tag, tsn=own.tsn, outbound=outbound, inbound=inbound), tag=0)

    def init_ack(self) -> None:
        own = self.sides[1]
        outbound, inbound = own.streams
        fields = dict(tag=own.tag, tsn=own.tsn, outbound=outbound, inbound=inbound)
        self.send(1, b.init_ack(b.state_cookie(COOKIE), *own.listed, **fields))

    def set_up(self) -> None:
        self.init()
        self.init_ack()
        self.send(0, b.cookie_echo(COOKIE))
        self.send(1, b.cookie_ack())

    def data(self, side: int, payload: bytes, stream: int = 0, ppid: int = 0, flags: int = b.WHOLE) -> bytes:
        """The next DATA of a side; SSNs count ordered messages."""
        own = self.sides[side]
        ordered = not flags & DataFlag.UNORDERED
        ssn = own.ssns.get(stream, 0) if ordered else 0
        if ordered and flags & DataFlag.ENDING:
            own.ssns[stream] = ssn + 1
        chunk = b.data(own.tsn, payload, stream, ssn, ppid, flags)
        own.tsn = add(own.tsn, 1)
        return chunk

    def sack(self, side: int, **fields: Any) -> None:
        """Acknowledge all DATA of the peer."""
        self.send(side, b.sack(add(self.sides[1 - side].tsn, -1), **fields))

    def message(
        self, side: int, payload: bytes, stream: int = 0, ppid: int = 0, unordered: bool = False
    ) -> None:
        """A send, its DATA and SACK, and the peer's receive."""
        own = self.sides[side]
        tsn, ssn = own.tsn, 0 if unordered else own.ssns.get(stream, 0)
        flags = b.WHOLE | (DataFlag.UNORDERED if unordered else 0)
        receiving = self.receive(1 - side, payload, stream, ssn, ppid, tsn, unordered)
        sending = self.sending(side, payload, stream, ppid, ["SCTP_UNORDERED"] if unordered else [])
        with receiving, sending:
            self.send(side, self.data(side, payload, stream, ppid, flags))
        self.sack(1 - side)

    @contextmanager
    def sending(
        self,
        side: int,
        payload: bytes,
        stream: int = 0,
        ppid: int = 0,
        flags: Sequence[str] = (),
        errno: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        own, peer = self.sides[side], self.sides[1 - side]
        with self.story.call(
            own.host,
            own.socket,
            "sctp_sendmsg",
            own.port,
            errno,
            address=peer.addresses[0],
            port=peer.port,
            stream=stream,
            ppid=ppid,
            flags=list(flags),
            **given(payload),
        ) as result:
            yield result
        if errno is None:
            result["length"] = len(payload)

    @contextmanager
    def receive(
        self, side: int, payload: bytes, stream: int, ssn: int, ppid: int, tsn: int, unordered: bool = False
    ) -> Iterator[None]:
        own, peer = self.sides[side], self.sides[1 - side]
        with self.story.call(own.host, own.socket, "sctp_recvmsg", own.port, size=65_536) as result:
            yield
            result.update(
                address=peer.addresses[0],
                port=peer.port,
                flags=["MSG_EOR"],
                stream=stream,
                ssn=ssn,
                ppid=ppid,
                tsn=tsn,
                unordered=unordered,
                association_id=1,
                **given(payload),
            )

    def notified(self, side: int, type: str, state: str | None = None, **fields: Any) -> None:
        own, peer = self.sides[side], self.sides[1 - side]
        self.story.calls_only(
            *(own.host, own.socket, "sctp_recvmsg", own.port),
            size=65_536,
            result={
                "length": None,
                "address": peer.addresses[0],
                "port": peer.port,
                "flags": ["MSG_EOR", "MSG_NOTIFICATION"],
                "association_id": 1,
                "notification": {"type": type, "state": state, **fields},
            },
        )

    def heartbeat(self, side: int, path: int) -> None:
        info = self.story.clock.to_bytes(8, "big") + bytes([side, path]) * 4
        self.send(side, b.heartbeat(info), path=path)
        self.send(1 - side, b.heartbeat_ack(info), path=path)

    def heartbeats(self) -> None:
        for path in range(len(self.sides[0].addresses)):
            for side in (0, 1):
                self.heartbeat(side, path)

    def shut_down(self, side: int = 0) -> None:
        self.send(side, b.shutdown(add(self.sides[1 - side].tsn, -1)))
        self.send(1 - side, b.shutdown_ack())
        self.send(side, b.shutdown_complete())


def given(payload: bytes) -> dict[str, Any]:
    return {"length": len(payload), "digest": digest(payload), "start": payload[:32].hex()}


def prepare(story: Story, host: str, socket: int, port: int | None = None) -> None:
    """The options that `multihoming` sets."""

    def set_option(option: str, **value: Any) -> None:
        story.calls_only(host, socket, "setsockopt", port, level="IPPROTO_SCTP", option=option, value=value)

    set_option("SCTP_RTOINFO", srto_initial=100, srto_min=100, srto_max=400)
    set_option(
        "SCTP_PEER_ADDR_PARAMS",
        spp_address=None,
        spp_hbinterval=100,
        spp_flags=["SPP_HB_ENABLE"],
        spp_pathmaxrxt=0,
    )
    set_option("SCTP_EVENTS", sctp_data_io_event=1, sctp_association_event=1)


def multihoming() -> Story:
    """Two hosts with two addresses each: bindx, connectx, five messages and answers, HEARTBEATs, close."""
    story = Story()
    listed = {host: [b.address_parameter(address) for address in HOSTS[host][:2]] for host in "ab"}
    client = Side("a", 1, HOSTS["a"][:2], 5000, 0xAAAA0001, 1000, listed["a"])
    server = Side("b", 1, HOSTS["b"][:2], 4444, 0xBBBB0002, 0xFFFFFFFE, listed["b"], (10, 10))
    association = Association(story, (client, server))

    story.calls_only("b", 1, "socket", family="AF_INET", type="SOCK_SEQPACKET")
    prepare(story, "b", 1)
    story.calls_only(
        "b", 1, "sctp_bindx", 4444, addresses=server.addresses, port=4444, flags="SCTP_BINDX_ADD_ADDR"
    )
    story.calls_only("b", 1, "listen", 4444, backlog=16)
    story.calls_only("a", 1, "socket", family="AF_INET", type="SOCK_STREAM")
    prepare(story, "a", 1)
    story.calls_only(
        "a", 1, "sctp_bindx", 5000, addresses=client.addresses, port=0, flags="SCTP_BINDX_ADD_ADDR"
    )
    with story.call("a", 1, "sctp_connectx", 5000, addresses=server.addresses, port=4444) as result:
        association.set_up()
        result["association_id"] = 1
    for side in (1, 0):
        own, peer = association.sides[side], association.sides[1 - side]
        streams = {"sac_outbound_streams": 10, "sac_inbound_streams": 10}
        association.notified(side, "SCTP_ASSOC_CHANGE", "SCTP_COMM_UP", **streams)
        for name, known in (("sctp_getladdrs", own), ("sctp_getpaddrs", peer)):
            story.calls_only(
                *(own.host, own.socket, name, own.port),
                association_id=1,
                result={"addresses": known.addresses, "port": known.port},
            )
    association.heartbeats()
    for side in (0, 1):
        address = association.sides[1 - side].addresses[1]
        association.notified(side, "SCTP_PEER_ADDR_CHANGE", "SCTP_ADDR_CONFIRMED", address=address)
    for number in range(5):
        association.message(0, b"DATA %d" % number, stream=number % 2, ppid=46)
        association.message(1, b"OK")
    for _ in range(3):
        story.wait(500)
        association.heartbeats()
    with story.call("a", 1, "close", 5000):
        association.send(0, b.shutdown(add(server.tsn, -1)))
    association.notified(1, "SCTP_SHUTDOWN_EVENT")
    association.send(1, b.shutdown_ack())
    association.send(0, b.shutdown_complete())
    association.notified(1, "SCTP_ASSOC_CHANGE", "SCTP_SHUTDOWN_COMP")
    story.calls_only("b", 1, "close", 4444)
    farewell(story)
    return story


def farewell(story: Story) -> None:
    """A refused INIT one second later, so that the capture goes on after all that matters."""
    story.wait(1000)
    refused = Association(
        story, (Side("a", 90, HOSTS["a"][:1], 5090, 0xAAAA0090, 1), Side("b", 90, HOSTS["b"][:1], 4490, 0, 1))
    )
    story.calls_only("a", 90, "socket", family="AF_INET", type="SOCK_STREAM")
    with story.call("a", 90, "connect", 5090, "ECONNREFUSED", address="10.1.0.2", port=4490):
        refused.init()
        refused.send(1, b.abort())
    story.calls_only("a", 90, "close", 5090)


def one_to_one() -> Story:
    """IPv6, bind, connect, accept; fragments, gaps, retransmissions, unordered messages; shutdown()."""
    story = Story()
    story.recipe["sysctls"] = {}  # what its timers are is not known: it retransmits soon
    client = Side("a", 2, ["fd00::1"], 6000, 0xA2, 7, streams=(3, 5))
    server = Side("b", 3, ["fd00::2"], 7000, 0xB2, 0x7FFFFFFF, streams=(4, 2))
    client.listed = [b.address_parameter("fd00::1")]
    association = Association(story, (client, server))
    init = {"sinit_num_ostreams": 3, "sinit_max_instreams": 5, "sinit_max_attempts": 4}

    story.calls_only("b", 2, "socket", family="AF_INET6", type="SOCK_STREAM")
    story.calls_only("b", 2, "bind", 7000, address="fd00::2", port=7000)
    story.calls_only("b", 2, "listen", 7000, backlog=5)
    story.calls_only("a", 2, "socket", family="AF_INET6", type="SOCK_STREAM")
    story.calls_only("a", 2, "setsockopt", level="IPPROTO_SCTP", option="SCTP_INITMSG", value=init)
    story.calls_only("a", 2, "bind", 6000, address="fd00::1", port=6000)
    with story.call("a", 2, "connect", 6000, address="fd00::2", port=7000):
        association.set_up()
    story.calls_only("b", 2, "accept", 7000, result={"socket": 3, "address": "fd00::1", "port": 6000})
    story.calls_only("a", 2, "getpeername", 6000, result={"address": "fd00::2", "port": 7000})
    story.calls_only("a", 2, "getsockname", 6000, result={"address": "fd00::1", "port": 6000})
    status = {"sstat_outstrms": 2, "sstat_instrms": 4}
    story.calls_only("a", 2, "sctp_opt_info", 6000, option="SCTP_STATUS", result={"value": status})

    association.message(1, b"welcome")
    association.message(0, b"first", stream=1, ppid=60)
    association.message(0, b"urgent", stream=1, ppid=60, unordered=True)
    story.calls_only(
        "a", 2, "sctp_sendmsg", 6000, "EAGAIN", stream=1, ppid=60, flags=[], **given(b"too early")
    )
    # five fragments, of which the second and the fourth are lost once
    whole, tsn = b"0123456789", client.tsn
    flags = [DataFlag.BEGINNING, 0, 0, 0, DataFlag.ENDING]
    with association.receive(1, whole, 1, 1, 60, tsn):
        with association.sending(0, whole, 1, 60):
            parts = [
                association.data(0, whole[2 * number : 2 * number + 2], 1, 60, flags[number])
                for number in range(5)
            ]
            for part in parts:
                association.send(0, part)
        association.send(1, b.sack(tsn, gaps=[(2, 2), (4, 4)]))
        association.send(0, parts[1])
        association.send(0, parts[3])
        association.sack(1)
    # two messages in one packet, behind a SACK
    tsn = client.tsn
    with association.receive(1, b"one", 0, 0, 0, tsn), association.receive(1, b"two", 0, 1, 0, add(tsn, 1)):
        with association.sending(0, b"one"):
            pass
        with association.sending(0, b"two"):
            chunks = [association.data(0, b"one"), association.data(0, b"two")]
            association.send(0, b.sack(add(server.tsn, -1)), *chunks)
    association.sack(1)
    with story.call("a", 2, "shutdown", 6000, how="SHUT_WR"):
        association.shut_down()
    story.calls_only("a", 2, "close", 6000)
    story.calls_only("b", 3, "recv", 7000, size=65_536, result={"flags": [], **given(b"")})
    story.calls_only("b", 3, "close", 7000)
    story.calls_only("b", 2, "close", 7000)
    farewell(story)
    return story


def aborted() -> Story:
    """Implicit set-up after a lost INIT, no fragments, peeled off, then ABORT by SCTP_ABORT."""
    story = Story()
    client = Side("a", 4, ["10.1.0.1"], 8000, 0xA3, 50, streams=(10, 10))
    server = Side("b", 4, ["10.1.0.2"], 9000, 0xB3, 90, streams=(10, 10))
    association = Association(story, (client, server))

    story.calls_only("b", 4, "socket", family="AF_INET", type="SOCK_SEQPACKET")
    story.calls_only("b", 4, "bind", 9000, address="10.1.0.2", port=9000)
    story.calls_only("b", 4, "listen", 9000, backlog=5)
    story.calls_only("a", 4, "socket", family="AF_INET", type="SOCK_SEQPACKET")
    prepare(story, "a", 4)
    option = {"level": "IPPROTO_SCTP", "option": "SCTP_DISABLE_FRAGMENTS", "value": {"value": 1}}
    story.calls_only("a", 4, "setsockopt", **option)
    init = {"sinit_num_ostreams": 10, "sinit_max_instreams": 10, "sinit_max_attempts": 1}
    story.calls_only("a", 4, "setsockopt", level="IPPROTO_SCTP", option="SCTP_INITMSG", value=init)
    with association.receive(1, b"hello", 0, 0, 0, 50), association.sending(0, b"hello"):
        association.init()
        story.wait(105)
        association.init()
        association.init_ack()
        association.send(0, b.cookie_echo(COOKIE), association.data(0, b"hello"))
        association.send(1, b.cookie_ack(), b.sack(50))
    story.calls_only("b", 4, "sctp_peeloff", 9000, association_id=1, result={"socket": 5})
    reason = b"enough"
    with association.sending(0, reason, flags=["SCTP_ABORT"]):
        association.send(0, b.abort(b.user_initiated_abort(reason)))
    server.socket = 5
    association.notified(1, "SCTP_ASSOC_CHANGE", "SCTP_COMM_LOST")
    story.calls_only("a", 4, "close", 8000)
    story.calls_only("b", 5, "shutdown", 9000, how="SHUT_RD")
    story.calls_only("b", 5, "close", 9000)
    story.calls_only("b", 4, "close", 9000)
    farewell(story)
    return story


def ended() -> Story:
    """An address is added, a message read in parts, SCTP_EOF; a linger time of 0; at last nobody answers."""
    story = Story()
    extensions = b.parameter(ParameterType.SUPPORTED_EXTENSIONS, bytes([ChunkType.ASCONF]))
    client = Side("a", 11, HOSTS["a"][:2], 8201, 0xA5, 50, [extensions], streams=(10, 10))
    server = Side("b", 11, HOSTS["b"][:1], 9200, 0xB5, 90, [extensions], streams=(10, 10))
    association = Association(story, (client, server))
    story.calls_only("b", 11, "socket", family="AF_INET", type="SOCK_SEQPACKET")
    story.calls_only("b", 11, "bind", 9200, address=server.addresses[0], port=9200)
    story.calls_only("b", 11, "listen", 9200, backlog=5)
    story.calls_only("a", 11, "socket", family="AF_INET", type="SOCK_SEQPACKET")
    story.calls_only("a", 11, "bind", 8201, address=client.addresses[0], port=8201)
    with association.sending(0, b"hello"):
        association.set_up()
    association.send(0, association.data(0, b"hello"))
    association.sack(1)
    for part, flags in ((b"hel", []), (b"lo", ["MSG_EOR"])):
        told = {"stream": 0, "ssn": 0, "ppid": 0, "tsn": 50, "unordered": False, "association_id": 1}
        whence = {"address": client.addresses[0], "port": 8201}
        result = {"flags": flags, **whence, **told, **given(part)}
        story.calls_only("b", 11, "recvmsg", 9200, size=3, result=result)
    added = {"addresses": client.addresses[1:], "port": 8201, "flags": "SCTP_BINDX_ADD_ADDR"}
    with story.call("a", 11, "sctp_bindx", 8201, **added):
        new = b.parameter(ParameterType.ADD_IP_ADDRESS, bytes(4) + b.address_parameter(HOSTS["a"][1]))
        association.send(0, b.asconf(50, b.address_parameter(HOSTS["a"][0]), new))
        association.send(1, b.asconf(50, type=ChunkType.ASCONF_ACK))
    story.wait(600)
    with association.sending(0, b"", flags=["SCTP_EOF"]):
        association.shut_down()
    story.calls_only("a", 11, "close", 8201)

    lingering = Side("a", 12, HOSTS["a"][:1], 8202, 0xA6, 60, streams=(10, 10))
    association = Association(
        story, (lingering, Side("b", 11, HOSTS["b"][:1], 9200, 0xB6, 70, streams=(10, 10)))
    )
    story.calls_only("a", 12, "socket", family="AF_INET", type="SOCK_STREAM")
    linger = {"level": "SOL_SOCKET", "option": "SO_LINGER", "value": {"l_onoff": 1, "l_linger": 0}}
    story.calls_only("a", 12, "setsockopt", **linger)
    with story.call("a", 12, "connect", 8202, address="10.1.0.2", port=9200):
        association.set_up()
    with story.call("a", 12, "close", 8202):
        association.send(0, b.abort(b.user_initiated_abort()))
    story.calls_only("b", 11, "close", 9200)

    story.wait(1000)
    alone = Side("a", 13, HOSTS["a"][:1], 8203, 0xA7, 60)
    association = Association(story, (alone, Side("b", 13, HOSTS["b"][:1], 9299, 0, 1)))
    story.calls_only("a", 13, "socket", family="AF_INET", type="SOCK_STREAM")
    with story.call("a", 13, "connect", 8203, "ETIMEDOUT", address="10.1.0.2", port=9299):
        association.init()
        story.wait(100)
        association.init()
        story.wait(200)
    story.calls_only("a", 13, "close", 8203)
    return story


def configured() -> Story:
    """Options that change the wire: defaults, segments, primary path, SACKs, HEARTBEATs, AUTOCLOSE."""
    story = Story(linger_ns=4000 * MS)
    listed = {host: [b.address_parameter(address) for address in HOSTS[host][:2]] for host in "ab"}
    adapted = b.parameter(ParameterType.ADAPTATION_LAYER_INDICATION, b"\0\0\0\7")
    client = Side("a", 21, HOSTS["a"][:2], 8301, 0xA8, 50, listed["a"], streams=(10, 10))
    server = Side("b", 21, HOSTS["b"][:2], 9300, 0xB8, 90, [*listed["b"], adapted], streams=(10, 10))
    association = Association(story, (client, server))

    def set_option(host: str, option: str, port: int | None = None, **value: Any) -> None:
        story.calls_only(host, 21, "setsockopt", port, level="IPPROTO_SCTP", option=option, value=value)

    story.calls_only("b", 21, "socket", family="AF_INET", type="SOCK_SEQPACKET")
    set_option("b", "SCTP_ADAPTATION_LAYER", ssb_adaptation_ind=7)
    set_option("b", "SCTP_DELAYED_SACK", sack_assoc_id=0, sack_delay=100, sack_freq=2)
    set_option("b", "SCTP_AUTOCLOSE", value=2)
    added = {"port": 9300, "flags": "SCTP_BINDX_ADD_ADDR"}
    story.calls_only("b", 21, "sctp_bindx", 9300, addresses=server.addresses, **added)
    story.calls_only("b", 21, "listen", 9300, backlog=5)
    story.calls_only("a", 21, "socket", family="AF_INET", type="SOCK_STREAM")
    set_option("a", "SCTP_DEFAULT_SNDINFO", snd_sid=2, snd_flags=[], snd_ppid=77, snd_context=0)
    set_option("a", "SCTP_MAXSEG", assoc_id=0, assoc_value=20)
    added = {"port": 0, "flags": "SCTP_BINDX_ADD_ADDR"}
    story.calls_only("a", 21, "sctp_bindx", 8301, addresses=client.addresses, **added)
    with story.call("a", 21, "sctp_connectx", 8301, addresses=server.addresses, port=9300):
        association.set_up()
    association.notified(0, "SCTP_ADAPTATION_INDICATION", sai_adaptation_ind=7)
    association.heartbeats()
    first, second = server.addresses
    off = {"spp_hbinterval": 100, "spp_flags": ["SPP_HB_DISABLE"]}
    set_option("a", "SCTP_PEER_ADDR_PARAMS", 8301, spp_address=first, **off)
    with association.receive(1, b"by default", 2, 0, 77, client.tsn):
        told = {"address": None, "port": None, "stream": None, "ppid": None, "flags": None}
        with story.call("a", 21, "send", 8301, **told, **given(b"by default")) as result:
            result["length"] = 10
        association.send(0, association.data(0, b"by default", 2, 77))
    association.sack(1)
    set_option("a", "SCTP_PRIMARY_ADDR", 8301, ssp_addr=second, ssp_addr_port=9300)
    with association.receive(1, b"primary", 1, 0, 5, client.tsn), association.sending(0, b"primary", 1, 5):
        association.send(0, association.data(0, b"primary", 1, 5), path=1)
    story.wait(90)
    association.sack(1)
    over = ["SCTP_ADDR_OVER"]
    with association.receive(1, b"over", 1, 1, 5, client.tsn), association.sending(0, b"over", 1, 5, over):
        association.send(0, association.data(0, b"over", 1, 5))
    association.sack(1)
    story.wait(500)
    asked = {"spp_hbinterval": 0, "spp_flags": ["SPP_HB_DEMAND"]}
    set_option("a", "SCTP_PEER_ADDR_PARAMS", 8301, spp_address=first, **asked)
    association.heartbeat(0, 0)
    with association.sending(0, b"nowhere", 10, errno="EINVAL"):
        pass
    story.wait(1490)
    association.shut_down(1)
    with association.sending(0, b"too late", errno="EPIPE"):
        pass
    story.calls_only("a", 21, "close", 8301)
    story.calls_only("b", 21, "close", 9300)
    return story


def changed() -> Story:
    """Streams are reset and added, all starts again; the peer closes with unread data, one send fails."""
    story = Story()
    extensions = b.parameter(ParameterType.SUPPORTED_EXTENSIONS, bytes([ChunkType.RE_CONFIG]))
    client = Side("a", 21, HOSTS["a"][:1], 8301, 0xA8, 50, [extensions], streams=(10, 10))
    server = Side("b", 21, HOSTS["b"][:1], 9300, 0xB8, 90, [extensions], streams=(10, 10))
    association = Association(story, (client, server))
    story.calls_only("b", 21, "socket", family="AF_INET", type="SOCK_SEQPACKET")
    story.calls_only("b", 21, "bind", 9300, address=server.addresses[0], port=9300)
    story.calls_only("b", 21, "listen", 9300, backlog=5)
    story.calls_only("a", 21, "socket", family="AF_INET", type="SOCK_STREAM")
    with story.call("a", 21, "connect", 8301, address=server.addresses[0], port=9300):
        association.set_up()
    requests = [
        ("SCTP_RESET_STREAMS", {"srs_flags": ["SCTP_STREAM_RESET_OUTGOING"]}, 13, u32s(50, 89, 49)),
        ("SCTP_ADD_STREAMS", {"sas_outstrms": 2, "sas_instrms": 0}, 17, u32s(51, 2 << 16)),
        ("SCTP_RESET_ASSOC", {}, 15, u32s(52)),
    ]
    for number, (option, value, type, fields) in enumerate(requests):
        told = {"level": "IPPROTO_SCTP", "option": option, "value": value}
        with story.call("a", 21, "setsockopt", 8301, **told):
            association.send(0, b.chunk(ChunkType.RE_CONFIG, b.parameter(type, fields)))
        done = u32s(50 + number, 1) + (u32s(7000, 6000) if type == 15 else b"")
        association.send(1, b.chunk(ChunkType.RE_CONFIG, b.parameter(16, done)))
    client.tsn = 6000
    with association.sending(0, b"unread"):
        association.send(0, association.data(0, b"unread"))
    association.sack(1)
    with association.sending(0, b"unsent"):
        pass
    story.wait(30)
    with story.call("b", 21, "close", 9300):
        association.send(1, b.abort(b.user_initiated_abort()))
    failed = {"ssf_data": b"unsent".hex(), "ssf_error": 12}
    association.notified(0, "SCTP_SEND_FAILED_EVENT", "SCTP_DATA_UNSENT", **failed)
    story.calls_only("a", 21, "close", 8301)
    farewell(story)
    return story


def u32s(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in numbers)


def late() -> Story:
    """A capture that begins when the association is long established."""
    story = Story(recipe={})
    client, server = Side("a", 6, ["10.1.0.1"], 8100, 0xA4, 50), Side("b", 6, ["10.1.0.2"], 9100, 0xB4, 90)
    association = Association(story, (client, server))
    for number in range(3):
        association.send(0, association.data(0, b"DATA %d" % number))
        association.sack(1)
    return story


def encapsulated() -> Story:
    """In UDP, from a client's port that a NAT may have chosen: two messages, read at once, and an answer."""
    story = Story()
    client = Side("a", 8, HOSTS["a"][:1], 6080, 0xA8, 1)
    server = Side("b", 8, HOSTS["b"][:1], 7080, 0xB8, 1)
    association = Association(story, (client, server))
    option = {"sue_assoc_id": 0, "sue_address": None, "sue_port": 9899}

    story.calls_only("b", 8, "socket", family="AF_INET", type="SOCK_SEQPACKET")
    story.calls_only("b", 8, "bind", 7080, address=server.addresses[0], port=7080)
    story.calls_only("b", 8, "listen", 7080, backlog=5)
    story.calls_only("a", 8, "socket", family="AF_INET", type="SOCK_STREAM")
    story.calls_only(
        "a", 8, "setsockopt", level="IPPROTO_SCTP", option="SCTP_REMOTE_UDP_ENCAPS_PORT", value=option
    )
    with story.call("a", 8, "connect", 6080, address=server.addresses[0], port=7080):
        association.set_up()
    tsn = client.tsn
    with association.sending(0, b"DATA"):
        association.send(0, association.data(0, b"DATA"))
    with association.sending(0, b"AND", 1, 46):
        association.send(0, association.data(0, b"AND", 1, 46))
    association.sack(1)
    with association.receive(1, b"DATA", 0, 0, 0, tsn):
        pass
    following = {"type": "SCTP_NXTINFO", "nxt_sid": 1, "nxt_flags": [], "nxt_ppid": 46, "nxt_length": 3}
    story.calls[-1].result["control"] = [{"type": "SCTP_RCVINFO", "rcv_sid": 0}, following]
    with association.receive(1, b"AND", 1, 0, 46, add(tsn, 1)):
        pass
    association.message(1, b"OK")
    with story.call("a", 8, "close", 6080):
        association.shut_down()
    story.calls_only("b", 8, "close", 7080)
    ports = {client.addresses[0]: (40_000, 9899), server.addresses[0]: (9899, 40_000)}
    story.packets = [replace(packet, udp=ports[packet.source]) for packet in story.packets]
    return story


CAPTURES: dict[str, Callable[[], Story]] = {
    "multihoming": multihoming,
    "one_to_one": one_to_one,
    "aborted": aborted,
    "ended": ended,
    "configured": configured,
    "changed": changed,
    "late": late,
    "encapsulated": encapsulated,
}
