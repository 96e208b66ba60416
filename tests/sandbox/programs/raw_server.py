"""A raw host refuses the INIT with an ABORT of its own making; no kernel answers for it."""

import struct

from sctpinspect.scenarios import Topology

TOPOLOGY = Topology(raw=("b",))
VARIANTS = {"ipv6": Topology(raw=("b",), families=("ipv6",))}


def server(host):
    with host.path(0) as path:
        host.signal("listening")
        path.send(refusal(path.receive()))


def refusal(packet):
    """An ABORT to the sender of an INIT, with its initiate tag (RFC 9260 §8.4)."""
    init = packet[40:] if packet[0] >> 4 == 6 else packet[20:]
    source_port, destination_port = struct.unpack_from("!HH", init)
    tag = init[16:20]
    sctp = struct.pack("!HH", destination_port, source_port) + tag + bytes(4) + b"\6\0\0\4"
    sctp = sctp[:8] + struct.pack("<I", crc32c(sctp)) + sctp[12:]
    return ip_header(packet, len(sctp)) + sctp


def ip_header(packet, length):
    if packet[0] >> 4 == 6:
        return struct.pack("!IHBB", 6 << 28, length, 132, 64) + packet[24:40] + packet[8:24]
    header = struct.pack("!BBHIBBH", 0x45, 0, 20 + length, 0, 64, 132, 0) + packet[16:20] + packet[12:16]
    total = sum(struct.unpack("!10H", header))
    return header[:10] + struct.pack("!H", 0xFFFF - (total % 0xFFFF)) + header[12:]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        try:
            sock.connect(host.peer.addresses[0], 5000)
        except ConnectionRefusedError:
            host.print("refused")
