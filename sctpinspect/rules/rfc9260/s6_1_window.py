"""RFC 9260 §6.1: the room that the peer has."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.answers import left_out, unmoved
from sctpinspect.rules.queries import MILLISECOND, TICKS_NS, awake_for, either, found
from sctpinspect.rules.timers import AT_SENDER, has_grown, known, parameter
from sctpinspect.tables.associations import ENDPOINT


@rule(
    "rfc9260/6.1/peer-rwnd-respected",
    level=Level.MUST,
    cites=["RFC 9260 §6.1 (A)", "RFC 9260 §6.2.1"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_SENDER,
)
def peer_rwnd_respected(t: View) -> Judgement:
    """While DATA is in flight no new DATA exceeds the room that the peer has told of.

    What it checks: the bytes of new DATA against the a_rwnd of the last SACK that had arrived, beginning with
    what that SACK reports, or that of INIT or INIT ACK.
    Why it matters: the peer drops what it has no room for.
    What the capture must contain: the handshake and DATA. A violation counts only in a capture of the sandbox
    without drops, which knows when SACKs arrived.
    Known exceptions: one DATA may always be in flight. What is reported missing, or was sent before a
    time-out, counts as no longer in flight, and a smaller room only two clock ticks later. Associations with
    RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §6.1 (A); RFC 9260 §6.2.1.
    """
    subjects = unmoved(t, t.transmissions).filter(~pl.col("is_retransmission"))
    violations = subjects.filter((pl.col("beyond") > 0) & (pl.col("in_flight") > 0))
    actual = pl.format("TSN {}, {} bytes more", "tsn", "beyond")
    expected = pl.format("no more than the room for the a_rwnd of {}", "window")
    return Judgement(subjects, found(violations, expected, actual), left_out(t))


@rule(
    "rfc9260/6.1/zero-window-probe-single",
    level=Level.SHOULD,
    cites=["RFC 9260 §6.1 (A)"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_SENDER,
)
def zero_window_probe_single(t: View) -> Judgement:
    """A closed window is probed with one DATA, once all before it is acknowledged.

    What it checks: that new DATA sent while the peer's a_rwnd is 0 is the earliest outstanding one.
    Why it matters: the peer drops it, and has to say so, for each one.
    What the capture must contain: the handshake and new DATA after a SACK with an a_rwnd of 0. A violation
    counts only in a capture of the sandbox without drops, which knows when SACKs arrived.
    Known exceptions: a SACK that closes the window counts two clock ticks after it arrived. Associations with
    RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §6.1 (A).
    """
    subjects = _probes(t)
    violations = subjects.filter(~pl.col("is_earliest"))
    actual = pl.format("TSN {} while others are outstanding", "tsn")
    return Judgement(subjects, found(violations, "one DATA alone", actual), left_out(t))


def _probes(t: View) -> pl.LazyFrame:
    """New DATA sent to a peer whose window is known to be closed."""
    is_closed = (pl.col("window") == 0) & (pl.col("beyond") > 0)
    return unmoved(t, t.transmissions).filter(~pl.col("is_retransmission") & is_closed)


@rule(
    "rfc9260/6.1/zero-window-probe-timing",
    level=Level.SHOULD,
    cites=["RFC 9260 §6.1 (A)"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_SENDER,
)
def zero_window_probe_timing(t: View) -> Judgement:
    """The first probe of a closed window comes after one RTO, and the next ones at times that double.

    What it checks: that new DATA sent while the peer's a_rwnd is 0 comes RTO.Min or later after the last
    SACK, and that the second time-out of such DATA takes twice as long as the first, up to RTO.Max.
    Why it matters: the window mostly opens by itself soon.
    What the capture must contain: the handshake, new DATA after a SACK with an a_rwnd of 0, and RTO.Min: the
    journal or the recipe of a sandbox. A violation counts only in a capture of the sandbox without drops.
    Known exceptions: timers may be 12 % and two clock ticks late. Associations with RE_CONFIG or FORWARD_TSN
    are left out.
    References: RFC 9260 §6.1 (A).
    """
    first, unknown = known(_probes(t), parameter(t, "rto_min"), "RTO.Min")
    sequence = [*ENDPOINT, "tsn"]
    again = (
        unmoved(t, t.transmissions)
        .join(_probes(t).select(sequence), on=sequence, how="semi", maintain_order="left")
        .filter(pl.col("has_expired") & (pl.col("window") == 0))
        .with_columns(before=awake_for(t, pl.col("time_ns"), pl.col("since_sent")).shift(1).over(sequence))
        .filter(pl.col("before").is_not_null())
        .join(parameter(t, "rto_max").select(*ENDPOINT, rto_max="least"), on=ENDPOINT, maintain_order="left")
    )
    early = first.filter(pl.col("since_heard") < pl.col("least") - TICKS_NS)
    hasty = again.filter(~has_grown(pl.col("since_sent"), pl.col("before"), pl.col("rto_max")))
    violations = either(
        found(
            early,
            pl.format("a probe after {} ms or more", pl.col("least") // MILLISECOND),
            pl.format("TSN {} {} ms after the SACK", "tsn", pl.col("since_heard") // MILLISECOND),
        ),
        found(
            hasty,
            pl.format("a probe after twice the {} ms before", pl.col("before") // MILLISECOND),
            pl.format("TSN {} again after {} ms", "tsn", pl.col("since_sent") // MILLISECOND),
        ),
    )
    return Judgement(either(first, again), violations, pl.concat([unknown, left_out(t)]))


@rule(
    "rfc9260/6.1/retransmissions-before-new-data",
    level=Level.MUST,
    cites=["RFC 9260 §6.1 (C)"],
    to_fail=AT_SENDER,
)
def retransmissions_before_new_data(t: View) -> Judgement:
    """What a time-out has marked for retransmission is sent before new DATA.

    What it checks: that no packet of new DATA alone is sent while DATA that was outstanding when the timer
    ran out has neither been acknowledged nor sent again.
    Why it matters: the receiver can deliver nothing behind what is missing.
    What the capture must contain: a time-out and new DATA after it. A violation counts only in a capture of
    the sandbox without drops, which knows when SACKs arrived.
    Known exceptions: a SACK that arrived within two clock ticks before may have come too late. DATA on other
    addresses has other timers; with more than one address nothing is judged. Associations with RE_CONFIG or
    FORWARD_TSN are left out.
    References: RFC 9260 §6.1 (C).
    """
    single = t.paths.group_by(ENDPOINT).agg(paths=pl.len()).filter(pl.col("paths") == 1)
    sent = unmoved(t, t.transmissions).join(single, on=ENDPOINT, how="semi", maintain_order="left")
    expired = sent.filter("has_expired").group_by(ENDPOINT).agg(expired_ns=pl.col("time_ns").min())
    again = sent.filter("is_retransmission").select("packet")
    subjects = (
        sent.join(expired, on=ENDPOINT, maintain_order="left")
        .filter(~pl.col("is_retransmission") & (pl.col("time_ns") > pl.col("expired_ns")))
        .join(again, on="packet", how="anti", maintain_order="left")
    )
    violations = subjects.filter(
        pl.col("overtakes").is_not_null() & (pl.col("since_heard") > TICKS_NS).fill_null(True)
    )
    actual = pl.format("new TSN {} before TSN {}, which timed out", "tsn", "overtakes")
    return Judgement(subjects, found(violations, "retransmissions first", actual), left_out(t))
