"""RFC 9260 §3.2: the chunk header and the padding behind a chunk."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import found


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
