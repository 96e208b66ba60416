"""Four paths, IPv4 and IPv6 addresses on each; one message to every address of the server."""

from sctpinspect.scenarios import Topology

TOPOLOGY = Topology(paths=4, families=("ipv4", "ipv6"))


def server(host):
    with host.one_to_many() as sock:
        sock.bindx(host.addresses, 5000)
        sock.listen()
        host.signal("listening")
        for _ in host.addresses:
            sock.sctp_recvmsg()
        host.signal("received")


def client(host):
    host.wait_for("listening")
    for address in host.peer.addresses:
        with host.one_to_one() as sock:
            sock.connect(address, 5000)
            sock.sctp_sendmsg(address.encode())
    host.wait_for("received")
