"""A one-to-many server peels off each association and serves it on a socket of its own, in a thread.

After the peel-off lesson of the Linux SCTP tutorials: SCTP_COMM_UP tells the server of a new client, and
sctp_peeloff() makes a one-to-one socket of that association, which no packet shows. Two clients at once.
"""

from threading import Thread

from sctpinspect.journal.structures import Events
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()
VARIANTS = {"ipv6": Topology(families=("ipv6",))}

PORT = 4444
CLIENTS = 2
MESSAGES = 5


def server(host):
    with host.one_to_many() as sock:
        sock.setsockopt(Events(sctp_association_event=1))
        sock.bind(host.any_address, PORT)
        sock.listen()
        host.signal("listening")
        threads = []
        while len(threads) < CLIENTS:
            notification = sock.recvmsg().notification
            if notification.state == "SCTP_COMM_UP":
                peeled = sock.peeloff(notification.association_id)
                threads.append(Thread(target=serve, args=[peeled]))
                threads[-1].start()
        host.signal("peeled off")
        for thread in threads:
            thread.join()


def serve(sock):
    """Answer one client until the association has ended."""
    with sock:
        while (message := sock.recvmsg()).notification is None:
            sock.send(b"OK")
        assert message.notification.state == "SCTP_SHUTDOWN_COMP"


def client(host):
    host.wait_for("listening")
    threads = [Thread(target=talk, args=[host]) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def talk(host):
    with host.one_to_one() as sock:
        sock.connect(host.peer.addresses[0], PORT)
        host.wait_for("peeled off")  # what comes earlier is for the server's first socket
        for number in range(MESSAGES):
            sock.send(f"DATA {number}".encode())
            assert sock.recv() == b"OK"
