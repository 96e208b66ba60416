"""Which association each call of the journal belongs to, and which message each send and receive is."""

import json
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import polars as pl

from sctpinspect.tables.associations import ENDPOINT, peer

SENDS = ["send", "sendmsg", "sctp_send", "sctp_sendmsg", "sctp_sendv"]
RECEIVES = ["recv", "recvmsg", "sctp_recvmsg", "sctp_recvv"]
OF_OWN_ADDRESSES = {"bind", "sctp_bindx", "sctp_getladdrs", "getsockname"}
"""Calls whose addresses and port are the socket's own, not its peer's."""

TAKES = pl.col("name").is_in(RECEIVES) & ~pl.col("arguments").str.contains('"MSG_PEEK"', literal=True)
"""Whether a call takes what it receives; a look at it (MSG_PEEK) leaves it to the next one."""

Row = dict[str, Any]


def with_hosts(endpoints: pl.DataFrame, calls: pl.DataFrame, recipe: dict[str, Any]) -> pl.DataFrame:
    """`endpoints` with `host`: the one host that has an address of the endpoint and a socket on its port."""
    sockets = calls.select("host", port="local_port").drop_nulls().unique()
    hosts = (
        endpoints.select(*ENDPOINT, "port", address="addresses")
        .explode("address")
        .join(host_addresses(recipe), on="address")
        .join(sockets, on=["host", "port"], how="semi")
        .group_by(ENDPOINT)
        .agg(pl.col("host").unique())
        .filter(pl.col("host").list.len() == 1)
        .explode("host")
    )
    return endpoints.drop("host").join(hosts, on=ENDPOINT, how="left", maintain_order="left")


def host_addresses(recipe: dict[str, Any]) -> pl.DataFrame:
    """`host` and `address`: the addresses of each host, from a recipe that anybody may have written."""
    hosts = recipe.get("hosts")
    listed = [
        (name, address)
        for name, host in (hosts.items() if isinstance(hosts, dict) else ())
        if isinstance(host, dict) and isinstance(host.get("addresses"), list)
        for address in host["addresses"]
        if isinstance(address, str)
    ]
    return pl.DataFrame(listed, {"host": pl.String, "address": pl.String}, orient="row")


@dataclass(slots=True, eq=False)
class _Party:
    """An endpoint of an association, as its host sees it."""

    association: int
    side: int
    first_ns: int
    last_ns: int
    is_accepted: bool = False


class _Parties:
    """Parties in order of their beginning. No question about them takes longer than log n per party told."""

    def __init__(self, parties: Sequence[_Party] = ()) -> None:
        self.parties = parties
        self._begins = [party.first_ns for party in parties]
        self._accepted = 0  # so many of the first ones are accepted
        leaves = 1 << max(len(parties) - 1, 0).bit_length()
        # a tree: each node holds the latest end of the two below it
        self._ends = [0] * leaves + [party.last_ns for party in parties] + [0] * (leaves - len(parties))
        for node in range(leaves - 1, 0, -1):
            self._ends[node] = max(self._ends[2 * node], self._ends[2 * node + 1])

    def begun(self, since_ns: int, until_ns: int | None) -> range:
        """The places of those that began between the two times, or later if `until_ns` is None."""
        last = len(self.parties) if until_ns is None else bisect_right(self._begins, until_ns)
        return range(bisect_left(self._begins, since_ns), last)

    def alive(self, places: range, since_ns: int) -> Iterator[_Party]:
        """Those at the places that did not end before that time, the latest first."""
        leaves = len(self._ends) // 2
        nodes = [(1, 0, leaves)]
        while nodes:
            node, low, high = nodes.pop()
            if high <= places.start or places.stop <= low or self._ends[node] < since_ns:
                continue
            if node >= leaves:
                yield self.parties[low]
                continue
            middle = (low + high) // 2
            nodes += [(2 * node, low, middle), (2 * node + 1, middle, high)]

    def accept(self, places: range) -> _Party | None:
        """The first at the places that was not accepted yet; it is now."""
        while self._accepted < len(self.parties) and self.parties[self._accepted].is_accepted:
            self._accepted += 1
        for place in range(max(places.start, self._accepted), places.stop):
            if not self.parties[place].is_accepted:
                self.parties[place].is_accepted = True
                return self.parties[place]
        return None


@dataclass(slots=True)
class _Port:
    """The parties of one host on one port, and those with a peer at an address and port."""

    all: _Parties = field(default_factory=_Parties)
    of_peer: dict[tuple[str, int], _Parties] = field(default_factory=dict)


@dataclass(slots=True)
class _Socket:
    """What is known of a socket: how long it is open, its port, and the association it was made for."""

    opened_ns: int = 0
    closed_ns: int | None = None
    port: int | None = None
    is_one_to_one: bool = False
    party: _Party | None = None
    by_id: dict[int, _Party] = field(default_factory=dict)

    def own(self, parties: _Parties, until_ns: int | None = None) -> range:
        """The places of those that began while it was open, and by that time."""
        ends = [ns for ns in (self.closed_ns, until_ns) if ns is not None]
        return parties.begun(self.opened_ns, min(ends, default=None))


def with_associations(
    calls: pl.DataFrame, endpoints: pl.DataFrame, associations: pl.DataFrame
) -> pl.DataFrame:
    """`calls` with `association` and `side`, where its socket and peer tell them.

    A socket's host and port say which associations are its own; an accepted or peeled-off socket has one.
    Among several the association id decides, then the address of the peer, then the time.
    """
    rows = calls.to_dicts()
    sockets = _sockets(rows)
    parties = _parties(endpoints, associations)
    found = []
    for call in rows:
        socket = sockets[call["host"], call["socket"]]
        own = parties.get((call["host"], socket.port), _Port())
        party = socket.party or _party(call, socket, own)
        if party is not None and call["association_id"]:
            socket.by_id.setdefault(call["association_id"], party)
        made = sockets.get((call["host"], _made_socket(call)))
        if made is not None:
            made.party = party
        found.append((None, None) if party is None else (party.association, party.side))
    columns = pl.DataFrame(found, {"association": pl.UInt32, "side": pl.UInt8}, orient="row")
    return calls.with_columns(columns)


def _sockets(calls: Sequence[Row]) -> dict[tuple[str, int | None], _Socket]:
    """Every socket, by host and number."""
    sockets: dict[tuple[str, int | None], _Socket] = {}
    for call in calls:
        socket = sockets.setdefault((call["host"], call["socket"]), _Socket())
        if call["local_port"] is not None:
            socket.port = call["local_port"]
        if call["name"] == "socket":
            socket.opened_ns = call["start_ns"]
            socket.is_one_to_one = '"SOCK_STREAM"' in call["arguments"]
        if call["name"] == "close":
            socket.closed_ns = call["end_ns"]
    return sockets


def _parties(endpoints: pl.DataFrame, associations: pl.DataFrame) -> dict[tuple[str, int | None], _Port]:
    """The parties of each host and port."""
    peers = endpoints.select("association", peer(), peer_port="port", peer_addresses="addresses")
    rows = (
        endpoints.drop_nulls("host")
        .join(peers, on=ENDPOINT)
        .join(associations.select("association", "first_ns", "last_ns"), on="association")
        .sort("first_ns", "association")
        .select("host", "port", "peer_port", "peer_addresses", "association", "side", "first_ns", "last_ns")
    )
    all_parties: dict[tuple[str, int], list[_Party]] = {}
    of_peers: dict[tuple[str, int], dict[tuple[str, int], list[_Party]]] = {}
    for host, port, peer_port, peer_addresses, *rest in rows.iter_rows():
        party = _Party(*rest)
        all_parties.setdefault((host, port), []).append(party)
        of_peer = of_peers.setdefault((host, port), {})
        for address in peer_addresses:
            of_peer.setdefault((address, peer_port), []).append(party)
    return {
        port: _Port(_Parties(own), {who: _Parties(those) for who, those in of_peers[port].items()})
        for port, own in all_parties.items()
    }


def _party(call: Row, socket: _Socket, port: _Port) -> _Party | None:
    """Whose call it is, of a socket that may have several associations."""
    if call["association_id"] in socket.by_id:
        return socket.by_id[call["association_id"]]
    addresses = [address for address in (call["address"], *(call["addresses"] or ())) if address]
    if addresses and call["port"] and call["name"] not in OF_OWN_ADDRESSES:
        names = dict.fromkeys((address.partition("%")[0], call["port"]) for address in addresses)
        named = _with_peer(call, socket, [port.of_peer[name] for name in names if name in port.of_peer])
        if named is not None or not socket.is_one_to_one or call["name"] == "accept":
            return named
    during = port.all.alive(socket.own(port.all, call["end_ns"]), call["start_ns"])
    ever = socket.own(port.all)
    return _only(during) or _only(port.all.parties[place] for place in ever[:2])


def _with_peer(call: Row, socket: _Socket, of_addresses: Sequence[_Parties]) -> _Party | None:
    """Whose call it is, of those with a peer at one of some addresses."""
    if call["name"] == "accept":
        accepted = (parties.accept(socket.own(parties, call["end_ns"])) for parties in of_addresses)
        return next(filter(None, accepted), None)
    # a call that begins an association is before it; any other may still run when the next one has begun
    start, end = call["start_ns"], call["end_ns"]
    begun = [next(parties.alive(socket.own(parties, start), start), None) for parties in of_addresses]
    if found := [party for party in begun if party is not None]:
        return max(found, key=lambda party: party.first_ns)
    later = [
        parties.parties[place]
        for parties in of_addresses
        for place in socket.own(parties, end)[len(socket.own(parties, start)) :][:1]
    ]
    if later:
        return min(later, key=lambda party: party.first_ns)
    ever = [parties.parties[place] for parties in of_addresses for place in socket.own(parties)[-1:]]
    return ever[-1] if ever else None


def _only(parties: Iterable[_Party]) -> _Party | None:
    """The one that there is; None if there are more."""
    first_two = list(islice(parties, 2))
    return first_two[0] if len(first_two) == 1 else None


def _made_socket(call: Row) -> int | None:
    """The number of the socket that accept() or sctp_peeloff() made."""
    if call["name"] not in ("accept", "sctp_peeloff"):
        return None
    made = json.loads(call["result"]).get("socket")
    return made if isinstance(made, int) else None


def with_calls(messages: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """`messages` with `send_call` and `receive_call`.

    The k-th send of a side with some content is its k-th message with that content, and no message
    begins before its send; the k-th such receive of the peer is it too, and does not end before it begins.
    What a call leaves to the socket's defaults, or is not told, counts as equal.
    """
    succeeded = calls.filter(pl.col("errno").is_null() & pl.col("association").is_not_null())
    if succeeded.is_empty():
        return messages
    sends = succeeded.filter(pl.col("name").is_in(SENDS)).with_columns(after="start_ns")
    user_data = pl.col("notification").is_null() & (pl.col("length") > 0)
    receives = _whole(succeeded.filter(TAKES & user_data)).with_columns(peer(), before="end_ns")
    rows = messages.to_dicts()
    content = [*ENDPOINT, "length", "digest"]
    by_send = _match(sends.to_dicts(), rows, [[*content, "stream", "ppid", "unordered"]])
    by_receive = _match(receives.to_dicts(), rows, [[*content, "stream", "ssn"], content])
    numbers = messages["message"]
    return messages.with_columns(
        pl.Series("send_call", [by_send.get(number) for number in numbers], pl.UInt32),
        pl.Series("receive_call", [by_receive.get(number) for number in numbers], pl.UInt32),
    )


def _whole(receives: pl.DataFrame) -> pl.DataFrame:
    """Receives of whole messages: those of parts as one, under the last of them, without a digest."""
    line = ["host", "socket", *ENDPOINT]
    ends = pl.col("end_of_record").fill_null(True)
    return (
        receives.with_columns(part_of=ends.shift(fill_value=False).cast(pl.UInt32).cum_sum().over(line))
        .group_by(*line, "part_of", maintain_order=True)
        .agg(
            pl.col("call", "end_ns", "end_of_record", "stream", "ssn").last(),
            pl.col("length").sum(),
            digest=pl.when(pl.len() == 1).then(pl.col("digest").first()),
        )
        .filter(ends)
        .sort("end_ns", maintain_order=True)
    )


def _match(calls: Sequence[Row], messages: Sequence[Row], passes: Sequence[Sequence[str]]) -> dict[int, int]:
    """The call of each message that has one, by their numbers.

    passes: columns that have to be equal; each pass is over what those before it left.
    """
    matched: dict[int, int] = {}
    for columns in passes:
        rest = []
        shelves: dict[tuple[str, ...], dict[tuple, deque[Row]]] = {}
        for call in calls:
            told = tuple(column for column in columns if call[column] is not None)
            if told not in shelves:
                shelves[told] = _shelve(messages, told)
            shelf = shelves[told].get(tuple(call[column] for column in told), deque())
            while shelf and (shelf[0]["message"] in matched or shelf[0]["first_ns"] < call.get("after", 0)):
                shelf.popleft()
            if shelf and shelf[0]["first_ns"] < call.get("before", shelf[0]["first_ns"] + 1):
                matched[shelf.popleft()["message"]] = call["call"]
            else:
                rest.append(call)
        calls = rest
    return matched


def _shelve(messages: Iterable[Row], columns: Sequence[str]) -> dict[tuple, deque[Row]]:
    """The messages in order, by their values in these columns."""
    shelves: dict[tuple, deque[Row]] = {}
    for message in messages:
        shelves.setdefault(tuple(message[column] for column in columns), deque()).append(message)
    return shelves
