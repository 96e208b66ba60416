"""Packets of two endpoints that talk to each other, put together one after the other."""

from collections.abc import Iterable, Sequence

from builders import (
    MILLISECOND,
    START_NS,
    Packet,
    address_parameter,
    cookie_ack,
    cookie_echo,
    init,
    init_ack,
    shutdown,
    shutdown_ack,
    shutdown_complete,
    state_cookie,
)

COOKIE = bytes(range(32))


class Conversation:
    """Packets from side 0 (the client, if it says so first) and side 1, one millisecond apart."""

    def __init__(
        self,
        client: Sequence[str] = ("10.1.0.1",),
        server: Sequence[str] = ("10.1.0.2",),
        ports: tuple[int, int] = (5000, 4444),
        tags: tuple[int, int] = (0xAAAA0001, 0xBBBB0002),
        tsns: tuple[int, int] = (1000, 2000),
        start_ns: int = START_NS,
    ):
        self.addresses, self.ports, self.tags, self.tsns = (client, server), ports, tags, tsns
        self.clock = start_ns
        self.packets: list[Packet] = []

    def send(self, side: int, *chunks: bytes, path: int = 0, tag: int | None = None) -> "Conversation":
        """A packet from a side, to its peer's tag unless another is given."""
        source, destination = self.addresses[side], self.addresses[1 - side]
        self.packets.append(
            Packet(
                self.clock,
                source[path % len(source)],
                destination[path % len(destination)],
                self.ports[side],
                self.ports[1 - side],
                self.tags[1 - side] if tag is None else tag,
                list(chunks),
            )
        )
        self.clock += MILLISECOND
        return self

    def init(self, side: int = 0, **fields) -> "Conversation":
        fields = {"tag": self.tags[side], "tsn": self.tsns[side], **fields}
        return self.send(side, init(*self.listed(side), **fields), tag=0)

    def init_ack(self, side: int = 1, **fields) -> "Conversation":
        fields = {"tag": self.tags[side], "tsn": self.tsns[side], **fields}
        return self.send(side, init_ack(state_cookie(COOKIE), *self.listed(side), **fields))

    def handshake(self) -> "Conversation":
        return self.init().init_ack().send(0, cookie_echo(COOKIE)).send(1, cookie_ack())

    def shutdown(self) -> "Conversation":
        self.send(0, shutdown(self.tsns[1] - 1))
        return self.send(1, shutdown_ack()).send(0, shutdown_complete())

    def listed(self, side: int) -> list[bytes]:
        addresses = self.addresses[side]
        return [address_parameter(address) for address in addresses] if len(addresses) > 1 else []


def together(*conversations: Iterable[Packet]) -> list[Packet]:
    """The packets of all, in order of time."""
    return sorted(
        (packet for packets in conversations for packet in packets), key=lambda packet: packet.time_ns
    )
