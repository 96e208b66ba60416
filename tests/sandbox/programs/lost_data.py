"""The second of ten messages is lost on the wire, and so is the last, which nothing follows."""

import time

from sctpinspect.journal.structures import NoDelay, RtoInfo
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology()
BEFORE_THE_LAST = 10  # packets with DATA: nine messages, and the second one again


def server(host):
    with host.one_to_one() as sock:
        sock.bind(host.addresses[0], 5000)
        sock.listen()
        host.signal("listening")
        with sock.accept() as accepted:
            while accepted.recv():
                pass


def client(host):
    host.wait_for("listening")
    host.wait_for("will lose")
    with host.one_to_one() as sock:
        # longer than the peer waits with a SACK
        sock.setsockopt(RtoInfo(srto_initial=500, srto_min=500, srto_max=500))
        sock.setsockopt(NoDelay(value=1))
        sock.connect(host.peer.addresses[0], 5000)
        for number in range(9):
            sock.sctp_sendmsg(bytes([48 + number]))
        time.sleep(0.5)
        sock.sctp_sendmsg(b"9")


def wire(net):
    net.drop("DATA", sender="a", occurrences=[2, BEFORE_THE_LAST + 1])
    net.signal("will lose")
