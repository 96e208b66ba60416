"""RFC 6458 §3.1.4: a message read in parts."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import SOCKET
from sctpinspect.rules.queries import USER_DATA, found
from sctpinspect.tables.associations import ENDPOINT, is_type, peer
from sctpinspect.tables.calls import TAKES


@rule(
    "rfc6458/3.1.4/recv-parts-add-up",
    level=Level.MUST,
    cites=["RFC 6458 §3.1.4", "RFC 6458 §4.1.8", "RFC 6458 §5.1"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def recv_parts_add_up(t: View) -> Judgement:
    """The parts of a message that is read in parts add up to the message, and MSG_EOR comes with the last.

    What it checks: for receives with a TSN of the same message, of which the first did not return MSG_EOR,
    that MSG_EOR comes once, with the last, and that their lengths add up to that of the message.
    Why it matters: the program puts the message together again from what it is told.
    What the capture must contain: the journal of the receiver, with SCTP_RCVINFO or SCTP_SNDRCV switched on,
    and the whole message.
    Known exceptions: a message that was not read to its end.
    References: RFC 6458 §3.1.4; RFC 6458 §4.1.8; RFC 6458 §5.1.
    """
    carried = (
        t.chunks.filter(is_type(*USER_DATA) & pl.col("message").is_not_null())
        .unique([*ENDPOINT, "tsn"], keep="first", maintain_order=True)
        .select("association", peer(), "tsn", of="message")
    )
    whole = t.messages.filter("complete").select(of="message", whole="length", frame="last_frame")
    message = [*SOCKET, "of"]
    parts = (
        t.calls.filter(
            TAKES
            & pl.col("errno").is_null()
            & pl.col("association").is_not_null()
            & pl.col("notification").is_null()
            & (pl.col("length") > 0)
            & pl.col("end_of_record").is_not_null()
        )
        .drop("frame")
        .join(carried, on=[*ENDPOINT, "tsn"], maintain_order="left")
        .join(whole, on="of", maintain_order="left")
        .with_columns(
            total=pl.col("length").sum().over(message),
            ends=pl.col("end_of_record").sum().over(message),
            is_last=pl.col("call") == pl.col("call").max().over(message),
        )
    )
    subjects = parts.filter(~pl.col("end_of_record").first().over(message) & (pl.col("ends") > 0))
    wrong = (pl.col("ends") != 1) | ~pl.col("end_of_record") | (pl.col("total") != pl.col("whole"))
    violations = subjects.filter(pl.col("is_last") & wrong)
    expected = pl.format("parts of {} bytes together, MSG_EOR with the last", "whole")
    actual = pl.format("{} bytes together, MSG_EOR {} times", "total", "ends")
    return Judgement(subjects, found(violations, expected, actual))
