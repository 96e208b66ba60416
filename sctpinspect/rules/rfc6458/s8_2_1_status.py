"""RFC 6458 §8.2.1: SCTP_STATUS."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import number, result, streams_are_negotiated, succeeded


@rule(
    "rfc6458/8.2.1/status-streams",
    level=Level.MUST,
    cites=["RFC 6458 §8.2.1", "RFC 9260 §5.1.1"],
    needs=[Need.HANDSHAKE],
)
def status_streams(t: View) -> Judgement:
    """SCTP_STATUS tells the numbers of streams that were negotiated.

    What it checks: sstat_outstrms is the smaller of the own OS and the peer's MIS, sstat_instrms the smaller
    of the peer's OS and the own MIS.
    Why it matters: the program uses streams up to these numbers.
    What the capture must contain: the journal and the handshake.
    Known exceptions: streams added later (RFC 6525) are not counted here.
    References: RFC 6458 §8.2.1; RFC 9260 §5.1.1.
    """
    calls = (
        succeeded(t, "getsockopt", "sctp_opt_info")
        .filter((pl.col("option") == "SCTP_STATUS") & pl.col("association").is_not_null())
        .with_columns(
            outbound=number(result("value.sstat_outstrms")), inbound=number(result("value.sstat_instrms"))
        )
        .drop("frame")
    )
    return streams_are_negotiated(t, calls)
