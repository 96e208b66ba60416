"""The ring as a Scapy socket, on a veth pair of the running kernel."""

import socket
import threading
import time
from collections.abc import Iterable
from decimal import Decimal

import pytest
from scapy.config import conf
from scapy.data import ETH_P_ALL
from scapy.error import Scapy_Exception
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.packet import Packet
from scapy.sendrecv import AsyncSniffer, sniff
from scapy.utils import EDecimal

from sctpinspect.recorder.sniffer import RingSocket

HEAD = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


def data_packet(tsn: int) -> Ether:
    """A DATA chunk from 10.0.0.1 to 10.0.0.2."""
    packet = HEAD / IP(src="10.0.0.1", dst="10.0.0.2") / SCTP(sport=4444, dport=4444, tag=1)
    return packet / SCTPChunkData(tsn=tsn, data=b"DATA")


def datagram(port: int) -> Ether:
    return HEAD / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(dport=port)


def send(*packets: Ether, interface: str = "left") -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.bind((interface, 0))
        for packet in packets:
            sender.send(bytes(packet))


def tsn(packet: Packet) -> int:
    return packet[SCTPChunkData].tsn


def tsns(packets: Iterable[Packet]) -> list[int]:
    return list(map(tsn, packets))


def _sniff_an_opened_socket():
    sent = [data_packet(n) for n in range(20)]
    with RingSocket("right") as sock:
        before = time.time_ns()
        send(*sent)
        packets = sniff(opened_socket=sock, count=20, timeout=20)
        after = time.time_ns()
    assert [bytes(packet) for packet in packets] == [bytes(packet) for packet in sent]
    assert all(isinstance(packet.time, EDecimal) for packet in packets)
    times_ns = [Decimal(packet.time) * 10**9 for packet in packets]  # EDecimal compares as float
    assert all(ns == int(ns) for ns in times_ns) and any(ns % 1000 for ns in times_ns)
    assert before < times_ns[0] and times_ns == sorted(times_ns) and times_ns[-1] < after


def test_sniff_takes_an_opened_socket(namespace):
    namespace.submit(_sniff_an_opened_socket).result()


def _sniff_goes_on_where_it_stopped():
    with RingSocket("right") as sock:
        send(*(data_packet(n) for n in range(10)))
        first = sniff(opened_socket=sock, stop_filter=lambda packet: tsn(packet) == 3, timeout=20)
        then = sniff(opened_socket=sock, lfilter=lambda packet: tsn(packet) % 2, count=2, timeout=20)
        assert tsns(first) == [0, 1, 2, 3] and tsns(then) == [5, 7]
        assert tsns([sock.recv(), sock.recv()]) == [8, 9]
        assert len(sniff(opened_socket=sock, timeout=0.05)) == 0


def test_sniff_goes_on_where_it_stopped(namespace):
    namespace.submit(_sniff_goes_on_where_it_stopped).result()


def _sniff_an_interface(filter: str | None) -> list[str]:
    started = threading.Event()
    sniffer = AsyncSniffer(
        iface="right",
        L2socket=RingSocket,
        filter=filter,
        started_callback=started.set,
        count=3 if filter else 5,
    )
    sniffer.start()
    started.wait()
    send(datagram(1), data_packet(1), datagram(2), data_packet(2), data_packet(3))
    sniffer.join(20)
    assert {packet.sniffed_on for packet in sniffer.results} == {"right"}
    return [packet.lastlayer().name for packet in sniffer.results]


def test_sniff_opens_the_socket_of_an_interface(namespace):
    names = namespace.submit(_sniff_an_interface, None).result()
    assert [name == "SCTPChunkData" for name in names] == [False, True, False, True, True]


def test_a_filter_decides_what_enters_the_ring(namespace):
    assert namespace.submit(_sniff_an_interface, "sctp and port 4444").result() == ["SCTPChunkData"] * 3


def _the_filter_works_in_the_kernel():
    with RingSocket(filter="udp") as sock:
        send(datagram(1), data_packet(1), datagram(2))
        packets = sniff(opened_socket=sock, count=4, timeout=20)  # each leaves `left` and comes in at `right`
        assert sorted(packet[UDP].dport for packet in packets) == [1, 1, 2, 2]
        assert sock.ring.drops().packets == 4


def test_the_filter_works_in_the_kernel(namespace):
    namespace.submit(_the_filter_works_in_the_kernel).result()


def _what_scapy_leaves_out_is_left_out():
    conf.except_filter = "udp port 1"
    with RingSocket("right", type=ETH_P_ALL) as sock, RingSocket("right", filter="udp") as filtered:
        send(datagram(1), data_packet(1), datagram(2))
        assert len(sniff(opened_socket=sock, count=2, timeout=20)) == 2
        assert [packet[UDP].dport for packet in sniff(opened_socket=filtered, count=1, timeout=20)] == [2]
        assert (sock.ring.drops().packets, filtered.ring.drops().packets) == (2, 1)
    with RingSocket("right", filter="udp", nofilter=1) as sock:
        send(datagram(1), data_packet(1))
        assert len(sniff(opened_socket=sock, count=2, timeout=20)) == 2


def test_what_scapy_is_set_to_leave_out_is_left_out(namespace):
    namespace.submit(_what_scapy_leaves_out_is_left_out).result()


def _a_wrong_filter():
    RingSocket("right", filter="sctp and nonsense(")


def test_a_wrong_filter_is_told_as_scapy_does(namespace):
    with pytest.raises(Scapy_Exception, match=r"Cannot set filter: .*nonsense"):
        namespace.submit(_a_wrong_filter).result()


def _an_async_sniffer_stops_while_nothing_comes():
    with RingSocket("right") as sock:
        sniffer = AsyncSniffer(opened_socket=sock)
        sniffer.start()
        send(data_packet(1), data_packet(2))
        while sock.ring.drops().packets < 2 or getattr(sniffer, "count", 0) < 2:
            time.sleep(0.01)
        assert tsns(sniffer.stop()) == [1, 2]
        assert not sniffer.thread.is_alive() and not sock.closed


def test_an_async_sniffer_stops_while_nothing_comes(namespace):
    namespace.submit(_an_async_sniffer_stops_while_nothing_comes).result()


def _several_sockets_at_once():
    with RingSocket("left") as left, RingSocket("right") as right:
        send(data_packet(1), data_packet(2), interface="left")
        packets = sniff(opened_socket={left: "L", right: "R"}, count=4, timeout=20)
    assert sorted((packet.sniffed_on, tsn(packet)) for packet in packets) == [
        ("L", 1),
        ("L", 2),
        ("R", 1),
        ("R", 2),
    ]


def test_several_sockets_at_once(namespace):
    namespace.submit(_several_sockets_at_once).result()


def _vlan_tags_and_lengths():
    tagged = HEAD / Dot1Q(vlan=42) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP()
    with RingSocket("right") as sock:
        send(tagged, data_packet(1))
        layer, raw, _ = sock.recv_raw()
        assert layer(raw)[Dot1Q].vlan == 42
        assert sock.recv_raw(20)[1] == bytes(data_packet(1))[:20]


def test_vlan_tags_and_lengths_are_those_of_the_wire(namespace):
    namespace.submit(_vlan_tags_and_lengths).result()


def _other_link_layers():
    from pyroute2 import IPRoute

    with IPRoute() as ip:
        ip.link("add", ifname="tun0", kind="tuntap", mode="tun")
        ip.link("set", index=ip.link_lookup(ifname="tun0")[0], state="up")
    with RingSocket("lo", filter="udp") as loopback, RingSocket("tun0", filter="udp"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("127.0.0.1", 9))
        assert loopback.recv()[UDP].dport == 9


def test_other_link_layers_are_known(namespace):
    namespace.submit(_other_link_layers).result()


def test_closing_twice_and_closing_what_never_opened_is_harmless(namespace):
    RingSocket.__new__(RingSocket).close()
    namespace.submit(_close_twice).result()


def _close_twice():
    sock = RingSocket("right")
    sock.close()
    sock.close()
    assert sock.closed and sock.ins.fileno() == -1
