"""Messages that are lost on the wire: their timer runs out (T3-rtx), and they are sent again.

Of ten messages sent at once all but the first two are lost, so that no SACK tells what is missing: only the
timer brings them back, one packet first (RFC 9260 §6.3.3, §7.2.1).
"""

from sctpinspect.journal.structures import NoDelay, RtoInfo
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()

PORT = 4444
MESSAGES = 10
LOST = range(3, MESSAGES + 1)  # packets with DATA, counted from 1


def server(host):
    with host.one_to_one() as listener:
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            while sock.recv():
                pass


def client(host):
    host.wait_for("listening")
    host.wait_for("will lose")
    with host.one_to_one() as sock:
        sock.setsockopt(RtoInfo(srto_initial=500, srto_min=500))  # longer than a SACK is delayed
        sock.setsockopt(NoDelay(value=1))
        sock.connect(host.peer.addresses[0], PORT)
        for number in range(MESSAGES):
            sock.send(bytes([48 + number]) * 1000)


def wire(net):
    net.drop("DATA", sender="a", occurrences=[*LOST])
    net.signal("will lose")
