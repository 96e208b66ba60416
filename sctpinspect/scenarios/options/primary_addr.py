"""SCTP_PRIMARY_ADDR and SCTP_SET_PEER_PRIMARY_ADDR: where DATA goes, this way and the other.

The client sends to the server's second address as soon as it is told to. Then it asks the server, by ASCONF,
to send to its own second address, and the next answer goes there. ASCONF needs AUTH, so both are on.
"""

from sctpinspect.journal.linux import SPP_HB_ENABLE
from sctpinspect.journal.structures import (
    Events,
    PeerAddrParams,
    PrimaryAddr,
    RtoInfo,
    SetPeerPrimaryAddr,
)
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology(paths=2, sysctls={"addip_enable": 1, "auth_enable": 1})

PORT = 4444
CLIENT_PORT = 5555


def prepare(host, sock, port):
    """Short intervals, so that all addresses are confirmed soon."""
    sock.setsockopt(RtoInfo(srto_initial=300, srto_min=300, srto_max=600))
    sock.setsockopt(PeerAddrParams(spp_hbinterval=200, spp_flags=SPP_HB_ENABLE))
    sock.setsockopt(Events(sctp_address_event=1))
    sock.bindx(host.addresses, port)


def read_until(host, sock, wanted):
    """Read up to a message, or a state of an address."""
    while True:
        message = sock.recvmsg()
        if message.notification:
            host.print(f"{message.notification.address} {message.notification.state}")
        if wanted in (message.data, message.notification and message.notification.state):
            return


def server(host):
    with host.one_to_one() as listener:
        prepare(host, listener, PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            read_until(host, sock, "SCTP_ADDR_CONFIRMED")
            host.signal("confirmed")
            for _ in range(2):
                read_until(host, sock, b"question")
                sock.send(b"answer")
            read_until(host, sock, "SCTP_ADDR_MADE_PRIM")
            host.signal("made primary")
            read_until(host, sock, b"question")
            sock.send(b"answer")
            while sock.recv():
                pass


def ask(host, sock):
    sock.send(b"question")
    read_until(host, sock, b"answer")


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        prepare(host, sock, CLIENT_PORT)
        sock.connect(host.peer.addresses[0], PORT)
        read_until(host, sock, "SCTP_ADDR_CONFIRMED")
        host.wait_for("confirmed")
        ask(host, sock)
        sock.setsockopt(PrimaryAddr(ssp_addr=(host.peer.addresses[1], PORT)))
        assert sock.getsockopt(PrimaryAddr()).ssp_addr == (host.peer.addresses[1], PORT)
        ask(host, sock)
        sock.setsockopt(SetPeerPrimaryAddr(sspp_addr=(host.addresses[1], CLIENT_PORT)))
        host.wait_for("made primary")
        ask(host, sock)
