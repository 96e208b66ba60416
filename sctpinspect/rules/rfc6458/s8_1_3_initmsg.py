"""RFC 6458 §8.1.3: SCTP_INITMSG."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, number, settings
from sctpinspect.rules.queries import MILLISECOND, TICKS_NS, TIMER_SLACK, awake, beside_peer, found
from sctpinspect.tables.associations import ENDPOINT, is_type

CITES = ["RFC 6458 §8.1.3", "RFC 6458 §5.3.1"]


def _beside_settings(t: View, chunks: pl.LazyFrame, field: str) -> pl.LazyFrame:
    """The chunks of sides that have set the field to other than 0 (0: the endpoint's default).

    Sides whose sends carry SCTP_INIT are left out: it overrides the option for the association.
    """
    overridden = t.calls.filter(pl.col("arguments").str.contains('"SCTP_INIT"', literal=True)).select(
        ENDPOINT
    )
    values = settings(t, "SCTP_INITMSG").select(*ENDPOINT, "call", wanted=number(argument(f"value.{field}")))
    return chunks.join(overridden, on=ENDPOINT, how="anti", maintain_order="left").join(
        values.filter(pl.col("wanted") > 0), on=ENDPOINT, maintain_order="left"
    )


@rule("rfc6458/8.1.3/initmsg-ostreams", level=Level.MUST, cites=CITES)
def initmsg_ostreams(t: View) -> Judgement:
    """sinit_num_ostreams is the number of outbound streams that INIT or INIT ACK asks for.

    What it checks: OS of INIT is the value set; OS of INIT ACK too, but not above the MIS of the INIT.
    Why it matters: a program that asked for streams will use them.
    What the capture must contain: the journal with the option set before the association, and INIT or INIT
    ACK.
    Known exceptions: the value 0 leaves the default; SCTP_INIT with a send overrides the option.
    References: RFC 6458 §8.1.3; RFC 6458 §5.3.1.
    """
    inits = t.chunks.filter(is_type(ChunkType.INIT, ChunkType.INIT_ACK))
    allowed = beside_peer(inits, t.endpoints, allowed="inbound_streams")
    right = (
        pl.when(is_type(ChunkType.INIT_ACK)).then(pl.min_horizontal("wanted", "allowed")).otherwise("wanted")
    )
    subjects = _beside_settings(t, allowed, "sinit_num_ostreams").with_columns(right=right)
    violations = subjects.filter(pl.col("outbound_streams") != pl.col("right"))
    return Judgement(
        subjects,
        found(
            violations, pl.format("{} outbound streams", "right"), pl.format("{} of them", "outbound_streams")
        ),
    )


@rule("rfc6458/8.1.3/initmsg-instreams", level=Level.MUST, cites=CITES)
def initmsg_instreams(t: View) -> Judgement:
    """sinit_max_instreams is the number of inbound streams that INIT or INIT ACK allows.

    What it checks: MIS of INIT or INIT ACK.
    Why it matters: the program bounds so what the peer may open.
    What the capture must contain: the journal with the option set before the association, and INIT or INIT
    ACK.
    Known exceptions: the value 0 leaves the default; SCTP_INIT with a send overrides the option.
    References: RFC 6458 §8.1.3; RFC 6458 §5.3.1.
    """
    inits = t.chunks.filter(is_type(ChunkType.INIT, ChunkType.INIT_ACK))
    subjects = _beside_settings(t, inits, "sinit_max_instreams")
    violations = subjects.filter(pl.col("inbound_streams") != pl.col("wanted"))
    return Judgement(
        subjects,
        found(
            violations, pl.format("{} inbound streams", "wanted"), pl.format("{} of them", "inbound_streams")
        ),
    )


@rule("rfc6458/8.1.3/initmsg-attempts", level=Level.MUST, cites=CITES)
def initmsg_attempts(t: View) -> Judgement:
    """INIT is repeated at most sinit_max_attempts times.

    What it checks: the number of INITs of one attempt (one Initiate Tag).
    Why it matters: it bounds how long connect() waits.
    What the capture must contain: the journal with the option set before the association, and an INIT.
    Known exceptions: the value 0 leaves the default; SCTP_INIT with a send overrides the option.
    References: RFC 6458 §8.1.3; RFC 6458 §5.3.1.
    """
    inits = t.chunks.filter(is_type(ChunkType.INIT)).with_columns(
        sent=pl.int_range(1, pl.len() + 1).over(*ENDPOINT, "initiate_tag")
    )
    subjects = _beside_settings(t, inits, "sinit_max_attempts")
    violations = subjects.filter(pl.col("sent") > pl.col("wanted") + 1)
    return Judgement(
        subjects,
        found(
            violations,
            pl.format("at most {} INITs", pl.col("wanted") + 1),
            pl.format("INIT number {}", "sent"),
        ),
    )


@rule(
    "rfc6458/8.1.3/initmsg-init-timeout",
    level=Level.MUST,
    cites=CITES,
    to_fail=[Need.NO_LOSS, Need.AT_SENDER],
)
def initmsg_init_timeout(t: View) -> Judgement:
    """The time up to the next INIT doubles no further than to sinit_max_init_timeo.

    What it checks: INITs of one attempt (one Initiate Tag): where twice the time before would be more than
    what was set, the time is no longer than that, with 12 % and two clock ticks more for late timers.
    Why it matters: it bounds, with sinit_max_attempts, how long connect() waits.
    What the capture must contain: the journal with the option set before the association, and so many INITs
    that the bound matters. A violation counts only in a capture of the sandbox without drops.
    Known exceptions: the value 0 leaves the default; SCTP_INIT with a send overrides the option.
    References: RFC 6458 §8.1.3; RFC 6458 §5.3.1.
    """
    attempt = [*ENDPOINT, "initiate_tag"]
    inits = t.chunks.filter(is_type(ChunkType.INIT) & pl.col("association").is_not_null()).with_columns(
        waited=awake(t, pl.col("time_ns")).diff().over(attempt)
    )
    repeats = _beside_settings(
        t, inits.with_columns(before=pl.col("waited").shift(1).over(attempt)), "sinit_max_init_timeo"
    ).filter(pl.col("waited").is_not_null())
    bound = pl.col("wanted") * MILLISECOND
    subjects = repeats.filter((2 * pl.col("before") > bound).fill_null(False))
    late = subjects.filter(pl.col("waited") > (bound * TIMER_SLACK).cast(pl.Int64) + TICKS_NS)
    expected = pl.format("{} ms or less", "wanted")
    actual = pl.format("INIT again after {} ms", pl.col("waited") // MILLISECOND)
    reason = pl.lit("too few INITs to reach sinit_max_init_timeo")
    return Judgement(
        subjects,
        found(late, expected, actual),
        repeats.join(subjects, on=ENDPOINT, how="anti").select("association", reason=reason),
    )
