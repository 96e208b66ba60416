"""An IPv6 address is given to an IPv4 socket."""

from sctpinspect.scenarios import Topology

TOPOLOGY = Topology()


def server(host):
    with host.one_to_many() as sock:
        sock.bindx(["fd00::2"], 5000)


def client(host):
    pass
