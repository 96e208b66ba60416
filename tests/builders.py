"""Packets and capture files built byte by byte, right and wrong ones, without the code under test.

Every length, padding and checksum is worked out unless it is given, and anything can be given:

    sctp_packet(data(tsn=7, payload=b"hello", length=3), tag=1, checksum=0)

`association()` gives a small, complete, correct association as a list of `Packet`, to be altered
(`dataclasses.replace`) and written with `capture(packets)`.
"""

import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sctpinspect.journal.entry import Call, Event, to_fields
from sctpinspect.protocol import CauseCode, ChunkType, DataFlag, ParameterType

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
START_NS = 1_700_000_000 * SECOND

WHOLE = DataFlag.BEGINNING | DataFlag.ENDING


def pad(value: bytes) -> bytes:
    """Zero bytes up to a multiple of four."""
    return value + bytes(-len(value) % 4)


# ---- SCTP: type, length, value


def parameter(
    type: int, value: bytes = b"", *, length: int | None = None, padding: bytes | None = None
) -> bytes:
    """A parameter or, with the same layout, an error cause (RFC 9260 §3.2.1, §3.3.10)."""
    body = struct.pack(">HH", type, 4 + len(value) if length is None else length) + value
    return pad(body) if padding is None else body + padding


cause = parameter


def chunk(
    type: int, value: bytes = b"", flags: int = 0, *, length: int | None = None, padding: bytes | None = None
) -> bytes:
    """A chunk (RFC 9260 §3.2)."""
    body = struct.pack(">BBH", type, flags, 4 + len(value) if length is None else length) + value
    return pad(body) if padding is None else body + padding


def _join(parameters: Sequence[bytes]) -> bytes:
    """Parameters as a chunk's value: what pads the last one is the chunk's padding (RFC 9260 §3.2)."""
    if not parameters:
        return b""
    *others, last = parameters
    length = int.from_bytes(last[2:4])
    return b"".join(others) + (last[:length] if 4 <= length >= len(last) - 3 else last)


def address_parameter(address: str) -> bytes:
    """An IPv4 or IPv6 Address parameter (RFC 9260 §3.3.2.1.1, §3.3.2.1.2)."""
    if ":" in address:
        return parameter(ParameterType.IPV6_ADDRESS, socket.inet_pton(socket.AF_INET6, address))
    return parameter(ParameterType.IPV4_ADDRESS, socket.inet_pton(socket.AF_INET, address))


def state_cookie(value: bytes) -> bytes:
    return parameter(ParameterType.STATE_COOKIE, value)


# ---- SCTP: chunks. Further keywords (flags, length, padding) go to chunk().


def data(
    tsn: int,
    payload: bytes = b"",
    stream: int = 0,
    ssn: int = 0,
    ppid: int = 0,
    flags: int = WHOLE,
    **wrong,
) -> bytes:
    return chunk(ChunkType.DATA, struct.pack(">IHHI", tsn, stream, ssn, ppid) + payload, flags, **wrong)


def i_data(
    tsn: int,
    payload: bytes = b"",
    stream: int = 0,
    mid: int = 0,
    ppid: int = 0,
    fsn: int = 0,
    flags: int = WHOLE,
    **wrong,
) -> bytes:
    """I_DATA: the last word is the PPID in a first fragment, else the FSN (RFC 8260 §2.1)."""
    last = ppid if flags & DataFlag.BEGINNING else fsn
    return chunk(ChunkType.I_DATA, struct.pack(">IHHII", tsn, stream, 0, mid, last) + payload, flags, **wrong)


def init(
    *parameters: bytes,
    tag: int = 1,
    tsn: int = 1,
    a_rwnd: int = 106_496,
    outbound: int = 10,
    inbound: int = 65_535,
    type: int = ChunkType.INIT,
    **wrong,
) -> bytes:
    fixed = struct.pack(">IIHHI", tag, a_rwnd, outbound, inbound, tsn)
    return chunk(type, fixed + _join(parameters), **wrong)


def init_ack(*parameters: bytes, **fields) -> bytes:
    return init(*parameters, type=ChunkType.INIT_ACK, **fields)


def sack(
    cumulative_tsn: int,
    a_rwnd: int = 106_496,
    gaps: Sequence[tuple[int, int]] = (),
    duplicates: Sequence[int] = (),
    counts: tuple[int, int] | None = None,
    **wrong,
) -> bytes:
    """SACK; `gaps` are (start, end) offsets from the cumulative TSN ack, `counts` the two count fields."""
    fixed = struct.pack(">IIHH", cumulative_tsn, a_rwnd, *(counts or (len(gaps), len(duplicates))))
    blocks = b"".join(struct.pack(">HH", *gap) for gap in gaps)
    return chunk(
        ChunkType.SACK, fixed + blocks + b"".join(struct.pack(">I", tsn) for tsn in duplicates), **wrong
    )


def heartbeat(info: bytes, **wrong) -> bytes:
    return chunk(ChunkType.HEARTBEAT, parameter(ParameterType.HEARTBEAT_INFO, info, padding=b""), **wrong)


def heartbeat_ack(info: bytes, **wrong) -> bytes:
    return chunk(ChunkType.HEARTBEAT_ACK, parameter(ParameterType.HEARTBEAT_INFO, info, padding=b""), **wrong)


def abort(*causes: bytes, reflected: bool = False, **wrong) -> bytes:
    return chunk(ChunkType.ABORT, _join(causes), int(reflected), **wrong)


def error(*causes: bytes, **wrong) -> bytes:
    return chunk(ChunkType.ERROR, _join(causes), **wrong)


def shutdown(cumulative_tsn: int, **wrong) -> bytes:
    return chunk(ChunkType.SHUTDOWN, struct.pack(">I", cumulative_tsn), **wrong)


def shutdown_ack(**wrong) -> bytes:
    return chunk(ChunkType.SHUTDOWN_ACK, **wrong)


def shutdown_complete(*, reflected: bool = False, **wrong) -> bytes:
    return chunk(ChunkType.SHUTDOWN_COMPLETE, flags=int(reflected), **wrong)


def cookie_echo(cookie: bytes, **wrong) -> bytes:
    return chunk(ChunkType.COOKIE_ECHO, cookie, **wrong)


def cookie_ack(**wrong) -> bytes:
    return chunk(ChunkType.COOKIE_ACK, **wrong)


def forward_tsn(cumulative_tsn: int, skipped: Sequence[tuple[int, int]] = (), **wrong) -> bytes:
    """FORWARD_TSN; `skipped` are (stream, SSN) pairs (RFC 3758 §3.2)."""
    pairs = b"".join(struct.pack(">HH", *pair) for pair in skipped)
    return chunk(ChunkType.FORWARD_TSN, struct.pack(">I", cumulative_tsn) + pairs, **wrong)


def asconf(serial: int, *parameters: bytes, type: int = ChunkType.ASCONF, **wrong) -> bytes:
    """ASCONF, whose first parameter is an address parameter (RFC 5061 §4.1.1), or ASCONF_ACK."""
    return chunk(type, struct.pack(">I", serial) + _join(parameters), **wrong)


def user_initiated_abort(reason: bytes = b"") -> bytes:
    return cause(CauseCode.USER_INITIATED_ABORT, reason)


# ---- SCTP: packets


def _crc32c_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC32C = _crc32c_table()


def crc32c(packet: bytes) -> int:
    """CRC32c of the bytes as they are, bit by bit's table, apart from the code under test."""
    crc = 0xFFFFFFFF
    for byte in packet:
        crc = crc >> 8 ^ _CRC32C[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def sctp_packet(
    *chunks: bytes,
    source_port: int = 5000,
    destination_port: int = 4444,
    tag: int = 1,
    checksum: int | None = None,
) -> bytes:
    """Common header and chunks; `checksum` is the number that Wireshark shows, by default the right one."""
    head = struct.pack(">HHI", source_port, destination_port, tag)
    body = b"".join(chunks)
    if checksum is None:  # the CRC goes out with its low byte first (RFC 9260, Appendix A)
        return head + struct.pack("<I", crc32c(head + bytes(4) + body)) + body
    return head + struct.pack(">I", checksum) + body


# ---- IP, UDP, ICMP and link layers


def internet_checksum(packet: bytes) -> int:
    total = sum(struct.unpack(f">{len(pad(packet)) // 2}H", pad(packet)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(
    source: str,
    destination: str,
    payload: bytes,
    *,
    protocol: int = 132,
    ttl: int = 64,
    tos: int = 2,
    identification: int = 0,
    fragment: int = 0x4000,
    options: bytes = b"",
    length: int | None = None,
) -> bytes:
    """IPv4; `fragment` is the word of flags and fragment offset (0x4000: don't fragment)."""
    options = pad(options)
    head_length = 20 + len(options)
    head = struct.pack(
        ">BBHHHBBH4s4s",
        0x40 | head_length // 4,
        tos,
        head_length + len(payload) if length is None else length,
        identification,
        fragment,
        ttl,
        protocol,
        0,
        socket.inet_pton(socket.AF_INET, source),
        socket.inet_pton(socket.AF_INET, destination),
    )
    head += options
    return head[:10] + struct.pack(">H", internet_checksum(head)) + head[12:] + payload


def ipv6(
    source: str,
    destination: str,
    payload: bytes,
    *,
    next_header: int = 132,
    hop_limit: int = 64,
    traffic_class: int = 2,
    extensions: Sequence[tuple[int, bytes]] = (),
    length: int | None = None,
) -> bytes:
    """IPv6; `extensions` are (header number, its bytes after Next Header) in order."""
    for number, body in reversed(extensions):
        payload = bytes([next_header]) + body + payload
        next_header = number
    head = struct.pack(
        ">IHBB",
        6 << 28 | traffic_class << 20,
        len(payload) if length is None else length,
        next_header,
        hop_limit,
    )
    pton = socket.inet_pton
    return head + pton(socket.AF_INET6, source) + pton(socket.AF_INET6, destination) + payload


def ip(source: str, destination: str, payload: bytes, **fields) -> bytes:
    """IPv4 or IPv6, as the addresses say."""
    return (ipv6 if ":" in source else ipv4)(source, destination, payload, **fields)


def udp(payload: bytes, source_port: int = 9899, destination_port: int = 9899) -> bytes:
    return struct.pack(">HHHH", source_port, destination_port, 8 + len(payload), 0) + payload


def icmp(type: int, code: int, quoted: bytes) -> bytes:
    """ICMP or ICMPv6 error that quotes a packet."""
    return struct.pack(">BBHI", type, code, 0, 0) + quoted


def ethertype(packet: bytes) -> int:
    return 0x86DD if packet[0] >> 4 == 6 else 0x0800


def ethernet(packet: bytes, *, vlans: Sequence[tuple[int, int]] = (), trailer: bytes = b"") -> bytes:
    """An Ethernet frame; `vlans` are (tag protocol, VLAN id), outermost first."""
    tags = b"".join(struct.pack(">HH", *vlan) for vlan in vlans)
    return (
        b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01" + tags + struct.pack(">H", ethertype(packet)) + packet + trailer
    )


def linux_cooked(packet: bytes, *, packet_type: int = 0) -> bytes:
    """LINKTYPE_LINUX_SLL (113)."""
    return struct.pack(">HHH8sH", packet_type, 1, 6, b"\x02\0\0\0\0\x01", ethertype(packet)) + packet


def linux_cooked_v2(packet: bytes, *, packet_type: int = 0, ifindex: int = 1) -> bytes:
    """LINKTYPE_LINUX_SLL2 (276)."""
    head = struct.pack(">HHIHBB8s", ethertype(packet), 0, ifindex, 1, packet_type, 6, b"\x02\0\0\0\0\x01")
    return head + packet


# ---- capture files


def pcap(
    frames: Iterable[tuple[int, bytes]],
    *,
    link_type: int = 1,
    nanoseconds: bool = True,
    order: str = "<",
    snaplen: int = 262_144,
) -> bytes:
    """A pcap file of (time_ns, bytes); what is longer than `snaplen` is cut."""
    magic, unit = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1000)
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link_type)]
    for time_ns, frame in frames:
        kept = frame[:snaplen]
        seconds, rest = divmod(time_ns, SECOND)
        out += struct.pack(order + "IIII", seconds, rest // unit, len(kept), len(frame)), kept
    return b"".join(out)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    """A pcapng option; code 1 is a comment."""
    return struct.pack(order + "HH", code, len(value)) + pad(value)


def block(type: int, body: bytes, order: str = "<", *, length: int | None = None) -> bytes:
    """A pcapng block with both its length fields."""
    total = 12 + len(pad(body)) if length is None else length
    return struct.pack(order + "II", type, total) + pad(body) + struct.pack(order + "I", total)


def section_block(*options: bytes, order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + b"".join(options), order)


def interface_block(
    *options: bytes, link_type: int = 1, snaplen: int = 262_144, resolution: int | None = 9, order: str = "<"
) -> bytes:
    """An interface; `resolution` is if_tsresol: 9 for ns, 0x80 | n for 2**-n s, None for left out."""
    if resolution is not None:
        options += (option(9, bytes([resolution]), order),)
    return block(1, struct.pack(order + "HHI", link_type, 0, snaplen) + b"".join(options), order)


def packet_block(
    timestamp: int,
    frame: bytes,
    *options: bytes,
    interface: int = 0,
    original: int | None = None,
    captured: int | None = None,
    order: str = "<",
) -> bytes:
    """An Enhanced Packet Block; `timestamp` is in the interface's units."""
    head = struct.pack(
        order + "IIIII",
        interface,
        timestamp >> 32,
        timestamp & 0xFFFFFFFF,
        len(frame) if captured is None else captured,
        len(frame) if original is None else original,
    )
    return block(6, head + pad(frame) + b"".join(options), order)


def simple_packet_block(frame: bytes, original: int | None = None, order: str = "<") -> bytes:
    return block(3, struct.pack(order + "I", len(frame) if original is None else original) + frame, order)


def old_packet_block(timestamp: int, frame: bytes, interface: int = 0, order: str = "<") -> bytes:
    """The obsolete Packet Block."""
    head = struct.pack(
        order + "HHIIII", interface, 0, timestamp >> 32, timestamp & 0xFFFFFFFF, len(frame), len(frame)
    )
    return block(2, head + frame, order)


def statistics_block(interface: int, received: int, dropped: int, order: str = "<") -> bytes:
    values = option(4, struct.pack(order + "Q", received), order) + option(
        5, struct.pack(order + "Q", dropped), order
    )
    return block(5, struct.pack(order + "III", interface, 0, 0) + values, order)


def journal_block(fields: dict[str, str], order: str = "<") -> bytes:
    """A systemd Journal Export block of `NAME=value` lines."""
    return block(9, "".join(f"{name}={value}\n" for name, value in fields.items()).encode(), order)


# ---- a whole association


@dataclass(frozen=True)
class Packet:
    """One SCTP packet on its way; `frame()` puts it on Ethernet."""

    time_ns: int
    source: str
    destination: str
    source_port: int
    destination_port: int
    tag: int
    chunks: list[bytes] = field(default_factory=list)
    checksum: int | None = None
    comment: str = ""
    udp: tuple[int, int] | None = None  # source and destination port of the UDP around it
    fields: dict[str, int] = field(default_factory=dict)  # of the IP header: {"tos": 184}

    def frame(self) -> bytes:
        packet = sctp_packet(
            *self.chunks,
            source_port=self.source_port,
            destination_port=self.destination_port,
            tag=self.tag,
            checksum=self.checksum,
        )
        if self.udp:
            return ethernet(ip(self.source, self.destination, udp(packet, *self.udp), protocol=17))
        return ethernet(ip(self.source, self.destination, packet, **self.fields))


def capture(
    packets: Sequence[Packet],
    calls: Sequence[Call | Event] = (),
    *,
    received: int | None = None,
    dropped: int = 0,
    recipe: str = "",
) -> bytes:
    """A pcapng file of packets and journal entries, merged by time, as the recorder writes it.

    Its counters say that nothing was dropped unless told otherwise. `recipe` is JSON.
    """
    entries = [
        (packet.time_ns, 1, packet_block(packet.time_ns, packet.frame(), *_comment(packet)))
        for packet in packets
    ]
    for entry in calls:
        time_ns = entry.start_ns if isinstance(entry, Call) else entry.time_ns
        entries.append((time_ns, 0, journal_block(to_fields(entry))))
    entries.sort(key=lambda entry: entry[:2])
    comments = [option(1, b"sctpinspect recipe: " + recipe.encode())] if recipe else []
    return b"".join(
        [
            section_block(*comments),
            interface_block(option(2, b"a0")),
            *(body for _, _, body in entries),
            statistics_block(0, len(packets) if received is None else received, dropped),
        ]
    )


def _comment(packet: Packet) -> list[bytes]:
    return [option(1, packet.comment.encode())] if packet.comment else []


CLIENT = ("10.1.0.1", "10.2.0.1")
SERVER = ("10.1.0.2", "10.2.0.2")


def association(
    client: Sequence[str] = CLIENT,
    server: Sequence[str] = SERVER,
    *,
    client_port: int = 5000,
    server_port: int = 4444,
    client_tag: int = 0xAAAA0001,
    server_tag: int = 0xBBBB0002,
    client_tsn: int = 1000,
    server_tsn: int = 0xFFFFFFFE,
    messages: int = 5,
    heartbeats: int = 3,
    start_ns: int = START_NS,
) -> list[Packet]:
    """A complete, correct association: what a multi-homed echo program on two paths sends.

    INIT to COOKIE_ACK; HEARTBEAT and HEARTBEAT_ACK on every path from both sides, which verify it;
    `messages` user messages b"DATA 0", ... on stream 0, each answered by b"OK", each with a SACK;
    then `heartbeats` - 1 further rounds, one second apart; SHUTDOWN to SHUTDOWN_COMPLETE.
    One millisecond from packet to packet. The server's TSN wraps.
    """
    packets: list[Packet] = []
    clock = start_ns
    cookie = bytes(range(64))

    def send(side: int, *chunks: bytes, path: int = 0, tag: int | None = None) -> None:
        nonlocal clock
        ends = (client, server) if side == 0 else (server, client)
        ports = (client_port, server_port) if side == 0 else (server_port, client_port)
        if tag is None:
            tag = server_tag if side == 0 else client_tag
        source, destination = (addresses[path % len(addresses)] for addresses in ends)
        packets.append(Packet(clock, source, destination, *ports, tag, list(chunks)))
        clock += MILLISECOND

    def listed(addresses: Sequence[str]) -> list[bytes]:
        return [address_parameter(address) for address in addresses] if len(addresses) > 1 else []

    def heartbeat_round(number: int) -> None:
        for path in range(max(len(client), len(server))):
            for side in (0, 1):
                if path < len((server, client)[side]):
                    info = struct.pack(">QII", clock, side, path) + bytes([number]) * 8
                    send(side, heartbeat(info), path=path)
                    send(1 - side, heartbeat_ack(info), path=path)

    send(0, init(*listed(client), tag=client_tag, tsn=client_tsn), tag=0)
    send(
        1,
        init_ack(
            state_cookie(cookie), *listed(server), tag=server_tag, tsn=server_tsn, outbound=10, inbound=10
        ),
    )
    send(0, cookie_echo(cookie))
    send(1, cookie_ack())
    heartbeat_round(0)
    mask = 0xFFFFFFFF
    for number in range(messages):
        send(0, data((client_tsn + number) & mask, b"DATA %d" % number, ssn=number))
        send(1, sack((client_tsn + number) & mask))
        send(1, data((server_tsn + number) & mask, b"OK", ssn=number))
        send(0, sack((server_tsn + number) & mask))
    for number in range(1, heartbeats):
        clock = start_ns + number * SECOND
        heartbeat_round(number)
    send(0, shutdown((server_tsn + messages - 1) & mask))
    send(1, shutdown_ack())
    send(0, shutdown_complete())
    return packets
