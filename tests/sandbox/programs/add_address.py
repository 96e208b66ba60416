"""Addresses added to and removed from a living association: sctp_bindx() sends ASCONF."""

import time

from sctpinspect.journal.linux import SCTP_BINDX_REM_ADDR
from sctpinspect.scenarios import Topology

# Associations may add addresses, also without AUTH.
TOPOLOGY = Topology(paths=2, sysctls={"addip_enable": 1, "addip_noauth_enable": 1})


def server(host):
    with host.one_to_one() as sock:
        sock.bindx(host.addresses, 5000)
        sock.listen()
        host.signal("listening")
        with sock.accept() as accepted:
            while data := accepted.recv():
                accepted.send(data)


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        sock.bind(host.addresses[0], 6000)
        sock.connect(host.peer.addresses[0], 5000)
        sock.send(b"one")
        sock.recv()
        sock.bindx(host.addresses[1:], 6000)
        sock.getladdrs()
        time.sleep(0.3)
        sock.send(b"two")
        sock.recv()
        sock.bindx(host.addresses[1:], 6000, SCTP_BINDX_REM_ADDR)
        time.sleep(0.3)
        sock.getpaddrs()
        sock.send(b"three")
        sock.recv()
