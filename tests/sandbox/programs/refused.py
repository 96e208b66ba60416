"""connect() to a port where nobody listens: one that waits, and one that is told of the refusal later."""

import select

from sctpinspect.scenarios import Topology

TOPOLOGY = Topology()


def server(host):
    pass


def client(host):
    for seconds in (None, 0):
        with host.one_to_one() as sock:
            sock.settimeout(seconds)
            attempt(host, sock)
            if seconds == 0:
                select.select([], [sock], [], 3)
                attempt(host, sock)


def attempt(host, sock):
    try:
        sock.connect(host.peer.addresses[0], 5000)
    except OSError as error:
        host.print(error.strerror)
