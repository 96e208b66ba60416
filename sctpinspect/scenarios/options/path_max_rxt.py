"""SCTP_PEER_ADDR_PARAMS: after how many errors an address is given up, and another one used.

The first path goes down under a message. It arrives by the second one, and after more errors than
spp_pathmaxrxt allows the first address is told to be unreachable: the next message takes the second path at
once. When the first one is up again, its address is told to be available.
"""

import time

from sctpinspect.journal.linux import SPP_HB_ENABLE
from sctpinspect.journal.structures import Events, PeerAddrParams, RtoInfo
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology(paths=2)

PORT = 4444
ERRORS = 2
SACKED_S = 0.3  # longer than a delayed SACK takes: Linux would send it over the path that has come back


def server(host):
    with host.one_to_one() as listener:
        listener.bindx(host.addresses, PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            while data := sock.recv():
                sock.send(data)


def read_until(host, sock, *states):
    """Read notifications, and the answer, until an address of the peer has had all these states."""
    missing = {*states, b"while it is down"} if "SCTP_ADDR_UNREACHABLE" in states else {*states}
    while missing:
        message = sock.recvmsg()
        if message.notification:
            host.print(f"{message.notification.address} {message.notification.state}")
            missing.discard(message.notification.state)
        missing.discard(message.data)


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        sock.setsockopt(RtoInfo(srto_initial=300, srto_min=300))
        sock.setsockopt(PeerAddrParams(spp_hbinterval=200, spp_pathmaxrxt=ERRORS, spp_flags=SPP_HB_ENABLE))
        sock.setsockopt(Events(sctp_address_event=1))
        sock.bindx(host.addresses)
        sock.connect(host.peer.addresses[0], PORT)
        read_until(host, sock, "SCTP_ADDR_CONFIRMED")
        host.signal("confirmed")
        host.wait_for("path 0 is down")
        sock.send(b"while it is down")
        read_until(host, sock, "SCTP_ADDR_UNREACHABLE")
        sock.send(b"meanwhile")
        assert sock.recv() == b"meanwhile"
        time.sleep(SACKED_S)
        host.signal("unreachable")
        read_until(host, sock, "SCTP_ADDR_AVAILABLE")
        sock.send(b"after")
        assert sock.recv() == b"after"


def wire(net):
    net.wait_for("confirmed")
    net.path(0).down()
    net.signal("path 0 is down")
    net.wait_for("unreachable")
    net.path(0).up()
