"""RFC 6458 §4.1.7: what a receive returns once the peer sends no more."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import SOCKET, argument
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT, is_type, peer
from sctpinspect.tables.calls import RECEIVES

NOT_YET = ["EAGAIN", "EWOULDBLOCK", "EINTR"]


@rule(
    "rfc6458/4.1.7/end-of-file",
    level=Level.MUST,
    cites=["RFC 6458 §4.1.7", "RFC 9260 §9"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def end_of_file(t: View) -> Judgement:
    """A receive returns 0 bytes only once the peer, or the association, has ended.

    What it checks: that SHUTDOWN or SHUTDOWN ACK of the peer, or an ABORT of either side, is on the wire
    before a receive without data and without notification returns.
    Why it matters: the program takes it for the end of all data.
    What the capture must contain: the journal of the receiver, and the packets up to the end of the call.
    Known exceptions: a receive into no room, on a socket with shutdown(SHUT_RD) or shutdown(SHUT_RDWR), or
    with an error that ended the association, is not judged.
    References: RFC 6458 §4.1.7; RFC 9260 §9.
    """
    receives = t.calls.filter(pl.col("name").is_in(RECEIVES))
    stops = (pl.col("name") == "shutdown") & (argument("how") != "SHUT_WR")
    failed = pl.col("name").is_in(RECEIVES) & ~pl.col("errno").is_in(NOT_YET)
    over = t.calls.filter((stops | failed).fill_null(False)).select(SOCKET)
    last_ns = t.packets.select(last_ns=pl.col("time_ns").max())
    ended = pl.concat(
        [
            _first(t, ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK, ChunkType.ABORT, of_peer=True),
            _first(t, ChunkType.ABORT, of_peer=False),
        ]
    )
    subjects = (
        receives.filter(
            pl.col("errno").is_null()
            & pl.col("association").is_not_null()
            & pl.col("notification").is_null()
            & (pl.col("length") == 0)
            & (argument("size") != "0").fill_null(True)
        )
        .join(over, on=SOCKET, how="anti", maintain_order="left")
        .join(
            ended.group_by(ENDPOINT).agg(pl.col("ended_ns").min()),
            on=ENDPOINT,
            how="left",
            maintain_order="left",
        )
        .join(last_ns, how="cross", maintain_order="left")
        .filter(pl.col("ended_ns").is_not_null() | (pl.col("last_ns") > pl.col("end_ns")))
    )
    violations = subjects.filter((pl.col("ended_ns") >= pl.col("end_ns")).fill_null(True))
    expected = "SHUTDOWN or SHUTDOWN ACK of the peer, or an ABORT, before it"
    return Judgement(subjects, found(violations, expected, "0 bytes while the association lasts"))


def _first(t: View, *types: ChunkType, of_peer: bool) -> pl.LazyFrame:
    """Per association and side when the first of these chunks was sent, by its peer or by itself."""
    chunks = t.chunks.filter(is_type(*types) & pl.col("association").is_not_null())
    side = peer() if of_peer else pl.col("side")
    return chunks.group_by("association", side).agg(ended_ns=pl.col("time_ns").min())
