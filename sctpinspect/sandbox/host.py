"""What a scenario's function gets: a host with its addresses, its sockets, and the barriers of the run."""

import socket

from sctpinspect.sandbox.barrier import Barrier
from sctpinspect.sandbox.raw import RawPath
from sctpinspect.scenarios import HOSTS, Topology
from sctpinspect.sockets import Journal, Socket
from sctpinspect.sockets.usrsctp import Stack, UsrsctpSocket


class Peer:
    """The other host, as far as one knows it beforehand."""

    def __init__(self, name: str, topology: Topology):
        self.name = name
        self.addresses = topology.host_addresses(name)


class Member:
    """A process of the run: its name, the variant that is run, and the barriers."""

    def __init__(self, name: str, variant: str, topology: Topology, journal: Journal, barrier: Barrier):
        self.name = name
        self.variant = variant
        self.topology = topology
        self.journal = journal
        self.peer = Peer(next(host for host in HOSTS if host != name), topology)
        self.signal = barrier.signal
        self.wait_for = barrier.wait_for

    def end(self) -> None:
        """Called when the program is done."""

    def print(self, text: str) -> None:
        """Say something on standard output and in the journal."""
        print(f"{self.name}: {text}", flush=True)
        self.journal.event("print", text)


class Host(Member):
    """A host whose kernel speaks SCTP for it."""

    @property
    def addresses(self) -> list[str]:
        """All its addresses, path by path."""
        return self.topology.host_addresses(self.name)

    @property
    def any_address(self) -> str:
        """The wildcard of the topology's family: whatever addresses the host has."""
        return "::" if self._family is socket.AF_INET6 else "0.0.0.0"

    def one_to_one(self) -> Socket:
        """A one-to-one socket (RFC 6458 §4), of the topology's family."""
        return Socket(self.journal, self._family, socket.SOCK_STREAM)

    def one_to_many(self) -> Socket:
        """A one-to-many socket (RFC 6458 §3), of the topology's family."""
        return Socket(self.journal, self._family, socket.SOCK_SEQPACKET)

    @property
    def _family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if "ipv6" in self.topology.families else socket.AF_INET


class UsrsctpHost(Host):
    """A host whose program brings its own stack, usrsctp, from the shared library of that name."""

    LIMIT_S = 10.0
    """So long the associations of closed sockets may take to end; a kernel would take care of them."""

    def __init__(
        self, library: str, name: str, variant: str, topology: Topology, journal: Journal, barrier: Barrier
    ):
        super().__init__(name, variant, topology, journal, barrier)
        self._stack = Stack(library, topology.udp_port)

    def one_to_one(self) -> UsrsctpSocket:
        return UsrsctpSocket(self._stack, self.journal, self._family, socket.SOCK_STREAM)

    def one_to_many(self) -> UsrsctpSocket:
        return UsrsctpSocket(self._stack, self.journal, self._family, socket.SOCK_SEQPACKET)

    def end(self) -> None:
        self._stack.end(self.LIMIT_S)


class RawHost(Member):
    """A host without addresses: no kernel SCTP answers, its program speaks through packet sockets."""

    def path(self, path: int) -> RawPath:
        """The host's end of a path, from which its program answers ARP and ND for its addresses."""
        return RawPath(f"path{path}", self.topology.interface_addresses(self.name, path))
