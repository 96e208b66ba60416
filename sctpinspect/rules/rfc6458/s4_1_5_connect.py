"""RFC 6458 §4.1.5: connect() of a one-to-one style socket, and what it returns."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import succeeded, unseen
from sctpinspect.rules.queries import first_inits, found
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc6458/4.1.5/connect-returns-established",
    level=Level.MUST,
    cites=["RFC 6458 §4.1.5", "RFC 6458 §9.9"],
    to_fail=[Need.HANDSHAKE],
)
def connect_returns_established(t: View) -> Judgement:
    """A blocking connect() or sctp_connectx() succeeds only after the COOKIE ACK.

    What it checks: that a call without an error ends after the COOKIE ACK was sent to its side.
    Why it matters: a program takes success for an association that is up.
    What the capture must contain: the journal of the initiator and the handshake; a COOKIE ACK can be told to
    be missing only in a whole recording of the sandbox.
    Known exceptions: a call that does not wait fails with EINPROGRESS and is not judged.
    References: RFC 6458 §4.1.5; RFC 6458 §9.9.
    """
    up = t.associations.select("association", "established_ns", "cookie_ack_frame")
    subjects = (
        succeeded(t, "connect", "sctp_connectx")
        .join(first_inits(t).select(ENDPOINT), on=ENDPOINT, how="semi", maintain_order="left")
        .join(up, on="association", maintain_order="left")
        .with_columns(never=pl.col("established_ns").is_null())
        .filter(~pl.col("never") | t.is_whole)
        .with_columns(pl.coalesce("cookie_ack_frame", "frame").alias("frame"), certain="never")
    )
    violations = subjects.filter(pl.col("never") | (pl.col("end_ns") <= pl.col("established_ns")))
    actual = (
        pl.when("never").then(pl.lit("no COOKIE ACK at all")).otherwise(pl.lit("COOKIE ACK after its end"))
    )
    return Judgement(subjects, found(violations, "the call to end after COOKIE ACK", actual))


@rule("rfc6458/4.1.5/connect-errno", level=Level.MUST, cites=["RFC 6458 §4.1.5"], needs=[Need.COUNTERS])
def connect_errno(t: View) -> Judgement:
    """connect() fails with ECONNREFUSED only if the peer refused.

    What it checks: that an ABORT or an ICMP error from one of the addresses given came while the call ran.
    Why it matters: "refused" tells the user that the host is there and the port is closed.
    What the capture must contain: the journal, no drops, and whole packets until after the call.
    Known exceptions: a call that names an address of its own host.
    References: RFC 6458 §4.1.5.
    """
    is_cut = (pl.col("captured_length") < pl.col("length")).any()
    calls = t.calls.filter(
        pl.col("name").is_in(["connect", "sctp_connectx"]) & (pl.col("errno") == "ECONNREFUSED")
    ).join(t.packets.select(is_cut=is_cut), how="cross", maintain_order="left")
    refusals = pl.concat(
        [
            t.chunks.filter(is_type(ChunkType.ABORT)).select("time_ns", address="source", port="source_port"),
            t.icmp_errors.select("time_ns", address="quoted_destination", port="quoted_destination_port"),
        ]
    )
    lacking = unseen(t, calls, refusals, pl.col("start_ns"))
    is_told = ~pl.col("is_cut") & (pl.col("end_ns") <= t.end_ns)
    unclear = lacking.filter(~is_told).select(
        "association", reason=pl.lit("packets are cut, or the capture ends during a call, before its refusal")
    )
    subjects = calls.join(lacking.filter(~is_told), on="call", how="anti", maintain_order="left")
    violations = lacking.filter(is_told)
    return Judgement(
        subjects, found(violations, "an ABORT or an ICMP error", "ECONNREFUSED without either"), unclear
    )
