"""RFC 6458 §5.3.4: SCTP_SACK_IMMEDIATELY, a flag that came later (RFC 7053)."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.calls import flagged
from sctpinspect.rules.queries import USER_DATA, found
from sctpinspect.tables.associations import is_type


@rule(
    "rfc6458/5.3.4/snd-sack-immediately",
    level=Level.MUST,
    cites=["RFC 6458 §5.3.4", "RFC 9260 §3.3.1"],
)
def snd_sack_immediately(t: View) -> Judgement:
    """The last DATA of a message sent with SCTP_SACK_IMMEDIATELY has the I bit.

    What it checks: the I bit in the last fragment of each message whose send has the flag.
    Why it matters: the program cannot go on before the message is acknowledged.
    What the capture must contain: the journal of the sender.
    Known exceptions: none.
    References: RFC 6458 §5.3.4; RFC 9260 §3.3.1.
    """
    asked = t.calls.filter(flagged("SCTP_SACK_IMMEDIATELY")).select("call")
    last = t.chunks.filter(is_type(*USER_DATA) & pl.col("ending")).unique(
        "message", keep="first", maintain_order=True
    )
    subjects = (
        t.sent_messages.filter(pl.col("message").is_not_null())
        .join(asked, on="call", how="semi", maintain_order="left")
        .select("association", "side", "call", "message")
        .join(last.select("message", "frame", "chunk", "immediate"), on="message", maintain_order="left")
    )
    return Judgement(subjects, found(subjects.filter(~pl.col("immediate")), "the I bit", "it is clear"))
