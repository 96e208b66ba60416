"""The listening socket is closed before anybody has accepted; an INIT goes to an unbound address."""

from sctpinspect.scenarios import Topology

TOPOLOGY = Topology(paths=2)


def server(host):
    with host.one_to_one() as sock:
        sock.bind(host.addresses[0], 5000)
        sock.listen(5)
        host.signal("listening")
        host.wait_for("tried")
    host.signal("closed")


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as first, host.one_to_one() as second, host.one_to_one() as astray:
        first.connect(host.peer.addresses[0], 5000)
        second.connect(host.peer.addresses[0], 5000)
        try:
            astray.connect(host.peer.addresses[1], 5000)
        except ConnectionRefusedError:
            host.print("refused")
        host.signal("tried")
        host.wait_for("closed")
