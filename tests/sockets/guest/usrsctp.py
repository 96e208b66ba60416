"""usrsctp, FreeBSD's stack in user space: the same calls, and the same journal, as of the kernel's sockets.

Both ends of an association are in this process, and talk in UDP over the loopback device.
"""

import ctypes
import errno
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import in_thread
from pyroute2 import IPRoute

from sctpinspect.journal import message
from sctpinspect.journal.structures import (
    AdaptationLayer,
    AssocInfo,
    AuthChunk,
    AutoClose,
    Context,
    DefaultPrInfo,
    DefaultSndInfo,
    DelayedSack,
    DisableFragments,
    EcnSupported,
    Events,
    EventSubscription,
    FragmentInterleave,
    GetPeerAddrInfo,
    HmacIdent,
    InitMsg,
    Linger,
    LocalAuthChunks,
    MaxBurst,
    MaxSeg,
    NoDelay,
    NxtInfo,
    PartialDeliveryPoint,
    PeerAddrParams,
    PrimaryAddr,
    PrInfo,
    RcvBuf,
    RcvInfo,
    ReconfigSupported,
    RecvNxtInfo,
    RecvRcvInfo,
    RemoteUdpEncapsPort,
    RtoInfo,
    SndBuf,
    SndInfo,
    Status,
)
from sctpinspect.protocol import UsageError
from sctpinspect.sandbox.network import enter_new_namespace
from sctpinspect.sockets.usrsctp import Stack, UsrsctpSocket

HERE = "127.0.0.1"  # others of the loopback device it does not use
UDP_PORT = 9899
ONE_TO_MANY = {AutoClose}


@pytest.fixture(scope="session")
def stack():
    """The stack, in a network namespace of its own: it would abort the kernel's associations in this one."""
    with open("/proc/thread-self/ns/net") as home:
        enter_new_namespace()
        with IPRoute() as ip:
            ip.link("set", index=1, state="up")
        begun = Stack(Path("usrsctp.library").read_text(), UDP_PORT)
        assert ctypes.CDLL(None).setns(home.fileno(), 0) == 0
    return begun


@pytest.fixture
def make(stack, recorded):
    """Make sockets of usrsctp that are closed at the end."""
    with ExitStack() as made:
        yield lambda kind=socket.SOCK_STREAM: made.enter_context(
            UsrsctpSocket(stack, recorded.journal, socket.AF_INET, kind)
        )


def tell_all(sock):
    sock.setsockopt(NoDelay(value=1))
    sock.setsockopt(RecvRcvInfo(value=1))
    sock.setsockopt(RecvNxtInfo(value=1))


@pytest.fixture
def both(make):
    """Client and server of an association between one-to-one sockets that tell all."""
    listener, client = make(), make()
    for sock in (listener, client):
        tell_all(sock)
    listener.bind(HERE)
    listener.listen()
    client.bind(HERE)
    client.setsockopt(RemoteUdpEncapsPort(sue_port=UDP_PORT))
    client.connect(HERE, listener.getladdrs().port)
    with listener.accept() as server:
        yield client, server


@pytest.mark.parametrize(
    "option",
    [
        RtoInfo(srto_initial=100, srto_max=400, srto_min=50),
        AssocInfo(sasoc_asocmaxrxt=3, sasoc_cookie_life=5000),
        InitMsg(sinit_num_ostreams=7, sinit_max_instreams=8, sinit_max_attempts=2, sinit_max_init_timeo=900),
        NoDelay(value=1),
        MaxSeg(assoc_value=600),
        MaxBurst(assoc_value=6),
        DelayedSack(sack_delay=150, sack_freq=3),
        AdaptationLayer(ssb_adaptation_ind=0x12345678),
        PeerAddrParams(spp_hbinterval=200, spp_flags=1, spp_pathmaxrxt=4),
        RecvRcvInfo(value=1),
        RecvNxtInfo(value=1),
        DefaultSndInfo(snd_sid=3, snd_ppid=77),
        DefaultPrInfo(pr_policy=1, pr_value=9),
        RemoteUdpEncapsPort(sue_port=UDP_PORT),
        EventSubscription(se_type=1, se_on=1),
        RcvBuf(value=30_000),
        SndBuf(value=40_000),
        Linger(l_onoff=1, l_linger=2),
        DisableFragments(value=1),
        Context(assoc_value=7),
        FragmentInterleave(value=1),
        AutoClose(value=9),
        EcnSupported(assoc_value=0),
        ReconfigSupported(assoc_value=0),
        HmacIdent(shmac_num_idents=1, shmac_idents=(1,)),
        PartialDeliveryPoint(value=500),
    ],
    ids=lambda option: option.NAME,
)
def test_what_is_set_is_read_back_and_recorded(make, recorded, option):
    sock = make(socket.SOCK_SEQPACKET if type(option) in ONE_TO_MANY else socket.SOCK_STREAM)
    sock.setsockopt(option)
    asked = {"se_type": option.se_type} if isinstance(option, EventSubscription) else {}
    got = sock.getsockopt(type(option)(**asked))
    given = option.given(sock.numbers)
    shown = recorded.last("getsockopt").result["value"]
    assert recorded.last("setsockopt").arguments["value"].items() >= given.items()
    for name, value in given.items():
        flags = isinstance(value, list) and "flags" in name
        assert set(value) <= set(shown[name]) if flags else value == shown[name]
        assert flags or getattr(got, name) == getattr(option, name)
    assert type(got) is type(option)


def test_an_address_is_where_the_stack_reads_it(both):
    client, server = both
    port = client.getpaddrs().port
    info = client.getsockopt(GetPeerAddrInfo(spinfo_address=(HERE, port)))
    assert info.show(client.numbers)["spinfo_state"] == "SCTP_ACTIVE"
    assert info.spinfo_mtu > 0 and info.spinfo_cwnd > 0
    assert client.getsockopt(PrimaryAddr(ssp_addr=(HERE, port))).ssp_addr == (HERE, port)
    status = client.getsockopt(Status())
    shown = status.show(client.numbers)
    assert shown["sstat_state"] == "SCTP_ESTABLISHED"
    assert (shown["sstat_primary"]["spinfo_address"], shown["sstat_instrms"]) == (
        HERE,
        status.sstat_instrms,
    )
    assert {0x80, 0xC1} <= set(server.getsockopt(LocalAuthChunks()).gauth_chunks)


def test_a_message_arrives_with_what_was_said_of_it_and_what_comes_next(both, recorded):
    client, server = both
    unordered = client.numbers["SCTP_UNORDERED"]
    client.sctp_sendv(b"one", info=[SndInfo(snd_sid=3, snd_ppid=0x8000_0001)])
    client.sctp_sendv(
        b"other", info=[SndInfo(snd_sid=4, snd_ppid=46, snd_flags=unordered), PrInfo(pr_policy=0)]
    )
    first = server.sctp_recvv()
    assert (first.data, first.stream, first.ppid, first.unordered) == (b"one", 3, 0x8000_0001, False)
    assert (first.address, first.port) == (HERE, client.getladdrs().port)
    second = server.sctp_recvv()
    assert (second.data, second.stream, second.ppid, second.unordered) == (b"other", 4, 46, True)
    assert second.tsn == (first.tsn + 1) % 2**32
    sends, receives = recorded.calls("sctp_sendv"), recorded.calls("sctp_recvv")
    assert [call.arguments["flags"] for call in sends] == [[], ["SCTP_UNORDERED"]]
    assert [item["type"] for item in sends[1].arguments["control"]] == ["SCTP_SNDINFO", "SCTP_PRINFO"]
    assert [call.result["digest"] for call in receives] == [call.arguments["digest"] for call in sends]
    assert "unordered" not in message(receives[0])


def test_the_next_message_is_told_of(both):
    client, server = both
    client.sctp_sendv(b"one", info=[SndInfo(snd_sid=1, snd_ppid=1)])
    client.sctp_sendv(b"other", info=[SndInfo(snd_sid=2, snd_ppid=2)])
    server.sctp_sendv(b"both are there when this is", info=[SndInfo()])
    client.sctp_recvv()
    told = server.sctp_recvv().control
    assert [type(item) for item in told] == [RcvInfo, NxtInfo]
    assert (told[1].nxt_sid, told[1].nxt_ppid, told[1].nxt_length) == (2, 2, len(b"other"))
    assert [type(item) for item in server.sctp_recvv().control] == [RcvInfo]


def test_the_end_of_the_peer_is_an_empty_message_without_anything(both):
    client, server = both
    client.close()
    ended = server.sctp_recvv()
    assert (ended.data, ended.stream, ended.tsn, ended.control) == (b"", None, None, ())


def test_notifications_are_told_by_name(make, recorded):
    server, client = make(socket.SOCK_SEQPACKET), make(socket.SOCK_SEQPACKET)
    for sock in (server, client):
        for event in ("SCTP_ASSOC_CHANGE", "SCTP_SHUTDOWN_EVENT"):
            sock.setsockopt(EventSubscription(se_type=sock.numbers[event], se_on=1))
    server.bind(HERE)
    server.listen()
    client.setsockopt(RemoteUdpEncapsPort(sue_port=UDP_PORT))
    client.sctp_sendv(b"hello", HERE, server.getladdrs().port, [SndInfo()])
    up = server.sctp_recvv().notification
    assert (up.NAME, up.state) == ("SCTP_ASSOC_CHANGE", "SCTP_COMM_UP")
    hello = server.sctp_recvv()
    assert (hello.data, hello.notification) == (b"hello", None)
    peeled = server.peeloff(up.association_id)
    assert peeled.getpaddrs().addresses == [HERE]
    assert client.sctp_recvv().notification.state == "SCTP_COMM_UP"  # unread, it would end in an ABORT
    client.close()
    assert peeled.sctp_recvv().notification.NAME == "SCTP_SHUTDOWN_EVENT"
    peeled.close()
    shown = recorded.calls("sctp_recvv")[0].result["notification"]
    assert shown["sac_state"] == "SCTP_COMM_UP" and shown["sac_outbound_streams"] > 0


def test_errors_are_recorded_and_raised(make, recorded):
    sock = make()
    sock.setsockopt(RemoteUdpEncapsPort(sue_port=UDP_PORT))
    with pytest.raises(OSError) as refused:
        sock.connect(HERE, 9)
    assert refused.value.errno == errno.ECONNREFUSED
    assert recorded.last("connect").errno == "ECONNREFUSED"
    with pytest.raises(OSError):
        sock.getsockopt(AuthChunk())
    assert recorded.last("getsockopt").errno == "ENOPROTOOPT"
    sock.close()
    with pytest.raises(OSError) as closed:
        sock.listen()
    assert closed.value.errno == errno.EBADF


def test_what_usrsctp_does_not_have_is_said(make, recorded):
    sock = make()
    before = len(recorded.calls())
    for call in (sock.send, sock.sctp_recvmsg, sock.getsockname):
        with pytest.raises(UsageError, match="sctp_sendv"):
            call(b"")
    with pytest.raises(UsageError, match="no socket option SCTP_EVENTS"):
        sock.setsockopt(Events())
    assert len(recorded.calls()) == before


def test_a_waiting_call_lets_other_threads_run(both):
    client, server = both
    with in_thread(lambda: client.sctp_recvv()):
        server.sctp_sendv(b"now")


def test_the_journal_is_that_of_the_kernels_sockets(both, pair, recorded):
    """The same calls on either stack leave entries with the same members."""
    client, server = both
    client.sctp_sendv(b"data", info=[SndInfo(snd_ppid=1)])
    server.sctp_recvv()
    kernel = pair("ipv4", tell_all)
    kernel.client.sctp_sendv(b"data", info=[SndInfo(snd_ppid=1)])
    kernel.server.sctp_recvv()
    for name in ("socket", "setsockopt", "listen", "accept", "sctp_sendv", "sctp_recvv"):
        first, *_, last = recorded.calls(name)
        assert (first.arguments.keys(), first.result.keys()) == (last.arguments.keys(), last.result.keys())
    sent = recorded.calls("sctp_sendv")
    assert sent[0].arguments == sent[1].arguments
