"""RFC 9260 §9.2: SHUTDOWN and what it answers."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.answers import AT_RECEIVER, at_once, unmoved
from sctpinspect.rules.queries import MILLISECOND, TICKS_NS, awake_for, found, unanswered
from sctpinspect.rules.rfc9260.s3_3_4_acknowledged import inexact
from sctpinspect.rules.timers import AT_SENDER, has_grown, known, parameter, since_heard
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc9260/9.2/shutdown-cum-tsn-current",
    level=Level.MUST,
    cites=["RFC 9260 §9.2", "RFC 9260 §3.3.8"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_RECEIVER,
)
def shutdown_cum_tsn_current(t: View) -> Judgement:
    """SHUTDOWN has the last TSN of the unbroken run that was received, each time it is sent.

    What it checks: the cumulative TSN ack of each SHUTDOWN against what had arrived before.
    Why it matters: the peer waits with its SHUTDOWN ACK until all its DATA is acknowledged.
    What the capture must contain: the handshake and a SHUTDOWN. A violation counts only in a capture of the
    sandbox without drops, which knows what arrived at the receiver and when.
    Known exceptions: DATA that came within two clock ticks before it may be left out, and so may what the
    receiver had little room for. Associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §9.2; RFC 9260 §3.3.8.
    """
    return inexact(t, unmoved(t, t.acks).filter(is_type(ChunkType.SHUTDOWN)))


@rule(
    "rfc9260/9.2/t2-backoff",
    level=Level.MUST,
    cites=["RFC 9260 §9.2", "RFC 9260 §6.3.3"],
    to_fail=AT_SENDER,
)
def t2_backoff(t: View) -> Judgement:
    """SHUTDOWN and SHUTDOWN ACK are repeated at times that double, up to RTO.Max.

    What it checks: of three in a row to one address, while nothing of the peer arrived, that the second pause
    is twice the first.
    Why it matters: an endpoint that does not back off keeps a congested network congested.
    What the capture must contain: a SHUTDOWN or SHUTDOWN ACK that was repeated twice. Without RTO.Max (the
    journal or the recipe of a sandbox) only a shorter pause is a violation. It counts only in a capture of
    the sandbox without drops.
    Known exceptions: timers may be 12 % and two clock ticks late.
    References: RFC 9260 §9.2; RFC 9260 §6.3.3.
    """
    maxima = parameter(t, "rto_max").select(*ENDPOINT, rto_max="least")
    kind = [*ENDPOINT, "type"]
    subjects = (
        _repeated(t)
        .with_columns(
            pause=pl.col("time_ns").diff().over(kind),
            same=(pl.col("path") == pl.col("path").shift(1).over(kind))
            & (pl.col("path") == pl.col("path").shift(2).over(kind)),
            begun_ns=pl.col("time_ns").shift(2).over(kind),
        )
        .with_columns(before=awake_for(t, pl.col("time_ns"), pl.col("pause")).shift(1).over(kind))
        .filter(pl.col("same") & (pl.col("heard_ns") < pl.col("begun_ns")).fill_null(True))
    )
    grown = has_grown(pl.col("pause"), pl.col("before"), pl.col("rto_max"))
    violations = subjects.join(maxima, on=ENDPOINT, how="left", maintain_order="left").filter(~grown)
    pauses = [pl.col(name) // MILLISECOND for name in ("before", "pause")]
    expected = pl.format("{} after twice the {} ms before", "type_name", pauses[0])
    return Judgement(subjects, found(violations, expected, pl.format("after {} ms", pauses[1])))


@rule(
    "rfc9260/9.2/shutdown-retransmission-limit",
    level=Level.SHOULD,
    cites=["RFC 9260 §9.2"],
    to_fail=AT_SENDER,
)
def shutdown_retransmission_limit(t: View) -> Judgement:
    """SHUTDOWN and SHUTDOWN ACK are repeated at most Association.Max.Retrans times in a row.

    What it checks: how often either was sent since anything of the peer arrived.
    Why it matters: the peer is gone; the association has to end without it.
    What the capture must contain: a SHUTDOWN or SHUTDOWN ACK that was repeated, and Association.Max.Retrans:
    the journal or the recipe of a sandbox. A violation counts only in a capture of the sandbox without drops.
    Known exceptions: none.
    References: RFC 9260 §9.2.
    """
    counted = _repeated(t).with_columns(number=pl.int_range(pl.len()).over(*ENDPOINT, "type", "heard_ns"))
    judged = counted.filter(pl.col("number") > 0)
    subjects, unknown = known(judged, parameter(t, "association_max_retrans"), "Association.Max.Retrans")
    violations = subjects.filter(pl.col("number") > pl.col("most"))
    actual = pl.format("{} repeated {} times", "type_name", "number")
    return Judgement(subjects, found(violations, pl.format("{} times at most", "most"), actual), unknown)


def _repeated(t: View) -> pl.LazyFrame:
    """SHUTDOWN and SHUTDOWN_ACK chunks with `heard_ns`."""
    closing = is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK) & pl.col("association").is_not_null()
    return since_heard(t, t.chunks.filter(closing))


@rule(
    "rfc9260/9.2/shutdown-sent-answers-data",
    level=Level.MUST,
    cites=["RFC 9260 §9.2"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_RECEIVER,
)
def shutdown_sent_answers_data(t: View) -> Judgement:
    """Who has sent SHUTDOWN answers each packet with DATA with SHUTDOWN at once.

    What it checks: that a SHUTDOWN, SHUTDOWN ACK or ABORT follows a packet with DATA that arrives after the
    own SHUTDOWN, within 100 ms.
    Why it matters: the peer waits for it before it ends the association.
    What the capture must contain: the handshake and DATA that arrives after a SHUTDOWN of its receiver. A
    violation counts only in a capture of the sandbox without drops, which knows when packets arrived.
    Known exceptions: DATA that came within two clock ticks after the first SHUTDOWN may have come before it.
    Associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §9.2.
    """
    closing = is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK, ChunkType.ABORT)
    said = t.chunks.filter(closing & pl.col("association").is_not_null())
    first = (
        said.filter(is_type(ChunkType.SHUTDOWN)).group_by(ENDPOINT).agg(closing_ns=pl.col("time_ns").min())
    )
    answers = said.select(*ENDPOINT, closed_frame="frame", closed_ns="time_ns").sort("closed_ns")
    arrived = (
        t.arrivals.join(first, on=ENDPOINT, maintain_order="left")
        .filter(pl.col("arrived_ns") - pl.col("closing_ns") > TICKS_NS)
        .sort("arrived_ns")
        .join_asof(
            answers,
            left_on="arrived_ns",
            right_on="closed_ns",
            by=ENDPOINT,
            strategy="forward",
            coalesce=False,
            check_sortedness=False,
        )
        .with_columns(answer_ns="closed_ns", answer_frame="closed_frame")
    )
    return at_once(t, arrived, "DATA after SHUTDOWN", "a SHUTDOWN at once")


@rule(
    "rfc9260/9.2/shutdown-collision",
    level=Level.SHOULD,
    cites=["RFC 9260 §9.2"],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def shutdown_collision(t: View) -> Judgement:
    """A SHUTDOWN that crosses the own one is answered with SHUTDOWN ACK.

    What it checks: where both sides have sent SHUTDOWN, that each answers with SHUTDOWN ACK, SHUTDOWN
    COMPLETE or ABORT.
    Why it matters: both wait for the other.
    What the capture must contain: a SHUTDOWN of each side and half a second after it. A violation counts only
    in a capture of the sandbox without drops and impairment.
    Known exceptions: none.
    References: RFC 9260 §9.2.
    """
    shutdowns = t.chunks.filter(is_type(ChunkType.SHUTDOWN) & pl.col("association").is_not_null())
    both = shutdowns.group_by("association").agg(sides=pl.col("side").n_unique()).filter(pl.col("sides") == 2)
    crossing = shutdowns.join(both, on="association", how="semi", maintain_order="left")
    answers = t.chunks.filter(is_type(ChunkType.SHUTDOWN_ACK, ChunkType.SHUTDOWN_COMPLETE, ChunkType.ABORT))
    asked, silent, unclear = unanswered(t, crossing, answers)
    return Judgement(asked, found(silent, "SHUTDOWN ACK", "no answer"), unclear)
