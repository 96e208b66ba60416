"""RFC 9260 §3.3.7: ABORT."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import USER_DATA, WHOLE, found
from sctpinspect.tables.associations import is_type


@rule("rfc9260/3.3.7/no-data-with-abort", level=Level.MUST, cites=["RFC 9260 §3.3.7", "RFC 9260 §9.1"])
def no_data_with_abort(t: View) -> Judgement:
    """No DATA is bundled with an ABORT.

    What it checks: the other chunks of every packet with an ABORT.
    Why it matters: the association is gone; nobody will acknowledge the DATA.
    What the capture must contain: an ABORT, in a packet that is not cut.
    Known exceptions: none.
    References: RFC 9260 §3.3.7; RFC 9260 §9.1.
    """
    subjects = t.chunks.filter(is_type(ChunkType.ABORT) & WHOLE)
    user_data = t.chunks.filter(is_type(*USER_DATA)).select("packet")
    violations = subjects.join(user_data, on="packet", how="semi", maintain_order="left")
    return Judgement(subjects, found(violations, "no DATA in its packet", "DATA bundled with it"))


@rule("rfc9260/3.3.7/abort-is-last-chunk", level=Level.MUST, cites=["RFC 9260 §3.3.7"])
def abort_is_last_chunk(t: View) -> Judgement:
    """Control chunks bundled with an ABORT stand before it.

    What it checks: that the ABORT is the last chunk of its packet.
    Why it matters: the receiver ignores what follows, for the association is gone.
    What the capture must contain: an ABORT, in a packet that is not cut.
    Known exceptions: none.
    References: RFC 9260 §3.3.7.
    """
    subjects = t.chunks.filter(is_type(ChunkType.ABORT) & WHOLE)
    violations = subjects.filter(pl.col("chunk") + 1 < pl.col("chunks_in_packet"))
    actual = pl.format("chunk {} of {}", pl.col("chunk") + 1, "chunks_in_packet")
    return Judgement(subjects, found(violations, "the last place in its packet", actual))
