"""RFC 6458 §4.1.5: connect() that nobody answers."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import begun_before
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


@rule(
    "rfc6458/4.1.5/connect-timed-out",
    level=Level.MUST,
    cites=["RFC 6458 §4.1.5", "RFC 9260 §5.1"],
    to_fail=[Need.DELIVERY],
)
def connect_timed_out(t: View) -> Judgement:
    """connect() fails with ETIMEDOUT only if the peer neither accepted nor refused.

    What it checks: that while a connect() or sctp_connectx() ran that failed so, an INIT left, and neither
    COOKIE ACK nor ABORT of the peer came.
    Why it matters: "timed out" tells the user that nobody is there, or that the way is blocked.
    What the capture must contain: the journal of the initiator and an INIT. A violation counts only where
    nothing that the peer sent was lost on the way.
    Known exceptions: none.
    References: RFC 6458 §4.1.5; RFC 9260 §5.1.
    """
    answers = t.chunks.filter(
        is_type(ChunkType.COOKIE_ACK, ChunkType.ABORT) & pl.col("association").is_not_null()
    ).with_columns(peer(), start_ns="time_ns", end_ns="time_ns", call="packet")
    answered = answers.unique("packet", keep="first", maintain_order=True).select(
        call="packet", frame="frame", chunk="chunk", answer="type_name"
    )
    calls = t.calls.filter(
        pl.col("name").is_in(["connect", "sctp_connectx"]) & (pl.col("errno") == "ETIMEDOUT")
    ).drop("frame")
    inits = t.chunks.filter(is_type(ChunkType.INIT)).select(ENDPOINT)
    subjects = calls.join(inits, on=ENDPOINT, how="semi", maintain_order="left")
    last = begun_before(
        subjects.select(*ENDPOINT, "start_ns", ended_ns="end_ns", of="call"), answers, "ended_ns", ENDPOINT
    )
    violations = (
        last.filter(pl.col("latest_end_ns") >= pl.col("start_ns"))
        .join(answered, on="call", maintain_order="left")
        .drop("call")
        .rename({"of": "call"})
    )
    actual = pl.format("ETIMEDOUT, though the peer sent {}", "answer")
    return Judgement(subjects, found(violations, "neither COOKIE ACK nor ABORT", actual))
