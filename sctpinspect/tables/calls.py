"""Which association each call of the journal belongs to, and which message each send and receive is."""

import json
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
    addresses = [(host, address) for host, own in _host_addresses(recipe).items() for address in own]
    sockets = calls.select("host", port="local_port").drop_nulls().unique()
    hosts = (
        endpoints.select(*ENDPOINT, "port", address="addresses")
        .explode("address")
        .join(pl.DataFrame(addresses, {"host": pl.String, "address": pl.String}, orient="row"), on="address")
        .join(sockets, on=["host", "port"], how="semi")
        .group_by(ENDPOINT)
        .agg(pl.col("host").unique())
        .filter(pl.col("host").list.len() == 1)
        .explode("host")
    )
    return endpoints.drop("host").join(hosts, on=ENDPOINT, how="left", maintain_order="left")


def _host_addresses(recipe: dict[str, Any]) -> dict[str, list[str]]:
    """The addresses of each host, from a recipe that anybody may have written."""
    hosts = recipe.get("hosts")
    if not isinstance(hosts, dict):
        return {}
    listed = {name: host.get("addresses") for name, host in hosts.items() if isinstance(host, dict)}
    return {
        name: [address for address in own if isinstance(address, str)]
        for name, own in listed.items()
        if isinstance(own, list)
    }


@dataclass(slots=True, eq=False)
class _Party:
    """An endpoint of an association, as its host sees it."""

    association: int
    side: int
    first_ns: int
    last_ns: int
    is_accepted: bool = False

    def is_during(self, call: Row) -> bool:
        return self.first_ns <= call["end_ns"] and call["start_ns"] <= self.last_ns


@dataclass(slots=True)
class _Parties:
    """The parties of one host on one port, in order, and those with a peer at an address and port."""

    all: list[_Party] = field(default_factory=list)
    of_peer: dict[tuple[str, int], list[_Party]] = field(default_factory=dict)


@dataclass(slots=True)
class _Socket:
    """What is known of a socket: how long it is open, its port, and the association it was made for."""

    opened_ns: int = 0
    closed_ns: int | None = None
    port: int | None = None
    party: _Party | None = None
    by_id: dict[int, _Party] = field(default_factory=dict)

    def own(self, parties: list[_Party]) -> Iterator[_Party]:
        """Those that began while it was open."""
        for party in parties:
            if self.opened_ns <= party.first_ns <= (self.closed_ns or party.first_ns):
                yield party


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
        own = parties.get((call["host"], socket.port), _Parties())
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
        if call["name"] == "close":
            socket.closed_ns = call["end_ns"]
    return sockets


def _parties(endpoints: pl.DataFrame, associations: pl.DataFrame) -> dict[tuple[str, int | None], _Parties]:
    """The parties of each host and port."""
    peers = endpoints.select("association", peer(), peer_port="port", peer_addresses="addresses")
    rows = (
        endpoints.drop_nulls("host")
        .join(peers, on=ENDPOINT)
        .join(associations.select("association", "first_ns", "last_ns"), on="association")
        .sort("first_ns", "association")
        .select("host", "port", "peer_port", "peer_addresses", "association", "side", "first_ns", "last_ns")
    )
    parties: dict[tuple[str, int | None], _Parties] = {}
    for host, port, peer_port, peer_addresses, *rest in rows.iter_rows():
        party, own = _Party(*rest), parties.setdefault((host, port), _Parties())
        own.all.append(party)
        for address in peer_addresses:
            own.of_peer.setdefault((address, peer_port), []).append(party)
    return parties


def _party(call: Row, socket: _Socket, parties: _Parties) -> _Party | None:
    """Whose call it is, of a socket that may have several associations."""
    if call["association_id"] in socket.by_id:
        return socket.by_id[call["association_id"]]
    addresses = [address for address in (call["address"], *(call["addresses"] or ())) if address]
    if addresses and call["port"] and call["name"] not in OF_OWN_ADDRESSES:
        found = [
            party
            for address in addresses
            for party in socket.own(parties.of_peer.get((address.partition("%")[0], call["port"]), []))
        ]
        if call["name"] == "accept":
            return _accepted(call, found)
        during = sorted((party for party in found if party.is_during(call)), key=lambda party: party.first_ns)
        begun = [party for party in during if party.first_ns <= call["start_ns"]]
        # a call that begins an association is before it; any other may still run when the next one has begun
        return next(iter([*reversed(begun), *during, *reversed(found)]), None)
    return _only(party for party in socket.own(parties.all) if party.is_during(call)) or _only(
        socket.own(parties.all)
    )


def _accepted(call: Row, parties: Iterable[_Party]) -> _Party | None:
    """The first that no call has accepted yet."""
    for party in parties:
        if not party.is_accepted and party.first_ns <= call["end_ns"]:
            party.is_accepted = True
            return party
    return None


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
