"""Runs in a kernel with SCTP: addresses on the loopback device, journals, and pairs of sockets."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest
from pyroute2 import IPRoute

from sctpinspect.journal import Call, from_line
from sctpinspect.sockets import Journal, Socket

ADDRESSES = {
    # of global scope: Linux offers a peer of global scope no private addresses
    "ipv4": {"client": ["192.0.2.1", "198.51.100.1"], "server": ["192.0.2.2", "198.51.100.2"]},
    "ipv6": {"client": ["fd01::1", "fd01:1::1"], "server": ["fd01::2", "fd01:1::2"]},
}
NOBODY = "203.0.113.9"  # does not answer, and nobody answers for it
FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


@pytest.fixture(scope="session", autouse=True)
def _network() -> None:
    with IPRoute() as ip:
        loopback = ip.link_lookup(ifname="lo")[0]
        ip.link("set", index=loopback, state="up")
        for hosts in ADDRESSES.values():
            for address in chain(*hosts.values()):
                ip.addr("add", index=loopback, address=address, prefixlen=128 if ":" in address else 32)
        ip.link("add", ifname="hole", kind="dummy")
        hole = ip.link_lookup(ifname="hole")[0]
        ip.link("set", index=hole, state="up")
        ip.addr("add", index=hole, address="203.0.113.1", prefixlen=24)


class Recorded:
    """A journal, and the calls in it so far."""

    def __init__(self, folder: Path):
        self._path = folder / "a.journal"
        self.journal = Journal("a", self._path)

    def calls(self, *names: str) -> list[Call]:
        entries = [from_line(line) for line in self._path.read_text().splitlines()]
        assert None not in entries
        return [call for call in entries if isinstance(call, Call) and (not names or call.name in names)]

    def last(self, name: str) -> Call:
        return self.calls(name)[-1]


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path)


@pytest.fixture
def sockets(recorded: Recorded) -> Iterator[Callable[..., Socket]]:
    """Make sockets that are closed at the end."""
    with ExitStack() as stack:

        def make(family: str = "ipv4", kind: int = socket.SOCK_STREAM) -> Socket:
            made = stack.enter_context(Socket(recorded.journal, FAMILIES[family], kind))
            made.settimeout(5)
            return made

        yield make


class Pair(NamedTuple):
    """The two ends of an association; `listener` is the one-to-one socket that accepted `server`."""

    client: Socket
    server: Socket
    listener: Socket
    association_id: int


@pytest.fixture
def pair(sockets: Callable[..., Socket]) -> Iterator[Callable[..., Pair]]:
    """Set up an association between two one-to-one sockets; `prepare` is called with each socket before."""
    with ExitStack() as stack:

        def make(family: str = "ipv4", prepare: Callable[[Socket], None] = lambda _sock: None) -> Pair:
            hosts = ADDRESSES[family]
            listener, client = sockets(family), sockets(family)
            prepare(listener)
            prepare(client)
            listener.bindx(hosts["server"])
            listener.listen()
            client.bindx(hosts["client"])
            association_id = client.connectx(hosts["server"], listener.getsockname().port)
            server = stack.enter_context(listener.accept())
            return Pair(client, server, listener, association_id)

        yield make


@contextmanager
def in_thread(action: Callable[[], object]) -> Iterator[threading.Thread]:
    """Run `action` meanwhile; its exception is raised at the end."""
    failures = []

    def run() -> None:
        try:
            action()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join(10)
    assert not thread.is_alive()
    if failures:
        raise failures[0]
