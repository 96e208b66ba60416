"""Namespaces, interfaces, addresses: what a topology asks for, laid by netlink.

Interfaces are named by what they are: `path0`, `path1`, ... in a host; `a0`, `b0`, ... the other ends of
these veths in the wire, where `bridge0` joins `a0` and `b0`, and so on.
"""

import ctypes
import os
import signal
import socket
from pathlib import Path

from pyroute2 import IPRoute
from pyroute2.ethtool.ioctl import IoctlEthtool

from sctpinspect.scenarios import HOSTS, Impairment, Topology
from sctpinspect.scenarios.topology import network

# All three: with the checksum alone off, GSO frames keep checksum 0; with SCTP segmentation off but GSO on,
# throughput collapses.
OFFLOADS = ("tx-checksum-sctp", "tx-sctp-segmentation", "tx-generic-segmentation")

_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_IFA_F_NODAD = 0x02

_libc = ctypes.CDLL(None, use_errno=True)


def enter_new_namespace() -> None:
    """Put the calling process into a network namespace of its own, which ends with it. Raises OSError."""
    if _libc.unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "cannot make a network namespace")


def die_with_parent() -> None:
    """Have the calling process killed when its parent ends, however that ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def lay_paths(topology: Topology, pids: dict[str, int]) -> list[dict]:
    """Make all paths in this namespace, the wire, with their far ends in the hosts' namespaces.

    Gives one entry per interface of the wire, as the recipe holds it: a packet that comes in there was
    sent by `host` on `path`.
    """
    set_sysctl("net/ipv6/conf/all/disable_ipv6", 1)
    set_sysctl("net/ipv6/conf/default/disable_ipv6", 1)
    interfaces = []
    with IPRoute() as ip:
        for path in range(topology.paths):
            bridge = _add_bridge(ip, f"bridge{path}")
            for host in HOSTS:
                name = wire_name(host, path)
                mac = f"02:00:00:00:{path:02x}:{1 + list(HOSTS).index(host):02x}"
                far_end = {"ifname": f"path{path}", "net_ns_pid": pids[host], "address": mac}
                ip.link("add", ifname=name, kind="veth", peer=far_end)
                index = ip.link_lookup(ifname=name)[0]
                disable_offloads(name)
                ip.link("set", index=index, master=bridge, state="up")
                if topology.impairment:
                    impair(ip, index, topology.impairment)
                interfaces.append(
                    {
                        "ifindex": index,
                        "name": name,
                        "host": host,
                        "path": path,
                        "mac": mac,
                        "addresses": topology.interface_addresses(host, path),
                    }
                )
    return interfaces


def _add_bridge(ip: IPRoute, name: str) -> int:
    ip.link("add", ifname=name, kind="bridge", br_forward_delay=0, br_mcast_snooping=0)
    index = ip.link_lookup(ifname=name)[0]
    ip.link("set", index=index, state="up")
    return index


def wire_name(host: str, path: int) -> str:
    """The wire's interface towards a host on a path."""
    return f"{host}{path}"


def configure(host: str, topology: Topology) -> None:
    """Bring up this namespace's interfaces with the host's addresses and routes (none for a raw host)."""
    for name, value in topology.sysctls.items():
        set_sysctl(f"net/sctp/{name}", value)
    raw = host in topology.raw
    if raw or "ipv6" not in topology.families:
        set_sysctl("net/ipv6/conf/all/disable_ipv6", 1)
    set_sysctl("net/ipv4/conf/all/rp_filter", 0)  # a single-homed host is reached on every path
    with IPRoute() as ip:
        ip.link("set", index=1, state="up")
        for path in range(topology.paths):
            name = f"path{path}"
            set_sysctl(f"net/ipv4/conf/{name}/rp_filter", 0)
            disable_offloads(name)
            index = ip.link_lookup(ifname=name)[0]
            ip.link("set", index=index, state="up")
            if not raw:
                _set_addresses(ip, index, host, path, topology)
        if host in topology.stacks:
            _silence_kernel(ip)
    if topology.udp_port and host not in topology.stacks:
        set_sysctl("net/sctp/udp_port", topology.udp_port)


def _silence_kernel(ip: IPRoute) -> None:
    """Leave the kernel no route for SCTP of its own.

    It knows nothing of the associations of a stack in user space, and would abort them. The stack's packets
    come from a raw socket with the IP header in them, which routing takes for another protocol.
    """
    ip.rule("add", priority=1, iifname="lo", ip_proto=socket.IPPROTO_SCTP, action="FR_ACT_BLACKHOLE")


def _set_addresses(ip: IPRoute, index: int, host: str, path: int, topology: Topology) -> None:
    addresses = topology.interface_addresses(host, path)
    for address in addresses:
        prefixlen = network("ipv6" if ":" in address else "ipv4", path).prefixlen
        ip.addr("add", index=index, address=address, prefixlen=prefixlen, flags=_IFA_F_NODAD)
    if not addresses:  # the peer's addresses are still reached on this path
        for family in topology.families:
            ip.route("add", dst=str(network(family, path)), oif=index)
        # the kernel's SCTP sends from an IPv6 address only through an interface that has it
        for address in [address for address in topology.host_addresses(host) if ":" in address]:
            ip.addr("add", index=index, address=address, prefixlen=128, flags=_IFA_F_NODAD)


def disable_offloads(interface: str) -> None:
    """Have the kernel compute checksums and cut segments itself: the wire then shows what a network would."""
    ethtool = IoctlEthtool(interface)
    features = ethtool.get_features()
    for name in OFFLOADS:
        if name in features:
            features[name] = False
    ethtool.set_features(features)
    ethtool.close()


def impair(ip: IPRoute, index: int, impairment: Impairment) -> None:
    """Have an interface of the wire impair what leaves through it. Replaces what it did before."""
    ip.tc(
        "replace",
        "netem",
        index,
        delay=int(impairment.delay_ms * 1000),
        jitter=int(impairment.jitter_ms * 1000),
        loss=impairment.loss_percent,
        duplicate=impairment.duplicate_percent,
        prob_reorder=impairment.reorder_percent,
    )


def set_sysctl(name: str, value: int) -> None:
    """Set a sysctl of this namespace; one that the kernel does not have is left alone."""
    file = Path("/proc/sys") / name
    if file.exists():
        file.write_text(str(value))


def sctp_sysctls() -> dict[str, str]:
    """The `net.sctp.*` settings of this namespace; new namespaces of the same kernel have the same."""
    folder = Path("/proc/sys/net/sctp")
    return {
        file.name: file.read_text().strip() for file in sorted(folder.iterdir()) if os.access(file, os.R_OK)
    }
