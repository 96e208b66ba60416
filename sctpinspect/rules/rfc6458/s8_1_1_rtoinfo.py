"""RFC 6458 §8.1.1: SCTP_RTOINFO."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, number, settings
from sctpinspect.rules.queries import MILLISECOND, TICKS_NS, TIMER_SLACK, awake, found
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc6458/8.1.1/rtoinfo-initial",
    level=Level.MUST,
    cites=["RFC 6458 §8.1.1", "RFC 9260 §6.3.1"],
    to_fail=[Need.NO_LOSS, Need.AT_SENDER, Need.DELIVERY],
)
def rtoinfo_initial(t: View) -> Judgement:
    """srto_initial is the time up to the first repeat of INIT or COOKIE ECHO.

    What it checks: the time between the first and the second INIT, and COOKIE ECHO, of a side that has set
    SCTP_RTOINFO, with 12 % and two clock ticks more for late timers.
    Why it matters: it decides how long a program waits for a peer that does not answer.
    What the capture must contain: the journal and an INIT or COOKIE ECHO that was repeated. A violation
    counts only in a capture of the sandbox without drops and losses: an INIT waits for the answer to ARP or
    neighbour solicitation before it is on the wire.
    Known exceptions: an INIT behind the COOKIE ECHO was held back on its way; no timer sent it.
    References: RFC 6458 §8.1.1; RFC 9260 §6.3.1.
    """
    initial = settings(t, "SCTP_RTOINFO").select(
        *ENDPOINT, "call", initial_ms=number(argument("value.srto_initial"))
    )
    is_echo, packet = is_type(ChunkType.COOKIE_ECHO), pl.col("packet")
    attempts = (
        t.chunks.filter((is_type(ChunkType.INIT) | is_echo) & pl.col("association").is_not_null())
        .filter(is_echo | (packet < packet.filter(is_echo).min().over(ENDPOINT)).fill_null(True))
        .with_columns(
            attempt=pl.int_range(pl.len()).over(*ENDPOINT, "type"),
            waited=pl.col("time_ns").diff().over(*ENDPOINT, "type"),
            awake=awake(t, pl.col("time_ns")).diff().over(*ENDPOINT, "type"),
        )
    )
    subjects = (
        attempts.filter(pl.col("attempt") == 1)
        .join(initial.filter(pl.col("initial_ms") > 0), on=ENDPOINT, maintain_order="left")
        .with_columns(initial=pl.col("initial_ms") * MILLISECOND)
    )
    right = (pl.col("waited") >= pl.col("initial") - TICKS_NS) & (
        pl.col("awake") <= (pl.col("initial") * TIMER_SLACK).cast(pl.Int64) + TICKS_NS
    )
    expected = pl.format("{} after {} ms", "type_name", "initial_ms")
    actual = pl.format("after {} ms", pl.col("waited") // MILLISECOND)
    return Judgement(subjects, found(subjects.filter(~right), expected, actual))
