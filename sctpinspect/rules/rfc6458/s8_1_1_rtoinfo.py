"""RFC 6458 §8.1.1: SCTP_RTOINFO."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, lasting, number, settings
from sctpinspect.rules.queries import MILLISECOND, TICKS_NS, TIMER_SLACK, awake, awake_for, found
from sctpinspect.rules.timers import AT_SENDER, expiries
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


@rule(
    "rfc6458/8.1.1/rtoinfo-min",
    level=Level.MUST,
    cites=["RFC 6458 §8.1.1", "RFC 9260 §6.3.1"],
    to_fail=AT_SENDER,
)
def rtoinfo_min(t: View) -> Judgement:
    """DATA whose timer runs out is sent again no sooner than after srto_min.

    What it checks: DATA that a side which has set SCTP_RTOINFO sends again because T3-rtx has run out: the
    time since it was sent last.
    Why it matters: a shorter timer retransmits what is only late.
    What the capture must contain: the journal with the option set before the association, and a time-out. A
    violation counts only in a capture of the sandbox without drops.
    Known exceptions: DATA that a SACK reports missing may follow sooner. The value 0 leaves the minimum as it
    is. Where the option is set again later nothing is judged.
    References: RFC 6458 §8.1.1; RFC 9260 §6.3.1.
    """
    subjects = expiries(t).join(_bounds(t, "srto_min"), on=ENDPOINT, maintain_order="left")
    is_early = pl.col("since_sent") < pl.col("bound") - TICKS_NS
    violations = subjects.filter(is_early & (pl.col("misses") == 0))
    expected = pl.format("{} ms or more", pl.col("bound") // MILLISECOND)
    actual = pl.format("TSN {} sent again after {} ms", "tsn", pl.col("since_sent") // MILLISECOND)
    return Judgement(subjects, found(violations, expected, actual))


@rule(
    "rfc6458/8.1.1/rtoinfo-max",
    level=Level.MUST,
    cites=["RFC 6458 §8.1.1", "RFC 9260 §6.3.1", "RFC 9260 §6.3.3"],
    to_fail=AT_SENDER,
)
def rtoinfo_max(t: View) -> Judgement:
    """The time up to the next retransmission doubles no further than to srto_max.

    What it checks: DATA that is sent again and again: where twice the time before is srto_max or more, as it
    was set, the time is srto_max or less, with 12 % and two clock ticks more for late timers.
    Why it matters: an association that could go on stands still.
    What the capture must contain: the journal with the option set before the association, and so many
    time-outs in a row that the maximum matters. A violation counts only in a capture of the sandbox without
    drops.
    Known exceptions: the value 0 leaves the maximum as it is. Where the option is set again later nothing is
    judged.
    References: RFC 6458 §8.1.1; RFC 9260 §6.3.1; RFC 9260 §6.3.3.
    """
    before = pl.col("since_sent").shift(1).over(*ENDPOINT, "tsn", "from_path")
    repeats = (
        expiries(t)
        .with_columns(doubled=2 * before)
        .join(_bounds(t, "srto_max"), on=ENDPOINT, maintain_order="left")
    )
    subjects = repeats.filter(pl.col("doubled") >= pl.col("bound") - TICKS_NS)
    latest = (pl.col("bound") * TIMER_SLACK).cast(pl.Int64) + TICKS_NS
    is_late = awake_for(t, pl.col("time_ns"), pl.col("waited")) > latest
    expected = pl.format("{} ms or less", pl.col("bound") // MILLISECOND)
    actual = pl.format("TSN {} sent again after {} ms", "tsn", pl.col("waited") // MILLISECOND)
    reason = pl.lit("too few time-outs in a row to reach srto_max")
    return Judgement(
        subjects,
        found(subjects.filter(is_late), expected, actual),
        repeats.join(subjects, on=ENDPOINT, how="anti").select("association", reason=reason),
    )


def _bounds(t: View, field: str) -> pl.LazyFrame:
    """`call` and `bound`, ns, of sides that have set this field of SCTP_RTOINFO."""
    given = number(argument(f"value.{field}"))
    return (
        lasting(t, "SCTP_RTOINFO")
        .select(*ENDPOINT, "call", bound=given * MILLISECOND)
        .filter(pl.col("bound") > 0)
    )
