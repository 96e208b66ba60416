"""SCTP_ADAPTATION_LAYER: what each side says is spoken above SCTP, as the other is told."""

from sctpinspect.journal.structures import AdaptationLayer, Events
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology()

PORT = 4444
INDICATIONS = {"a": 0xADA7, "b": 0x1CED}


def prepare(host, sock):
    sock.setsockopt(AdaptationLayer(ssb_adaptation_ind=INDICATIONS[host.name]))
    sock.setsockopt(Events(sctp_adaptation_layer_event=1))


def read_indication(host, sock):
    told = sock.recvmsg().notification
    host.print(f"the peer's adaptation layer is {told.sai_adaptation_ind:#x}")
    assert told.sai_adaptation_ind == INDICATIONS[host.peer.name]


def server(host):
    with host.one_to_one() as listener:
        prepare(host, listener)
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            read_indication(host, sock)
            assert sock.recv() == b""


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        prepare(host, sock)
        sock.connect(host.peer.addresses[0], PORT)
        read_indication(host, sock)
