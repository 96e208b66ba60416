"""The receiver does not read for a while: the window closes, and DATA is sent again until there is room."""

import time

from sctpinspect.journal.structures import RcvBuf, RtoInfo
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology()


def server(host):
    with host.one_to_one() as sock:
        sock.setsockopt(RcvBuf(value=4000))
        sock.bind(host.addresses[0], 5000)
        sock.listen()
        host.signal("listening")
        with sock.accept() as accepted:
            time.sleep(1.5)
            while accepted.recv():
                pass


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        sock.setsockopt(RtoInfo(srto_initial=300, srto_min=200, srto_max=600))
        sock.connect(host.peer.addresses[0], 5000)
        for number in range(20):
            sock.sctp_sendmsg(bytes([48 + number]) * 1200)
