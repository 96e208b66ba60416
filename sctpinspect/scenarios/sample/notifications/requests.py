"""What one side asks of an association that both are told of: other keys, streams anew."""

from sctpinspect.journal.linux import SCTP_STREAM_RESET_OUTGOING
from sctpinspect.journal.structures import (
    AddStreams,
    AuthActiveKey,
    AuthDeactivateKey,
    ResetAssoc,
    ResetStreams,
)
from sctpinspect.scenarios.sample.notifications.talk import KEY, associated, read_until


def authenticating(host):
    """DATA is authenticated with another key than before, then with the old one again, and the other goes."""
    with associated(host) as sock:
        sock.setsockopt(AuthActiveKey(scact_keynumber=KEY))
        sock.send(b"DATA 0")
        read_until(host, sock, b"OK")
        sock.setsockopt(AuthActiveKey(scact_keynumber=0))
        sock.setsockopt(AuthDeactivateKey(scact_keynumber=KEY))
        sock.send(b"DATA 1")
        read_until(host, sock, b"OK", "SCTP_AUTH_FREE_KEY")


def resetting(host):
    """A stream starts again at 0, streams are added, all of the association starts again."""
    with associated(host) as sock:
        sock.send(b"DATA 0")
        read_until(host, sock, b"OK", "SCTP_SENDER_DRY_EVENT")
        sock.setsockopt(
            ResetStreams(srs_flags=SCTP_STREAM_RESET_OUTGOING, srs_number_streams=1, srs_stream_list=(0,))
        )
        read_until(host, sock, "SCTP_STREAM_RESET_EVENT")
        sock.setsockopt(AddStreams(sas_outstrms=2))
        read_until(host, sock, "SCTP_STREAM_CHANGE_EVENT")
        sock.setsockopt(ResetAssoc())
        read_until(host, sock, "SCTP_ASSOC_RESET_EVENT")
        sock.send(b"DATA 1")
        read_until(host, sock, b"OK")
