"""SCTP_PEER_ADDR_PARAMS: HEARTBEATs on one path and none on the other, until one is demanded.

The server sends HEARTBEATs to both addresses of the client, every 200 ms and an RTO. The client does so on
the second path, switches them off on the first, and at last demands a single one there. In variant
`time-zero` nothing but the RTO lies between HEARTBEATs.
"""

import time

from sctpinspect.journal.linux import SPP_HB_DEMAND, SPP_HB_DISABLE, SPP_HB_ENABLE, SPP_HB_TIME_IS_ZERO
from sctpinspect.journal.structures import Events, PeerAddrParams, RtoInfo
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology(paths=2)
VARIANTS = {"time-zero": TOPOLOGY}

PORT = 4444
INTERVAL_MS = 200
IDLE_S = 2.5  # several intervals and RTOs


def prepare(host, sock):
    sock.setsockopt(RtoInfo(srto_initial=300, srto_min=300, srto_max=600))
    if host.variant == "time-zero":
        sock.setsockopt(PeerAddrParams(spp_flags=SPP_HB_ENABLE | SPP_HB_TIME_IS_ZERO))
    else:
        sock.setsockopt(PeerAddrParams(spp_hbinterval=INTERVAL_MS, spp_flags=SPP_HB_ENABLE))


def server(host):
    with host.one_to_one() as listener:
        prepare(host, listener)
        listener.bindx(host.addresses, PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            assert sock.recv() == b""


def client(host):
    host.wait_for("listening")
    first = (host.peer.addresses[0], PORT)
    with host.one_to_one() as sock:
        prepare(host, sock)
        sock.setsockopt(Events(sctp_address_event=1))
        sock.bindx(host.addresses)
        sock.connectx(host.peer.addresses, PORT)
        if host.variant != "time-zero":
            sock.setsockopt(PeerAddrParams(spp_address=first, spp_flags=SPP_HB_DISABLE))
            time.sleep(IDLE_S)
            sock.setsockopt(PeerAddrParams(spp_address=first, spp_flags=SPP_HB_DEMAND))
        time.sleep(IDLE_S)
