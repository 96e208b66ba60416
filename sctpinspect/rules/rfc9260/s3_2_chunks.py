"""RFC 9260 §3.2: the chunk header and the padding behind a chunk."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import WHOLE, found


@rule("rfc9260/3.2/chunk-length-at-least-four", level=Level.MUST, cites=["RFC 9260 §3.2"])
def chunk_length_at_least_four(t: View) -> Judgement:
    """No chunk has a length field below 4.

    What it checks: the length field of every chunk header; it counts the header of 4 bytes itself.
    Why it matters: after such a chunk a receiver cannot find the next one, and a careless one loops forever.
    What the capture must contain: chunk headers.
    Known exceptions: none.
    References: RFC 9260 §3.2.
    """
    violations = t.chunks.filter(pl.col("length") < 4)
    return Judgement(
        t.chunks, found(violations, "a chunk length of 4 or more", pl.format("length {}", "length"))
    )


@rule("rfc9260/3.2/chunk-padding-zero", level=Level.MUST, cites=["RFC 9260 §3.2"])
def chunk_padding_zero(t: View) -> Judgement:
    """The pad bytes behind a chunk are zero.

    What it checks: the 1 to 3 bytes behind every chunk whose length is not a multiple of 4.
    Why it matters: other pad bytes leak memory of the sender, and break receivers that look at them.
    What the capture must contain: chunks with padding, not cut.
    Known exceptions: none. A receiver has to ignore pad bytes, so this says nothing of the receiver.
    References: RFC 9260 §3.2.
    """
    subjects = t.chunks.filter(pl.col("padding_is_zero").is_not_null())
    return Judgement(
        subjects, found(subjects.filter(~pl.col("padding_is_zero")), "zero bytes", "other pad bytes")
    )


@rule("rfc9260/3.2/chunk-alignment", level=Level.MUST, cites=["RFC 9260 §3.2"])
def chunk_alignment(t: View) -> Judgement:
    """Every chunk is padded to a multiple of 4 bytes.

    What it checks: that the pad bytes of the last chunk are there, and that no bytes too few for a chunk
    header follow it. Between chunks a wrong number of pad bytes shows as a chunk that is none.
    Why it matters: receivers look for the next chunk at a multiple of 4, and drop what ends elsewhere.
    What the capture must contain: packets that are not cut.
    Known exceptions: a trailer of the link layer is no part of the packet, which is as long as IP says.
    References: RFC 9260 §3.2.
    """
    subjects = t.chunks.filter(WHOLE & (pl.col("length") >= 4))
    is_last = pl.col("chunk") + 1 == pl.col("chunks_in_packet")
    lacks = pl.col("defect") == "chunk_padding_missing"
    has_more = is_last & (pl.col("packet_defect") == "bytes_after_chunks")
    violations = subjects.filter((lacks | has_more).fill_null(False))
    actual = pl.format("length {} in a packet of {} bytes", "length", "packet_length")
    return Judgement(subjects, found(violations, "pad bytes up to a multiple of 4, and no more", actual))
