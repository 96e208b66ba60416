"""Messages, their control messages, and notifications."""

import socket
from typing import NamedTuple

import pytest
from conftest import ADDRESSES

from sctpinspect.journal import digest
from sctpinspect.journal.linux import (
    MSG_EOR,
    MSG_PEEK,
    SCTP_ABORT,
    SCTP_ADDR_OVER,
    SCTP_PR_SCTP_TTL,
    SCTP_SACK_IMMEDIATELY,
    SCTP_SEND_FAILED_EVENT,
    SCTP_UNORDERED,
)
from sctpinspect.journal.structures import (
    DefaultSndInfo,
    DstAddrV4,
    DstAddrV6,
    Events,
    EventSubscription,
    Init,
    Linger,
    MaxSeg,
    NoDelay,
    NxtInfo,
    PrInfo,
    RcvBuf,
    RcvInfo,
    RecvNxtInfo,
    RecvRcvInfo,
    RtoInfo,
    SndInfo,
    SndRcvInfo,
)

PPIDS = [0, 1, 46, 127, 128, 255, 256, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
FAMILIES = ["ipv4", "ipv6"]


def tell_all(sock):
    sock.setsockopt(RecvRcvInfo(value=1))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_ppid_arrives_as_it_was_sent(pair, recorded, family):
    both = pair(family, tell_all)
    both.client.setsockopt(NoDelay(value=1))
    for ppid in PPIDS:
        both.client.sctp_sendmsg(b"one", ppid=ppid)
        assert both.server.sctp_recvmsg().ppid == ppid
        both.client.sendmsg(b"two", control=[SndInfo(snd_ppid=ppid)])
        assert both.server.recvmsg().ppid == ppid
    twice = [ppid for ppid in PPIDS for _ in range(2)]
    assert [call.arguments["ppid"] for call in recorded.calls("sctp_sendmsg", "sendmsg")] == twice
    assert [call.result["ppid"] for call in recorded.calls("sctp_recvmsg", "recvmsg")] == twice


@pytest.mark.parametrize("family", FAMILIES)
def test_a_message_arrives_with_all_that_was_said_of_it(pair, recorded, family):
    both = pair(family, tell_all)
    data = bytes(range(256)) * 20
    address, port = both.client.getpeername()
    assert both.client.sctp_sendmsg(data, address, port, ppid=46, stream=3, flags=SCTP_UNORDERED) == len(data)
    got = both.server.sctp_recvmsg()
    assert got.data == data
    assert (got.stream, got.ppid, got.unordered) == (3, 46, True)
    assert got.flags & MSG_EOR
    assert got.address in ADDRESSES[family]["client"]

    sent, received = recorded.last("sctp_sendmsg"), recorded.last("sctp_recvmsg")
    assert sent.arguments == {
        "address": address,
        "port": port,
        "association_id": None,
        "stream": 3,
        "ppid": 46,
        "flags": ["SCTP_UNORDERED"],
        "context": 0,
        "time_to_live": 0,
        "length": 5120,
        "digest": digest(data),
        "start": data[:32].hex(),
        "control": [],
    }
    assert sent.result == {"length": 5120}
    assert received.arguments == {"size": 65536}
    for key in ("length", "digest", "start", "stream", "ppid"):
        assert received.result[key] == sent.arguments[key]
    assert received.result["unordered"] is True
    assert received.result["flags"] == ["MSG_EOR"]
    assert received.result["tsn"] == got.tsn
    assert received.result["cumulative_tsn"] == got.cumulative_tsn
    assert received.result["notification"] is None
    assert received.result["control"][0]["type"] == "SCTP_RCVINFO"
    assert received.result["control"][0]["rcv_flags"] == ["SCTP_UNORDERED"]
    assert sent.start_ns < received.end_ns


def test_messages_of_a_stream_are_numbered(pair):
    both = pair(prepare=tell_all)
    for stream in (1, 2, 1):
        both.client.sctp_sendmsg(b"x", stream=stream)
    got = [both.server.sctp_recvmsg() for _ in range(3)]
    assert [(message.stream, message.ssn) for message in got] == [(1, 0), (2, 0), (1, 1)]
    assert [message.tsn - got[0].tsn for message in got] == [0, 1, 2]


def test_control_messages_are_recorded(pair, recorded):
    both = pair(prepare=tell_all)
    control = [SndInfo(snd_sid=2, snd_ppid=7), PrInfo(pr_policy=SCTP_PR_SCTP_TTL, pr_value=500)]
    both.client.sendmsg(b"x", control=control)
    assert both.server.recvmsg().stream == 2
    assert recorded.last("sendmsg").arguments["control"] == [
        {
            "type": "SCTP_SNDINFO",
            "snd_sid": 2,
            "snd_flags": [],
            "snd_ppid": 7,
            "snd_context": 0,
            "snd_assoc_id": 0,
        },
        {"type": "SCTP_PRINFO", "pr_policy": "SCTP_PR_SCTP_TTL", "pr_value": 500},
    ]
    both.client.sendmsg(b"y", control=[SndRcvInfo(sinfo_stream=4, sinfo_flags=SCTP_SACK_IMMEDIATELY)])
    assert both.server.recvmsg().stream == 4
    assert recorded.last("sendmsg").arguments["flags"] == ["SCTP_SACK_IMMEDIATELY"]


def test_a_plain_send_goes_by_the_defaults(pair, recorded):
    both = pair(prepare=tell_all)
    both.client.setsockopt(DefaultSndInfo(snd_sid=5, snd_ppid=200))
    both.client.send(b"x")
    got = both.server.recvmsg()
    assert (got.stream, got.ppid) == (5, 200)
    assert {recorded.last("send").arguments[key] for key in ("stream", "ppid", "flags")} == {None}


def test_setting_up_by_a_control_message(sockets, recorded):
    server = sockets("ipv4", socket.SOCK_SEQPACKET)
    client = sockets("ipv4", socket.SOCK_SEQPACKET)
    server.setsockopt(Events(sctp_association_event=1))
    server.bind(ADDRESSES["ipv4"]["server"][0])
    server.listen()
    control = [Init(sinit_num_ostreams=3), SndInfo(snd_sid=2)]
    client.sendmsg(b"x", ADDRESSES["ipv4"]["server"][0], server.getsockname().port, control)
    assert server.recvmsg().notification.sac_inbound_streams == 3
    assert [item["type"] for item in recorded.last("sendmsg").arguments["control"]] == [
        "SCTP_INIT",
        "SCTP_SNDINFO",
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_setting_up_with_several_destination_addresses(sockets, family):
    """RFC 6458 §5.3.9, §5.3.10."""
    server = sockets(family, socket.SOCK_SEQPACKET)
    client = sockets(family, socket.SOCK_SEQPACKET)
    addresses = ADDRESSES[family]["server"]
    server.bindx(addresses)
    server.listen()
    kind = DstAddrV4 if family == "ipv4" else DstAddrV6
    client.sendmsg(b"x", addresses[0], server.getsockname().port, [kind(address=addresses[1])])
    assert server.recvmsg().data == b"x"


def test_address_over_chooses_the_destination(pair, recorded):
    both = pair(prepare=tell_all)
    port = both.listener.getsockname().port
    for address in ADDRESSES["ipv4"]["server"]:
        both.client.sctp_sendmsg(b"x", address, port, flags=SCTP_ADDR_OVER)
        assert both.server.recvmsg().data == b"x"
    assert recorded.last("sctp_sendmsg").arguments["flags"] == ["SCTP_ADDR_OVER"]


def test_the_next_message_is_announced(pair, recorded):
    def prepare(sock):
        tell_all(sock)
        sock.setsockopt(RecvNxtInfo(value=1))
        sock.setsockopt(NoDelay(value=1))

    both = pair(prepare=prepare)
    for _ in range(100):  # the kernel tells of a message only if it is there already
        both.client.sctp_sendmsg(b"first")
        both.client.sctp_sendmsg(b"second", stream=4, ppid=300)
        control = both.server.recvmsg().control
        if any(isinstance(item, NxtInfo) for item in control):
            break
        both.server.recvmsg()
    announced = next(item for item in control if isinstance(item, NxtInfo))
    assert (announced.nxt_sid, announced.nxt_ppid, announced.nxt_length) == (4, 300, 6)
    assert any(isinstance(item, RcvInfo) for item in control)
    call = recorded.last("recvmsg")
    assert {item["type"] for item in call.result["control"]} == {"SCTP_RCVINFO", "SCTP_NXTINFO"}


def test_peeking_is_recorded_as_such(pair, recorded):
    both = pair()
    both.client.send(b"x")
    assert both.server.recv(flags=MSG_PEEK) == both.server.recv() == b"x"
    assert [call.arguments.get("flags") for call in recorded.calls("recv")] == [["MSG_PEEK"], None]


def test_without_asking_nothing_is_told(pair, recorded):
    both = pair()
    both.client.sctp_sendmsg(b"x", ppid=5)
    assert both.server.recvmsg().ppid is None
    assert recorded.last("recvmsg").result["ppid"] is None
    both.client.sctp_sendmsg(b"y", ppid=5)
    assert both.server.recv() == b"y"
    assert recorded.last("recv").result["digest"] == digest(b"y")


def test_the_old_way_of_asking_tells_the_same(pair):
    both = pair(prepare=lambda sock: sock.setsockopt(Events(sctp_data_io_event=1)))
    both.client.sctp_sendmsg(b"x", ppid=200, stream=6, flags=SCTP_UNORDERED)
    got = both.server.sctp_recvmsg()
    assert (got.ppid, got.stream, got.unordered) == (200, 6, True)
    assert isinstance(got.control[0], SndRcvInfo)


def test_a_message_in_parts_ends_with_the_end_of_the_record(pair, recorded):
    both = pair(prepare=tell_all)
    both.client.send(b"0123456789")
    parts = [both.server.recvmsg(4) for _ in range(3)]
    assert b"".join(part.data for part in parts) == b"0123456789"
    assert [bool(part.flags & MSG_EOR) for part in parts] == [False, False, True]
    assert [call.result["flags"] for call in recorded.calls("recvmsg")] == [[], [], ["MSG_EOR"]]


def test_a_stream_that_is_not_there_is_refused(pair, recorded):
    both = pair()
    with pytest.raises(OSError):
        both.client.sctp_sendmsg(b"x", stream=65535)
    with pytest.raises(OSError):
        both.client.send(b"")
    call = recorded.last("sctp_sendmsg")
    assert (call.errno, call.result, call.arguments["stream"]) == ("EINVAL", {}, 65535)
    assert recorded.last("send").errno == "EINVAL"


class Seen(NamedTuple):
    type: str
    state: str | None
    address: str | None


def notifications(sock, recorded, until):
    """Receive up to a notification of this type and state; all of them, as the journal has them."""
    seen = []
    while not seen or (seen[-1].type, seen[-1].state) != until:
        message = sock.sctp_recvmsg()
        result = recorded.last("sctp_recvmsg").result
        if message.notification is None:
            continue
        told = result["notification"]
        assert "MSG_NOTIFICATION" in result["flags"]
        assert told["association_id"] == result["association_id"] == message.association_id
        assert told.get("state") == message.notification.state
        assert "digest" not in result
        seen.append(Seen(told["type"], told.get("state"), told.get("address")))
    return seen


@pytest.mark.parametrize("family", FAMILIES)
def test_notifications_of_an_association(pair, recorded, family):
    def prepare(sock):
        sock.setsockopt(Events(sctp_association_event=1, sctp_address_event=1, sctp_shutdown_event=1))
        sock.setsockopt(RtoInfo(srto_initial=100, srto_min=100))  # the first HEARTBEAT comes after one RTO

    both = pair(family, prepare)
    first = both.client.sctp_recvmsg().notification
    assert (first.sac_outbound_streams, first.sac_inbound_streams) == (10, 10)
    told = recorded.last("sctp_recvmsg").result["notification"]
    assert (told["type"], told["state"]) == ("SCTP_ASSOC_CHANGE", "SCTP_COMM_UP")
    assert told["sac_assoc_id"] == told["association_id"] == both.association_id

    up = notifications(both.server, recorded, ("SCTP_PEER_ADDR_CHANGE", "SCTP_ADDR_CONFIRMED"))
    assert up[0][:2] == ("SCTP_ASSOC_CHANGE", "SCTP_COMM_UP")
    confirmed = [seen for seen in up if seen.state == "SCTP_ADDR_CONFIRMED"]
    assert all(seen.address in ADDRESSES[family]["client"] for seen in confirmed)

    both.client.shutdown(socket.SHUT_WR)
    down = notifications(both.server, recorded, ("SCTP_ASSOC_CHANGE", "SCTP_SHUTDOWN_COMP"))
    assert ("SCTP_SHUTDOWN_EVENT", None, None) in down


@pytest.mark.parametrize("new", [True, False])
def test_a_message_that_failed_comes_back(sockets, recorded, new):
    """Binary data and a large PPID, which crash or mislead pysctp."""
    sock = sockets("ipv4", socket.SOCK_SEQPACKET)
    if new:
        sock.setsockopt(EventSubscription(se_type=SCTP_SEND_FAILED_EVENT, se_on=1))
    else:
        sock.setsockopt(Events(sctp_send_failure_event=1))
    sock.sctp_sendmsg(b"\xff\x00\x80 lost", ADDRESSES["ipv4"]["server"][0], 9, ppid=200, context=77)
    failed = sock.sctp_recvmsg().notification
    assert failed.state == "SCTP_DATA_UNSENT"
    assert failed.ssf_data == b"\xff\x00\x80 lost"
    told = recorded.last("sctp_recvmsg").result["notification"]
    assert told["type"] == ("SCTP_SEND_FAILED_EVENT" if new else "SCTP_SEND_FAILED")
    assert told["ssf_data"] == b"\xff\x00\x80 lost".hex()
    info = told["ssfe_info"] if new else told["ssf_info"]
    assert (
        (info["snd_ppid"], info["snd_context"]) == (200, 77)
        if new
        else (
            info["sinfo_ppid"],
            info["sinfo_context"],
        )
        == (200, 77)
    )


def test_messages_that_an_abort_cuts_off_name_its_cause(pair):
    """Cause 12, User-Initiated Abort; what did not fit a packet comes back in its parts."""
    both = pair(prepare=lambda sock: sock.setsockopt(Events(sctp_send_failure_event=1)))
    both.server.setsockopt(RcvBuf(value=3000))
    both.client.setsockopt(MaxSeg(assoc_value=600))
    both.client.settimeout(0)
    with pytest.raises(BlockingIOError):
        while True:
            both.client.send(b"x" * 1000)
    both.server.setsockopt(Linger(l_onoff=1, l_linger=0))
    both.server.close()
    both.client.settimeout(5)
    failed = [both.client.sctp_recvmsg().notification for _ in range(4)]
    assert {notification.ssf_error for notification in failed} == {12}
    flags = [tuple(notification.show()["ssf_info"]["sinfo_flags"]) for notification in failed]
    assert {("SCTP_DATA_FIRST_FRAG",), ("SCTP_DATA_LAST_FRAG",)} == set(flags)


def test_an_abort_carries_its_reason(sockets, recorded):
    server, client = sockets(), sockets("ipv4", socket.SOCK_SEQPACKET)
    server.setsockopt(Events(sctp_association_event=1))
    server.bind(ADDRESSES["ipv4"]["server"][0])
    server.listen()
    target = (ADDRESSES["ipv4"]["server"][0], server.getsockname().port)
    client.connect(*target)
    with server.accept() as accepted:
        assert accepted.sctp_recvmsg().notification.state == "SCTP_COMM_UP"
        client.sctp_sendmsg(b"reason", *target, flags=SCTP_ABORT)
        lost = accepted.sctp_recvmsg().notification
    assert (lost.state, lost.sac_error) == ("SCTP_COMM_LOST", 12)
    assert b"reason" in lost.sac_info
    assert recorded.last("sctp_sendmsg").arguments["flags"] == ["SCTP_ABORT"]
