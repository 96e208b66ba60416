"""Multi-homed client and server: bindx, connectx, notifications, heartbeats on every path.

After the multi-homing lesson of the Linux SCTP tutorials: a one-to-many server on port 4444 bound to
all its addresses, a client that binds all of its own and connects to all of the server's, five
messages, each answered. Both print the address lists of the association when it comes up.
The heartbeat interval and the RTO are shortened through the API, so that every path shows HEARTBEATs.
"""

import time

from sctpinspect.journal.linux import SPP_HB_ENABLE
from sctpinspect.journal.structures import Events, PeerAddrParams, RtoInfo
from sctpinspect.scenarios.topology import Topology

IPV6, MIXED = ("ipv6",), ("ipv4", "ipv6")

# variants are named SERVERxCLIENT, by the number of addresses of each (the default is 2x2); in those that end
# with `unbound` the client leaves its addresses to the kernel
TOPOLOGY = Topology(paths=2)
VARIANTS = {
    "1x1": Topology(),
    "2x1": Topology(paths=2, addresses={"a": 1}),
    "1x2": Topology(paths=2, addresses={"b": 1}),
    "4x4": Topology(paths=4),
    "unbound": TOPOLOGY,
    "ipv6": Topology(paths=2, families=IPV6),
    "1x1-ipv6": Topology(families=IPV6),
    "2x1-ipv6": Topology(paths=2, families=IPV6, addresses={"a": 1}),
    "1x2-ipv6": Topology(paths=2, families=IPV6, addresses={"b": 1}),
    "4x4-ipv6": Topology(paths=4, families=IPV6),
    "ipv6-unbound": Topology(paths=2, families=IPV6),
    "2x2-mixed": Topology(families=MIXED),
    "4x4-mixed": Topology(paths=2, families=MIXED),
    "4x4-mixed-unbound": Topology(paths=2, families=MIXED),
}

PORT = 4444
MESSAGES = 5
HEARTBEAT_INTERVAL_MS = 200
IDLE_S = 2.5  # several heartbeat periods (interval + RTO, give or take half an RTO)


def prepare(sock):
    """Shorten the timers and ask for notifications, before the association is set up."""
    # above the 200 ms of a delayed SACK
    sock.setsockopt(RtoInfo(srto_initial=300, srto_min=300, srto_max=600))
    sock.setsockopt(PeerAddrParams(spp_hbinterval=HEARTBEAT_INTERVAL_MS, spp_flags=SPP_HB_ENABLE))
    sock.setsockopt(
        Events(sctp_data_io_event=1, sctp_association_event=1, sctp_address_event=1, sctp_shutdown_event=1)
    )


def print_addresses(host, sock, association_id):
    host.print(f"local addresses: {', '.join(sock.getladdrs(association_id).addresses)}")
    host.print(f"peer addresses: {', '.join(sock.getpaddrs(association_id).addresses)}")


def server(host):
    with host.one_to_many() as sock:
        prepare(sock)
        sock.bindx(host.addresses, PORT)
        sock.listen()
        host.signal("listening")
        while True:
            message = sock.sctp_recvmsg()
            notification = message.notification
            if notification is None:
                sock.sctp_sendmsg(b"OK", message.address, message.port)
            elif notification.state == "SCTP_COMM_UP":
                print_addresses(host, sock, message.association_id)
            elif notification.state in ("SCTP_SHUTDOWN_COMP", "SCTP_COMM_LOST"):
                return


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        prepare(sock)
        if not host.variant.endswith("unbound"):
            sock.bindx(host.addresses)
        sock.connectx(host.peer.addresses, PORT)
        for number in range(MESSAGES):
            sock.sctp_sendmsg(f"DATA {number}".encode())
            receive_answer(host, sock)
        time.sleep(IDLE_S)


def receive_answer(host, sock):
    """Read up to the next message of the peer, past the notifications."""
    while (message := sock.sctp_recvmsg()).notification:
        if message.notification.state == "SCTP_COMM_UP":
            print_addresses(host, sock, message.association_id)
