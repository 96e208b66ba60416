"""RFC 6458 §4.1.4: accept()."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import causes_no_packet, succeeded, untraced
from sctpinspect.rules.queries import either, found
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule("rfc6458/4.1.4/accept-no-packet", level=Level.MUST, cites=["RFC 6458 §4.1.4"], needs=[Need.COUNTERS])
def accept_no_packet(t: View) -> Judgement:
    """accept() causes no packet.

    What it checks: that no association begins or ends while the call runs and no other call of its host does
    that could be the cause.
    Why it matters: the association is established before accept() returns it; the peer notices nothing.
    What the capture must contain: the journal, and no drops.
    Known exceptions: none.
    References: RFC 6458 §4.1.4.
    """
    return causes_no_packet(t, succeeded(t, "accept"))


@rule(
    "rfc6458/4.1.4/accept-established",
    level=Level.MUST,
    cites=["RFC 6458 §4.1.4"],
    to_fail=[Need.HANDSHAKE],
)
def accept_established(t: View) -> Judgement:
    """accept() returns an association that is established.

    What it checks: that the COOKIE ECHO of the initiator whose address accept() returns came before the call
    ends.
    Why it matters: before it the responder keeps no state, and there is nothing to return.
    What the capture must contain: the journal of the listening host and the handshake; a COOKIE ECHO can be
    told to be missing only in a whole recording of the sandbox.
    Known exceptions: none.
    References: RFC 6458 §4.1.4.
    """
    echoes = t.chunks.filter(is_type(ChunkType.COOKIE_ECHO)).unique("association", keep="first")
    echoed = echoes.select("association", "frame", "chunk", echo_ns="time_ns")
    calls = succeeded(t, "accept")
    subjects = calls.select(*ENDPOINT, "call", "end_ns").join(echoed, on="association", maintain_order="left")
    early = subjects.filter(pl.col("end_ns") <= pl.col("echo_ns"))
    silent = untraced(t, calls.join(subjects, on="call", how="anti"), echoes, "source", pl.lit(0))
    expected = "the call to end after COOKIE ECHO"
    violations = [
        found(early, expected, "COOKIE ECHO after its end"),
        found(silent, expected, "no COOKIE ECHO at all"),
    ]
    return Judgement(either(subjects, silent), either(*violations))
