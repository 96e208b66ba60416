"""RFC 9260 §9.1: abort of an association."""

import polars as pl

from sctpinspect.protocol import CauseCode, ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import SOCKET, argument, ending, first_since, flagged, number, succeeded
from sctpinspect.rules.exchanges import AT_ONCE_NS, ends, with_cause
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT, is_type

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


@rule(
    "rfc9260/9.1/user-abort-cause",
    level=Level.SHOULD,
    cites=["RFC 9260 §9.1", "RFC 9260 §3.3.10.12"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def user_abort_cause(t: View) -> Judgement:
    """An ABORT that the user asked for says so.

    What it checks: that the ABORT after a send with SCTP_ABORT, or after close() with a linger time of 0, has
    the cause User-Initiated Abort.
    Why it matters: the peer's user can tell it from a fault of the protocol.
    What the capture must contain: the journal, and the ABORT.
    Known exceptions: none.
    References: RFC 9260 §9.1; RFC 9260 §3.3.10.12.
    """
    aborts = t.chunks.filter(is_type(ChunkType.ABORT) & pl.col("association").is_not_null()).select(
        *ENDPOINT, "packet", "frame", "chunk", "time_ns"
    )
    sends = t.calls.filter(
        flagged("SCTP_ABORT") & pl.col("errno").is_null() & pl.col("association").is_not_null()
    ).select(*ENDPOINT, "call", "start_ns")
    option = succeeded(t, "setsockopt").filter(pl.col("option") == "SO_LINGER")
    at_once = option.unique(SOCKET, keep="last", maintain_order=True).filter(
        (number(argument("value.l_onoff")) > 0) & (number(argument("value.l_linger")) == 0)
    )
    closes = ending(t, succeeded(t, "close").join(at_once, on=SOCKET, how="semi", maintain_order="left"))
    by_close = closes.filter(pl.col("said") == "ABORT").select(*ENDPOINT, "call", "frame", "chunk")
    asked = pl.concat(
        [
            first_since(sends, aborts, "time_ns", ENDPOINT).select(*ENDPOINT, "call", "frame", "chunk"),
            by_close,
        ]
    )
    subjects = asked.join(
        aborts.select(*ENDPOINT, "frame", "chunk", "packet"), on=[*ENDPOINT, "frame", "chunk"]
    ).unique(["packet", "chunk"], keep="first", maintain_order=True)
    violations = subjects.join(
        with_cause(t, CauseCode.USER_INITIATED_ABORT),
        on=["packet", "chunk"],
        how="anti",
        maintain_order="left",
    )
    return Judgement(subjects, found(violations, "the cause User-Initiated Abort", "an ABORT without it"))
