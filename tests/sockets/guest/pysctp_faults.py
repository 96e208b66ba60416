"""The faults of pysctp that sctpinspect.sockets works around, and what it does right.

When a test of a fault fails, pysctp is mended: sctpinspect/sockets/binding.py can then rely on it.
"""

import signal
import socket
import struct
import subprocess
import sys
import time

import _sctp
import pytest
import sctp
from conftest import ADDRESSES, FAMILIES, NOBODY, in_thread

from sctpinspect.journal.addresses import pack_sockaddr
from sctpinspect.journal.linux import (
    IPPROTO_SCTP,
    SCTP_BINDX_ADD_ADDR,
    SCTP_GET_LOCAL_ADDRS,
    SCTP_GET_PEER_ADDRS,
)
from sctpinspect.journal.structures import InitMsg, PeerAddrParams, RecvRcvInfo
from sctpinspect.sockets import binding


@pytest.fixture
def of_pysctp(request):
    """pysctp's socket for the descriptor of one of ours."""

    def make(sock, kind=sctp.sctpsocket_tcp):
        made = kind(socket.AF_INET, sk=socket.socket(fileno=socket.dup(sock.fileno())))
        request.addfinalizer(made.close)
        return made

    return make


def test_setting_initparams_writes_a_timeout_of_8_ms(sockets, of_pysctp):
    sock = sockets()
    before = sock.getsockopt(InitMsg())
    of_pysctp(sock).initparams.num_ostreams = 5
    assert (before.sinit_max_attempts, before.sinit_max_init_timeo) == (8, 60_000)
    assert sock.getsockopt(InitMsg()).sinit_max_init_timeo == 8
    sock.setsockopt(before.replace(sinit_num_ostreams=5))
    assert sock.getsockopt(InitMsg()).sinit_max_init_timeo == 60_000


def test_ppid_is_swapped_when_sent(pair, of_pysctp):
    both = pair(prepare=lambda sock: sock.setsockopt(RecvRcvInfo(value=1)))
    of_pysctp(both.client).sctp_send(b"x", ppid=46)
    assert both.server.sctp_recvmsg().ppid == 46


def test_ppid_is_not_swapped_when_received(pair, of_pysctp):
    both = pair()
    server = of_pysctp(both.server)
    server.events.data_io = 1
    both.client.sctp_sendmsg(b"x", ppid=46)
    assert server.sctp_recv(100)[3].ppid == 46 << 24


@pytest.mark.parametrize("ppid", [128, 255, 0xFFFFFFFF])
def test_a_ppid_whose_low_byte_is_above_127_raises(pair, of_pysctp, ppid):
    with pytest.raises(OverflowError):
        of_pysctp(pair().client).sctp_send(b"x", ppid=ppid)


def test_ipv6_addresses_of_bindx_hold_what_was_in_memory(sockets):
    """The flow label of the IPv6 address is the IPv4 address before it."""
    ipv4, ipv6 = ADDRESSES["ipv4"]["server"][0], ADDRESSES["ipv6"]["server"][0]
    theirs, ours = sockets("ipv6"), sockets("ipv6")
    _sctp.bindx(theirs.fileno(), [(ipv4, 0), (ipv6, 0)], SCTP_BINDX_ADD_ADDR)
    ours.bindx([ipv4, ipv6])
    assert ipv6_sockaddr(theirs, SCTP_GET_LOCAL_ADDRS, 1)[4:8] == socket.inet_aton(ipv4)
    assert ipv6_sockaddr(ours, SCTP_GET_LOCAL_ADDRS, 1)[4:8] == bytes(4)


def test_ipv6_addresses_of_connectx_hold_what_was_in_memory(sockets):
    ipv6 = ADDRESSES["ipv6"]["server"][0]
    listener, theirs, ours = sockets("ipv6"), sockets("ipv6"), sockets("ipv6")
    listener.bindx([ipv6])
    listener.listen()
    port = listener.getsockname().port
    _sctp.connectx(theirs.fileno(), [(ipv6, port)], {})
    ours.connectx([ipv6], port)
    assert ipv6_sockaddr(theirs, SCTP_GET_PEER_ADDRS, 0) != pack_sockaddr((ipv6, port))
    assert ipv6_sockaddr(ours, SCTP_GET_PEER_ADDRS, 0) == pack_sockaddr((ipv6, port))


def ipv6_sockaddr(sock, option, index):
    """An address of a list in the kernel; on an IPv6 socket each is a sockaddr_in6 (28 bytes)."""
    answer = binding.getsockopt(sock.fileno(), IPPROTO_SCTP, option, bytes(1024))
    address = answer[8:][28 * index :][:28]
    assert struct.unpack_from("=H", address) == (socket.AF_INET6,)
    return address


def test_the_scope_of_a_link_local_address_cannot_be_given(sockets):
    with pytest.raises(ValueError):
        _sctp.bindx(sockets("ipv6").fileno(), [("fe80::1%1", 0)], SCTP_BINDX_ADD_ADDR)


def test_the_flags_of_peer_address_parameters_are_all_zero(sockets, of_pysctp):
    names = [name for name in dir(sctp.paddrparams) if name.startswith("flags_")]
    assert names and {getattr(sctp.paddrparams, name) for name in names} == {0}
    sock = sockets("ipv4", socket.SOCK_SEQPACKET)
    params = sctp.paddrparams()
    params.hbinterval, params.flags = 200, 1
    of_pysctp(sock, sctp.sctpsocket_udp).set_paddrparams(params)
    assert sock.getsockopt(PeerAddrParams()).spp_hbinterval == 30_000


def test_connectx_stops_all_other_threads(sockets):
    sock = sockets()
    sock.settimeout(0.5)
    sock.bind("0.0.0.0")
    started, ended, steps = [], [], []

    def connect():
        started.append(time.monotonic())
        with pytest.raises(OSError):
            _sctp.connectx(sock.fileno(), [(NOBODY, 9)], {})
        ended.append(time.monotonic())

    with in_thread(connect) as thread:
        while thread.is_alive():
            steps.append(time.monotonic())
            time.sleep(0.01)
    quarter = (ended[0] - started[0]) / 4
    assert not [step for step in steps if started[0] + quarter < step < ended[0] - quarter]


def test_a_time_out_is_not_waited_for(pair, of_pysctp):
    """With a time-out of 5 s the message would come in time."""
    both = pair()
    server = of_pysctp(both.server)
    server.settimeout(5)
    with in_thread(lambda: (time.sleep(0.2), both.client.send(b"x"))), pytest.raises(BlockingIOError):
        server.sctp_recv(100)


def test_a_failed_message_that_is_no_text_kills_the_interpreter():
    program = f"""
import sctp, socket
sock = sctp.sctpsocket_udp(socket.AF_INET)
sock.events.send_failure = 1
sock.sctp_send(bytes([0xFF]), ({ADDRESSES["ipv4"]["server"][0]!r}, 9))
sock.sctp_recv(1000)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == -signal.SIGSEGV


# what sctpinspect.sockets uses of it


def test_bindx_of_ipv4_addresses_is_right(sockets):
    sock = sockets()
    addresses = ADDRESSES["ipv4"]["server"]
    _sctp.bindx(sock.fileno(), [(address, 0) for address in addresses], SCTP_BINDX_ADD_ADDR)
    assert sock.getladdrs().addresses == addresses


@pytest.mark.parametrize("family", FAMILIES)
def test_address_lists_are_right(pair, family):
    both = pair(family)
    port = both.listener.getsockname().port
    expected = [(address, port) for address in ADDRESSES[family]["server"]]
    assert list(_sctp.getpaddrs(both.client.fileno(), both.association_id)) == expected
    assert list(_sctp.getladdrs(both.server.fileno(), 0)) == expected
