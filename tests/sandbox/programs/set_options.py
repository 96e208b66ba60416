"""Options that change what later calls do: defaults, segments, primary path, SACKs, HEARTBEATs."""

import socket
import time
from contextlib import suppress

from sctpinspect.journal.linux import (
    SCTP_ADDR_OVER,
    SPP_HB_DEMAND,
    SPP_HB_DISABLE,
    SPP_HB_ENABLE,
    SPP_SACKDELAY_ENABLE,
)
from sctpinspect.journal.structures import (
    AdaptationLayer,
    AutoClose,
    DefaultSndInfo,
    DelayedSack,
    Events,
    MaxSeg,
    NoDelay,
    PeerAddrParams,
    PrimaryAddr,
    RtoInfo,
)
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology(paths=2)


def server(host):
    with host.one_to_many() as sock:
        sock.setsockopt(Events(sctp_association_event=1, sctp_data_io_event=1, sctp_adaptation_layer_event=1))
        sock.setsockopt(AdaptationLayer(ssb_adaptation_ind=0xA0A0))
        sock.setsockopt(DelayedSack(sack_delay=100))
        sock.bindx(host.addresses, 5000)
        sock.listen()
        host.signal("listening")
        over = 0
        while over < 2:
            message = sock.recvmsg()
            if message.notification is not None:
                over += message.notification.state in ("SCTP_SHUTDOWN_COMP", "SCTP_COMM_LOST")
            elif message.data == b"answer":
                sock.sctp_sendmsg(b"OK", message.address, message.port)


def client(host):
    host.wait_for("listening")
    first, second = host.peer.addresses
    with host.one_to_one() as sock:
        sock.setsockopt(Events(sctp_data_io_event=1, sctp_address_event=1, sctp_adaptation_layer_event=1))
        sock.setsockopt(RtoInfo(srto_initial=300, srto_min=300, srto_max=600))
        sock.setsockopt(AdaptationLayer(ssb_adaptation_ind=7))
        sock.setsockopt(PeerAddrParams(spp_hbinterval=200, spp_flags=SPP_HB_ENABLE))
        sock.setsockopt(NoDelay(value=1))
        sock.setsockopt(MaxSeg(assoc_value=500))
        sock.setsockopt(DefaultSndInfo(snd_sid=2, snd_ppid=77))
        sock.setsockopt(DelayedSack(sack_delay=0, sack_freq=1))
        sock.bindx(host.addresses)
        sock.connectx([first], 5000)
        told = []
        while "SCTP_ADDR_CONFIRMED" not in told:
            told.append(sock.recvmsg().notification.state)
        sock.setsockopt(PeerAddrParams(spp_address=(first, 5000), spp_flags=SPP_HB_DISABLE))
        sock.send(b"by the defaults")
        sock.send(bytes(1300))
        sock.setsockopt(PrimaryAddr(ssp_addr=(second, 5000)))
        time.sleep(0.3)
        for _ in range(3):
            sock.sctp_sendmsg(b"answer", stream=1, ppid=5)
            while sock.recvmsg().notification is not None:
                pass
        sock.sctp_sendmsg(b"over the first", first, 5000, flags=SCTP_ADDR_OVER)
        time.sleep(0.3)
        sock.setsockopt(PeerAddrParams(spp_address=(first, 5000), spp_flags=SPP_HB_DEMAND))
        time.sleep(1.5)
        with suppress(OSError):
            sock.sctp_sendmsg(b"no such stream", stream=10)
        sock.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            sock.send(b"too late")
    with host.one_to_many() as sock:
        sock.setsockopt(AutoClose(value=1))
        sock.setsockopt(PeerAddrParams(spp_sackdelay=50, spp_flags=SPP_SACKDELAY_ENABLE))
        sock.sctp_sendmsg(b"answer", first, 5000)
        assert sock.recv() == b"OK"
        time.sleep(1.5)
