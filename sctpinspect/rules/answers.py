"""Sub-queries over what receivers of DATA had received when they acknowledged (see `rules.progress`)."""

import polars as pl

from sctpinspect.rules.model import Judgement, Need
from sctpinspect.rules.queries import MILLISECOND, found, moved_numbers, too_short
from sctpinspect.rules.view import View
from sctpinspect.tables.associations import ENDPOINT

AT_ONCE_NS = 100 * MILLISECOND
"""Half of the shortest delay of SACKs in use: what takes longer was delayed."""

AT_RECEIVER = (Need.AT_SENDER, Need.COUNTERS)
"""What it takes to tell what had arrived: all packets, in order, and when they did."""


def unmoved(t: View, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Those of associations whose TSNs only ever grow by one, from the initial one (see `moved_numbers`)."""
    return rows.join(left_out(t), on="association", how="anti", maintain_order="left")


def left_out(t: View) -> pl.LazyFrame:
    """`association` and `reason`: those whose TSNs a RE_CONFIG or FORWARD_TSN may have moved, or whose
    packets have an unknown fate.
    """
    return pl.concat([moved_numbers(t), t.unclear])


def at_once(t: View, arrivals: pl.LazyFrame, reason: str, expected: str = "a SACK at once") -> Judgement:
    """Judges that each of `arrivals` (packets with DATA) is acknowledged at once.

    Not where TSNs before it may have been dropped for want of room, or where the association ends or the
    capture does before an answer is late. reason: why it is due.
    """
    ends = t.associations.select("association", "end_ns")
    due = (
        unmoved(t, arrivals)
        .filter(~pl.col("doubted"))
        .join(ends, on="association", how="left", maintain_order="left")
        .with_columns(waited=pl.col("answer_ns") - pl.col("arrived_ns"))
        .filter(
            pl.col("waited").is_not_null()
            | (pl.col("end_ns") - pl.col("arrived_ns") > AT_ONCE_NS).fill_null(True)
        )
        .with_columns(is_told=pl.col("waited").is_not_null() | (t.end_ns - pl.col("arrived_ns") > AT_ONCE_NS))
    )
    subjects = due.filter("is_told")
    violations = subjects.filter((pl.col("waited") > AT_ONCE_NS).fill_null(True)).with_columns(
        frames=pl.concat_list("frame", "answer_frame").list.drop_nulls()
    )
    waited = (
        pl.when(pl.col("waited").is_null())
        .then(pl.lit("never"))
        .otherwise(pl.format("after {} ms", pl.col("waited") // MILLISECOND))
    )
    actual = pl.format("{}, acknowledged {}", pl.lit(reason), waited)
    return Judgement(
        subjects,
        found(violations, expected, actual),
        pl.concat([too_short(due.filter(~pl.col("is_told"))), left_out(t)]),
    )


def up_to(rows: pl.LazyFrame, when: str, events: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """The rows in order of the time `when`, and how many of `events` (`event_ns`) of their side came up to
    then.
    """
    numbered = events.sort("event_ns").with_columns(pl.int_range(1, pl.len() + 1).over(ENDPOINT).alias(name))
    return (
        rows.sort(when, maintain_order=True)
        .join_asof(
            numbered, left_on=when, right_on="event_ns", by=ENDPOINT, coalesce=False, check_sortedness=False
        )
        .drop("event_ns")
        .with_columns(pl.col(name).fill_null(0))
    )
