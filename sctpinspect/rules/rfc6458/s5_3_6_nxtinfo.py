"""RFC 6458 §5.3.6: SCTP_NXTINFO, what a receive says of the message that the next one will give."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.calls import SOCKET, number, result, succeeded
from sctpinspect.rules.queries import found
from sctpinspect.tables.calls import TAKES


@rule("rfc6458/5.3.6/nxtinfo-fields", level=Level.MUST, cites=["RFC 6458 §5.3.6", "RFC 6458 §8.1.30"])
def nxtinfo_fields(t: View) -> Judgement:
    """SCTP_NXTINFO tells stream and PPID of the message that the next receive returns, and no greater length.

    What it checks: these of each whole message against what the next receive of the socket returns.
    Why it matters: the application makes room for the next message, or chooses who is to get it.
    What the capture must contain: the journal of the receiver, with SCTP_RECVNXTINFO and SCTP_RECVRCVINFO
    switched on.
    Known exceptions: of a message that is not all there yet the length is that of what is there; nothing is
    judged where the next receive gives a notification, where receives of the socket overlap, nor of a socket
    from which associations were peeled off.
    References: RFC 6458 §5.3.6; RFC 6458 §8.1.30.
    """
    peeled = succeeded(t, "sctp_peeloff").select(SOCKET)
    following = ["start_ns", "stream", "ppid", "length", "end_of_record"]
    receives = (
        t.calls.filter(TAKES & pl.col("errno").is_null())
        .join(peeled, on=SOCKET, how="anti", maintain_order="left")
        .sort("start_ns", maintain_order=True)
        .with_columns(
            pl.col("end_ns").cum_max().shift(1).over(SOCKET).alias("before_ns"),
            *(pl.col(name).shift(-1).over(SOCKET).alias(f"next_{name}") for name in following),
        )
    )
    alone = (pl.col("before_ns") <= pl.col("start_ns")).fill_null(True) & (
        pl.col("end_ns") <= pl.col("next_start_ns")
    )
    subjects = (
        receives.filter(alone & pl.col("end_of_record") & pl.col("next_stream").is_not_null())
        .with_columns(
            told_stream=number(result("control[*].nxt_sid")),
            told_ppid=number(result("control[*].nxt_ppid")),
            told_length=number(result("control[*].nxt_length")),
        )
        .drop_nulls(["told_stream", "told_ppid", "told_length"])
    )
    right = (
        (pl.col("told_stream") == pl.col("next_stream"))
        & (pl.col("told_ppid") == pl.col("next_ppid"))
        & (~pl.col("next_end_of_record") | (pl.col("told_length") <= pl.col("next_length")))
    )

    def fields(which: str) -> pl.Expr:
        columns = [f"{which}_stream", f"{which}_ppid", f"{which}_length"]
        return pl.format("stream {}, PPID {}, {} bytes", *columns)

    return Judgement(subjects, found(subjects.filter(~right), fields("next"), fields("told")))
