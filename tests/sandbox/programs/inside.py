"""A client talks to a server on its own host, which no wire sees, and then to one on the other host."""

from sctpinspect.journal.structures import Events
from sctpinspect.scenarios import Topology

TOPOLOGY = Topology(paths=1)
ALL = Events(sctp_association_event=1, sctp_data_io_event=1)


def server(host):
    with host.one_to_one() as listener:
        listener.bind(host.addresses[0], 7000)
        listener.listen()
        host.signal("listening")
        with listener.accept() as own:
            own.send(own.recv())
            assert own.recv() == b""


def client(host):
    host.wait_for("listening")
    with host.one_to_many() as server_here, host.one_to_one() as inner, host.one_to_one() as outer:
        for sock in (server_here, inner):
            sock.setsockopt(ALL)
        server_here.bindx(host.addresses, 7000)
        server_here.listen()
        inner.connect(host.addresses[0], 7000)
        inner.sctp_sendmsg(b"question", stream=1, ppid=5)
        message = user_message(server_here)
        server_here.sctp_sendmsg(b"answer", message.address, message.port)
        assert user_message(inner).data == b"answer"
        outer.connect(host.peer.addresses[0], 7000)
        outer.send(b"over the wire")
        assert outer.recv() == b"over the wire"


def user_message(sock):
    while (message := sock.recvmsg()).notification is not None:
        pass
    return message
