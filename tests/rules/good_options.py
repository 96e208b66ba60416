"""Good captures of programs that set options: timers, errors, counters, extensions, and what is told."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import builders as b
from rules.good import HOSTS, Association, Side, Story, u32s
from rules.good_data import Transfer, close

from sctpinspect.protocol import CauseCode, ChunkType, DataFlag, ParameterType
from sctpinspect.protocol.serial import add

HEARD_MS = 30
"""So long before and after a call that reads counters nothing is under way."""


def set_option(story: Story, side: Side, option: str, **value: Any) -> None:
    at = (side.host, side.socket, "setsockopt", side.port)
    story.calls_only(*at, level="IPPROTO_SCTP", option=option, value=value)


def read_option(story: Story, side: Side, option: str, **value: Any) -> None:
    at = (side.host, side.socket, "getsockopt", side.port)
    story.calls_only(*at, level="IPPROTO_SCTP", option=option, value=None, result={"value": value})


def listening(story: Story, side: Side) -> None:
    story.calls_only(side.host, side.socket, "socket", family="AF_INET", type="SOCK_SEQPACKET")
    added = {"addresses": side.addresses, "port": side.port, "flags": "SCTP_BINDX_ADD_ADDR"}
    story.calls_only(side.host, side.socket, "sctp_bindx", side.port, **added)
    story.calls_only(side.host, side.socket, "listen", side.port, backlog=5)


def pair(number: int, *, addresses: int = 1, listed: tuple[bytes, ...] = ()) -> tuple[Side, Side]:
    """A client and a server whose ports, tags and TSNs no other pair has."""
    made = []
    for host, port, tag, tsn in (("a", 8400, 0xA000, 1000), ("b", 9400, 0xB000, 5000)):
        own = HOSTS[host][:addresses]
        told = [b.address_parameter(address) for address in own] if addresses > 1 else []
        side = Side(host, number, own, port + number, tag + number, tsn, [*told, *listed], (10, 10))
        made.append(side)
    return made[0], made[1]


def connected(made: Association) -> None:
    """The client's connect()."""
    client, server = made.sides
    given = {"address": server.addresses[0], "port": server.port}
    with made.story.call(client.host, client.socket, "connect", client.port, **given):
        made.set_up()


def on_lossy_links() -> Story:
    story = Story()
    story.recipe["impaired"] = True
    return story


def given_up() -> Story:
    """The peer is silent: a message is sent again at intervals that double, and then no more."""
    story = on_lossy_links()
    client, server = pair(31)
    made = Transfer(story, (client, server))
    listening(story, server)
    story.calls_only("a", 31, "socket", family="AF_INET", type="SOCK_STREAM")
    set_option(story, client, "SCTP_RTOINFO", srto_initial=300, srto_min=300, srto_max=500)
    set_option(story, client, "SCTP_ASSOCINFO", sasoc_asocmaxrxt=3, sasoc_cookie_life=0)
    connected(made)
    with made.sending(0, b"one"):
        first = made.data(0, b"one")
    made.exchange(0, first)
    read_option(story, client, "SCTP_ASSOCINFO", sasoc_asocmaxrxt=3, sasoc_number_peer_destinations=1)
    with made.sending(0, b"two"):
        unheard = made.data(0, b"two")
        made.send(0, unheard, lost=True)
    for wait in (300, 500, 500):
        story.wait(wait)
        made.send(0, unheard, lost=True)
    story.wait(500)
    made.send(0, b.abort(), lost=True)
    made.notified(0, "SCTP_ASSOC_CHANGE", "SCTP_COMM_LOST")
    story.calls_only("a", 31, "close", client.port)
    story.wait(1000)
    return story


def unreachable() -> Story:
    """One path fails: a message takes the other, the address is unreachable, the next message keeps off."""
    story = on_lossy_links()
    client, server = pair(32, addresses=2)
    made = Transfer(story, (client, server))
    listening(story, server)
    story.calls_only("a", 32, "socket", family="AF_INET", type="SOCK_STREAM")
    set_option(story, client, "SCTP_RTOINFO", srto_initial=300, srto_min=300, srto_max=600)
    limit = {"spp_address": None, "spp_hbinterval": 0, "spp_pathmaxrxt": 1, "spp_flags": []}
    set_option(story, client, "SCTP_PEER_ADDR_PARAMS", **limit)
    connected(made)
    made.heartbeat(0, 1)
    made.heartbeat(1, 1)
    with made.sending(0, b"by the other path"):
        lost = made.data(0, b"by the other path")
        made.send(0, lost, lost=True)
    story.wait(300)
    made.send(0, lost, path=1)
    story.wait(2)
    made.send(1, b.sack(add(client.tsn, -1)), path=1)
    for number in range(2):
        story.wait(300)
        made.send(0, b.heartbeat(b"anybody there? %d" % number), lost=True)
        story.wait(300)
        if number == 0:
            address = server.addresses[0]
            made.notified(0, "SCTP_PEER_ADDR_CHANGE", "SCTP_ADDR_UNREACHABLE", address=address)
    with made.sending(0, b"meanwhile"):
        made.send(0, made.data(0, b"meanwhile"), path=1)
    story.wait(2)
    made.send(1, b.sack(add(client.tsn, -1)), path=1)
    story.wait(30)
    with story.call("a", 32, "close", client.port):
        chunks = (b.shutdown(add(server.tsn, -1)), b.shutdown_ack(), b.shutdown_complete())
        for side, chunk in zip((0, 1, 0), chunks, strict=True):
            made.send(side, chunk, path=1)
            story.wait(2)
    story.wait(1000)
    return story


EXTENSIONS = (
    b.parameter(ParameterType.CHUNK_LIST, bytes([ChunkType.ASCONF, ChunkType.ASCONF_ACK])),
    b.parameter(ParameterType.REQUESTED_HMAC_ALGORITHM, bytes([0, 3, 0, 1])),
    b.parameter(ParameterType.FORWARD_TSN_SUPPORTED),
    b.parameter(ParameterType.ECN_CAPABLE),
    b.parameter(
        ParameterType.SUPPORTED_EXTENSIONS,
        bytes([ChunkType.ASCONF, ChunkType.ASCONF_ACK, ChunkType.AUTH, ChunkType.RE_CONFIG]),
    ),
)


def extended() -> Story:
    """Extensions are on; small messages do not wait; the peer is asked to send elsewhere; counters count."""
    story = Story()
    names = ("prsctp", "auth", "addip", "reconf", "ecn")
    story.recipe["sysctls"] |= {f"{name}_enable": "1" for name in names} | {"intl_enable": "0"}
    client, server = pair(33, addresses=2, listed=EXTENSIONS)
    made = Association(story, (client, server))
    listening(story, server)
    story.calls_only("a", 33, "socket", family="AF_INET", type="SOCK_STREAM")
    for name in ("PR", "AUTH", "ASCONF", "RECONFIG", "ECN"):
        set_option(story, client, f"SCTP_{name}_SUPPORTED", assoc_id=0, assoc_value=1)
    set_option(story, client, "SCTP_NODELAY", value=1)
    set_option(story, client, "SCTP_AUTH_CHUNK", sauth_chunk=int(ChunkType.ASCONF))
    set_option(story, client, "SCTP_HMAC_IDENT", shmac_num_idents=2, shmac_idents=[3, 1])
    connected(made)
    read_option(story, client, "SCTP_PEER_AUTH_CHUNKS", gauth_number_of_chunks=2, gauth_chunks="c180")
    made.heartbeats()
    counters = dict.fromkeys(("opackets", "osacks", "octrlchunks", "oodchunks", "ouodchunks"), 10)
    counters |= dict.fromkeys(("ipackets", "isacks", "ictrlchunks", "iodchunks", "iuodchunks"), 20)
    counters["rtxchunks"] = 0
    look(story, client, counters)
    for number in range(2):
        payload = b"DATA %d" % number
        with made.sending(0, payload, flags=["SCTP_SACK_IMMEDIATELY"] * number):
            flags = b.WHOLE | DataFlag.IMMEDIATE * number
            made.send(0, made.data(0, payload, flags=flags))
    made.sack(1)
    address = b.parameter(ParameterType.SET_PRIMARY_ADDRESS, u32s(1) + b.address_parameter(HOSTS["a"][1]))
    with story.call(
        *("a", 33, "setsockopt", client.port),
        **{"level": "IPPROTO_SCTP", "option": "SCTP_SET_PEER_PRIMARY_ADDR"},
        value={"sspp_assoc_id": 0, "sspp_addr": HOSTS["a"][1], "sspp_addr_port": client.port},
    ):
        made.send(0, b.asconf(client.tsn, b.address_parameter(HOSTS["a"][0]), address))
    made.send(1, b.asconf(client.tsn, type=ChunkType.ASCONF_ACK))
    made.send(1, b.error(b.cause(CauseCode.OUT_OF_RESOURCE)))
    made.notified(0, "SCTP_REMOTE_ERROR", sre_error=int(CauseCode.OUT_OF_RESOURCE), sre_data="")
    sent = {"opackets": 3, "octrlchunks": 1, "oodchunks": 2}
    received = {"ipackets": 3, "isacks": 1, "ictrlchunks": 3}
    look(story, client, {name: counters[name] + (sent | received).get(name, 0) for name in counters})
    story.wait(600)
    with story.call("a", 33, "close", client.port):
        made.shut_down()
    story.wait(1000)
    return story


def look(story: Story, side: Side, counters: dict[str, int]) -> None:
    """A call that reads counters while nothing is under way."""
    story.wait(HEARD_MS)
    read_option(story, side, "SCTP_GET_ASSOC_STATS", **{f"sas_{name}": n for name, n in counters.items()})
    story.wait(HEARD_MS)


def cannot_start() -> Story:
    """A message to a port where nobody listens: its association is refused, and the program told."""
    story = Story()
    client, server = pair(34)
    refused = Association(story, (client, server))
    story.calls_only("a", 34, "socket", family="AF_INET", type="SOCK_SEQPACKET")
    set_option(story, client, "SCTP_EVENTS", sctp_association_event=1)
    with refused.sending(0, b"hello"):
        refused.init()
    refused.send(1, b.abort())
    refused.notified(0, "SCTP_ASSOC_CHANGE", "SCTP_CANT_STR_ASSOC")
    story.calls_only("a", 34, "close", client.port)
    story.wait(1000)
    return story


TOS = 46 << 2 | 2  # expedited, and capable of ECN


def sized() -> Story:
    """Packets of a fixed size and class, in bursts; HEARTBEATs as often as can be; INITs soon again."""
    story = on_lossy_links()
    client, server = pair(35)
    made = Transfer(story, (client, server))
    listening(story, server)
    story.calls_only("a", 35, "socket", family="AF_INET", type="SOCK_STREAM")
    set_option(story, client, "SCTP_RTOINFO", srto_initial=200, srto_min=200, srto_max=200)
    set_option(story, client, "SCTP_MAX_BURST", assoc_id=0, assoc_value=2)
    init = {"sinit_num_ostreams": 0, "sinit_max_instreams": 0, "sinit_max_attempts": 5}
    set_option(story, client, "SCTP_INITMSG", **init, sinit_max_init_timeo=250)
    flags = ["SPP_HB_ENABLE", "SPP_HB_TIME_IS_ZERO", "SPP_PMTUD_DISABLE", "SPP_DSCP"]
    params = {"spp_hbinterval": 0, "spp_pathmtu": 600, "spp_dscp": 46 << 2, "spp_flags": flags}
    set_option(story, client, "SCTP_PEER_ADDR_PARAMS", spp_address=None, **params)
    given = {"address": server.addresses[0], "port": server.port}
    with story.call("a", 35, "connect", client.port, **given):
        for wait in (200, 250, 250):
            made.send(0, init_of(client), lost=True, tag=0)
            story.wait(wait)
        made.set_up()
    for _ in range(3):
        made.heartbeat(0, 0)
        story.wait(250)
    status = {"sstat_state": "SCTP_ESTABLISHED", "sstat_outstrms": 10, "sstat_instrms": 10}
    read_option(story, client, "SCTP_STATUS", **status, sstat_fragmentation_point=552)
    info = {"spinfo_address": server.addresses[0], "spinfo_address_port": server.port}
    read_option(story, client, "SCTP_GET_PEER_ADDR_INFO", **info, spinfo_state="SCTP_ACTIVE", spinfo_mtu=600)
    story.wait(HEARD_MS)
    payload = bytes(1200)
    with made.sending(0, payload):
        for begin, flag in ((0, DataFlag.BEGINNING), (500, 0), (1000, DataFlag.ENDING)):
            made.send(0, made.data(0, payload[begin : begin + 500], flags=flag))
    story.wait(2)
    made.sack(1)
    story.wait(2)
    with story.call("a", 35, "close", client.port):
        close(made)
    story.wait(1000)
    expedited = {client.addresses[0]: {"tos": TOS}}
    story.packets = [replace(packet, fields=expedited.get(packet.source, {})) for packet in story.packets]
    return story


def init_of(side: Side) -> bytes:
    outbound, inbound = side.streams
    return b.init(*side.listed, tag=side.tag, tsn=side.tsn, outbound=outbound, inbound=inbound)


CAPTURES: dict[str, Callable[[], Story]] = {
    "given_up": given_up,
    "unreachable": unreachable,
    "extended": extended,
    "cannot_start": cannot_start,
    "sized": sized,
}
