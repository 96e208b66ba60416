"""One-to-one sockets, used as those of TCP are: a thread for each client, until it has closed.

After the first lesson of the Linux SCTP tutorials: bind, listen and accept on the one side, connect on the
other, five messages, each answered. recv() gives nothing when the peer has closed.
"""

from threading import Thread

from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()
VARIANTS = {"ipv6": Topology(families=("ipv6",))}

PORT = 4444
CLIENTS = 2
MESSAGES = 5


def server(host):
    with host.one_to_one() as listener:
        listener.bind(host.any_address, PORT)
        listener.listen()
        host.signal("listening")
        threads = [Thread(target=serve, args=[listener.accept()]) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def serve(sock):
    with sock:
        while sock.recv():
            sock.send(b"OK")


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
        for number in range(MESSAGES):
            sock.send(f"DATA {number}".encode())
            assert sock.recv() == b"OK"
