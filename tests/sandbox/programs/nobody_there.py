"""A send and a connect() to an address that nobody has: they fail, or do not, without a packet."""

import errno

from sctpinspect.scenarios import Topology

TOPOLOGY = Topology(paths=1)


def server(host):
    host.wait_for("tried")


def client(host):
    with host.one_to_many() as sock:
        sock.settimeout(1)
        sock.sctp_sendmsg(b"lost", "10.0.0.77", 5000)
        assert failure(sock.recvmsg) == errno.EAGAIN
    with host.one_to_one() as sock:
        sock.settimeout(0)
        assert failure(sock.connect, "10.0.0.77", 5000) == errno.EINPROGRESS
    host.signal("tried")


def failure(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return error.errno
    return None
