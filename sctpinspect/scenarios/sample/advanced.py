"""The functions beside the system calls: bindx, connectx, sctp_sendmsg, sctp_recvmsg, getpaddrs, getladdrs.

After the lesson on advanced functions of the Linux SCTP tutorials. sctp_connectx() gives the association's
id, with which the client asks for the addresses of both sides; the lists are Python's, so nothing is freed.
"""

from sctpinspect.journal.structures import Events
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology(paths=2)
VARIANTS = {"ipv6": Topology(paths=2, families=("ipv6",))}

PORT = 4444
MESSAGES = 5
PPID = 77
STREAMS = 10  # Linux' default


def print_addresses(host, sock, association_id):
    host.print(f"local addresses: {', '.join(sock.getladdrs(association_id).addresses)}")
    host.print(f"peer addresses: {', '.join(sock.getpaddrs(association_id).addresses)}")


def server(host):
    with host.one_to_many() as sock:
        sock.setsockopt(Events(sctp_data_io_event=1, sctp_association_event=1))
        sock.bindx(host.addresses, PORT)
        sock.listen()
        host.signal("listening")
        while True:
            message = sock.sctp_recvmsg()
            if message.notification is None:
                sock.sctp_sendmsg(b"OK", message.address, message.port, PPID, stream=message.stream)
            elif message.notification.state == "SCTP_COMM_UP":
                print_addresses(host, sock, message.association_id)
            elif message.notification.state == "SCTP_SHUTDOWN_COMP":
                return


def client(host):
    host.wait_for("listening")
    with host.one_to_many() as sock:
        sock.setsockopt(Events(sctp_data_io_event=1))
        sock.bindx(host.addresses)
        association_id = sock.connectx(host.peer.addresses, PORT)
        print_addresses(host, sock, association_id)
        for number in range(MESSAGES):
            stream = number % STREAMS
            data = f"DATA {number}".encode()
            sock.sctp_sendmsg(data, host.peer.addresses[0], PORT, PPID, stream=stream)
            answer = sock.sctp_recvmsg()
            assert (answer.data, answer.stream, answer.ppid) == (b"OK", stream, PPID)
