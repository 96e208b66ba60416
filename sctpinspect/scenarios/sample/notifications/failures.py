"""What goes wrong: messages that are not delivered, or half of them, and an error that the peer reports."""

import struct
from socket import MSG_EOR

from sctpinspect.journal.structures import Linger, PartialDeliveryPoint, RcvBuf
from sctpinspect.protocol import CauseCode, ChunkType, ParameterType
from sctpinspect.scenarios.sample.notifications.talk import PORT, associated, prepare, read_until, tell

IN_VAIN = 12


def not_reading(host):
    """A server that does not read, and closes: Linux then aborts."""
    with host.one_to_one() as listener:
        listener.setsockopt(RcvBuf(value=4000))
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept():
            host.wait_for("sent")


def sending_in_vain(host):
    """More than the server has room for: some messages are sent and not read, others are never sent."""
    with associated(host) as sock:
        for number in range(IN_VAIN):
            sock.send(b"DATA %02d" % number * 80)
        host.signal("sent")
        last = None
        while last != ("SCTP_SEND_FAILED_EVENT", b"DATA %02d" % (IN_VAIN - 1) * 80):
            failed = sock.recvmsg().notification
            tell(host, failed)
            last = (failed.NAME, getattr(failed, "ssf_data", None))


def half_reading(host):
    """A server that is given the beginning of a message, and learns that no more of it will come."""
    with host.one_to_many() as sock:
        prepare(host, sock)
        sock.setsockopt(RcvBuf(value=8000))
        sock.setsockopt(PartialDeliveryPoint(value=1000))
        sock.bind(host.addresses[0], PORT)
        sock.listen()
        host.signal("listening")
        while (message := sock.recvmsg()).notification:
            tell(host, message.notification)
        assert not message.flags & MSG_EOR
        host.signal("half read")
        host.wait_for("gone")
        read_until(host, sock, "SCTP_PARTIAL_DELIVERY_EVENT", "SCTP_COMM_LOST")


def aborting(host):
    """A client that goes while its message is under way."""
    with associated(host) as sock:
        sock.setsockopt(Linger(l_onoff=1, l_linger=0))
        sock.send(bytes(60_000))
        host.wait_for("half read")
    host.signal("gone")


def reporting(host):
    """A server made by hand, which reports an error."""
    with host.path(0) as path:
        host.signal("listening")
        init = path.receive()
        tag = int.from_bytes(init[36:40], "big")  # behind the headers of IP, SCTP and the chunk
        fields = struct.pack("!IIHHI", 0xB0B, 65536, 10, 10, 1)  # tag, a_rwnd, streams out and in, TSN
        path.answer(
            init,
            tag,
            chunk(
                ChunkType.INIT_ACK, fields + struct.pack("!HH8s", ParameterType.STATE_COOKIE, 12, b"a cookie")
            ),
        )
        echo = path.receive()
        error = chunk(ChunkType.ERROR, struct.pack("!HH", CauseCode.OUT_OF_RESOURCE, 4))
        path.answer(echo, tag, chunk(ChunkType.COOKIE_ACK), error)
        path.answer(path.receive(), tag, chunk(ChunkType.SHUTDOWN_ACK))
        path.receive()


def chunk(type, value=b""):
    return struct.pack("!BBH", type, 0, 4 + len(value)) + value


def told_of_error(host):
    with associated(host) as sock:
        read_until(host, sock, "SCTP_REMOTE_ERROR")
