"""What a scenario asks of the network: hosts a and b, joined by N paths."""

import ipaddress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Impairment:
    """What a path does to the packets of one direction, in the words of tc-netem."""

    delay_ms: float = 0
    jitter_ms: float = 0
    loss_percent: float = 0
    duplicate_percent: float = 0
    reorder_percent: float = 0


@dataclass(frozen=True)
class Topology:
    """Hosts a and b, each with one interface per path; path i joins their interfaces i.

    `addresses` limits how many of a host's interfaces carry an address (the first ones): `{"a": 1}`
    makes a single-homed while it still reaches every address of b. `impairment` holds in both
    directions of every path from the start; a scenario's `wire` may change it later.
    A host in `raw` has no addresses configured: its program speaks through packet sockets.
    `sysctls` are those of net.sctp that differ from the kernel's own on both hosts: `{"auth_enable": 1}`.
    `stacks` names who speaks SCTP for a host where that is not the kernel: `{"a": "usrsctp"}`. With
    `udp_port` all hosts also take SCTP in UDP (RFC 6951) on that port; who sends it, the program decides.
    """

    paths: int = 1
    families: tuple[str, ...] = ("ipv4",)
    addresses: dict[str, int] = field(default_factory=dict)
    impairment: Impairment | None = None
    raw: tuple[str, ...] = ()
    sysctls: dict[str, int] = field(default_factory=dict)
    stacks: dict[str, str] = field(default_factory=dict)
    udp_port: int = 0

    def __post_init__(self) -> None:
        if unknown := set(self.stacks.values()) - {"usrsctp"}:
            raise ValueError(f"there is no stack {unknown.pop()!r}; there is usrsctp")
        if self.stacks and "ipv6" in self.families and not self.udp_port:
            raise ValueError("usrsctp speaks IPv6 in UDP only here: give a udp_port, or take IPv4")
        if not 1 <= self.paths <= 4:
            raise ValueError(f"a topology has 1 to 4 paths, not {self.paths}")

    def interface_addresses(self, host: str, path: int) -> list[str]:
        """The addresses of a host's interface on a path, e.g. `["10.0.1.2"]`."""
        if path >= self.addresses.get(host, self.paths):
            return []
        return [str(network(family, path)[_HOST_PART[host]]) for family in self.families]

    def host_addresses(self, host: str) -> list[str]:
        """All addresses of a host, path by path."""
        return [address for path in range(self.paths) for address in self.interface_addresses(host, path)]


_HOST_PART = {"a": 1, "b": 2}


def network(family: str, path: int) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The network that a path uses for a family (`ipv4` or `ipv6`)."""
    if family == "ipv4":
        return ipaddress.IPv4Network(f"10.0.{path}.0/24")
    return ipaddress.IPv6Network(f"fd00:0:0:{path}::/64")
