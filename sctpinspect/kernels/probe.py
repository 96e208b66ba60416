"""Asks the kernel for what a path needs: a veth pair, a bridge, a packet socket, a listening SCTP socket.

Run in a network namespace of its own, and started as a file, as `guest.py` is. When something is missing,
one line names it and the exit status is 1.
"""

import os
import socket
import struct
import sys

RTM_NEWLINK, NLMSG_ERROR, NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 16, 2, 1, 4, 0x200, 0x400
IFLA_LINKINFO, IFLA_INFO_KIND = 18, 1


def add_link(kind: str) -> None:
    """Make a network device with the kernel's defaults. Raises OSError."""
    link_info = attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, kind.encode()))
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0) + link_info
    flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(struct.pack("=IHHII", 16 + len(body), RTM_NEWLINK, flags, 1, 0) + body)
        answer = netlink.recv(4096)
    kind_of_answer, code = struct.unpack_from("=4xH10xi", answer)
    if kind_of_answer != NLMSG_ERROR or code:
        raise OSError(-code, os.strerror(-code))


def attribute(number: int, value: bytes) -> bytes:
    """A netlink attribute, padded."""
    return struct.pack("=HH", 4 + len(value), number) + value + bytes(-len(value) % 4)


def listen() -> None:
    """Needs more of the kernel than a socket does: the hash that protects the cookies. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET, socket.IPPROTO_SCTP) as endpoint:
        endpoint.listen()


def main() -> None:
    wanted = (
        ("a veth pair", lambda: add_link("veth")),
        ("a bridge", lambda: add_link("bridge")),
        ("a packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
        ("a listening SCTP socket", listen),
    )
    for what, make in wanted:
        try:
            make()
        except OSError as error:
            sys.exit(f"{what} ({error.strerror})")


if __name__ == "__main__":
    main()
