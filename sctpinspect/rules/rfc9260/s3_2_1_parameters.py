"""RFC 9260 §3.2.1: the format of parameters."""

import polars as pl

from sctpinspect.protocol import CauseCode, ChunkType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.exchanges import followed
from sctpinspect.rules.queries import IS_WHOLE, either, found
from sctpinspect.rules.unrecognized import beside_reply, to_be_reported
from sctpinspect.tables.associations import is_type


@rule("rfc9260/3.2.1/param-length-valid", level=Level.MUST, cites=["RFC 9260 §3.2.1", "RFC 9260 §3.3.10"])
def param_length_valid(t: View) -> Judgement:
    """A parameter or error cause is at least 4 bytes long and stays inside its chunk.

    What it checks: the length field of every parameter and error cause against its own header and its chunk.
    Why it matters: a receiver that believes a wrong length reads what is not there.
    What the capture must contain: chunks with parameters or error causes.
    Known exceptions: those of chunks whose own length is wrong are not judged.
    References: RFC 9260 §3.2.1; RFC 9260 §3.3.10.
    """
    columns = ["packet", "frame", "chunk", "association", "side", "offset", "length"]
    chunk_end = t.chunks.filter(pl.col("offset") + pl.col("length") <= pl.col("packet_length")).select(
        "packet", "chunk", chunk_end=pl.col("offset") + pl.col("length")
    )
    subjects = pl.concat([t.parameters.select(columns), t.causes.select(columns)]).join(
        chunk_end, on=["packet", "chunk"], maintain_order="left"
    )
    violations = subjects.filter(
        (pl.col("length") < 4) | (pl.col("offset") + pl.col("length") > pl.col("chunk_end"))
    )
    room = pl.format("a length from 4 to {}", pl.col("chunk_end").cast(pl.Int64) - pl.col("offset"))
    return Judgement(subjects, found(violations, room, pl.format("length {}", "length")))


@rule("rfc9260/3.2.1/param-padding-aligned-zero", level=Level.MUST, cites=["RFC 9260 §3.2.1"])
def param_padding_aligned_zero(t: View) -> Judgement:
    """Parameters are padded with zero bytes, and with no more than 3 of them.

    What it checks: the pad bytes between the parameters of a chunk, and that none are left over behind the
    last one.
    Why it matters: other pad bytes leak memory of the sender; too many look like a parameter.
    What the capture must contain: parameters with padding, not cut.
    Known exceptions: the padding of the last parameter is the chunk's (chunk-padding-zero).
    References: RFC 9260 §3.2.1.
    """
    padded = t.parameters.filter(pl.col("padding_is_zero").is_not_null())
    other = found(padded.filter(~pl.col("padding_is_zero")), "zero bytes", "other pad bytes")
    left_over = found(
        t.chunks.filter(pl.col("defect") == "bytes_after_parameters"),
        "no more than 3 pad bytes behind the last parameter",
        "bytes left over",
    )
    return Judgement(either(padded, left_over), either(other, left_over))


@rule(
    "rfc9260/3.2.1/unknown-init-param-reported",
    level=Level.MUST,
    cites=["RFC 9260 §3.2.1", "RFC 9260 §3.2.2"],
)
def unknown_init_param_reported(t: View) -> Judgement:
    """An INIT ACK returns the unknown parameters of the INIT whose type asks for it.

    What it checks: that parameters of an INIT whose type no RFC defines, with high bits 01 or 11, are in the
    Unrecognized Parameters of the INIT ACK, as far as such a type with high bits 00 or 01 does not end it.
    Why it matters: the initiator learns so which extensions it has to do without.
    What the capture must contain: an INIT with such a parameter, and the INIT ACK.
    Known exceptions: a type that the INIT ACK has too is known to the responder.
    References: RFC 9260 §3.2.1; RFC 9260 §3.2.2.
    """
    subjects = beside_reply(t, to_be_reported(t, ChunkType.INIT)).filter(IS_WHOLE)
    own = t.parameters.select(reply="packet", type="type")
    subjects = subjects.join(own, on=["reply", "type"], how="anti", maintain_order="left")
    violations = subjects.filter(~pl.col("is_reported"))
    return Judgement(
        subjects, found(violations, pl.format("parameter type {} in it", "type"), "an INIT ACK without it")
    )


@rule(
    "rfc9260/3.2.1/unknown-param-does-not-refuse",
    level=Level.SHOULD,
    cites=["RFC 9260 §3.2.1", "RFC 9260 §3.3.2"],
)
def unknown_param_does_not_refuse(t: View) -> Judgement:
    """An unknown parameter alone does not end the handshake.

    What it checks: that the ABORT that answers an INIT or INIT ACK has another cause than Unrecognized
    Parameters, or none.
    Why it matters: with a peer that refuses what it does not know, no extension can ever be tried.
    What the capture must contain: an INIT or INIT ACK, and its answer.
    Known exceptions: none.
    References: RFC 9260 §3.2.1; RFC 9260 §3.3.2.
    """
    causes = t.causes.group_by("packet", "chunk").agg(
        only=(pl.col("code") == CauseCode.UNRECOGNIZED_PARAMETERS).all()
    )
    answers = t.chunks.filter(is_type(ChunkType.INIT_ACK, ChunkType.COOKIE_ECHO, ChunkType.ABORT)).join(
        causes, on=["packet", "chunk"], how="left", maintain_order="left"
    )
    questions = t.chunks.filter(
        is_type(ChunkType.INIT, ChunkType.INIT_ACK) & pl.col("association").is_not_null()
    )
    subjects = (
        followed(t, questions, answers)
        .drop_nulls("answer")
        .unique("answer", keep="last", maintain_order=True)
        .select(packet="answer", asked="type_name", asked_frame="frame")
        .join(answers, on="packet", maintain_order="left")
    )
    violations = subjects.filter(is_type(ChunkType.ABORT) & pl.col("only")).with_columns(
        frames=pl.concat_list("asked_frame", "frame")
    )
    name = pl.col("asked").str.replace_all("_", " ")
    return Judgement(
        subjects,
        found(violations, "the handshake to go on", pl.format("{} refused for unknown parameters", name)),
    )
