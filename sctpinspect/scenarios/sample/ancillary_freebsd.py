"""FreeBSD's stack against Linux': what goes with a message, in both directions (SCTP_SNDINFO, SCTP_RCVINFO).

After the lesson on ancillary data of the Linux SCTP tutorials: a server on port 4444, a client that sends
five messages, each on a stream of its own, before it reads the first answer. Both ask to be told of each
message that they receive, and of the next one. The client has FreeBSD's stack, in user space (usrsctp), and
the server the kernel's, or the other way round; with SCTP in IP, or in UDP (RFC 6951).
"""

import time

from sctpinspect.journal.structures import (
    EventSubscription,
    InitMsg,
    NoDelay,
    NxtInfo,
    RecvNxtInfo,
    RecvRcvInfo,
    RemoteUdpEncapsPort,
    SndInfo,
    Status,
)
from sctpinspect.scenarios.topology import Topology

UDP_PORT = 9899

TOPOLOGY = Topology(stacks={"a": "usrsctp"})
VARIANTS = {
    "udp": Topology(stacks={"a": "usrsctp"}, udp_port=UDP_PORT),
    "server": Topology(stacks={"b": "usrsctp"}),
    "server-udp": Topology(stacks={"b": "usrsctp"}, udp_port=UDP_PORT),
}

PORT = 4444
MESSAGES = 5
ARRIVAL_S = 0.3  # by then the peer has all that was sent, and a next message to tell of
PPID = 46  # Diameter's; any number will do


def prepare(sock):
    """Ask for a stream per message, for each to leave at once, and to be told of each and of the next one."""
    sock.setsockopt(InitMsg(sinit_num_ostreams=MESSAGES, sinit_max_instreams=MESSAGES))
    sock.setsockopt(NoDelay(value=1))
    sock.setsockopt(RecvRcvInfo(value=1))
    sock.setsockopt(RecvNxtInfo(value=1))
    for event in ("SCTP_ASSOC_CHANGE", "SCTP_SHUTDOWN_EVENT"):
        sock.setsockopt(EventSubscription(se_type=sock.numbers[event], se_on=1))


def server(host):
    with host.one_to_one() as listener:
        prepare(listener)
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            print_association(host, sock)
            host.wait_for("all sent")
            time.sleep(ARRIVAL_S)
            for _ in range(MESSAGES):
                message = receive(host, sock)
                sock.sctp_sendv(b"OK", info=[SndInfo(snd_sid=message.stream, snd_ppid=message.ppid)])
            host.signal("all answered")
            assert not receive(host, sock).data  # the client has closed


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        prepare(sock)
        if host.topology.udp_port:
            sock.setsockopt(RemoteUdpEncapsPort(sue_port=host.topology.udp_port))
        sock.connect(host.peer.addresses[0], PORT)
        print_association(host, sock)
        for number in range(MESSAGES):
            sock.sctp_sendv(f"DATA {number}".encode(), info=[SndInfo(snd_sid=number, snd_ppid=PPID)])
        host.signal("all sent")
        host.wait_for("all answered")
        time.sleep(ARRIVAL_S)
        for _ in range(MESSAGES):
            receive(host, sock)


def print_association(host, sock):
    """Say what the two ends have agreed on."""
    status = sock.getsockopt(Status())
    host.print(f"streams: {status.sstat_outstrms} outbound, {status.sstat_instrms} inbound")
    host.print(f"local addresses: {', '.join(sock.getladdrs().addresses)}")
    host.print(f"peer addresses: {', '.join(sock.getpaddrs().addresses)}")


def receive(host, sock):
    """The next message of the peer, or the end, past the notifications; says what came with it."""
    while (message := sock.sctp_recvv()).notification:
        pass
    if message.data:
        host.print(f"{message.data.decode()} on stream {message.stream}, PPID {message.ppid}")
    for following in (info for info in message.control if isinstance(info, NxtInfo)):
        host.print(f"next: {following.nxt_length} bytes on stream {following.nxt_sid}")
    return message
