"""connect() whose INIT is lost, and lost again: nobody answers."""

from sctpinspect.journal.structures import InitMsg, RtoInfo
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology()


def server(host):
    pass


def client(host):
    host.wait_for("INITs are lost")
    with host.one_to_one() as sock:
        sock.setsockopt(RtoInfo(srto_initial=200, srto_min=100, srto_max=400))
        sock.setsockopt(InitMsg(sinit_max_attempts=2, sinit_max_init_timeo=400))
        try:
            sock.connect(host.peer.addresses[0], 5000)
        except TimeoutError:
            host.print("timed out")


def wire(net):
    net.drop("INIT", "a", [1, 2, 3])
    net.signal("INITs are lost")
