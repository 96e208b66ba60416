"""RFC 9260 §6.4: multi-homed endpoints."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import USER_DATA, chunk_name, found
from sctpinspect.tables.associations import ENDPOINT, is_type, peer

ANSWERS = {ChunkType.COOKIE_ECHO: ChunkType.COOKIE_ACK}
"""Control chunks and the chunks that answer them; INIT ACK and HEARTBEAT ACK have rules of their own."""


@rule(
    "rfc9260/6.4/reply-to-source-address",
    level=Level.SHOULD,
    cites=["RFC 9260 §6.4"],
    to_fail=[Need.NO_SIGN_OF_LOSS],
)
def reply_to_source_address(t: View) -> Judgement:
    """An answer to a control chunk goes to the address that the chunk came from.

    What it checks: that the first COOKIE ACK of a side goes to where one of the COOKIE ECHOs before it came
    from.
    Why it matters: that address is known to work, and the peer waits for the answer there.
    What the capture must contain: both chunks. A violation counts only where nothing is seen to be missing.
    Known exceptions: answers that are sent again, which may try another address, and answers in packets with
    DATA, which goes to the primary path, are not judged; nor are SHUTDOWN ACK and SHUTDOWN COMPLETE, which
    the RFC does not name and Linux sends to another address.
    References: RFC 9260 §6.4.
    """
    data = t.chunks.filter(is_type(*USER_DATA)).select("packet")
    asked = t.chunks.filter(is_type(*ANSWERS) & pl.col("association").is_not_null()).select(
        "association",
        peer(),
        type=pl.col("type").replace_strict(ANSWERS, return_dtype=pl.UInt8),
        asked="packet",
        asked_frame="frame",
        origin="source",
    )
    first = t.chunks.filter(is_type(*ANSWERS.values()) & pl.col("association").is_not_null()).unique(
        [*ENDPOINT, "type"], keep="first", maintain_order=True
    )
    subjects = (
        first.join(data, on="packet", how="anti", maintain_order="left")
        .join(asked, on=[*ENDPOINT, "type"], maintain_order="left")
        .filter(pl.col("asked") < pl.col("packet"))
        .group_by("packet", "frame", "chunk", *ENDPOINT, "type_name", "destination", maintain_order=True)
        .agg(
            origins=pl.col("origin").unique(),
            asked_frame=pl.col("asked_frame").first(),
            origin=pl.col("origin").last(),
        )
    )
    violations = subjects.filter(~pl.col("origins").list.contains(pl.col("destination"))).with_columns(
        frames=pl.concat_list("asked_frame", "frame")
    )
    actual = pl.format("{} to {}", chunk_name(), "destination")
    return Judgement(subjects, found(violations, pl.format("{} to {}", chunk_name(), "origin"), actual))
