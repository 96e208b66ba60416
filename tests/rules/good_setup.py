"""Good captures of how associations are set up when all does not go well, and of packets out of the blue.

As in `good`, every rule that they are about judges something in them, and none is broken.
"""

from collections.abc import Callable

import builders as b
from rules.good import COOKIE, HOSTS, Association, Side, Story

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


CAPTURES: dict[str, Callable[[], Story]] = {"patient": patient}
