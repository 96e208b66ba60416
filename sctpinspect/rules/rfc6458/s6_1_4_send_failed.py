"""RFC 6458 §6.1.4: SCTP_SEND_FAILED, and §6.1.11: SCTP_SEND_FAILED_EVENT."""

import polars as pl

from sctpinspect.journal.digest import digest
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import result
from sctpinspect.rules.queries import USER_DATA, either, found
from sctpinspect.tables.associations import ENDPOINT, is_type
from sctpinspect.tables.calls import SENDS


@rule(
    "rfc6458/6.1.4/notify-send-failed",
    level=Level.MUST,
    cites=["RFC 6458 §6.1.4", "RFC 6458 §6.1.11"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def notify_send_failed(t: View) -> Judgement:
    """A message that is told to have failed was sent or not, as SCTP_DATA_SENT or SCTP_DATA_UNSENT says.

    What it checks: by the bytes given back, that a DATA chunk with them left before a notification with
    SCTP_DATA_SENT, and none at all with SCTP_DATA_UNSENT. The send of these bytes is judged so, too.
    Why it matters: what was not sent can be sent again elsewhere, what was sent may have arrived.
    What the capture must contain: the journal with notifications, and the handshake.
    Known exceptions: bytes that the side has sent with several calls are not judged as unsent.
    References: RFC 6458 §6.1.4; RFC 6458 §6.1.11.
    """
    told = t.calls.filter(
        pl.col("notification").is_in(["SCTP_SEND_FAILED", "SCTP_SEND_FAILED_EVENT"])
        & pl.col("association").is_not_null()
    ).select(
        *ENDPOINT,
        "call",
        "frame",
        "state",
        "end_ns",
        digest=result("notification.ssf_data").map_elements(_digest, pl.UInt32),
    )
    sends = t.calls.filter(
        pl.col("name").is_in(SENDS) & pl.col("errno").is_null() & pl.col("association").is_not_null()
    ).select(*ENDPOINT, "digest", send="call")
    carried = (
        t.chunks.filter(is_type(*USER_DATA) & pl.col("association").is_not_null())
        .group_by(*ENDPOINT, digest="payload_digest")
        .agg(sent_ns=pl.col("time_ns").min())
    )
    times = sends.group_by(*ENDPOINT, "digest").agg(times=pl.len())
    about = [*ENDPOINT, "digest"]
    subjects = (
        told.drop_nulls("digest")
        .join(carried, on=about, how="left", maintain_order="left")
        .join(times, on=about, how="left", maintain_order="left")
        .filter((pl.col("state") == "SCTP_DATA_SENT") | (pl.col("times") == 1))
    )
    was_sent = (pl.col("sent_ns") < pl.col("end_ns")).fill_null(False)
    right = pl.when(pl.col("state") == "SCTP_DATA_SENT").then(was_sent).otherwise(pl.col("sent_ns").is_null())
    expected = pl.when(pl.col("state") == "SCTP_DATA_SENT").then(pl.lit("DATA")).otherwise(pl.lit("no DATA"))
    actual = pl.when(was_sent).then(pl.lit("DATA with these bytes")).otherwise(pl.lit("none before it"))
    explained = sends.join(subjects.select(about), on=about, how="semi").select(*ENDPOINT, call="send")
    return Judgement(either(subjects, explained), found(subjects.filter(~right), expected, actual))


def _digest(data: str) -> int | None:
    """The digest of bytes in hexadecimal; a journal that anybody may have written has other things too."""
    try:
        return digest(bytes.fromhex(data))
    except ValueError:
        return None
