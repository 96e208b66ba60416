"""RFC 9260 §9.1: abort of an association."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.exchanges import AT_ONCE_NS, ends
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import is_type

_REPLIES = [
    ChunkType.ABORT,
    ChunkType.SHUTDOWN_ACK,
    ChunkType.SHUTDOWN_COMPLETE,
    ChunkType.INIT,
    ChunkType.INIT_ACK,
]
"""Chunks that answer packets out of the blue, or belong to another handshake."""


@rule(
    "rfc9260/9.1/abort-ends-association",
    level=Level.MUST,
    cites=["RFC 9260 §9.1", "RFC 9260 §8.5.1"],
    to_fail=[Need.AT_SENDER, Need.DELIVERY],
)
def abort_ends_association(t: View) -> Judgement:
    """The receiver of an ABORT removes the association at once.

    What it checks: that it sends nothing of the association from 100 ms after the ABORT on.
    Why it matters: its peer has no association any more; what it sends is out of the blue.
    What the capture must contain: an ABORT that its receiver must accept. A violation counts only in a
    capture of the sandbox without impairment.
    Known exceptions: answers to packets out of the blue, and a new handshake.
    References: RFC 9260 §9.1; RFC 9260 §8.5.1.
    """
    aborted = ends(t).filter(pl.col("end") == "abort").with_columns(side=(1 - pl.col("ender")).cast(pl.UInt8))
    replies = t.chunks.filter(is_type(*_REPLIES)).select("packet")
    violations = (
        t.packets.join(aborted, on=["association", "side"], maintain_order="left")
        .filter(pl.col("time_ns") - pl.col("told_ns") >= AT_ONCE_NS)
        .join(replies, on="packet", how="anti", maintain_order="left")
        .with_columns(frames=pl.concat_list("end_frame", "frame"))
    )
    actual = pl.format("a packet after the ABORT in frame {}", "end_frame")
    return Judgement(aborted, found(violations, "silence", actual))
