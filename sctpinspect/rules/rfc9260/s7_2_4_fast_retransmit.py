"""RFC 9260 §7.2.4: Fast Retransmit."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.answers import AT_ONCE_NS, left_out, unmoved
from sctpinspect.rules.queries import MILLISECOND, TICKS_NS, found
from sctpinspect.rules.timers import AT_SENDER, known, parameter
from sctpinspect.tables.associations import ENDPOINT

_KIND = pl.col("retransmission").cast(pl.String)
_IN_ORDER = pl.col("since_acked").is_null() & (pl.col("since_disorder") > pl.col("since_sent")).fill_null(
    True
)
"""No SACKs changed places since it was sent."""
_EARLY = (pl.col("since_sent") < pl.col("least") - TICKS_NS) & ~pl.col("is_marked") & _IN_ORDER
"""Sent again sooner than any timer could, and not marked by one before."""


@rule(
    "rfc9260/7.2.4/fast-retransmit-not-before-three-misses",
    level=Level.SHOULD,
    cites=["RFC 9260 §7.2.4"],
    to_fail=AT_SENDER,
)
def fast_retransmit_not_before_three_misses(t: View) -> Judgement:
    """DATA is sent again for being missed only after three SACKs have reported it missing.

    What it checks: DATA sent again sooner than RTO.Min after it was sent, which SACKs report missing: that
    three did, each acknowledging a later TSN for the first time or, in Fast Recovery, advancing the
    Cumulative TSN Ack Point.
    Why it matters: packets that only changed places on the way are retransmitted in vain.
    What the capture must contain: such DATA, and RTO.Min: the journal or the recipe of a sandbox. A violation
    counts only in a capture of the sandbox without drops, which knows when SACKs arrived.
    Known exceptions: what T3-rtx has marked, and what SACKs took back that changed places on the way.
    Associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §7.2.4.
    """
    again = unmoved(t, t.transmissions).filter(pl.col("is_retransmission") & (pl.col("misses") > 0))
    subjects, unknown = known(again, parameter(t, "rto_min"), "RTO.Min")
    violations = subjects.filter(_EARLY & (pl.col("misses") < 3) & (_KIND != "fast"))
    actual = pl.format("TSN {} sent again after {} of them", "tsn", "misses")
    return Judgement(subjects, found(violations, "three SACKs that miss it", actual), unknown)


@rule(
    "rfc9260/7.2.4/fast-retransmit-after-three-misses",
    level=Level.SHOULD,
    cites=["RFC 9260 §7.2.4"],
    to_fail=AT_SENDER,
)
def fast_retransmit_after_three_misses(t: View) -> Judgement:
    """DATA that three SACKs have reported missing is sent again at once.

    What it checks: that the earliest TSN which is reported missing a third time, and so begins Fast Recovery,
    is sent again within 100 ms after that SACK arrived.
    Why it matters: otherwise nothing goes on before the timer has run out.
    What the capture must contain: DATA that was missed three times and sent again. A violation counts only in
    a capture of the sandbox without drops, which knows when SACKs arrived.
    Known exceptions: DATA that had been sent twice by then. In Fast Recovery the window may delay what else
    is missing. Associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §7.2.4.
    """
    subjects = unmoved(t, t.transmissions).filter(pl.col("since_due").is_not_null())
    violations = subjects.filter(pl.col("since_due") > AT_ONCE_NS)
    actual = pl.format(
        "TSN {} sent again {} ms after the third SACK", "tsn", pl.col("since_due") // MILLISECOND
    )
    return Judgement(subjects, found(violations, "a retransmission at once", actual), left_out(t))


@rule(
    "rfc9260/7.2.4/fast-retransmit-once",
    level=Level.MUST,
    cites=["RFC 9260 §7.2.4"],
    to_fail=AT_SENDER,
)
def fast_retransmit_once(t: View) -> Judgement:
    """DATA is sent again for being missed once; after that only its timer sends it.

    What it checks: that DATA which was sent again by Fast Retransmit is not sent once more sooner than
    RTO.Min after it was first sent, for then its timer cannot have run out.
    Why it matters: the SACKs that report it missing may have left before the copy arrived.
    What the capture must contain: a Fast Retransmit, and RTO.Min: the journal or the recipe of a sandbox. A
    violation counts only in a capture of the sandbox without drops, which knows when SACKs arrived.
    Known exceptions: what SACKs took back that changed places on the way, and DATA that was outstanding when
    T3-rtx ran out, which marks it once more. Associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §7.2.4; RFC 9260 §6.3.2 (a Fast Retransmit need not restart the timer).
    """
    sent = unmoved(t, t.transmissions)
    first = sent.group_by(*ENDPOINT, "tsn").agg(first_ns=pl.col("time_ns").min())
    expired = sent.filter("has_expired").select(*ENDPOINT, "time_ns", expired_ns="time_ns").sort("time_ns")
    is_fast = (_KIND == "fast").fill_null(False)
    repeated = (
        sent.filter("is_retransmission")
        .sort("packet", "chunk")
        .with_columns(
            fast_before=is_fast.cast(pl.Int64).cum_sum().over(*ENDPOINT, "tsn") - is_fast.cast(pl.Int64)
        )
        .filter(is_fast | (pl.col("fast_before") > 0))
        .join(first, on=[*ENDPOINT, "tsn"], maintain_order="left")
        .sort("time_ns", maintain_order=True)
        .join_asof(expired, on="time_ns", by=ENDPOINT, allow_exact_matches=False, check_sortedness=False)
    )
    subjects, unknown = known(repeated, parameter(t, "rto_min"), "RTO.Min")
    cannot_have_expired = (pl.col("time_ns") - pl.col("first_ns") < pl.col("least") - TICKS_NS) & (
        pl.col("expired_ns") < pl.col("first_ns")
    ).fill_null(True)
    violations = subjects.filter(
        cannot_have_expired & ~pl.col("is_marked") & _IN_ORDER & (pl.col("fast_before") > 0)
    )
    actual = pl.format("TSN {} again after {} ms", "tsn", pl.col("since_sent") // MILLISECOND)
    return Judgement(subjects, found(violations, "one Fast Retransmit", actual), unknown)
