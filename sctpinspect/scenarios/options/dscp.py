"""SCTP_PEER_ADDR_PARAMS: packets of one class of service (SPP_DSCP); in IPv6 also of one flow."""

from sctpinspect.journal.linux import SPP_DSCP, SPP_IPV6_FLOWLABEL
from sctpinspect.journal.structures import PeerAddrParams
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()
VARIANTS = {"ipv6": Topology(families=("ipv6",))}

PORT = 4444
EXPEDITED = 46 << 2  # as it stands in the IP header, before the two bits of ECN
FLOW_LABEL = 0xF10


def server(host):
    with host.one_to_one() as listener:
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            while data := sock.recv():
                sock.send(data)


def client(host):
    host.wait_for("listening")
    asked = PeerAddrParams(spp_dscp=EXPEDITED, spp_flags=SPP_DSCP)
    if host.variant == "ipv6":
        asked = asked.replace(spp_ipv6_flowlabel=FLOW_LABEL, spp_flags=SPP_DSCP | SPP_IPV6_FLOWLABEL)
    with host.one_to_one() as sock:
        sock.setsockopt(asked)
        sock.connect(host.peer.addresses[0], PORT)
        sock.send(b"urgent")
        assert sock.recv() == b"urgent"
