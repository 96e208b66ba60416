"""RFC 6458 §7.5: implicit association setup."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import SETS_UP, SOCKET, succeeded
from sctpinspect.rules.queries import first_inits, found
from sctpinspect.tables.associations import ENDPOINT


@rule("rfc6458/7.5/implicit-setup", level=Level.MUST, cites=["RFC 6458 §7.5"], needs=[Need.HANDSHAKE])
def implicit_setup(t: View) -> Judgement:
    """A send to a new peer sets up the association with it.

    What it checks: where no connect() or sctp_connectx() came first, that the INIT leaves after the first
    send began, for the address and port that it names.
    Why it matters: one-to-many programs often never connect.
    What the capture must contain: the journal of the initiator, from the making of the socket on, and the
    handshake.
    Known exceptions: none.
    References: RFC 6458 §7.5.
    """
    made = succeeded(t, "socket").select(SOCKET)
    calls = (
        t.calls.filter(
            pl.col("name").is_in(SETS_UP)
            & (pl.col("errno").is_null() | (pl.col("errno") == "EINPROGRESS"))
            & pl.col("association").is_not_null()
        )
        .join(made, on=SOCKET, how="semi", maintain_order="left")
        .unique(ENDPOINT, keep="first", maintain_order=True)
        .filter(~pl.col("name").is_in(["connect", "sctp_connectx"]) & pl.col("address").is_not_null())
        .select(*ENDPOINT, "call", "name", "address", "port", "start_ns")
    )
    subjects = first_inits(t).join(calls, on=ENDPOINT, maintain_order="left")
    violations = subjects.filter(
        (pl.col("destination") != pl.col("address"))
        | (pl.col("destination_port") != pl.col("port"))
        | (pl.col("time_ns") < pl.col("start_ns"))
    )
    expected = pl.format("INIT to {} port {} after {}() began", "address", "port", "name")
    actual = pl.format("INIT to {} port {}", "destination", "destination_port")
    return Judgement(subjects, found(violations, expected, actual))
