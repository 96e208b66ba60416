"""RFC 9260 §6.2: DATA that is acknowledged without delay."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.answers import AT_RECEIVER, at_once
from sctpinspect.rules.calls import of_associations, succeeded
from sctpinspect.tables.associations import ENDPOINT


@rule(
    "rfc9260/6.2/sack-every-second-packet",
    level=Level.SHOULD,
    cites=["RFC 9260 §6.2"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_RECEIVER,
)
def sack_every_second_packet(t: View) -> Judgement:
    """At least every second packet with DATA is acknowledged at once.

    What it checks: that a SACK, SHUTDOWN or ABORT follows the second packet with DATA since the last
    acknowledgement, and each one after it, within 100 ms.
    Why it matters: the sender's congestion window grows with acknowledgements.
    What the capture must contain: the handshake and two packets with DATA in a row. A violation counts only
    in a capture of the sandbox without drops, which knows what arrived at the receiver and when.
    Known exceptions: an endpoint that has set SCTP_DELAYED_SACK may have chosen another number. Associations
    with RE_CONFIG or FORWARD_TSN, and DATA that the receiver may have had no room for, are left out.
    References: RFC 9260 §6.2.
    """
    chosen = of_associations(
        t,
        succeeded(t, "setsockopt").filter(
            pl.col("option").is_in(["SCTP_DELAYED_SACK", "SCTP_DELAYED_ACK_TIME"])
        ),
    )
    second = t.arrivals.filter(pl.col("number") >= 2).join(
        chosen.select(ENDPOINT), on=ENDPOINT, how="anti", maintain_order="left"
    )
    return at_once(t, second, "the second packet with DATA")


@rule(
    "rfc9260/6.2/duplicate-only-packet-acked-immediately",
    level=Level.MUST,
    cites=["RFC 9260 §6.2"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_RECEIVER,
)
def duplicate_only_packet_acked_immediately(t: View) -> Judgement:
    """A packet with nothing but duplicate DATA is answered with a SACK at once.

    What it checks: that a SACK, SHUTDOWN or ABORT follows a packet whose DATA had all arrived before, within
    100 ms.
    Why it matters: the acknowledgement before was lost; the sender's timer doubles until it knows.
    What the capture must contain: the handshake and DATA that arrived twice. A violation counts only in a
    capture of the sandbox without drops, which knows what arrived at the receiver and when.
    Known exceptions: associations with RE_CONFIG or FORWARD_TSN, and DATA that the receiver may have had no
    room for, are left out.
    References: RFC 9260 §6.2.
    """
    again = t.arrivals.filter((pl.col("new") == 0) & (pl.col("again") > 0))
    return at_once(t, again, "nothing but duplicate DATA")


@rule(
    "rfc9260/6.2/i-bit-acked-immediately",
    level=Level.SHOULD,
    cites=["RFC 9260 §6.2"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_RECEIVER,
)
def i_bit_acked_immediately(t: View) -> Judgement:
    """DATA with the I bit is acknowledged at once.

    What it checks: that a SACK, SHUTDOWN or ABORT follows a packet with such DATA within 100 ms.
    Why it matters: the sender waits for that acknowledgement, for instance to end the association.
    What the capture must contain: the handshake and DATA with the I bit. A violation counts only in a capture
    of the sandbox without drops, which knows what arrived at the receiver and when.
    Known exceptions: associations with RE_CONFIG or FORWARD_TSN, and DATA that the receiver may have had no
    room for, are left out.
    References: RFC 9260 §6.2.
    """
    return at_once(t, t.arrivals.filter("immediate"), "DATA with the I bit")
