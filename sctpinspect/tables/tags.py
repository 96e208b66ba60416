"""The verification tags of a capture, found packet by packet.

INIT makes a tag known, INIT_ACK a pair of tags; any other packet with a tag that is not known yet makes
it known too. A tag is found again by ports and number, exactly. Addresses say which of several tags
with the same ports and number is meant.

An INIT may come late: it was held back, sent again on another path, or repeated by the network, and the
association that it asked for is there already. Its responder answers it all the same (RFC 9260 §5.2.2), and
nobody goes on with that. So an INIT with tag and initial TSN of an association that was established makes
another one only when a COOKIE_ECHO takes up the INIT_ACK that follows it.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sctpinspect.protocol import ChunkType

NAMESAKES = 8
"""So many tags with the same ports and number are told apart; with more the oldest is forgotten."""


class Flow(NamedTuple):
    """Packets of one tag between two addresses; `address` and `port` are those of the tag's owner."""

    address: str
    peer_address: str
    port: int
    peer_port: int
    tag: int

    def reverse(self) -> "Flow":
        return Flow(self.peer_address, self.address, self.peer_port, self.port, self.tag)


@dataclass(slots=True, eq=False)
class Association:
    """Tags known to belong together, and addresses, by side; which side is which is settled at the end.

    is_used: it had a packet with more than INIT, INIT_ACK or what ends it. is_established: it had a
    COOKIE_ACK. is_late: it is the handshake of an INIT that came late, with which nobody has gone on yet.
    end, last: the packet that ended it, and its last packet.
    """

    tags: tuple[list["Tag"], list["Tag"]] = field(default_factory=lambda: ([], []))
    addresses: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))
    is_used: bool = False
    is_established: bool = False
    is_late: bool = False
    end: int | None = None
    last: int = 0
    number: int | None = None


@dataclass(slots=True, eq=False)
class Tag:
    """A verification tag that an endpoint chose.

    in_handshake: by an INIT or INIT_ACK of the capture. rival: a tag of the association that went on
    between the same endpoints when this one came up, and whether its owner is this one's peer.
    is_stray: the association of the rival is meant, and the tag is wrong there. late_for: the tag that the
    same INIT, or an answer to it, had made known before.
    """

    index: int
    flow: Flow
    association: Association
    side: int = 0
    in_handshake: bool = False
    initial_tsn: int | None = None
    flows: list[Flow] = field(default_factory=list)
    claim: tuple[int, int, bool] = (3, 0, True)
    rival: tuple["Tag", bool] | None = None
    is_stray: bool = False
    late_for: "Tag | None" = None
    # of its packets; filled when all of them are known
    first: int = 0
    last: int = 0
    uses: int = 0
    founds: bool = False
    tsns: tuple[int, int] | None = None
    acks: tuple[int, int] | None = None

    @property
    def own_addresses(self) -> set[str]:
        return self.association.addresses[self.side]

    @property
    def peer_addresses(self) -> set[str]:
        return self.association.addresses[1 - self.side]

    @property
    def has_partner(self) -> bool:
        return bool(self.association.tags[1 - self.side])

    @property
    def is_asking(self) -> bool:
        """Whether its INIT may still be sent again."""
        if self.association.is_late:
            return True
        return self.in_handshake and self.association.end is None and not self.association.is_established

    @property
    def was_used(self) -> bool:
        """Whether its association came up, so that another INIT of it comes late."""
        return self.association.is_established or not self.in_handshake

    def fits(self, flow: Flow) -> bool:
        """Whether a flow between addresses not seen with this tag before is this tag's."""
        if self.in_handshake:
            return flow.address in self.own_addresses or flow.peer_address in self.peer_addresses
        # its addresses are unknown, but where both ports are equal the flow may be the opposite one
        return flow.address not in self.peer_addresses and flow.peer_address not in self.own_addresses

    def claims(self, rank: int, packet: int, owner_initiates: bool) -> None:
        """An INIT (rank 0), more of the handshake (1) or else the first packet (2) tells the initiator."""
        self.claim = min(self.claim, (rank, packet, owner_initiates))


class Book:
    """The tags known so far; `place` tells the tag of one packet after the other."""

    def __init__(self) -> None:
        self.tags: list[Tag] = []
        self._flows: dict[Flow, Tag] = {}
        self._namesakes: dict[tuple[int, int, int], deque[Tag]] = {}
        self._unanswered: dict[Flow, Tag] = {}
        self._answered: dict[tuple[str, int, int], Tag] = {}
        self._late: dict[Flow, Tag] = {}

    def place(
        self,
        packet: int,
        flow: Flow,
        opening: int | None,
        initiate_tag: int | None,
        initial_tsn: int | None,
        listed: list[str] | None,
        cookie: int | None,
        closes: bool | None,
        is_reflected: bool | None,
        is_copy: bool,
    ) -> tuple[Tag, bool] | None:
        """The tag of a packet, and whether the packet comes from its owner (INIT, T bit) or goes there.

        flow: as if the tag belonged to the destination. None: the packet belongs to no association.
        """
        if initiate_tag is not None:
            addresses = {flow.peer_address, *(listed or ())}
            if opening == ChunkType.INIT:
                own_flow = flow.reverse()._replace(tag=initiate_tag)
                return self._init(packet, own_flow, initial_tsn, addresses, is_copy), True
            return self._init_ack(packet, flow, initiate_tag, initial_tsn, addresses), False
        if closes:
            found = self._closing(flow, bool(is_reflected))
            if found:
                association = found[0].association
                # with a wrong tag or T bit it must be ignored (RFC 9260 §8.5.1), and ends what is not up yet
                if association.end is None and (
                    found[1] == bool(is_reflected) or not association.is_established
                ):
                    association.end = packet
                return found
        if cookie == ChunkType.COOKIE_ECHO and not is_copy:
            self._take_up(flow)
        tag = self._find(flow)
        if tag is None:
            rival = self._rival(flow)
            if flow.tag == 0:  # nobody chooses 0 (RFC 9260 §3.3.2): it is wrong in whatever is there
                return rival
            tag = self._new(packet, flow)
            tag.rival = rival
            tag.claims(2, packet, False)
        if not closes:
            tag.association.is_used = True
        if cookie is not None:
            tag.claims(1, packet, cookie == ChunkType.COOKIE_ACK)
            tag.association.is_established |= cookie == ChunkType.COOKIE_ACK
        return tag, False

    def _init(
        self, packet: int, flow: Flow, initial_tsn: int | None, addresses: set[str], is_copy: bool
    ) -> Tag:
        # it may go to another address of the peer, whose addresses are not known before the INIT_ACK
        known = self._late.get(flow) or self._namesake(
            flow,
            lambda tag: flow.address in tag.own_addresses and (not tag.has_partner or _is_between(flow, tag)),
        )
        if known is not None and known.is_asking:
            tag = known
        elif known is not None and known.was_used and known.initial_tsn in (None, initial_tsn):
            if is_copy:
                return known
            tag = self._late[flow] = self._make(packet, flow, in_handshake=True)
            tag.late_for, tag.association.is_late = known, True
        else:
            rival = self._rival(flow)
            tag = self._new(packet, flow, in_handshake=True)
            tag.rival = rival
        tag.in_handshake = True
        tag.initial_tsn = initial_tsn
        tag.claims(0, packet, True)
        tag.own_addresses.update(addresses)
        tag.peer_addresses.add(flow.peer_address)
        self._unanswered[flow._replace(tag=0)] = tag
        return tag

    def _init_ack(
        self, packet: int, flow: Flow, initiate_tag: int, initial_tsn: int | None, addresses: set[str]
    ) -> Tag:
        initiator = self._late.get(flow) or self._find(flow)
        if initiator is None:
            # with a wrong tag it still answers an INIT that nothing else has answered
            initiator = self._unanswered.get(flow._replace(tag=0))
            if initiator is None or initiator.has_partner or initiator.association.end is not None:
                initiator = self._new(packet, flow)
        initiator.claims(1, packet, True)
        flow = flow.reverse()._replace(tag=initiate_tag)
        responder = self._responder(packet, flow, initiator)
        responder.in_handshake = True
        responder.initial_tsn = initial_tsn
        responder.own_addresses.update(addresses)
        is_new = responder.association is not initiator.association
        if is_new:
            join(initiator, responder)
        if not responder.association.is_late:
            self._answer(responder, responder.peer_addresses if is_new else (), addresses)
        return initiator

    def _responder(self, packet: int, flow: Flow, initiator: Tag) -> Tag:
        """The tag that an INIT_ACK chooses."""
        if initiator.association.is_late:
            if flow not in self._late:
                self._late[flow] = self._make(packet, flow, in_handshake=True)
            return self._late[flow]
        known = self._namesake(
            flow,
            # sent again, or INITs have crossed (RFC 9260 §5.2.1)
            lambda tag: (
                tag.association is initiator.association
                or (
                    flow.address in tag.own_addresses
                    and not tag.peer_addresses.isdisjoint(initiator.own_addresses)
                    and tag.association.end is None
                    and not (tag.has_partner and tag.association.is_established)
                )
            ),
        )
        return known or self._new(packet, flow, in_handshake=True)

    def _take_up(self, flow: Flow) -> None:
        """A COOKIE_ECHO goes on with a handshake whose INIT was thought to be late: it is a new one."""
        responder = self._late.get(flow)
        if responder is None or not responder.has_partner:
            return
        association = responder.association
        association.is_late = False
        tags = [tag for side in association.tags for tag in side]
        for tag in tags:
            self._late.pop(tag.flow, None)
            if tag.late_for is not None:
                tag.rival, tag.late_for = self._rival(tag.flow), None
        for tag in tags:
            self._enter(tag)
        self._answer(responder, responder.peer_addresses, responder.own_addresses)

    def _closing(self, flow: Flow, is_reflected: bool) -> tuple[Tag, bool] | None:
        """The tag of an ABORT or SHUTDOWN_COMPLETE: its receiver's or, reflected, its sender's.

        (RFC 9260 §8.5.1 B and C.)
        """
        for from_owner in (is_reflected, not is_reflected):
            tag = self._find(flow.reverse() if from_owner else flow)
            if tag is not None:
                return tag, from_owner
        return None

    def _find(self, flow: Flow) -> Tag | None:
        """The tag of a flow: one known between these addresses, or with at least one of them."""
        tag = self._flows.get(flow)
        if tag is None and flow.tag:
            tag = self._namesake(flow, lambda tag: _is_between(flow, tag))
            tag = tag or self._namesake(flow, lambda tag: tag.fits(flow))
            if tag is not None:
                self._learn(tag, flow)
            tag = tag or self._late.get(flow)
        return tag

    def _namesake(self, flow: Flow, suits: Callable[[Tag], bool]) -> Tag | None:
        """The latest tag with the ports and number of a flow that suits."""
        return next(filter(suits, self._namesakes.get(flow[2:], ())), None)

    def _new(self, packet: int, flow: Flow, in_handshake: bool = False) -> Tag:
        tag = self._make(packet, flow, in_handshake)
        self._enter(tag)
        return tag

    def _make(self, packet: int, flow: Flow, in_handshake: bool) -> Tag:
        """A tag that is not found again yet, with an association of its own."""
        association = Association()
        tag = Tag(len(self.tags), flow, association, in_handshake=in_handshake, first=packet, last=packet)
        association.tags[0].append(tag)
        self.tags.append(tag)
        tag.own_addresses.add(flow.address)
        tag.peer_addresses.add(flow.peer_address)
        return tag

    def _enter(self, tag: Tag) -> None:
        """From now on the tag is found, rather than an older one between the same addresses."""
        namesakes = self._namesakes.setdefault(tag.flow[2:], deque(maxlen=NAMESAKES))
        for old in namesakes:
            if _is_between(tag.flow, old):
                for known in old.flows:
                    self._flows.pop(known, None)
        namesakes.appendleft(tag)
        self._learn(tag, tag.flow)

    def _learn(self, tag: Tag, flow: Flow) -> None:
        self._flows[flow] = tag
        tag.flows.append(flow)
        tag.own_addresses.add(flow.address)
        tag.peer_addresses.add(flow.peer_address)
        if not tag.in_handshake or tag.has_partner:
            self._answered[flow.address, flow.port, flow.peer_port] = tag
            self._answered[flow.peer_address, flow.peer_port, flow.port] = tag

    def _answer(self, responder: Tag, peer_addresses: Iterable[str], own_addresses: Iterable[str]) -> None:
        """Lets `_rival` find the association by these addresses."""
        port, peer_port = responder.flow[2:4]
        self._answered.update({(address, peer_port, port): responder for address in peer_addresses})
        self._answered.update({(address, port, peer_port): responder for address in own_addresses})

    def _rival(self, flow: Flow) -> tuple[Tag, bool] | None:
        """A tag of the association that goes on between these endpoints, and whether the sender owns it."""
        for key in (flow.address, flow.port, flow.peer_port), (flow.peer_address, flow.peer_port, flow.port):
            tag = self._answered.get(key)
            for _ in range(NAMESAKES):  # what came up beside it, and has ended, says nothing of it
                if tag is None or tag.association.end is None:
                    break
                tag = tag.rival[0] if tag.rival else None
            if tag is None or tag.association.end is not None:
                continue
            if _is_between(flow, tag):
                return tag, False
            if _is_between(flow.reverse(), tag):
                return tag, True
        return None


def _is_between(flow: Flow, tag: Tag) -> bool:
    """Whether the flow runs between endpoints of the tag's association, towards the tag's owner."""
    return (
        flow[2:4] == tag.flow[2:4]
        and flow.address in tag.own_addresses
        and flow.peer_address in tag.peer_addresses
    )


def join(one: Tag, other: Tag) -> None:
    """Makes two tags partners: their associations are one."""
    if sum(map(len, one.association.tags)) < sum(map(len, other.association.tags)):
        one, other = other, one
    kept, gone = one.association, other.association
    _merge(kept, gone, one.side == other.side)
    kept.is_late |= gone.is_late
    kept.end = min((end for end in (kept.end, gone.end) if end is not None), default=None)


def fold(tag: Tag, into: Tag) -> None:
    """Puts the association of a tag into that of a tag of the same side; it ends when that ends."""
    _merge(into.association, tag.association, tag.side != into.side)


def _merge(kept: Association, gone: Association, flip: bool) -> None:
    for side in (0, 1):
        target = 1 - side if flip else side
        for tag in gone.tags[side]:
            tag.association, tag.side = kept, target
        kept.tags[target].extend(gone.tags[side])
        kept.addresses[target].update(gone.addresses[side])
    kept.is_used |= gone.is_used
    kept.is_established |= gone.is_established
    kept.last = max(kept.last, gone.last)
