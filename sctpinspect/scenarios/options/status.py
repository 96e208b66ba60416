"""SCTP_STATUS, SCTP_GET_PEER_ADDR_INFO, SCTP_GET_ASSOC_STATS: what the kernel knows is on the wire.

The client reads all three before it talks and afterwards, when nothing is under way: streams, path MTUs,
and as many packets and chunks between as the capture has. In variant `lost` one DATA is lost and sent again.
"""

import time

from sctpinspect.journal.linux import SCTP_UNORDERED, SPP_HB_ENABLE
from sctpinspect.journal.structures import (
    GetAssocStats,
    GetPeerAddrInfo,
    PeerAddrParams,
    RtoInfo,
    SndInfo,
    Status,
)
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology(paths=2)
VARIANTS = {"lost": TOPOLOGY}

PORT = 4444
MESSAGES = 5
QUIET_S = 0.4  # longer than a delayed SACK takes, shorter than the interval of HEARTBEATs


def server(host):
    with host.one_to_one() as listener:
        listener.bindx(host.addresses, PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            while data := sock.recv():
                sock.send(data)


def look(host, sock):
    """Read all three, while nothing is under way."""
    time.sleep(QUIET_S)
    status = sock.getsockopt(Status())
    host.print(f"{status.sstat_outstrms} streams out, {status.sstat_instrms} in")
    for address in host.peer.addresses:
        sock.getsockopt(GetPeerAddrInfo(spinfo_address=(address, PORT)))
    counted = sock.getsockopt(GetAssocStats())
    host.print(f"{counted.sas_opackets} packets sent, {counted.sas_ipackets} received")
    time.sleep(QUIET_S / 2)


def client(host):
    host.wait_for("listening")
    host.wait_for("wire is ready")
    with host.one_to_one() as sock:
        sock.setsockopt(RtoInfo(srto_initial=1000, srto_min=1000, srto_max=1000))
        sock.setsockopt(PeerAddrParams(spp_hbinterval=1000, spp_flags=SPP_HB_ENABLE))
        sock.bindx(host.addresses)
        sock.connectx(host.peer.addresses, PORT)
        look(host, sock)
        for number in range(MESSAGES):
            flags = SCTP_UNORDERED if number % 2 else 0
            sock.sendmsg(b"DATA %d" % number, control=[SndInfo(snd_flags=flags)])
            assert sock.recv() == b"DATA %d" % number
        look(host, sock)


def wire(net):
    if net.variant == "lost":
        net.drop("DATA", sender="a", occurrences=[2])
    net.signal("wire is ready")
