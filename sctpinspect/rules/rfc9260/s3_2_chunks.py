"""RFC 9260 §3.2: the chunk header and the padding behind a chunk."""

import polars as pl

from sctpinspect.protocol import TAG_REFLECTED, ChunkType, DataFlag
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.exchanges import effects
from sctpinspect.rules.queries import WHOLE, chunk_name, either, found
from sctpinspect.rules.unrecognized import reported_chunks, unknown_chunks
from sctpinspect.tables.associations import is_type, peer


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


@rule("rfc9260/3.2/final-param-padding-not-counted", level=Level.INFO, cites=["RFC 9260 §3.2"])
def final_param_padding_not_counted(t: View) -> Judgement:
    """The chunk length does not count the padding of the last parameter.

    What it checks: that a chunk whose last parameter or error cause is padded ends where that ends.
    Why it matters: a receiver that goes by the letter takes the pad bytes for the begin of another parameter.
    What the capture must contain: chunks with parameters or error causes.
    Known exceptions: none. Receivers are expected to accept either form.
    References: RFC 9260 §3.2.
    """
    columns = ["packet", "chunk", "index", "offset", "length", "defect"]
    last = (
        pl.concat([t.parameters.select(columns), t.causes.select(columns)])
        .group_by("packet", "chunk")
        .agg(
            pl.col("defect").sort_by("index").last().alias("tlv_defect"),
            (pl.col("offset") + pl.col("length")).sort_by("index").last().alias("tlv_end"),
        )
        .filter(pl.col("tlv_defect").is_null())
    )
    subjects = t.chunks.filter(pl.col("defect").is_null()).join(
        last, on=["packet", "chunk"], maintain_order="left"
    )
    counted = pl.col("offset") + pl.col("length") - pl.col("tlv_end")
    violations = subjects.filter(pl.col("offset") + pl.col("length") > pl.col("tlv_end"))
    return Judgement(
        subjects,
        found(
            violations,
            pl.format("length {}", pl.col("length") - counted),
            pl.format("length {}", "length"),
        ),
    )


KNOWN_FLAGS = {type.value: 0 for type in ChunkType} | {
    ChunkType.DATA.value: sum(DataFlag),
    ChunkType.I_DATA.value: sum(DataFlag),
    ChunkType.ABORT.value: TAG_REFLECTED,
    ChunkType.SHUTDOWN_COMPLETE.value: TAG_REFLECTED,
}
"""The flags that have a meaning, by chunk type."""

_OF_DRAFTS = [ChunkType.NR_SACK, ChunkType.PKTDROP]


@rule("rfc9260/3.2/chunk-flags-reserved-zero", level=Level.SHOULD, cites=["RFC 9260 §3.2", "RFC 9260 §3.3"])
def chunk_flags_reserved_zero(t: View) -> Judgement:
    """Flags without a meaning are 0.

    What it checks: the flags of each chunk of a type that an RFC defines.
    Why it matters: the next RFC may give them a meaning, and then the peer misunderstands.
    What the capture must contain: chunks.
    Known exceptions: chunk types that are unknown, or defined by drafts only, are not judged.
    References: RFC 9260 §3.2; RFC 9260 §3.3.
    """
    known = pl.col("type").replace_strict(KNOWN_FLAGS, default=None, return_dtype=pl.UInt8)
    subjects = t.chunks.filter(pl.col("type_name").is_not_null() & ~is_type(*_OF_DRAFTS)).with_columns(
        other=pl.col("flags") & ~known
    )
    violations = subjects.filter(pl.col("other") != 0)
    actual = pl.format("{} with flags 0x{}", chunk_name(), _hex("flags"))
    return Judgement(subjects, found(violations, pl.format("0x{} clear", _hex("other")), actual))


def _hex(flags: str) -> pl.Expr:
    digits = {number: f"{number:02x}" for number in range(256)}
    return pl.col(flags).replace_strict(digits, return_dtype=pl.String)


@rule(
    "rfc9260/3.2/unknown-chunk-handling",
    level=Level.MUST,
    cites=["RFC 9260 §3.2", "RFC 9260 §3.3.10.6"],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def unknown_chunk_handling(t: View) -> Judgement:
    """Chunks of unknown types are dropped, skipped and reported as their two highest bits say.

    What it checks: of chunks whose type no RFC defines: 00 and 01: DATA behind it in its packet is not
    acknowledged, a HEARTBEAT not answered. 01 and 11: an ERROR reports it within half a second. And that no
    ERROR reports a type with 00 or 10.
    Why it matters: these bits are how chunk types of the future get along with endpoints of the past.
    What the capture must contain: a chunk of an unknown type, or an ERROR that reports one. A violation
    counts only in a capture of the sandbox without drops and impairment.
    Known exceptions: a type that the receiver lists as an extension is known to it. Nothing is reported of an
    association that is about to end.
    References: RFC 9260 §3.2; RFC 9260 §3.3.10.6.
    """
    unknown = unknown_chunks(t)
    ending = pl.col("type") < 128
    behind = t.chunks.join(
        unknown.filter(ending).group_by("packet").agg(stop=pl.col("chunk").min()),
        on="packet",
        maintain_order="left",
    ).filter(pl.col("chunk") > pl.col("stop"))
    processed = found(effects(t, behind), "what is behind a chunk of that type dropped", pl.col("actual"))
    is_reportable = (pl.col("type") & 64) > 0
    unreported = unknown.filter(is_reportable & ~pl.col("is_reported")).with_columns(
        pl.lit(None, pl.UInt16).alias("chunk")
    )
    reports = t.chunks.join(
        reported_chunks(t).filter((pl.col("reported_type") & 64) == 0),
        on=["packet", "chunk"],
        maintain_order="left",
    )
    return Judgement(
        either(unknown.with_columns(peer()), reports),
        either(
            processed,
            found(
                unreported.with_columns(peer()), pl.format("an ERROR that reports type {}", "type"), "none"
            ),
            found(
                reports, "silence about such a chunk", pl.format("chunk type {} reported", "reported_type")
            ),
        ),
    )
