"""RFC 6458 §8.2.1: SCTP_STATUS."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import number, result, streams_are_negotiated, succeeded
from sctpinspect.rules.queries import TICKS_NS, USER_DATA, found
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc6458/8.2.1/status-streams",
    level=Level.MUST,
    cites=["RFC 6458 §8.2.1", "RFC 9260 §5.1.1"],
    needs=[Need.HANDSHAKE],
)
def status_streams(t: View) -> Judgement:
    """SCTP_STATUS tells the numbers of streams that were negotiated.

    What it checks: sstat_outstrms is the smaller of the own OS and the peer's MIS, sstat_instrms the smaller
    of the peer's OS and the own MIS.
    Why it matters: the program uses streams up to these numbers.
    What the capture must contain: the journal and the handshake.
    Known exceptions: streams added later (RFC 6525) are not counted here.
    References: RFC 6458 §8.2.1; RFC 9260 §5.1.1.
    """
    calls = (
        _looks(t)
        .with_columns(
            outbound=number(result("value.sstat_outstrms")), inbound=number(result("value.sstat_instrms"))
        )
        .drop("frame")
    )
    return streams_are_negotiated(t, calls)


@rule(
    "rfc6458/8.2.1/status-state",
    level=Level.MUST,
    cites=["RFC 6458 §8.2.1", "RFC 9260 §4"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def status_state(t: View) -> Judgement:
    """SCTP_STATUS tells SCTP_ESTABLISHED from COOKIE ACK until the end begins.

    What it checks: sstat_state of calls that begin after COOKIE ACK and return before any SHUTDOWN, SHUTDOWN
    ACK or ABORT, each by two clock ticks.
    Why it matters: the program sends while it sees this state.
    What the capture must contain: the journal and the handshake.
    Known exceptions: SCTP_SHUTDOWN_PENDING, before the SHUTDOWN, is right too.
    References: RFC 6458 §8.2.1; RFC 9260 §4.
    """
    closing = (
        t.chunks.filter(is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK, ChunkType.ABORT))
        .group_by("association")
        .agg(closing_ns=pl.col("time_ns").min())
    )
    up = t.associations.select("association", "established_ns")
    subjects = (
        _looks(t)
        .with_columns(told=result("value.sstat_state"))
        .filter(pl.col("told").is_not_null())
        .join(up, on="association", maintain_order="left")
        .join(closing, on="association", how="left", maintain_order="left")
        .filter(pl.col("start_ns") - pl.col("established_ns") > TICKS_NS)
        .filter((pl.col("closing_ns") - pl.col("end_ns") > TICKS_NS).fill_null(True))
    )
    violations = subjects.filter(~pl.col("told").is_in(["SCTP_ESTABLISHED", "SCTP_SHUTDOWN_PENDING"]))
    return Judgement(subjects, found(violations, "SCTP_ESTABLISHED", pl.col("told")))


@rule(
    "rfc6458/8.2.1/status-fragmentation-point",
    level=Level.MUST,
    cites=["RFC 6458 §8.2.1", "RFC 9260 §6.9"],
)
def status_fragmentation_point(t: View) -> Judgement:
    """Messages longer than sstat_fragmentation_point are fragmented, and no fragment is longer.

    What it checks: the messages of the side that are sent after the call and are longer than what it tells.
    Why it matters: the program chooses by it how long its messages are.
    What the capture must contain: the journal, and a message longer than that.
    Known exceptions: sides whose calls tell different values, for the path MTU has changed, are not judged.
    References: RFC 6458 §8.2.1; RFC 9260 §6.9.
    """
    looks = (
        _looks(t)
        .with_columns(point=number(result("value.sstat_fragmentation_point")))
        .group_by(ENDPOINT)
        .agg(
            pl.col("call", "point").first(),
            look_ns=pl.col("end_ns").min(),
            points=pl.col("point").n_unique(),
        )
        .filter((pl.col("points") == 1) & (pl.col("point") > 0))
    )
    longest = (
        t.chunks.filter(is_type(*USER_DATA)).group_by("message").agg(longest=pl.col("payload_length").max())
    )
    subjects = (
        t.messages.filter("complete")
        .join(looks, on=ENDPOINT, maintain_order="left")
        .join(longest, on="message", maintain_order="left")
        .filter((pl.col("first_ns") > pl.col("look_ns")) & (pl.col("length") > pl.col("point")))
        .with_columns(frame="first_frame", chunk="first_chunk")
    )
    violations = subjects.filter(pl.col("longest") > pl.col("point"))
    expected = pl.format("at most {} bytes in a fragment", "point")
    return Judgement(subjects, found(violations, expected, pl.format("{} bytes", "longest")))


def _looks(t: View) -> pl.LazyFrame:
    """The calls that read SCTP_STATUS of an association."""
    return succeeded(t, "getsockopt", "sctp_opt_info").filter(
        (pl.col("option") == "SCTP_STATUS") & pl.col("association").is_not_null()
    )
