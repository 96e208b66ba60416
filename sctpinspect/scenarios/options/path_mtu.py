"""SCTP_PEER_ADDR_PARAMS: a path MTU that is given, not discovered.

With SPP_PMTUD_DISABLE and 600 bytes the client's message of 2000 bytes goes in fragments of the size that
SCTP_STATUS tells; SCTP_GET_PEER_ADDR_INFO tells the path MTU. The server sends the same in larger packets.
"""

from sctpinspect.journal.linux import SPP_PMTUD_DISABLE
from sctpinspect.journal.structures import GetPeerAddrInfo, PeerAddrParams, Status
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()
VARIANTS = {"ipv6": Topology(families=("ipv6",))}

PORT = 4444
PATH_MTU = 600
MESSAGE = bytes(range(200)) * 10


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
    address = (host.peer.addresses[0], PORT)
    with host.one_to_one() as sock:
        sock.setsockopt(PeerAddrParams(spp_pathmtu=PATH_MTU, spp_flags=SPP_PMTUD_DISABLE))
        sock.connect(*address)
        assert sock.getsockopt(GetPeerAddrInfo(spinfo_address=address)).spinfo_mtu == PATH_MTU
        assert sock.getsockopt(Status()).sstat_fragmentation_point < PATH_MTU
        sock.send(MESSAGE)
        assert sock.recv() == MESSAGE
