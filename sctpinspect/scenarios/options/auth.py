"""SCTP_AUTH_CHUNK and SCTP_HMAC_IDENT: what either side wants authenticated, and how.

Each lists its chunk types and its HMAC algorithms at set-up. SCTP_PEER_AUTH_CHUNKS and SCTP_LOCAL_AUTH_CHUNKS
tell these, and what is listed comes behind an AUTH chunk.
"""

from sctpinspect.journal.structures import AuthChunk, HmacIdent, LocalAuthChunks, PeerAuthChunks
from sctpinspect.protocol import ChunkType
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology(sysctls={"auth_enable": 1})

PORT = 4444
SHA_1, SHA_256 = 1, 3  # of RFC 4895 §3.3
WANTED = {"a": [ChunkType.DATA], "b": [ChunkType.DATA, ChunkType.HEARTBEAT]}
HMACS = {"a": (SHA_256, SHA_1), "b": (SHA_1,)}


def prepare(host, sock):
    hmacs = HMACS[host.name]
    sock.setsockopt(HmacIdent(shmac_num_idents=len(hmacs), shmac_idents=hmacs))
    for type in WANTED[host.name]:
        sock.setsockopt(AuthChunk(sauth_chunk=type))


def check(host, sock):
    """Both sides know both lists."""
    assert sock.getsockopt(LocalAuthChunks()).gauth_chunks == bytes(WANTED[host.name])
    assert sock.getsockopt(PeerAuthChunks()).gauth_chunks == bytes(WANTED[host.peer.name])


def server(host):
    with host.one_to_one() as listener:
        prepare(host, listener)
        listener.bind(host.addresses[0], PORT)
        listener.listen()
        host.signal("listening")
        with listener.accept() as sock:
            assert sock.recv() == b"authentic"
            check(host, sock)
            sock.send(b"authentic too")
            assert sock.recv() == b""


def client(host):
    host.wait_for("listening")
    with host.one_to_one() as sock:
        prepare(host, sock)
        sock.connect(host.peer.addresses[0], PORT)
        check(host, sock)
        sock.send(b"authentic")
        assert sock.recv() == b"authentic too"
