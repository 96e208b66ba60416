"""Socket options: what is set can be read back, and both are recorded."""

import errno
import socket

import pytest
from conftest import ADDRESSES

from sctpinspect.journal import linux
from sctpinspect.journal.structures import (
    OPTIONS,
    AdaptationLayer,
    AssocInfo,
    AuthChunk,
    AuthSupported,
    AutoClose,
    DelayedSack,
    Events,
    EventSubscription,
    GetAssocIdList,
    GetAssocNumber,
    GetAssocStats,
    GetPeerAddrInfo,
    HmacIdent,
    InitMsg,
    Ipv6TClass,
    LocalAuthChunks,
    MaxBurst,
    MaxSeg,
    NoDelay,
    PeerAddrParams,
    PrimaryAddr,
    RcvBuf,
    RtoInfo,
    SndBuf,
    Status,
)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
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
        Events(sctp_association_event=1, sctp_stream_change_event=1),
        PeerAddrParams(spp_hbinterval=200, spp_flags=linux.SPP_HB_ENABLE, spp_pathmaxrxt=4),
    ],
    ids=lambda value: getattr(value, "NAME", str(value)),
)
def test_what_is_set_is_read_back_and_recorded(sockets, recorded, option, kind):
    sock = sockets("ipv4", kind)
    sock.setsockopt(option)
    got = sock.getsockopt(type(option)())
    for name, value in vars(option).items():
        if name == "spp_flags":
            assert got.spp_flags & value == value
        else:
            assert getattr(got, name) == value
    put, read = recorded.last("setsockopt"), recorded.last("getsockopt")
    assert put.arguments == {"level": "IPPROTO_SCTP", "option": option.NAME, "value": option.show()}
    assert read.arguments == {"level": "IPPROTO_SCTP", "option": option.NAME, "value": None}
    assert read.result == {"value": got.show()}


def test_heartbeat_interval_of_the_endpoint_holds_for_its_associations(pair):
    """Flags as numbers of their own: pysctp knows them as 0 all."""
    both = pair(
        prepare=lambda sock: sock.setsockopt(
            PeerAddrParams(spp_hbinterval=200, spp_flags=linux.SPP_HB_ENABLE)
        )
    )
    address, port = ADDRESSES["ipv4"]["server"][0], both.listener.getsockname().port
    got = both.client.getsockopt(PeerAddrParams(spp_address=(address, port)))
    assert got.spp_hbinterval == 200
    assert got.spp_flags & linux.SPP_HB_ENABLE
    assert got.spp_address == (address, port)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_state_of_an_association_and_its_addresses(pair, recorded, family):
    both = pair(family)
    port = both.listener.getsockname().port
    status = both.client.opt_info(both.association_id, Status())
    assert status.sstat_assoc_id == both.association_id
    assert status.sstat_state in (linux.SCTP_ESTABLISHED, linux.SCTP_COOKIE_ECHOED)
    assert (status.sstat_instrms, status.sstat_outstrms) == (10, 10)
    address, primary_port = status.sstat_primary.spinfo_address
    assert address in ADDRESSES[family]["server"] and primary_port == port
    call = recorded.last("sctp_opt_info")
    assert call.arguments["value"] == {"sstat_assoc_id": both.association_id}
    assert call.result["value"]["sstat_primary"]["spinfo_address"] == address

    for address in ADDRESSES[family]["server"]:
        info = both.client.getsockopt(GetPeerAddrInfo(spinfo_address=(address, port)))
        assert info.spinfo_assoc_id == both.association_id
        assert info.spinfo_mtu > 0
        assert recorded.last("getsockopt").arguments["value"] == {
            "spinfo_address": address,
            "spinfo_address_port": port,
        }

    second = ADDRESSES[family]["server"][1]
    both.client.setsockopt(PrimaryAddr(ssp_addr=(second, port)))
    assert both.client.getpeername().address == second


def test_associations_of_a_one_to_many_socket(sockets):
    server = sockets("ipv4", socket.SOCK_SEQPACKET)
    server.bind(ADDRESSES["ipv4"]["server"][0])
    server.listen()
    client = sockets("ipv4", socket.SOCK_SEQPACKET)
    ids = [client.connectx(ADDRESSES["ipv4"]["server"][:1], server.getsockname().port)]
    assert client.getsockopt(GetAssocNumber()).value == 1
    assert list(client.getsockopt(GetAssocIdList()).gaids_assoc_id) == ids
    assert client.opt_info(ids[0], RtoInfo()).srto_assoc_id == ids[0]
    assert client.opt_info(ids[0], GetAssocStats()).sas_opackets >= 2


def test_options_of_other_levels(sockets, recorded):
    sock = sockets("ipv6")
    sock.setsockopt(RcvBuf(value=50_000))
    sock.setsockopt(SndBuf(value=60_000))
    sock.setsockopt(Ipv6TClass(value=0x20))
    assert sock.getsockopt(RcvBuf()).value == 100_000  # Linux doubles it
    assert sock.getsockopt(SndBuf()).value == 120_000
    assert sock.getsockopt(Ipv6TClass()).value == 0x20
    assert [call.arguments["level"] for call in recorded.calls("setsockopt")] == [
        "SOL_SOCKET",
        "SOL_SOCKET",
        "IPPROTO_IPV6",
    ]


def test_subscription_by_event(sockets, recorded):
    sock = sockets("ipv4", socket.SOCK_SEQPACKET)
    sock.setsockopt(EventSubscription(se_type=linux.SCTP_SENDER_DRY_EVENT, se_on=1))
    assert sock.getsockopt(EventSubscription(se_type=linux.SCTP_SENDER_DRY_EVENT)).se_on == 1
    assert sock.getsockopt(Events()).sctp_sender_dry_event == 1
    assert recorded.last("setsockopt").arguments["value"]["se_type"] == "SCTP_SENDER_DRY_EVENT"


def test_authentication_is_set_up_by_lists(sockets):
    sock = sockets()
    sock.setsockopt(AuthSupported(assoc_value=1))
    sock.setsockopt(AuthChunk(sauth_chunk=0))
    sock.setsockopt(HmacIdent(shmac_num_idents=1, shmac_idents=(linux.SCTP_AUTH_HMAC_ID_SHA1,)))
    assert 0 in sock.getsockopt(LocalAuthChunks()).gauth_chunks
    assert sock.getsockopt(HmacIdent()).shmac_idents == (linux.SCTP_AUTH_HMAC_ID_SHA1,)


def test_an_option_that_does_not_fit_is_refused_and_recorded(sockets, recorded):
    sock = sockets()
    with pytest.raises(OSError):
        sock.setsockopt(AutoClose(value=5))  # for one-to-many sockets only
    with pytest.raises(OSError):
        sock.setsockopt(RtoInfo(srto_initial=10, srto_max=5, srto_min=20))
    assert [call.errno for call in recorded.calls("setsockopt")] == ["EOPNOTSUPP", "EINVAL"]


def test_the_kernel_knows_every_option(sockets):
    """Each can be read or set at least; its value, all zero, may be refused."""
    for option in OPTIONS.values():
        sock = sockets("ipv6", socket.SOCK_SEQPACKET)
        assert {refusal(sock.getsockopt, option()), refusal(sock.setsockopt, option())} != {
            errno.ENOPROTOOPT
        }, option


def refusal(call, option):
    try:
        call(option)
    except OSError as error:
        return error.errno
    return None
