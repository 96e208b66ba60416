"""RFC 6458's socket API on the kernel's sockets; every call goes to a journal. Linux only.

Options, control messages and notifications are the structures of `sctpinspect.journal.structures`.
"""

from sctpinspect.sockets.addresses import AddressList, TransportAddress
from sctpinspect.sockets.journal import Journal
from sctpinspect.sockets.message import Message
from sctpinspect.sockets.sctp_socket import Socket

__all__ = ["AddressList", "Journal", "Message", "Socket", "TransportAddress"]
