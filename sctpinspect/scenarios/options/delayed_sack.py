"""SCTP_DELAYED_SACK: how long a receiver waits with a SACK, and for how many packets.

The server acknowledges after 100 ms, or every third packet; at once where the client asks for it with
SCTP_SACK_IMMEDIATELY. The client acknowledges each packet at once.
"""

import time

from sctpinspect.journal.linux import SCTP_SACK_IMMEDIATELY
from sctpinspect.journal.structures import DelayedSack, NoDelay
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()

PORT = 4444
DELAY_MS = 100
PACKETS = 3


def server(host):
    with host.one_to_one() as listener:
        listener.setsockopt(DelayedSack(sack_delay=DELAY_MS, sack_freq=PACKETS))
        listener.setsockopt(NoDelay(value=1))
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            for _ in range(2 * PACKETS + 1):
                sock.recv()
            for number in range(PACKETS):
                sock.send(b"answer %d" % number)
            assert sock.recv() == b""


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        sock.setsockopt(DelayedSack(sack_freq=1))
        sock.setsockopt(NoDelay(value=1))
        sock.connect(host.peer.addresses[0], PORT)
        for number in range(PACKETS):  # each alone: its SACK is delayed
            sock.send(b"alone %d" % number)
            time.sleep(3 * DELAY_MS / 1000)
        for number in range(PACKETS):  # so many that the last one is acknowledged at once
            sock.send(b"together %d" % number)
        sock.sctp_sendmsg(b"urgent", flags=SCTP_SACK_IMMEDIATELY)
        for _ in range(PACKETS):
            sock.recv()
