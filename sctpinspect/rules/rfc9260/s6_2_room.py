"""RFC 9260 §6.2: the room that a receiver tells of."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.answers import AT_RECEIVER, left_out, unmoved
from sctpinspect.rules.calls import of_associations, succeeded
from sctpinspect.rules.queries import beside_own, found
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


@rule(
    "rfc9260/6.2/a-rwnd-tracks-buffer",
    level=Level.SHOULD,
    cites=["RFC 9260 §6.2"],
    needs=[Need.HANDSHAKE],
    to_fail=[*AT_RECEIVER, Need.JOURNAL],
)
def a_rwnd_tracks_buffer(t: View) -> Judgement:
    """The a_rwnd of a SACK leaves out what the program has not read yet.

    What it checks: that a_rwnd is at most that of INIT or INIT ACK, less the messages that a SACK of the side
    has acknowledged and whose receive began later.
    Why it matters: the peer fills room that there is not, and its DATA is dropped.
    What the capture must contain: the handshake, a SACK, and the journal. A violation counts only in a
    capture of the sandbox without drops.
    Known exceptions: messages whose receive is not known, or that were read in parts, count as read. A side
    that sets SO_RCVBUF is left out, and so are associations with RE_CONFIG or FORWARD_TSN.
    References: RFC 9260 §6.2.
    """
    resized = of_associations(t, succeeded(t, "setsockopt").filter(pl.col("option") == "SO_RCVBUF"))
    acked = t.packets.select(acked_frame="frame", acked_ns="time_ns").unique("acked_frame", keep="first")
    reads = t.calls.select(receive_call="call", begun_ns="start_ns", read="length")
    messages = (
        t.messages.filter("complete")
        .join(reads, on="receive_call")
        .join(acked, on="acked_frame")
        .filter(pl.col("read") == pl.col("length"))
        .select("association", peer(), "acked_ns", "begun_ns", size=pl.col("length").cast(pl.Int64))
        .filter(pl.col("begun_ns") > pl.col("acked_ns"))
    )
    changes = (
        pl.concat(
            [
                messages.select(*ENDPOINT, "size", changed_ns="acked_ns"),
                messages.select(*ENDPOINT, -pl.col("size"), changed_ns="begun_ns"),
            ]
        )
        .sort("changed_ns")
        .with_columns(unread=pl.col("size").cum_sum().over(ENDPOINT))
    )
    sacks = unmoved(t, t.acks).filter(is_type(ChunkType.SACK))
    subjects = (
        beside_own(sacks, t.endpoints, room="a_rwnd", host="host")
        .filter(pl.col("room").is_not_null() & pl.col("host").is_not_null())
        .join(resized.select(ENDPOINT), on=ENDPOINT, how="anti", maintain_order="left")
        .with_columns(before_ns=pl.col("time_ns") - 1)
        .sort("before_ns", maintain_order=True)
        .join_asof(
            changes.select(*ENDPOINT, "changed_ns", "unread"),
            left_on="before_ns",
            right_on="changed_ns",
            by=ENDPOINT,
            coalesce=False,
            check_sortedness=False,
        )
        .with_columns(most=pl.col("room").cast(pl.Int64) - pl.col("unread").fill_null(0))
    )
    violations = subjects.filter(pl.col("a_rwnd") > pl.col("most"))
    expected = pl.format("{} at most, with {} bytes unread", "most", pl.col("unread").fill_null(0))
    return Judgement(subjects, found(violations, expected, pl.format("a_rwnd {}", "a_rwnd")), left_out(t))
