"""RFC 9260 §4: the states of an association."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import PATIENCE_NS, found
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


@rule(
    "rfc9260/4/shutdown-received-flush",
    level=Level.MUST,
    cites=["RFC 9260 §4", "RFC 9260 §9.2"],
    to_fail=[Need.AT_SENDER, Need.COUNTERS, Need.JOURNAL],
)
def shutdown_received_flush(t: View) -> Judgement:
    """After a SHUTDOWN of the peer only DATA is sent that the program had given before.

    What it checks: that the call which sent a message whose first DATA leaves after a SHUTDOWN of the peer
    had begun before that arrived, or half a second later at most.
    Why it matters: the peer has closed, and takes no more.
    What the capture must contain: the journal, and DATA after a SHUTDOWN of the peer. A violation counts only
    in a capture of the sandbox without drops.
    Known exceptions: messages whose call is not known are not judged.
    References: RFC 9260 §4; RFC 9260 §9.2.
    """
    arrived = t.packets.select("packet", arrived_ns=pl.coalesce("delivered_ns", "time_ns"), fate="delivery")
    closing = (
        t.chunks.filter(is_type(ChunkType.SHUTDOWN) & pl.col("association").is_not_null())
        .join(arrived, on="packet")
        .filter((pl.col("fate") != "lost").fill_null(True))
        .group_by("association", peer())
        .agg(closing_ns=pl.col("arrived_ns").min())
    )
    begun = t.calls.select(send_call="call", begun_ns="start_ns")
    subjects = (
        t.messages.join(closing, on=ENDPOINT, maintain_order="left")
        .filter(pl.col("first_ns") > pl.col("closing_ns"))
        .join(begun, on="send_call", maintain_order="left")
        .with_columns(frame="first_frame", chunk="first_chunk", call="send_call")
    )
    violations = subjects.filter(pl.col("begun_ns") - pl.col("closing_ns") > PATIENCE_NS)
    actual = pl.format(
        "a message sent {} ms after it", (pl.col("begun_ns") - pl.col("closing_ns")) // 1_000_000
    )
    return Judgement(subjects, found(violations, "no new messages after SHUTDOWN", actual))
