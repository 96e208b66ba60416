"""RFC 6458 §3.1.5: close()."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import begun_before, causes_no_packet, ending, left_over, succeeded
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc6458/3.1.5/close-graceful",
    level=Level.MUST,
    cites=["RFC 6458 §3.1.5", "RFC 6458 §4.1.6", "RFC 9260 §9.2"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def close_graceful(t: View) -> Judgement:
    """close() ends the associations of the socket with SHUTDOWN.

    What it checks: that after close() the side sends SHUTDOWN, or SHUTDOWN ACK where the peer was first, and
    no ABORT before it.
    Why it matters: only so all data still on its way is delivered.
    What the capture must contain: the journal, and the end of the association; that nothing is sent can be
    told only in a whole recording of the sandbox without impairment.
    Known exceptions: with SO_LINGER or SCTP_ABORT, with data that was received and not read (Linux then
    aborts), with own data that was never acknowledged (the peer may be gone), after the peer's SHUTDOWN or
    ABORT, nothing is judged.
    References: RFC 6458 §3.1.5; RFC 6458 §4.1.6; RFC 9260 §9.2.
    """
    subjects = ending(t, succeeded(t, "close")).join(
        left_over(t), on=ENDPOINT, how="anti", maintain_order="left"
    )
    violations = subjects.filter(pl.col("said").is_in(["ABORT", "nothing"]))
    return Judgement(subjects, found(violations, "SHUTDOWN", pl.format("{} after close()", "said")))


@rule(
    "rfc6458/3.1.5/close-no-packet",
    level=Level.MUST,
    cites=["RFC 6458 §3.1.5", "RFC 6458 §4.1.6"],
    needs=[Need.COUNTERS],
    to_fail=[Need.DELIVERY],
)
def close_no_packet(t: View) -> Judgement:
    """close() of a socket whose associations are over causes no packet.

    What it checks: that no association begins or ends while such a call runs and no other call of its host
    does that could be the cause. An association is over for a side that has sent SHUTDOWN ACK.
    Why it matters: what has ended, or never began, is nobody's business any more.
    What the capture must contain: the journal, no drops, and the end of each association that the socket had.
    A violation counts only where nothing was lost on the way: the host may not know yet of that end.
    Known exceptions: while an association of the port lives nothing is judged: it may be one that the socket
    has not accepted yet.
    References: RFC 6458 §3.1.5; RFC 6458 §4.1.6.
    """
    closes = succeeded(t, "close")
    never = pl.lit((1 << 63) - 1, pl.Int64)
    lives = t.associations.select(
        "association", start_ns="first_ns", end_ns=pl.col("end_ns").fill_null(never), call="association"
    )
    answered = (
        t.chunks.filter(is_type(ChunkType.SHUTDOWN_ACK))
        .group_by(ENDPOINT)
        .agg(answered_ns=pl.col("time_ns").min())
    )
    of_ports = (
        t.endpoints.select(*ENDPOINT, "host", local_port="port")
        .join(lives, on="association")
        .join(answered, on=ENDPOINT, how="left")
        .with_columns(end_ns=pl.min_horizontal("end_ns", "answered_ns"))
    )
    alive = begun_before(
        closes.select("host", "local_port", "start_ns", "end_ns", of="call"),
        of_ports.drop_nulls("host"),
        "end_ns",
        ["host", "local_port"],
    ).filter(pl.col("latest_end_ns") > pl.col("start_ns"))
    return causes_no_packet(
        t, closes.join(alive.select(call="of"), on="call", how="anti", maintain_order="left")
    )
