"""RFC 6458 §8.1.16: SCTP_MAXSEG."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.calls import argument, lasting, number
from sctpinspect.rules.queries import USER_DATA, found
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule("rfc6458/8.1.16/maxseg", level=Level.MUST, cites=["RFC 6458 §8.1.16", "RFC 9260 §6.9"])
def maxseg(t: View) -> Judgement:
    """No DATA chunk carries more user data than SCTP_MAXSEG allows.

    What it checks: the bytes of user data in each DATA chunk of a side that set the option before the
    association.
    Why it matters: the program bounds so the packets that a path has to carry.
    What the capture must contain: the journal of the sender.
    Known exceptions: the value 0 sets no bound. By the RFC's words the header of the chunk counts too, by
    Linux it does not: only what is too long by both is a violation.
    References: RFC 6458 §8.1.16; RFC 9260 §6.9.
    """
    limit = number(pl.coalesce(argument("value.assoc_value"), argument("value.value")))
    limits = lasting(t, "SCTP_MAXSEG").select(*ENDPOINT, "call", limit=limit).filter(pl.col("limit") > 0)
    subjects = t.chunks.filter(is_type(*USER_DATA)).join(limits, on=ENDPOINT, maintain_order="left")
    violations = subjects.filter(pl.col("payload_length") > pl.col("limit"))
    return Judgement(
        subjects,
        found(
            violations,
            pl.format("at most {} bytes in a chunk", "limit"),
            pl.format("{} bytes", "payload_length"),
        ),
    )
