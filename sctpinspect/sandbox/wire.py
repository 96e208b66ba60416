"""What a scenario's `wire(net)` gets: the paths between the hosts, to impair while the hosts talk."""

import shutil
import subprocess
from dataclasses import replace

from pyroute2 import IPRoute

from sctpinspect.protocol.errors import EnvironmentLacks
from sctpinspect.sandbox.barrier import Barrier
from sctpinspect.sandbox.network import impair, wire_name
from sctpinspect.scenarios import HOSTS, Impairment, Topology
from sctpinspect.sockets import Journal


class Wire:
    """All paths. What is done to them is journaled as events of host `wire`."""

    def __init__(self, variant: str, topology: Topology, journal: Journal, barrier: Barrier):
        self.variant = variant
        self._topology = topology
        self._journal = journal
        self._paths = [WirePath(number, topology, journal) for number in range(topology.paths)]
        self.signal = barrier.signal
        self.wait_for = barrier.wait_for

    def path(self, number: int) -> "WirePath":
        """One path, by its number from 0."""
        return self._paths[number]

    def drop(self, chunk: str, sender: str, occurrences: list[int]) -> None:
        """Lose packets of `sender` by what they hold: the n-th ones with a chunk of this type, on any path.

        `chunk` is the RFC's name with underscores (`COOKIE_ECHO`), `occurrences` count from 1.
        Raises EnvironmentLacks without nft.
        """
        interfaces = ", ".join(f'"{wire_name(sender, path)}"' for path in range(self._topology.paths))
        counts = ", ".join(str(occurrence - 1) for occurrence in occurrences)
        name = chunk.lower().replace("_", "-")
        _nft(
            "add table bridge sctpinspect\n"
            "add chain bridge sctpinspect forward { type filter hook forward priority 0; }\n"
            f"add rule bridge sctpinspect forward iifname {{ {interfaces} }} meta l4proto sctp "
            f"sctp chunk {name} exists numgen inc mod 65536 {{ {counts} }} counter drop\n"
        )
        self._journal.event("drop", f"{chunk} of {sender} will be lost, occurrences {occurrences}")


class WirePath:
    """One path: what it does to the packets of either sender (`a`, `b`; None: both)."""

    def __init__(self, number: int, topology: Topology, journal: Journal):
        self._number = number
        self._journal = journal
        self._impairment = dict.fromkeys(HOSTS, topology.impairment or Impairment())

    def down(self, sender: str | None = None) -> None:
        """Lose everything from now on."""
        for host in _senders(sender):
            self._apply(host, Impairment(loss_percent=100))
        self._journal.event("path_down", self._words(sender))

    def up(self, sender: str | None = None) -> None:
        """Carry packets again, impaired as before `down`."""
        for host in _senders(sender):
            self._apply(host, self._impairment[host])
        self._journal.event("path_up", self._words(sender))

    def impair(self, sender: str | None = None, **changes: float) -> None:
        """Change fields of the impairment (those of `Impairment`)."""
        for host in _senders(sender):
            self._impairment[host] = replace(self._impairment[host], **changes)
            self._apply(host, self._impairment[host])
        self._journal.event("path_impaired", f"{self._words(sender)}: {changes}")

    def _apply(self, sender: str, impairment: Impairment) -> None:
        # what one host sends leaves the wire towards the other
        receiver = next(host for host in HOSTS if host != sender)
        with IPRoute() as ip:
            impair(ip, ip.link_lookup(ifname=wire_name(receiver, self._number))[0], impairment)

    def _words(self, sender: str | None) -> str:
        return f"path {self._number}, packets of {' and '.join(_senders(sender))}"


def _senders(sender: str | None) -> list[str]:
    return [sender] if sender else list(HOSTS)


def _nft(rules: str) -> None:
    if not shutil.which("nft"):
        raise EnvironmentLacks("losing packets by chunk needs nft; install the package nftables")
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
