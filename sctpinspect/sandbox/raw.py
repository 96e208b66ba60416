"""A raw host's end of a path: a packet socket, and answers to ARP and neighbour solicitations.

No address is configured on the interface, so that no kernel SCTP interferes; the program sees and
sends IP packets.
"""

import ipaddress
import select
import socket
import struct
import threading
import time

ETH_P_ALL, ETH_P_IP, ETH_P_ARP, ETH_P_IPV6 = 0x0003, 0x0800, 0x0806, 0x86DD
_SCTP = 132
_ICMPV6, _NEIGHBOUR_SOLICITATION, _NEIGHBOUR_ADVERTISEMENT = 58, 135, 136


class RawPath:
    """IP packets in and out of one path. Close it, or use it as a context manager."""

    def __init__(self, interface: str, addresses: list[str]):
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.bind((interface, ETH_P_ALL))
        self._mac = self._socket.getsockname()[4]
        self._addresses = {ipaddress.ip_address(address).packed for address in addresses}
        self._peer_mac = b"\xff" * 6
        self._received: list[bytes] = []
        self._news = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> "RawPath":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering and close the socket."""
        self._closed = True
        self._thread.join()
        self._socket.close()

    def send(self, packet: bytes) -> None:
        """Send an IPv4 or IPv6 packet to the other end (by broadcast until its MAC address is known)."""
        kind = ETH_P_IPV6 if packet[0] >> 4 == 6 else ETH_P_IP
        self._socket.send(self._peer_mac + self._mac + struct.pack("!H", kind) + packet)

    def answer(self, packet: bytes, tag: int, *chunks: bytes) -> None:
        """Send chunks in one packet to where an SCTP packet came from, with this verification tag."""
        self.send(sctp_answer(packet, tag, b"".join(chunks)))

    def receive(self, limit_s: float = 10.0) -> bytes:
        """The next IP packet for one of the path's addresses. Raises TimeoutError after `limit_s` seconds."""
        deadline = time.monotonic() + limit_s
        with self._news:
            while not self._received:
                if not self._news.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"no packet within {limit_s:g} s")
            return self._received.pop(0)

    def _serve(self) -> None:
        while not self._closed:
            if select.select([self._socket], [], [], 0.05)[0]:
                frame, address = self._socket.recvfrom(65536)
                if address[2] != socket.PACKET_OUTGOING:
                    self._take(frame)

    def _take(self, frame: bytes) -> None:
        (kind,) = struct.unpack_from("!H", frame, 12)
        packet = frame[14:]
        if kind == ETH_P_ARP:
            self._answer_arp(packet)
        elif kind == ETH_P_IPV6 and packet[6] == _ICMPV6 and packet[40] == _NEIGHBOUR_SOLICITATION:
            self._answer_neighbour_solicitation(packet)
        elif (kind == ETH_P_IP and packet[16:20] in self._addresses) or (
            kind == ETH_P_IPV6 and packet[24:40] in self._addresses
        ):
            self._peer_mac = frame[6:12]
            with self._news:
                self._received.append(packet)
                self._news.notify()

    def _answer_arp(self, request: bytes) -> None:
        sender_mac, sender, target = request[8:14], request[14:18], request[24:28]
        if request[6:8] == b"\0\1" and target in self._addresses:
            self._peer_mac = sender_mac
            reply = request[:6] + b"\0\2" + self._mac + target + sender_mac + sender
            self._socket.send(sender_mac + self._mac + struct.pack("!H", ETH_P_ARP) + reply)

    def _answer_neighbour_solicitation(self, request: bytes) -> None:
        sender, target = request[8:24], request[48:64]
        option = request[64:72]
        if target in self._addresses and option[:2] == b"\1\1":
            self._peer_mac = option[2:8]
            flags = 0x60000000  # solicited, override
            body = struct.pack("!BBHI", _NEIGHBOUR_ADVERTISEMENT, 0, 0, flags) + target + b"\2\1" + self._mac
            pseudo_header = target + sender + struct.pack("!II", len(body), _ICMPV6)
            body = body[:2] + struct.pack("!H", internet_checksum(pseudo_header + body)) + body[4:]
            header = struct.pack("!IHBB", 6 << 28, len(body), _ICMPV6, 255) + target + sender
            self.send(header + body)


def sctp_answer(packet: bytes, tag: int, chunks: bytes) -> bytes:
    """An IP packet with these chunks from the receiver of an SCTP packet (no IP options) to its sender."""
    is_ipv6 = packet[0] >> 4 == 6
    source_port, destination_port = struct.unpack_from("!HH", packet, 40 if is_ipv6 else 20)
    ports_and_tag = struct.pack("!HHI", destination_port, source_port, tag)
    checksum = struct.pack("<I", crc32c(ports_and_tag + bytes(4) + chunks))
    sctp = ports_and_tag + checksum + chunks
    if is_ipv6:
        return struct.pack("!IHBB", 6 << 28, len(sctp), _SCTP, 64) + packet[24:40] + packet[8:24] + sctp
    fields = struct.pack("!BBHIBBH", 0x45, 0, 20 + len(sctp), 0, 64, _SCTP, 0)
    header = fields + packet[16:20] + packet[12:16]
    return header[:10] + struct.pack("!H", internet_checksum(header)) + header[12:] + sctp


def crc32c(data: bytes) -> int:
    """The checksum of SCTP packets (RFC 9260 Appendix A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF


def internet_checksum(data: bytes) -> int:
    """The ones' complement checksum of RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
