"""One-to-many sockets: sendmsg and recvmsg with addresses, set-up by the first message, MSG_EOR.

After the second lesson of the Linux SCTP tutorials: one socket on either side, no accept and no connect. The
server's buffer is smaller than a message, so it reads each in parts, up to the one with MSG_EOR.
"""

from socket import MSG_EOR

from sctpinspect.journal.structures import RecvRcvInfo
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()
VARIANTS = {"ipv6": Topology(families=("ipv6",))}

PORT = 4444
MESSAGES = 5
BUFFER = 4  # bytes; "DATA 0" takes two of them


def server(host):
    with host.one_to_many() as sock:
        sock.setsockopt(RecvRcvInfo(value=1))
        sock.bind(host.any_address, PORT)
        sock.listen()
        host.signal("listening")
        for number in range(MESSAGES):
            data, address, port = receive(sock)
            assert data == f"DATA {number}".encode()
            sock.sendmsg(b"OK", address, port)
        host.wait_for("closed")


def receive(sock):
    """A whole message, and whom it is from."""
    data = b""
    while True:
        part = sock.recvmsg(BUFFER)
        data += part.data
        if part.flags & MSG_EOR:
            return data, part.address, part.port


def client(host):
    host.wait_for("listening")
    with host.one_to_many() as sock:
        for number in range(MESSAGES):
            sock.sendmsg(f"DATA {number}".encode(), host.peer.addresses[0], PORT)
            assert sock.recvmsg().data == b"OK"
    host.signal("closed")
