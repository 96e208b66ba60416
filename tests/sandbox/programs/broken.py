"""The server's program has a fault; the client waits for it in vain."""

from sctpinspect.scenarios import Topology

TOPOLOGY = Topology()


def server(host):
    with host.one_to_many() as sock:
        sock.bind("192.0.2.1", 5000)


def client(host):
    host.wait_for("listening")
