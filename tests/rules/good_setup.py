"""Good captures of how associations are set up when all does not go well, and of packets out of the blue.

As in `good`, every rule that they are about judges something in them, and none is broken.
"""

from collections.abc import Callable
from dataclasses import replace

import builders as b
from rules.good import COOKIE, HOSTS, Association, Side, Story

from sctpinspect.protocol import CauseCode, ParameterType

SECOND_MS = 1000


def pair(story: Story, number: int, *, addresses: int = 1) -> Association:
    """Two endpoints whose ports, tags and TSNs no other pair of the story has."""
    sides = [
        Side(host, number, HOSTS[host][:addresses], port + number, tag + number, tsn + 100 * number)
        for host, port, tag, tsn in (("a", 5000, 0xAAAA0000, 1000), ("b", 6000, 0xBBBB0000, 500_000))
    ]
    if addresses > 1:
        for side in sides:
            side.listed = [b.address_parameter(address) for address in side.addresses]
    return Association(story, (sides[0], sides[1]))


def listening(story: Story, side: Side) -> None:
    """The calls after which a side waits for associations."""
    story.calls_only(side.host, side.socket, "socket", family="AF_INET", type="SOCK_SEQPACKET")
    story.calls_only(side.host, side.socket, "bind", side.port, address=side.addresses[0], port=side.port)
    story.calls_only(side.host, side.socket, "listen", side.port, backlog=5)


def talk(association: Association, *messages: bytes) -> None:
    """Messages of the initiator, each acknowledged."""
    for message in messages:
        association.send(0, association.data(0, message))
        association.sack(1)


def linger(story: Story) -> Story:
    """Let the recording go on for a second: what is not in it was never sent."""
    story.linger_ns = SECOND_MS * b.MILLISECOND
    return story


def patient() -> Story:
    """INIT and COOKIE ECHO are sent again and again, at last with success; then an ABORT."""
    story = Story()
    slow = pair(story, 1)
    for pause in (1000, 2000, 4000):
        slow.init()
        story.wait(pause)
    slow.init()
    slow.init_ack()
    for pause in (1000, 2000, 4000):
        slow.send(0, b.cookie_echo(COOKIE))
        story.wait(pause)
    slow.send(0, b.cookie_echo(COOKIE), slow.data(0, b"hello"))
    slow.send(1, b.cookie_ack(), b.sack(1100))
    talk(slow, b"at last")
    slow.send(1, b.abort(b.user_initiated_abort(b"enough")))
    refused = pair(story, 2)
    refused.init()
    refused.send(1, b.abort())
    return linger(story)


def strange() -> Story:
    """Parameters and chunks that no RFC defines, and reports of them."""
    story = Story()
    two = pair(story, 10)
    asked = {number: b.parameter(number, bytes([number & 255]) * 6) for number in (0xC123, 0x8123, 0x4123)}
    ignored = b.parameter(0xC124, b"behind")
    types = b.parameter(ParameterType.SUPPORTED_ADDRESS_TYPES, bytes([0, 5, 0, 6]))
    two.sides[0].listed = [b.parameter(ParameterType.PADDING, bytes(3)), types, *asked.values(), ignored]
    returned = [_returned(asked[number]) for number in (0xC123, 0x4123)]
    own = b.parameter(0xC222, b"own")
    two.sides[1].listed = [*returned, own]
    two.init()
    two.init_ack()
    two.send(0, b.cookie_echo(COOKIE), b.error(b.cause(CauseCode.UNRECOGNIZED_PARAMETERS, own)))
    two.send(1, b.cookie_ack())
    for type in (70, 140, 200):
        unknown = b.chunk(type, b"what is this", flags=3)
        two.send(0, unknown)
        if type & 64:
            two.send(1, b.error(b.cause(CauseCode.UNRECOGNIZED_CHUNK_TYPE, unknown)))
    data = two.data(0, b"hello")
    two.send(0, b.chunk(20, b"stop"), data)
    two.send(0, data)
    two.sack(1)
    two.send(1, b.error(b.cause(CauseCode.INVALID_STREAM_IDENTIFIER, bytes(4))))
    story.wait(600)
    two.shut_down()
    return linger(story)


def _returned(tlv: bytes) -> bytes:
    return b.parameter(ParameterType.UNRECOGNIZED_PARAMETER, tlv[: int.from_bytes(tlv[2:4])])


def provoked() -> Story:
    """One side sends what it must not, and the other does with it what it has to."""
    story = Story(faults=frozenset(PROVOCATIONS))
    two = pair(story, 20)
    two.set_up()
    data = two.data(0, b"damaged")
    two.send(0, data)
    story.packets[-1] = replace(story.packets[-1], checksum=0x12345678)
    story.wait(600)
    two.send(0, data)
    two.sack(1)
    data = two.data(0, b"astray")
    two.send(0, data, tag=0x12345678)
    two.send(0, b.heartbeat(b"anybody there?"), tag=0x12345678)
    two.send(0, data)
    two.sack(1)
    two.send(0, b.abort(), tag=0x12345678)
    story.wait(200)
    talk(two, b"still here")
    two.send(0, b.init_ack(b.state_cookie(COOKIE), tag=0xAAAA7777, tsn=1))
    story.wait(600)

    refused = [pair(story, number) for number in (21, 22, 23)]
    refused[0].sides[0].streams = (10, 0)
    refused[1].sides[0].listed = [b.parameter(ParameterType.HOST_NAME_ADDRESS, b"a.example\0")]
    for each in refused[:2]:
        listening(story, each.sides[1])
        each.init()
        each.send(1, b.abort())
    refused[2].sides[1].streams = (0, 10)
    refused[2].init()
    refused[2].init_ack()
    refused[2].send(0, b.abort())
    nobody = pair(story, 24)
    nobody.sides[0].tag = 0
    nobody.init()
    return linger(story)


def blue() -> Story:
    """Packets out of the blue, of associations that nobody set up or that have ended; ports used again."""
    story = Story(faults=frozenset({"rfc9260/5.1/handshake-complete", "rfc9260/9.2/shutdown-in-order"}))
    never = pair(story, 30)
    never.send(0, b.data(1, b"where are you?"))
    never.send(1, b.abort(reflected=True), tag=never.sides[1].tag)
    never.send(0, b.shutdown_complete())
    closing = pair(story, 31)
    closing.send(0, b.shutdown_ack())
    closing.send(1, b.shutdown_complete(reflected=True), tag=closing.sides[1].tag)
    pair(story, 32).send(0, b.cookie_ack())
    pair(story, 33).send(0, b.abort())
    ended = pair(story, 34)
    ended.set_up()
    ended.shut_down()
    story.wait(1000)
    ended.send(1, b.shutdown_ack())
    ended.send(0, b.shutdown_complete(reflected=True), tag=ended.sides[0].tag)
    for number in (35, 36):
        again = pair(story, number)
        for side in again.sides:
            side.port = 5900
        again.set_up()
        again.shut_down()
    return linger(story)


def cookie_of(number: int) -> bytes:
    return bytes([number]) * 40


def set_up_with(two: Association, cookie: bytes, *, side: int = 0) -> None:
    """INIT ACK, COOKIE ECHO and COOKIE ACK of a handshake that a side began."""
    own, other = two.sides[side], two.sides[1 - side]
    answer_init(two, own.tag, other.tag, other.tsn, cookie, side=1 - side)
    two.send(side, b.cookie_echo(cookie))
    two.send(1 - side, b.cookie_ack())


def ask(two: Association, tag: int, tsn: int, *listed: bytes, side: int = 0, inbound: int = 65_535) -> None:
    """An INIT of a side."""
    two.send(side, b.init(*listed, tag=tag, tsn=tsn, outbound=10, inbound=inbound), tag=0)


def answer_init(
    two: Association, asked_tag: int, tag: int, tsn: int, cookie: bytes, *, side: int = 1
) -> None:
    """An INIT ACK of a side."""
    listed = two.sides[side].listed
    chunk = b.init_ack(b.state_cookie(cookie), *listed, tag=tag, tsn=tsn, outbound=10, inbound=65_535)
    two.send(side, chunk, tag=asked_tag)


def restarts() -> Story:
    """INITs for an association that is there: one adds an address, one leads nowhere, one restarts it."""
    story = Story(faults=frozenset({"rfc9260/5.1/cookie-echo-follows-init-ack"}))
    two = pair(story, 40, addresses=2)
    two.set_up()
    two.heartbeats()
    talk(two, b"before")
    story.wait(100)
    client, server = two.sides
    ask(two, 0xAAAA1111, 7000, b.address_parameter("10.9.0.1"))
    two.send(1, b.abort(b.cause(CauseCode.RESTART_OF_AN_ASSOCIATION_WITH_NEW_ADDRESSES)), tag=0xAAAA1111)
    talk(two, b"still there")
    ask(two, 0xAAAA2222, 7500)
    answer_init(two, 0xAAAA2222, 0xBBBB2222, 1, cookie_of(2))
    talk(two, b"and still")
    story.wait(100)
    # now the client has forgotten all of it
    client.tag, client.tsn, server.tag = 0xAAAA3333, 8000, 0xBBBB3333
    client.ssns.clear()
    ask(two, client.tag, client.tsn, *client.listed)
    set_up_with(two, cookie_of(3))
    two.send(0, b.cookie_echo(cookie_of(3)))  # the COOKIE ACK was late
    two.send(1, b.cookie_ack())
    two.heartbeats()
    talk(two, b"anew", b"and on")
    story.wait(600)
    two.shut_down()

    closing = pair(story, 41)
    closing.set_up()
    closing.send(0, b.shutdown(closing.sides[1].tsn - 1))
    closing.send(1, b.shutdown_ack())
    story.wait(100)
    ask(closing, 0xAAAA4444, 1)
    closing.send(1, b.shutdown_ack())
    closing.send(0, b.shutdown_complete())
    return linger(story)


def collision() -> Story:
    """Both sides send an INIT at the same time."""
    story = Story()
    two = pair(story, 50)
    client, server = two.sides
    ask(two, client.tag, client.tsn)
    ask(two, server.tag, server.tsn, side=1)
    answer_init(two, client.tag, server.tag, server.tsn, cookie_of(1))
    answer_init(two, server.tag, client.tag, client.tsn, cookie_of(2), side=0)
    two.send(0, b.cookie_echo(cookie_of(1)))
    two.send(1, b.cookie_echo(cookie_of(2)))
    two.send(1, b.cookie_ack())
    two.send(0, b.cookie_ack())
    story.wait(600)
    talk(two, b"one", b"association")
    two.shut_down()
    return linger(story)


def cookies() -> Story:
    """Cookies that are too old, or came twice."""
    story = Story(
        faults=frozenset({"rfc9260/3.3.11/cookie-echo-exact", "rfc9260/5.1/cookie-echo-follows-init-ack"})
    )
    story.recipe["sysctls"]["valid_cookie_life"] = "5000"
    two = pair(story, 60)
    client, server = two.sides
    listening(story, server)
    ask(two, client.tag, client.tsn)
    answer_init(two, client.tag, server.tag, server.tsn, cookie_of(1))
    story.wait(7000)
    two.send(0, b.cookie_echo(cookie_of(1)))
    two.send(1, b.error(b.cause(CauseCode.STALE_COOKIE, bytes(4))))
    ask(two, client.tag, client.tsn)
    answer_init(two, client.tag, server.tag, server.tsn, cookie_of(2))
    two.send(0, b.cookie_echo(cookie_of(9)))  # of nobody
    story.wait(600)
    two.send(0, b.cookie_echo(cookie_of(2)), two.data(0, b"hello"))
    two.send(1, b.cookie_ack(), b.sack(client.tsn - 1))
    talk(two, b"and more")
    twice = pair(story, 61)
    for number in (3, 4):
        ask(twice, twice.sides[0].tag, twice.sides[0].tsn)
        answer_init(twice, twice.sides[0].tag, twice.sides[1].tag, twice.sides[1].tsn, cookie_of(number))
        if number == 3:
            story.wait(100)
    twice.send(0, b.cookie_echo(cookie_of(3)))
    twice.send(1, b.cookie_ack())
    talk(twice, b"once")
    late = pair(story, 62)
    late.set_up()
    story.wait(600)
    late.send(1, b.error(b.cause(CauseCode.STALE_COOKIE, bytes(4))))
    talk(late, b"never mind")
    story.wait(600)
    ask(late, 0xAAAA5555, 1)
    answer_init(late, 0xAAAA5555, 0xBBBB5555, 1, cookie_of(5))
    return linger(story)


def nobody() -> Story:
    """Nobody is at the address of the peer."""
    story = Story(faults=frozenset({"rfc9260/5.1/init-is-answered"}))
    alone = pair(story, 70)
    init = {"sinit_num_ostreams": 10, "sinit_max_instreams": 0, "sinit_max_attempts": 2}
    story.calls_only("a", 70, "socket", family="AF_INET", type="SOCK_STREAM")
    story.calls_only("a", 70, "setsockopt", level="IPPROTO_SCTP", option="SCTP_INITMSG", value=init)
    called = {"address": alone.sides[1].addresses[0], "port": alone.sides[1].port}
    with story.call("a", 70, "connect", alone.sides[0].port, "ETIMEDOUT", **called):
        for pause in (1000, 2000, 4000):
            alone.init()
            story.wait(pause)
    story.calls_only("a", 70, "close", alone.sides[0].port)
    return linger(story)


PROVOCATIONS = [
    "rfc9260/3.3.2.1.4/no-hostname-param",
    "rfc9260/3.3.2/init-stream-counts-nonzero",
    "rfc9260/3.3.2/initiate-tag-nonzero",
    "rfc9260/6.8/crc32c-correct",
    "rfc9260/8.5.1/abort-tag-and-t-bit",
    "rfc9260/8.5/vtag-equals-peer-initiate-tag",
]

CAPTURES: dict[str, Callable[[], Story]] = {
    "patient": patient,
    "strange": strange,
    "provoked": provoked,
    "blue": blue,
    "restarts": restarts,
    "collision": collision,
    "cookies": cookies,
    "nobody": nobody,
}
