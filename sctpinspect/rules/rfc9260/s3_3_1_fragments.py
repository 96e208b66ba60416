"""RFC 9260 §3.3.1: the fragments of a message."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import first_transmissions, found, with_moved_numbers
from sctpinspect.tables.associations import ENDPOINT


@rule(
    "rfc9260/3.3.1/fragment-tsn-consecutive",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.1", "RFC 9260 §6.9"],
    to_fail=[Need.NO_SIGN_OF_LOSS],
)
def fragment_tsn_consecutive(t: View) -> Judgement:
    """No other DATA stands between the fragments of a message.

    What it checks: that a fragment behind the first one has the TSN after that of the fragment before it: the
    one before with its stream and SSN.
    Why it matters: the receiver puts messages together by consecutive TSNs; this one is never whole.
    What the capture must contain: an ordered message in fragments.
    Known exceptions: unordered messages, whose SSN tells nothing, I_DATA, whose fragments may mix, and
    associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §3.3.1; RFC 9260 §6.9.
    """
    message = [*ENDPOINT, "stream", "ssn"]
    subjects = (
        first_transmissions(t, ChunkType.DATA)
        .filter(~pl.col("unordered") & ~(pl.col("beginning") & pl.col("ending")))
        .with_columns(
            pl.col(name).shift(1).over(message).alias(f"{name}_before")
            for name in ("tsn", "position", "run", "ending")
        )
        .filter(~pl.col("beginning") & ~pl.col("ending_before"))
    )
    is_apart = pl.col("position") != pl.col("position_before") + 1
    violations = subjects.filter(is_apart & (pl.col("run") == pl.col("run_before")))
    return with_moved_numbers(
        t,
        subjects,
        found(
            violations,
            pl.format("the TSN after {}", "tsn_before"),
            pl.format("TSN {} goes on with SSN {} of stream {}", "tsn", "ssn", "stream"),
        ),
    )


@rule(
    "rfc9260/3.3.1/fragment-same-ppid",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.1"],
    to_fail=[Need.NO_SIGN_OF_LOSS],
)
def fragment_same_ppid(t: View) -> Judgement:
    """All fragments of a message have the same PPID.

    What it checks: each fragment against the one before.
    Why it matters: whoever looks at one fragment alone, such as a firewall, takes it for other data.
    What the capture must contain: a fragmented message.
    Known exceptions: I_DATA, where only the first fragment has a PPID, and associations with RE_CONFIG or
    FORWARD_TSN are left out.
    References: RFC 9260 §3.3.1.
    """
    subjects = (
        first_transmissions(t, ChunkType.DATA)
        .with_columns(
            pl.col(name).shift(1).over(ENDPOINT).alias(f"{name}_before") for name in ("run", "ppid", "ending")
        )
        .filter((pl.col("run") == pl.col("run_before")) & ~pl.col("beginning") & ~pl.col("ending_before"))
    )
    violations = subjects.filter(pl.col("ppid") != pl.col("ppid_before"))
    return with_moved_numbers(
        t, subjects, found(violations, pl.format("PPID {}", "ppid_before"), pl.format("PPID {}", "ppid"))
    )
