"""Setting up and ending associations, their addresses, and what the journal says of it."""

import errno
import os
import signal
import socket
import threading
import time

import pytest
from conftest import ADDRESSES, NOBODY, in_thread

from sctpinspect.journal.linux import SCTP_BINDX_ADD_ADDR, SCTP_BINDX_REM_ADDR, SCTP_COMM_UP, SCTP_EOF
from sctpinspect.journal.structures import AssocChange, Events, InitMsg, Linger, RecvRcvInfo
from sctpinspect.sockets import Journal, Socket

FAMILIES = ["ipv4", "ipv6"]
KINDS = [socket.SOCK_STREAM, socket.SOCK_SEQPACKET]


@pytest.mark.parametrize("family", FAMILIES)
def test_both_ends_know_all_addresses(pair, recorded, family):
    both = pair(family)
    hosts = ADDRESSES[family]
    port = both.listener.getsockname().port
    assert both.client.getpaddrs() == (hosts["server"], port)
    assert both.server.getladdrs() == (hosts["server"], port)
    assert both.server.getpaddrs().addresses == hosts["client"]
    assert both.client.getladdrs(both.association_id).addresses == hosts["client"]

    bindx, connectx, accept = (recorded.last(name) for name in ("sctp_bindx", "sctp_connectx", "accept"))
    assert bindx.arguments == {
        "addresses": hosts["client"],
        "port": 0,
        "flags": "SCTP_BINDX_ADD_ADDR",
    }
    assert connectx.arguments == {"addresses": hosts["server"], "port": port}
    assert connectx.result == {"association_id": both.association_id}
    assert connectx.local_port == both.client.getsockname().port != 0
    assert accept.result["address"] in hosts["client"]
    assert accept.result["port"] == both.client.getsockname().port
    assert accept.local_port == port
    paddrs = next(call for call in recorded.calls("sctp_getpaddrs"))
    assert paddrs.result == {"addresses": hosts["server"], "port": port}


def test_ipv4_addresses_are_plain_on_an_ipv6_socket(sockets, recorded):
    server, client = sockets("ipv6"), sockets("ipv6")
    hosts = ADDRESSES["ipv4"]
    server.bind(hosts["server"][0])
    server.listen()
    client.bindx(hosts["client"])
    client.connect(hosts["server"][0], server.getsockname().port)
    with server.accept() as accepted:
        assert client.getpaddrs().addresses == [hosts["server"][0]]
        assert accepted.getpaddrs().addresses == hosts["client"]
        assert client.getpeername().address == hosts["server"][0]
        accepted.sctp_sendmsg(b"x")
        assert client.sctp_recvmsg().address == hosts["server"][0]
    assert recorded.last("sctp_recvmsg").result["address"] == hosts["server"][0]
    assert recorded.last("accept").result["address"] in hosts["client"]


def test_addresses_of_both_families_in_one_association(sockets):
    server, client = sockets("ipv6"), sockets("ipv6")
    mixed = [ADDRESSES["ipv6"]["server"][0], ADDRESSES["ipv4"]["server"][0]]
    server.bindx(mixed)
    server.listen()
    client.connectx(mixed, server.getsockname().port)
    assert sorted(client.getpaddrs().addresses) == sorted(mixed)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_removed_address_is_no_longer_bound(sockets, recorded, family):
    sock = sockets(family)
    first, second = ADDRESSES[family]["server"]
    sock.bindx([first, second])
    sock.bindx([second], 0, SCTP_BINDX_REM_ADDR)
    assert sock.getladdrs().addresses == [first]
    assert recorded.last("sctp_bindx").arguments["flags"] == "SCTP_BINDX_REM_ADDR"


@pytest.mark.parametrize("family", FAMILIES)
def test_bindx_without_one_of_its_two_flags_is_refused(sockets, recorded, family):
    sock = sockets(family)
    sock.bindx(ADDRESSES[family]["server"])
    with pytest.raises(OSError) as failure:
        sock.bindx(ADDRESSES[family]["server"][1:], 0, SCTP_BINDX_ADD_ADDR | SCTP_BINDX_REM_ADDR)
    assert failure.value.errno == errno.EINVAL
    assert sock.getladdrs().addresses == ADDRESSES[family]["server"]
    assert recorded.last("sctp_bindx").arguments["flags"] == 3


@pytest.mark.parametrize("family", FAMILIES)
def test_one_to_many_serves_several_associations(sockets, recorded, family):
    server = sockets(family, socket.SOCK_SEQPACKET)
    clients = [sockets(family, socket.SOCK_SEQPACKET) for _ in range(2)]
    server.setsockopt(RecvRcvInfo(value=1))
    server.bindx(ADDRESSES[family]["server"])
    server.listen()
    port = server.getsockname().port
    for number, client in enumerate(clients):
        client.sctp_sendmsg(f"from {number}".encode(), ADDRESSES[family]["server"][0], port)
    messages = [server.sctp_recvmsg() for _ in clients]
    assert sorted(message.data for message in messages) == [b"from 0", b"from 1"]
    assert len({message.association_id for message in messages}) == 2
    for message in messages:
        server.sctp_sendmsg(b"to " + message.data, message.address, message.port)
    assert [client.sctp_recvmsg().data for client in clients] == [b"to from 0", b"to from 1"]
    sent = recorded.calls("sctp_sendmsg")[0]
    assert sent.local_port == clients[0].getsockname().port  # bound by sending


def test_connectx_of_a_one_to_many_socket_gives_the_association(sockets):
    server = sockets("ipv4", socket.SOCK_SEQPACKET)
    client = sockets("ipv4", socket.SOCK_SEQPACKET)
    server.bindx(ADDRESSES["ipv4"]["server"])
    server.listen()
    association_id = client.connectx(ADDRESSES["ipv4"]["server"], server.getsockname().port)
    assert association_id > 0
    assert client.getpaddrs(association_id).addresses == ADDRESSES["ipv4"]["server"]


def test_peeled_off_association_has_a_socket_of_its_own(sockets, recorded):
    server = sockets("ipv4", socket.SOCK_SEQPACKET)
    client = sockets()
    server.setsockopt(RecvRcvInfo(value=1))
    server.bind(ADDRESSES["ipv4"]["server"][0])
    server.listen()
    port = server.getsockname().port
    client.connect(ADDRESSES["ipv4"]["server"][0], port)
    client.send(b"hello")
    association_id = server.sctp_recvmsg().association_id
    with server.peeloff(association_id) as peeled:
        peeled.send(b"from the new socket")
        assert client.recv() == b"from the new socket"
    call = recorded.last("sctp_peeloff")
    assert call.arguments == {"association_id": association_id}
    numbers = {other.socket for other in recorded.calls("socket")}
    assert call.result["socket"] not in numbers
    sent = next(other for other in recorded.calls("send") if other.socket == call.result["socket"])
    assert sent.local_port == port


def test_close_and_shutdown_end_the_association(pair, recorded):
    both = pair()
    both.client.shutdown(socket.SHUT_WR)
    assert both.server.recv() == b""
    both.server.close()
    both.server.close()  # nothing more happens
    assert both.server.fileno() == -1
    assert recorded.last("shutdown").arguments == {"how": "SHUT_WR"}
    assert recorded.last("recv").result["length"] == 0
    assert len(recorded.calls("close")) == 1


def test_connect_to_nobody_is_refused_and_recorded(sockets, recorded):
    for kind in KINDS:
        for method in ("connect", "connectx"):
            sock = sockets("ipv4", kind)
            address = ADDRESSES["ipv4"]["server"]
            with pytest.raises(ConnectionRefusedError):
                getattr(sock, method)(address[0] if method == "connect" else address, 1)
    refused = recorded.calls("connect", "sctp_connectx")
    assert [call.errno for call in refused] == ["ECONNREFUSED"] * 4
    assert all(call.result == {} for call in refused)


def test_errors_of_addresses_are_recorded(sockets, recorded):
    taken, other = sockets(), sockets()
    taken.bind(ADDRESSES["ipv4"]["server"][0])
    with pytest.raises(OSError) as failure:
        other.bind(ADDRESSES["ipv4"]["server"][0], taken.getsockname().port)
    assert failure.value.errno == errno.EADDRINUSE
    with pytest.raises(OSError):
        other.bindx(["192.0.2.77"], 5000)
    with pytest.raises(OSError):
        sockets("ipv6").bindx(["2001:db8::1"], 5000)
    assert [call.errno for call in recorded.calls("bind", "sctp_bindx")] == [
        None,
        "EADDRINUSE",
        "EADDRNOTAVAIL",
        "EADDRNOTAVAIL",
    ]
    assert recorded.calls("sctp_bindx")[-1].local_port is None


@pytest.mark.parametrize("call", [Socket.bind, Socket.connect, Socket.bindx, Socket.connectx])
def test_names_are_not_looked_up(sockets, recorded, call):
    name = "localhost" if call in (Socket.bind, Socket.connect) else ["localhost"]
    with pytest.raises(ValueError, match=r"address"):
        call(sockets(), name, 5000)
    assert not recorded.calls("bind", "connect", "sctp_bindx", "sctp_connectx")


def test_a_socket_of_a_wrong_kind_is_recorded(recorded):
    with pytest.raises(OSError):
        Socket(recorded.journal, socket.AF_INET, socket.SOCK_DGRAM)
    call = recorded.last("socket")
    assert call.arguments == {"family": "AF_INET", "type": "SOCK_DGRAM"}
    assert call.errno in ("ESOCKTNOSUPPORT", "EPROTONOSUPPORT")
    assert call.local_port is None


def test_a_waiting_call_ends_after_the_time_out(sockets, recorded):
    sock = sockets()
    sock.bind(ADDRESSES["ipv4"]["server"][0])
    sock.listen()
    for seconds in (0.1, 0):
        sock.settimeout(seconds)
        with pytest.raises(BlockingIOError):
            sock.accept()
    call = recorded.calls("accept")[0]
    assert call.errno == "EAGAIN"
    assert call.end_ns - call.start_ns >= 90_000_000


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (socket.SOCK_STREAM, "accept"),
        (socket.SOCK_SEQPACKET, "recv"),
        *((kind, method) for kind in KINDS for method in ("connect", "connectx")),
    ],
)
def test_a_waiting_call_does_not_stop_other_threads(sockets, recorded, kind, method):
    sock = sockets("ipv4", kind)
    sock.bind("0.0.0.0")
    if method in ("recv", "accept"):
        sock.listen()
    sock.settimeout(0.5)
    arguments = {"connect": (NOBODY, 9), "connectx": ([NOBODY], 9)}.get(method, ())

    def wait():
        with pytest.raises(BlockingIOError):
            getattr(sock, method)(*arguments)

    steps = 0
    with in_thread(wait) as thread:
        while thread.is_alive():
            time.sleep(0.01)
            steps += 1
    assert steps >= 3
    call = recorded.calls()[-1]
    assert call.errno == ("EINPROGRESS" if "connect" in method else "EAGAIN")
    assert call.thread != threading.get_native_id()


def test_connecting_without_waiting(sockets, recorded):
    server, client = sockets(), sockets()
    server.bindx(ADDRESSES["ipv4"]["server"])
    server.listen()
    client.settimeout(0)
    with pytest.raises(BlockingIOError):
        client.connectx(ADDRESSES["ipv4"]["server"], server.getsockname().port)
    assert recorded.last("sctp_connectx").errno == "EINPROGRESS"
    server.accept().close()


def test_every_call_has_its_process_thread_and_socket(sockets, recorded):
    first, second = sockets(), sockets()
    with in_thread(lambda: second.bind(ADDRESSES["ipv4"]["server"][0])):
        pass
    before = time.time_ns()
    first.bind(ADDRESSES["ipv4"]["client"][0])
    after = time.time_ns()
    one, two = recorded.calls("bind")
    assert one.process == two.process == os.getpid()
    assert one.thread != two.thread == threading.get_native_id()
    assert one.host == "a"
    assert [call.socket for call in recorded.calls("socket")] == [two.socket, one.socket]
    assert before <= two.start_ns <= two.end_ns <= after


def test_socket_numbers_are_unique_among_processes_of_a_host(recorded, tmp_path):
    """Whether they share the journal or have one each."""
    children = []
    for number in range(4):
        if not (child := os.fork()):
            journal = recorded.journal if number % 2 else Journal("a", tmp_path / f"{number}.journal")
            for _ in range(20):
                Socket(journal, socket.AF_INET, socket.SOCK_STREAM).close()
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    lines = [line for path in tmp_path.glob("*.journal") for line in path.read_text().splitlines()]
    numbers = [line.split('"socket":')[1].split(",")[0] for line in lines if '"name":"socket"' in line]
    assert len(numbers) == len(set(numbers)) == 80


def test_what_was_called_is_in_the_file_when_the_process_is_killed(recorded):
    if not (child := os.fork()):
        Socket(recorded.journal, socket.AF_INET, socket.SOCK_STREAM).bind(ADDRESSES["ipv4"]["client"][0])
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert [call.name for call in recorded.calls()] == ["socket", "bind"]


def test_implicit_setup_and_end_by_flags(sockets, recorded):
    """A message begins the association, SCTP_EOF ends it (RFC 6458 §3.1.4, §7.5)."""
    server = sockets("ipv4", socket.SOCK_SEQPACKET)
    client = sockets("ipv4", socket.SOCK_SEQPACKET)
    server.setsockopt(Events(sctp_association_event=1))
    server.bind(ADDRESSES["ipv4"]["server"][0])
    server.listen()
    target = (ADDRESSES["ipv4"]["server"][0], server.getsockname().port)
    client.sctp_sendmsg(b"hello", *target)
    up = server.sctp_recvmsg().notification
    assert isinstance(up, AssocChange) and up.sac_state == SCTP_COMM_UP
    assert server.sctp_recvmsg().data == b"hello"
    client.sctp_sendmsg(b"", *target, flags=SCTP_EOF)
    assert server.sctp_recvmsg().notification.state == "SCTP_SHUTDOWN_COMP"
    assert recorded.last("sctp_sendmsg").arguments["flags"] == ["SCTP_EOF"]


def test_abort_tells_the_peer_its_cause(pair):
    """SO_LINGER with time 0 (RFC 6458 §8.1.4): cause 12, User-Initiated Abort."""
    both = pair(prepare=lambda sock: sock.setsockopt(Events(sctp_association_event=1)))
    assert both.server.sctp_recvmsg().notification.state == "SCTP_COMM_UP"
    both.client.setsockopt(Linger(l_onoff=1, l_linger=0))
    both.client.close()
    lost = both.server.sctp_recvmsg().notification
    assert lost.state == "SCTP_COMM_LOST"
    assert lost.sac_error == 12


def test_streams_are_those_asked_for(pair):
    def prepare(sock):
        sock.setsockopt(InitMsg(sinit_num_ostreams=7, sinit_max_instreams=5))
        sock.setsockopt(Events(sctp_association_event=1))

    up = pair(prepare=prepare).server.sctp_recvmsg().notification
    assert (up.sac_outbound_streams, up.sac_inbound_streams) == (5, 5)


@pytest.mark.parametrize(
    ("name", "act"),
    [
        ("bind", lambda sock: sock.bind("fd00::2", 5000)),
        ("sctp_bindx", lambda sock: sock.bindx(["fd00::2"], 5000)),
        ("connect", lambda sock: sock.connect("fd00::2", 5000)),
        ("sctp_sendmsg", lambda sock: sock.sctp_sendmsg(b"x", "fd00::2", 5000)),
    ],
)
def test_an_address_of_another_family_is_refused_by_the_kernel(sockets, recorded, name, act):
    sock = sockets("ipv4")
    with pytest.raises(OSError, match="Invalid argument"):
        act(sock)
    assert recorded.last(name).errno == "EINVAL"
