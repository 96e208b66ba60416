"""RFC 6458 §5.3.4: streams and addresses that a send may name."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import flagged, succeeded
from sctpinspect.rules.queries import beside_own, found
from sctpinspect.tables.associations import ENDPOINT
from sctpinspect.tables.calls import SENDS


@rule(
    "rfc6458/5.3.4/snd-invalid-stream",
    level=Level.MUST,
    cites=["RFC 6458 §5.3.4", "RFC 9260 §5.1.1"],
    needs=[Need.HANDSHAKE],
)
def snd_invalid_stream(t: View) -> Judgement:
    """A send on a stream that was not negotiated fails.

    What it checks: that no send succeeds whose stream identifier is not below the negotiated number of
    outbound streams.
    Why it matters: the peer would answer with "Invalid Stream Identifier", and the message be lost.
    What the capture must contain: the journal of the sender, and the handshake.
    Known exceptions: an association whose streams were reset or added to (RE-CONFIG) is not judged, nor a
    send that begins the association: its streams are not negotiated yet.
    References: RFC 6458 §5.3.4; RFC 9260 §5.1.1.
    """
    established = t.associations.select("association", "established_ns")
    calls = (
        succeeded(t, *SENDS)
        .filter(pl.col("association").is_not_null() & pl.col("stream").is_not_null())
        .join(t.changes.select("association"), on="association", how="anti", maintain_order="left")
        .join(established, on="association", maintain_order="left")
        .filter(pl.col("start_ns") > pl.col("established_ns"))
    )
    negotiated = beside_own(calls, t.endpoints, streams="negotiated_streams")
    subjects = negotiated.filter(pl.col("streams").is_not_null())
    violations = subjects.filter(pl.col("stream") >= pl.col("streams"))
    return Judgement(
        subjects,
        found(
            violations,
            pl.format("the call to fail: there are {} streams", "streams"),
            pl.format("it succeeded on stream {}", "stream"),
        ),
    )


@rule(
    "rfc6458/5.3.4/snd-addr-over",
    level=Level.MUST,
    cites=["RFC 6458 §5.3.4", "RFC 6458 §5.3.2", "RFC 9260 §6.4"],
)
def snd_addr_over(t: View) -> Judgement:
    """A message sent with SCTP_ADDR_OVER goes to the address that its send names.

    What it checks: the destination of the first transmission of the message's first fragment.
    Why it matters: the program chose this path over the primary one.
    What the capture must contain: the journal of the sender.
    Known exceptions: an address that is not confirmed at the time of the call is not judged, nor a sender
    that retransmits: the path may have failed.
    References: RFC 6458 §5.3.4; RFC 6458 §5.3.2; RFC 9260 §6.4.
    """
    confirmed = t.paths.select(*ENDPOINT, "destination", "confirmed_ns").drop_nulls()
    named = t.calls.filter(flagged("SCTP_ADDR_OVER")).select("call", named="address").drop_nulls()
    subjects = (
        went(t)
        .join(named, on="call", maintain_order="left")
        .join(confirmed.rename({"destination": "named"}), on=[*ENDPOINT, "named"], maintain_order="left")
        .filter(pl.col("confirmed_ns") < pl.col("start_ns"))
    )
    violations = subjects.filter(pl.col("destination") != pl.col("named"))
    return Judgement(
        subjects, found(violations, pl.format("DATA to {}", "named"), pl.format("to {}", "destination"))
    )


def went(t: View) -> pl.LazyFrame:
    """Messages beside their sends with `destination`: where their first fragment went at first.

    Those of sides that retransmit are left out, for a path that fails is left.
    """
    retransmitting = t.chunks.filter("is_retransmission").select(ENDPOINT)
    first = t.chunks.select("frame", "chunk", "destination")
    return (
        t.sent_messages.filter(pl.col("call").is_not_null() & pl.col("message").is_not_null())
        .join(retransmitting, on=ENDPOINT, how="anti", maintain_order="left")
        .join(first, on=["frame", "chunk"], maintain_order="left")
    )
