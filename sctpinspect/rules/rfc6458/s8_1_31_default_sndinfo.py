"""RFC 6458 §8.1.31 and §8.1.13: SCTP_DEFAULT_SNDINFO, SCTP_DEFAULT_SEND_PARAM."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import as_set, value
from sctpinspect.rules.queries import found


@rule(
    "rfc6458/8.1.31/snd-default-info",
    level=Level.MUST,
    cites=["RFC 6458 §8.1.31", "RFC 6458 §8.1.13"],
    to_fail=[Need.WHOLE_PACKETS],
)
def snd_default_info(t: View) -> Judgement:
    """A message whose send says nothing of it has the defaults that were set.

    What it checks: stream and PPID of messages sent without SCTP_SNDINFO or SCTP_SNDRCV on a one-to-one
    socket whose defaults were set before.
    Why it matters: programs that use send() and write() can choose stream and PPID only so.
    What the capture must contain: the journal of the sender.
    Known exceptions: one-to-many sockets, where defaults are those of one association or of future ones, and
    sockets that accept() or sctp_peeloff() made are not judged.
    References: RFC 6458 §8.1.31; RFC 6458 §8.1.13.
    """
    plain = t.sent_messages.filter(
        pl.col("call").is_not_null() & pl.col("message").is_not_null() & pl.col("sent_stream").is_null()
    )
    subjects = as_set(t, plain, "SCTP_DEFAULT_SNDINFO", "SCTP_DEFAULT_SEND_PARAM").with_columns(
        default_stream=pl.coalesce(value("snd_sid"), value("sinfo_stream"), pl.lit(0)),
        default_ppid=pl.coalesce(value("snd_ppid"), value("sinfo_ppid"), pl.lit(0)),
    )
    violations = subjects.filter(
        (pl.col("stream") != pl.col("default_stream")) | (pl.col("ppid") != pl.col("default_ppid"))
    )
    return Judgement(
        subjects,
        found(
            violations,
            pl.format("stream {}, PPID {}", "default_stream", "default_ppid"),
            pl.format("stream {}, PPID {}", "stream", "ppid"),
        ),
    )
