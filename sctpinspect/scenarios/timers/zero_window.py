"""A receiver that does not read: its window closes, and is probed until there is room again.

The client sends more than the server's buffer holds. What comes when it is full is dropped and told with an
a_rwnd of 0; the client then sends one DATA after another, at times that double, to learn of room (RFC 9260
§6.1 A). The server reads after a second and a half.
"""

import time

from sctpinspect.journal.structures import RcvBuf, RtoInfo
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()

PORT = 4444
BUFFER = 4000  # bytes
MESSAGES = 20
PAUSE_S = 1.5


def server(host):
    with host.one_to_one() as listener:
        listener.setsockopt(RcvBuf(value=BUFFER))
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            time.sleep(PAUSE_S)
            while sock.recv():
                pass


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        sock.setsockopt(RtoInfo(srto_initial=300, srto_min=200))
        sock.connect(host.peer.addresses[0], PORT)
        for number in range(MESSAGES):
            sock.send(bytes([48 + number]) * (BUFFER // 4))
