"""Good captures of DATA on its way: losses, time-outs, gaps, fragments, windows; without calls.

Every packet takes `DELAY_MS`, and an endpoint answers at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import builders as b
from rules.good import HOSTS, Association, Side, Story

from sctpinspect.protocol import CauseCode, DataFlag
from sctpinspect.protocol.serial import add

DELAY_MS = 2


def story() -> Story:
    """On links that lose packets; the timers are those of RFC 9260 §16."""
    recipe = {
        "sctpinspect": "0",
        "hosts": {},
        "impaired": True,
        "sysctls": {
            "rto_initial": "1000",
            "rto_min": "1000",
            "rto_max": "60000",
            "hb_interval": "30000",
            "association_max_retrans": "10",
            "path_max_retrans": "5",
            "max_burst": "4",
            "sack_timeout": "200",
        },
    }
    return Story(recipe=recipe)


@dataclass
class Transfer(Association):
    """An association whose packets are delivered late, or never."""

    def send(self, side: int, *chunks: bytes, lost: bool = False, **fields: Any) -> None:
        super().send(side, *chunks, **fields)
        fate = "lost" if lost else f"delivered +{DELAY_MS * b.MILLISECOND} ns"
        packet = self.story.packets[-1]
        self.story.packets[-1] = b.Packet(**{**vars(packet), "comment": f"sctpinspect delivery: {fate}"})

    def exchange(self, side: int, *chunks: bytes, lost: bool = False, **sack: Any) -> None:
        """A packet, and the SACK of all up to now that answers it; `sack`: what else that says."""
        self.send(side, *chunks, lost=lost)
        self.story.wait(DELAY_MS)
        if not lost:
            self.sack(1 - side, **sack)
            self.story.wait(DELAY_MS)

    def reported(self, side: int, *chunks: bytes, cumulative: int, **sack: Any) -> None:
        """A packet, and the SACK that answers it."""
        self.send(side, *chunks)
        self.story.wait(DELAY_MS)
        self.send(1 - side, b.sack(cumulative, **sack))
        self.story.wait(DELAY_MS)


def transfer(
    told: Story, port: int, *, paths: int = 1, tsns: tuple[int, int] = (1000, 0xFFFFFFFE)
) -> Transfer:
    """An association that is set up; with one address each or with two."""
    client, server = (
        Side(host, 1, HOSTS[host][:paths], own, tag, tsn, streams=(10, 10))
        for host, own, tag, tsn in (("a", port, 0xA0 + port, tsns[0]), ("b", 9900, 0xB0 + port, tsns[1]))
    )
    for side in (client, server):
        side.listed = [b.address_parameter(address) for address in side.addresses]
    made = Transfer(told, (client, server))
    made.init()
    told.wait(DELAY_MS)
    made.init_ack()
    told.wait(DELAY_MS)
    made.send(0, b.cookie_echo(bytes(range(61))))
    told.wait(DELAY_MS)
    made.send(1, b.cookie_ack())
    told.wait(DELAY_MS)
    return made


def close(made: Transfer, side: int = 0) -> None:
    made.send(side, b.shutdown(add(made.sides[1 - side].tsn, -1)))
    made.story.wait(DELAY_MS)
    made.send(1 - side, b.shutdown_ack())
    made.story.wait(DELAY_MS)
    made.send(side, b.shutdown_complete())


def losses() -> Story:
    """Fragments, unordered messages, a Fast Retransmit, a time-out for want of a SACK, the I bit."""
    told = story()
    made = transfer(told, 8300)
    client = made.sides[0]
    for part, flags in ((b"frag", DataFlag.BEGINNING), (b"ment", 0), (b"ed", DataFlag.ENDING)):
        made.exchange(0, made.data(0, part, ppid=46, flags=flags))
    for unordered in (0, DataFlag.UNORDERED, 0):
        made.exchange(0, made.data(0, b"stream 1", stream=1, flags=b.WHOLE | unordered))
    # two packets, then a SACK
    made.send(0, made.data(0, b"first of two"))
    made.exchange(0, made.data(0, b"second of two"))
    # lost, reported three times, sent again at once
    lost, before = made.data(0, b"lost"), add(client.tsn, -2)
    made.send(0, lost, lost=True)
    for number in range(3):
        made.reported(0, made.data(0, b"after it"), cumulative=before, gaps=[(2, 2 + number)])
    made.exchange(0, lost)
    # its SACK is lost, so it comes again after RTO.Min
    unacknowledged = made.data(0, b"unacknowledged")
    made.send(0, unacknowledged)
    told.wait(DELAY_MS)
    made.send(1, b.sack(add(client.tsn, -1)), lost=True)
    told.wait(1000)
    made.send(0, unacknowledged)
    told.wait(DELAY_MS + 25)
    made.sack(1, duplicates=[add(client.tsn, -1)])
    told.wait(DELAY_MS)
    made.exchange(0, made.data(0, b"urgent", flags=b.WHOLE | DataFlag.IMMEDIATE))
    close(made)
    told.wait(1000)
    told.linger_ns = b.SECOND
    return told


def silence() -> Story:
    """The peer is not reached for a while: time-outs, then HEARTBEATs, at last SHUTDOWNs into the void."""
    told = story()
    made = transfer(told, 8301)
    made.exchange(0, made.data(0, b"hello"))
    early, late = made.data(0, b"early"), made.data(0, b"late")
    made.send(0, early, lost=True)
    made.send(0, late, lost=True)
    for seconds in (1, 2):
        told.wait(1000 * seconds)
        made.send(0, early, late, lost=True)
    told.wait(4000)
    made.exchange(0, early, late)
    for _ in range(4):
        told.wait(31_000)
        for side in (0, 1):
            info = b"from %d" % side + told.clock.to_bytes(8)
            made.send(side, b.heartbeat(info))
            told.wait(DELAY_MS)
            made.send(1 - side, b.heartbeat_ack(info))
            told.wait(DELAY_MS)
    for seconds in (1, 2):
        made.send(0, b.shutdown(add(made.sides[1].tsn, -1)), lost=True)
        told.wait(1000 * seconds)
    close(made)
    told.linger_ns = b.SECOND
    return told


def window() -> Story:
    """The peer closes its window; it is probed until it opens."""
    told = story()
    made = transfer(told, 8302)
    client = made.sides[0]
    made.exchange(0, made.data(0, b"hello"))
    told.wait(30)
    made.send(0, made.data(0, b"first of two"))
    made.exchange(0, made.data(0, b"second of two"), a_rwnd=0)
    probe, before = made.data(0, b"still closed?"), add(client.tsn, -2)
    for seconds in (1, 1):
        told.wait(1000 * seconds)
        made.reported(0, probe, cumulative=before, a_rwnd=0)
    told.wait(2000)
    made.exchange(0, probe)
    close(made)
    told.linger_ns = b.SECOND
    return told


def burst() -> Story:
    """As much as the first congestion window holds, and as much again after the first SACKs."""
    told = story()
    made = transfer(told, 8307)
    for _ in range(2):
        for number in range(3):
            made.send(0, made.data(0, bytes([number]) * 1400))
        told.wait(DELAY_MS)
        made.sack(1)
        told.wait(DELAY_MS)
    close(made)
    told.linger_ns = b.SECOND
    return told


def two_paths() -> Story:
    """Both paths answer HEARTBEATs; SACKs go with DATA; what is lost on one path is sent again on the
    other.
    """
    told = story()
    made = transfer(told, 8308, paths=2)
    for path in (0, 1):
        for side in (0, 1):
            info = b"path %d" % path + told.clock.to_bytes(8)
            made.send(side, b.heartbeat(info), path=path)
            told.wait(DELAY_MS)
            made.send(1 - side, b.heartbeat_ack(info), path=path)
            told.wait(DELAY_MS)
    made.exchange(1, made.data(1, bytes(100)))
    for _ in range(2):
        made.exchange(0, made.data(0, b"hello"))
    made.send(0, made.data(0, b"how do you do?"))
    told.wait(50)
    made.send(1, b.sack(add(made.sides[0].tsn, -1)), made.data(1, b"thank you"))
    told.wait(DELAY_MS)
    made.sack(0)
    told.wait(DELAY_MS)
    lost = made.data(0, b"lost")
    made.send(0, lost, lost=True)
    told.wait(1000)
    made.send(0, lost, path=1)
    told.wait(DELAY_MS)
    made.send(1, b.sack(add(made.sides[0].tsn, -1)), path=1)
    told.wait(DELAY_MS)
    close(made)
    told.linger_ns = b.SECOND
    return told


def wrapped() -> Story:
    """TSNs that wrap."""
    told = story()
    made = transfer(told, 8306, tsns=(0xFFFFFFFE, 5))
    for number in range(3):
        made.exchange(0, made.data(0, b"DATA %d" % number))
    close(made)
    return told


def faulty() -> Story:
    """A peer that sends DATA without user data is told so."""
    told = story()
    told.faults = frozenset({"rfc9260/3.3.1/data-user-data-present"})
    made = transfer(told, 8303)
    made.exchange(0, made.data(0, b"hello"))
    empty = made.data(0, b"")
    made.send(0, empty)
    told.wait(DELAY_MS)
    made.send(1, b.abort(b.cause(CauseCode.NO_USER_DATA, empty[4:8])))
    told.linger_ns = b.SECOND
    return told


def faulty_stream() -> Story:
    """A peer that sends DATA on a stream that there is not is told so."""
    told = story()
    told.faults = frozenset({"rfc9260/5.1.1/data-sid-in-range"})
    made = transfer(told, 8304)
    made.exchange(0, made.data(0, b"hello"))
    stray = made.data(0, b"?", stream=50)
    made.send(0, stray)
    told.wait(DELAY_MS)
    error = b.error(b.cause(CauseCode.INVALID_STREAM_IDENTIFIER, bytes([0, 50, 0, 0])))
    made.send(1, b.sack(add(made.sides[0].tsn, -1)), error)
    told.wait(DELAY_MS)
    close(made)
    told.linger_ns = b.SECOND
    return told


def crossing() -> Story:
    """Both ends close at the same time."""
    told = story()
    made = transfer(told, 8305)
    for side in (0, 1):
        made.send(side, b.shutdown(add(made.sides[1 - side].tsn, -1)))
    told.wait(DELAY_MS)
    for chunk in (b.shutdown_ack(), b.shutdown_complete()):
        for side in (0, 1):
            made.send(side, chunk)
        told.wait(DELAY_MS)
    told.linger_ns = b.SECOND
    return told


def flush() -> Story:
    """What a program had given before the peer closed is still sent."""
    told = Story()
    client = Side("a", 21, HOSTS["a"][:1], 8210, 0xA8, 50, streams=(10, 10))
    server = Side("b", 21, HOSTS["b"][:1], 9210, 0xB8, 90, streams=(10, 10))
    made = Association(told, (client, server))
    for side in (server, client):
        told.calls_only(side.host, 21, "socket", family="AF_INET", type="SOCK_SEQPACKET")
        told.calls_only(side.host, 21, "bind", side.port, address=side.addresses[0], port=side.port)
    told.calls_only("b", 21, "listen", 9210, backlog=5)
    with made.sending(0, b"hello"):
        made.set_up()
    made.send(0, made.data(0, b"hello"))
    made.sack(1)
    with made.sending(1, b"farewell"):
        with made.sending(0, b"", flags=["SCTP_EOF"]):
            made.send(0, b.shutdown(add(server.tsn, -1)))
        told.wait(30)
        made.send(1, made.data(1, b"farewell"))
    made.shut_down()
    for host in ("a", "b"):
        told.calls_only(host, 21, "close", 8210 if host == "a" else 9210)
    told.wait(1000)
    told.linger_ns = b.SECOND
    return told


CAPTURES: dict[str, Callable[[], Story]] = {
    "losses": losses,
    "silence": silence,
    "window": window,
    "burst": burst,
    "two_paths": two_paths,
    "wrapped": wrapped,
    "faulty": faulty,
    "faulty_stream": faulty_stream,
    "crossing": crossing,
    "flush": flush,
}
