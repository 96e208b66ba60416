"""Two sockets of a host want the same port."""

from sctpinspect.scenarios import Topology

TOPOLOGY = Topology()


def server(host):
    with host.one_to_many() as first, host.one_to_many() as second:
        first.bindx(host.addresses, 5000)
        first.listen()
        second.bindx(host.addresses, 5000)


def client(host):
    pass
