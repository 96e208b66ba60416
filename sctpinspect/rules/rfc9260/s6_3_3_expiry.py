"""RFC 9260 §6.3.3: T3-rtx has run out."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.answers import left_out, unmoved
from sctpinspect.rules.queries import MILLISECOND, TICKS_NS, TIMER_SLACK, USER_DATA, awake, awake_for, found
from sctpinspect.rules.timers import AT_SENDER, expiries, has_grown, known, parameter, since_heard
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc9260/6.3.3/t3-exponential-backoff",
    level=Level.MUST,
    cites=["RFC 9260 §6.3.3", "RFC 9260 §6.3.1"],
    to_fail=AT_SENDER,
)
def t3_exponential_backoff(t: View) -> Judgement:
    """The timer of an address doubles with every time-out in a row, up to RTO.Max.

    What it checks: of a TSN that times out again and again the time for which it had been sent to an address,
    against that of the time before on the same address, while nothing of the peer arrived.
    Why it matters: an endpoint that does not back off keeps a congested network congested.
    What the capture must contain: two time-outs in a row on one address. Without RTO.Max (the journal or the
    recipe of a sandbox) only a shorter time is a violation. It counts only in a capture of the sandbox
    without drops.
    Known exceptions: timers may be 12 % and two clock ticks late. Where addresses were added or removed, or
    an ICMP message told of a smaller path MTU, nothing is judged.
    References: RFC 9260 §6.3.3; RFC 9260 §6.3.1.
    """
    maxima = parameter(t, "rto_max").select(*ENDPOINT, rto_max="least")
    sequence = [*ENDPOINT, "tsn", "from_path"]
    heard = since_heard(t, expiries(t)).with_columns(
        before=awake_for(t, pl.col("time_ns"), pl.col("since_sent")).shift(1).over(sequence),
        begun_ns=(pl.col("time_ns") - pl.col("since_sent")).shift(1).over(sequence),
        frames=pl.concat_list(pl.col("frame").shift(1).over(sequence), "frame"),
    )
    is_unheard = (pl.col("heard_ns") < pl.col("begun_ns")).fill_null(True)
    subjects = heard.filter(is_unheard & pl.col("before").is_not_null())
    grown = has_grown(pl.col("since_sent"), pl.col("before"), pl.col("rto_max"))
    violations = subjects.join(maxima, on=ENDPOINT, how="left", maintain_order="left").filter(~grown)
    before_ms, now_ms = (pl.col(name) // MILLISECOND for name in ("before", "since_sent"))
    expected = pl.format("twice the {} ms before", before_ms)
    actual = pl.format("TSN {} sent again after {} ms", "tsn", now_ms)
    return Judgement(subjects, found(violations, expected, actual))


@rule(
    "rfc9260/6.3.3/timeout-retransmits-earliest",
    level=Level.MUST,
    cites=["RFC 9260 §6.3.3"],
    to_fail=AT_SENDER,
)
def timeout_retransmits_earliest(t: View) -> Judgement:
    """After a time-out the earliest outstanding TSN is sent again first.

    What it checks: that DATA which no SACK reported missing is not sent again while an earlier TSN is
    outstanding that was sent before it and not since.
    Why it matters: the receiver can deliver nothing before the earliest one arrives.
    What the capture must contain: DATA sent again by a timer, of a side whose peer has one address. A
    violation counts only in a capture of the sandbox without drops.
    Known exceptions: what a time-out before has marked may follow. Associations with RE_CONFIG or FORWARD_TSN
    are left out, and those with several addresses, each of which has its timer.
    References: RFC 9260 §6.3.3.
    """
    single = t.paths.group_by(ENDPOINT).agg(paths=pl.len()).filter(pl.col("paths") == 1)
    again = unmoved(t, t.transmissions.filter("is_retransmission")).join(
        single, on=ENDPOINT, how="semi", maintain_order="left"
    )
    kind = pl.col("retransmission").cast(pl.String)
    is_late = (kind == "unknown") & ~pl.col("is_earliest") & (pl.col("misses") == 0)
    violations = again.filter(is_late & (pl.col("since_earliest") >= pl.col("since_sent"))).filter(
        pl.col("since_acked").is_null()
    )
    actual = pl.format("TSN {} sent again, not the earliest outstanding one", "tsn")
    return Judgement(
        pl.concat([again.filter("has_expired"), violations]),
        found(violations, "the earliest outstanding TSN", actual),
        left_out(t),
    )


@rule(
    "rfc9260/6.3.3/data-eventually-delivered-or-failed",
    level=Level.MUST,
    cites=["RFC 9260 §6.3.3", "RFC 9260 §8.1"],
    to_fail=[*AT_SENDER, Need.NO_LOSS],
)
def data_eventually_delivered_or_failed(t: View) -> Judgement:
    """DATA that is not acknowledged is sent again while the association lives.

    What it checks: that a side which has sent DATA that nothing acknowledges sends nothing else later than
    RTO.Max after the first of it was sent last, with 12 % more for late timers.
    Why it matters: the message is never delivered, and nobody is told.
    What the capture must contain: DATA, and RTO.Max: the journal or the recipe of a sandbox. A violation
    counts only in a capture of the sandbox without drops.
    Known exceptions: an ABORT gives everything up. What was sent later waits for the first. Associations with
    RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §6.3.3; RFC 9260 §8.1.
    """
    data = unmoved(t, t.chunks.filter(is_type(*USER_DATA) & pl.col("association").is_not_null()))
    aborts = t.chunks.filter(is_type(ChunkType.ABORT)).select("packet")
    last = (
        t.packets.join(aborts, on="packet", how="anti")
        .group_by(ENDPOINT)
        .agg(last_ns=pl.col("time_ns").max())
    )
    outstanding = data.filter(pl.col("acked_frame").is_null())
    earliest = outstanding.unique(ENDPOINT, keep="first", maintain_order=True).select(*ENDPOINT, "tsn")
    unacknowledged = outstanding.join(
        earliest, on=[*ENDPOINT, "tsn"], how="semi", maintain_order="left"
    ).unique(ENDPOINT, keep="last", maintain_order=True)
    judged = pl.concat([data.unique(ENDPOINT, keep="first", maintain_order=True), unacknowledged])
    subjects, unknown = known(judged, parameter(t, "rto_max"), "RTO.Max")
    silent = subjects.join(last, on=ENDPOINT, how="left", maintain_order="left").with_columns(
        waited=awake(t, pl.col("last_ns")) - awake(t, pl.col("time_ns"))
    )
    limit = (pl.col("most") * TIMER_SLACK).cast(pl.Int64) + TICKS_NS
    violations = silent.filter(pl.col("acked_frame").is_null() & (pl.col("waited") > limit))
    actual = pl.format(
        "TSN {} neither acknowledged nor sent again for {} ms", "tsn", pl.col("waited") // MILLISECOND
    )
    return Judgement(subjects, found(violations, "DATA sent again, or an ABORT", actual), unknown)
