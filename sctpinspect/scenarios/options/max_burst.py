"""SCTP_MAX_BURST: how many packets may leave at a time, whatever the congestion window allows.

The client sends a message of 24 packets over a path of 20 ms each way, so that its bursts stand apart.
"""

from sctpinspect.journal.structures import MaxBurst
from sctpinspect.scenarios.topology import Impairment, Topology

TOPOLOGY = Topology(impairment=Impairment(delay_ms=20))

PORT = 4444
BURST = 2
MESSAGE = bytes(24 * 1400)


def server(host):
    with host.one_to_one() as listener:
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            assert sock.recv() == MESSAGE
            sock.send(b"OK")
            assert sock.recv() == b""


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        sock.setsockopt(MaxBurst(assoc_value=BURST))
        assert sock.getsockopt(MaxBurst()).assoc_value == BURST
        sock.connect(host.peer.addresses[0], PORT)
        sock.send(MESSAGE)
        assert sock.recv() == b"OK"
