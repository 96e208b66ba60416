"""RFC 6458 §8.1.4: SO_LINGER."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import SOCKET, argument, ending, number, succeeded
from sctpinspect.rules.queries import found


@rule(
    "rfc6458/8.1.4/linger-zero-abort",
    level=Level.MUST,
    cites=["RFC 6458 §8.1.4", "RFC 9260 §9.1"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def linger_zero_abort(t: View) -> Judgement:
    """close() with a linger time of 0 ends the associations of the socket with ABORT.

    What it checks: that after close() of a socket whose last SO_LINGER is on with 0 seconds the side sends
    ABORT, and no SHUTDOWN before it.
    Why it matters: the program wants nothing of the association to last, not even its data on the way.
    What the capture must contain: the journal, and the end of the association.
    Known exceptions: after the peer's SHUTDOWN or ABORT, or the own shutdown(), nothing is judged; nor is an
    association that an earlier SCTP_EOF was to end.
    References: RFC 6458 §8.1.4; RFC 9260 §9.1.
    """
    option = succeeded(t, "setsockopt").filter(pl.col("option") == "SO_LINGER")
    aborting = option.unique(SOCKET, keep="last", maintain_order=True).filter(
        (number(argument("value.l_onoff")) > 0) & (number(argument("value.l_linger")) == 0)
    )
    shut = pl.concat(
        [
            succeeded(t, "shutdown"),
            t.calls.filter(pl.col("arguments").str.contains('"SCTP_EOF"', literal=True)),
        ]
    ).select(SOCKET)
    closes = (
        succeeded(t, "close")
        .join(aborting.select(SOCKET), on=SOCKET, how="semi", maintain_order="left")
        .join(shut, on=SOCKET, how="anti", maintain_order="left")
    )
    subjects = ending(t, closes)
    violations = subjects.filter(pl.col("said") != "ABORT")
    return Judgement(subjects, found(violations, "ABORT", pl.format("{} after close()", "said")))
