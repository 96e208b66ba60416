"""RFC 6458 §3.1.6: connect()."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import succeeded, untraced
from sctpinspect.rules.queries import either, first_inits, found
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc6458/3.1.6/connect-sends-init",
    level=Level.MUST,
    cites=["RFC 6458 §3.1.6", "RFC 6458 §4.1.5"],
    to_fail=[Need.HANDSHAKE],
)
def connect_sends_init(t: View) -> Judgement:
    """connect() sends INIT to the address and port given.

    What it checks: that the first INIT of the association leaves after the call began, for the address and
    port that it names, and that a call that succeeds has one at all.
    Why it matters: the call is the only cause that the INIT can have.
    What the capture must contain: the journal of the initiator and an INIT. A violation counts only with the
    handshake: else the INIT may be one of a later association. An INIT can be told to be missing only in a
    whole recording of the sandbox.
    Known exceptions: of several calls the first that did not fail, or that does not wait, is judged.
    References: RFC 6458 §3.1.6; RFC 6458 §4.1.5.
    """
    begins = pl.col("errno").is_null() | (pl.col("errno") == "EINPROGRESS")
    calls = (
        t.calls.filter((pl.col("name") == "connect") & begins & pl.col("association").is_not_null())
        .unique(ENDPOINT, keep="first", maintain_order=True)
        .select(*ENDPOINT, "call", pl.col("address").str.replace("%.*", ""), "port", "start_ns")
    )
    subjects = first_inits(t).join(calls, on=ENDPOINT, maintain_order="left")
    violations = subjects.filter(
        (pl.col("destination") != pl.col("address"))
        | (pl.col("destination_port") != pl.col("port"))
        | (pl.col("time_ns") < pl.col("start_ns"))
    )
    expected = pl.format("INIT to {} port {} after the call began", "address", "port")
    actual = pl.format("INIT to {} port {}", "destination", "destination_port")
    inits = t.chunks.filter(is_type(ChunkType.INIT))
    silent = untraced(t, succeeded(t, "connect"), inits, "destination", pl.col("start_ns"))
    wrong = [found(violations, expected, actual), found(silent, expected, "success without an INIT")]
    return Judgement(either(subjects, silent), either(*wrong))
