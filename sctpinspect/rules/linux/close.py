"""Linux: close() where RFC 6458 is silent."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import ending, succeeded
from sctpinspect.rules.queries import TICKS_NS, found
from sctpinspect.tables.associations import ENDPOINT, peer
from sctpinspect.tables.sends import received


@rule(
    "linux/close/close-with-unread-data",
    level=Level.INFO,
    cites=["Linux close", "RFC 6458 §4.1.6"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def close_with_unread_data(t: View) -> Judgement:
    """close() with data that was received and not read ends the association with ABORT.

    What it checks: that after close() of a socket whose peer's message was acknowledged, and never read, the
    side sends ABORT, and no SHUTDOWN before it.
    Why it matters: the peer takes what was acknowledged for delivered, and must learn that it was not.
    What the capture must contain: the journal and the handshake.
    Known exceptions: a message that was acknowledged less than two clock ticks before the call is not judged,
    nor is one that was read in part; nor a side that read what matches no message, which may be this one.
    Stacks other than Linux' own may send SHUTDOWN.
    References: Linux close; RFC 6458 §4.1.6.
    """
    acked = t.packets.select(acked_frame="frame", acked_ns="time_ns").unique("acked_frame", keep="first")
    unread = (
        t.messages.filter(pl.col("receive_call").is_null() & pl.col("complete"))
        .join(acked, on="acked_frame", maintain_order="left")
        .group_by("association", side=peer())
        .agg(acked_ns=pl.col("acked_ns").min())
    )
    read_otherwise = received(t.calls).join(t.messages, left_on="call", right_on="receive_call", how="anti")
    subjects = (
        ending(t, succeeded(t, "close").join(of_kernel(t), on="host", how="semi", maintain_order="left"))
        .join(unread, on=ENDPOINT, maintain_order="left")
        .join(read_otherwise, on=ENDPOINT, how="anti", maintain_order="left")
        .filter(pl.col("start_ns") - pl.col("acked_ns") > TICKS_NS)
    )
    violations = subjects.filter(pl.col("said") != "ABORT")
    return Judgement(subjects, found(violations, "ABORT", pl.format("{} after close()", "said")))


def of_kernel(t: View) -> pl.LazyFrame:
    """`host`: those for which, as the recipe says, the Linux kernel speaks SCTP."""
    hosts = t.recipe.get("hosts")
    names = [
        name
        for name, told in (hosts.items() if isinstance(hosts, dict) else ())
        if isinstance(told, dict) and told.get("stack", "kernel") == "kernel"
    ]
    return pl.LazyFrame({"host": names}, schema={"host": pl.String})
