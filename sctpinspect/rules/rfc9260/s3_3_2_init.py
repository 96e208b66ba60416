"""RFC 9260 §3.3.2: the fields of INIT, and of INIT ACK, which has the same."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.exchanges import FLOW, IS_INVALID, answered, reversed_flow, taken_up
from sctpinspect.rules.queries import (
    PATIENCE_NS,
    USER_DATA,
    chunk_name,
    first_transmissions,
    found,
    with_moved_numbers,
)
from sctpinspect.tables.associations import ENDPOINT, is_type, peer

BOTH = ["RFC 9260 §3.3.2", "RFC 9260 §3.3.3"]


def _inits(t: View) -> pl.LazyFrame:
    return t.chunks.filter(is_type(ChunkType.INIT, ChunkType.INIT_ACK))


@rule("rfc9260/3.3.2/init-chunk-minimum-length", level=Level.MUST, cites=BOTH)
def init_chunk_minimum_length(t: View) -> Judgement:
    """INIT and INIT ACK hold all their fixed fields.

    What it checks: that their length is 20 or more.
    Why it matters: without Initiate Tag, a_rwnd, stream counts and initial TSN there is no association.
    What the capture must contain: an INIT or INIT ACK.
    Known exceptions: none.
    References: RFC 9260 §3.3.2; RFC 9260 §3.3.3.
    """
    subjects = _inits(t)
    violations = subjects.filter(pl.col("length") < 20)
    return Judgement(subjects, found(violations, "a length of 20 or more", pl.format("length {}", "length")))


@rule("rfc9260/3.3.2/initiate-tag-nonzero", level=Level.MUST, cites=[*BOTH, "RFC 9260 §5.3.1"])
def initiate_tag_nonzero(t: View) -> Judgement:
    """The Initiate Tag of INIT and INIT ACK is not 0.

    What it checks: the Initiate Tag field.
    Why it matters: tag 0 marks packets with an INIT; an endpoint that chose it could never be addressed.
    What the capture must contain: an INIT or INIT ACK.
    Known exceptions: none.
    References: RFC 9260 §3.3.2; RFC 9260 §3.3.3; RFC 9260 §5.3.1.
    """
    subjects = _inits(t).filter(pl.col("initiate_tag").is_not_null())
    violations = subjects.filter(pl.col("initiate_tag") == 0)
    return Judgement(subjects, found(violations, "an Initiate Tag other than 0", "Initiate Tag 0"))


@rule("rfc9260/3.3.2/init-stream-counts-nonzero", level=Level.MUST, cites=BOTH)
def init_stream_counts_nonzero(t: View) -> Judgement:
    """INIT and INIT ACK ask for at least one outbound and allow at least one inbound stream.

    What it checks: the two stream counts (OS and MIS).
    Why it matters: with no stream there is nothing to send on; the receiver refuses with an ABORT.
    What the capture must contain: an INIT or INIT ACK.
    Known exceptions: none.
    References: RFC 9260 §3.3.2; RFC 9260 §3.3.3.
    """
    subjects = _inits(t).filter(pl.col("outbound_streams").is_not_null())
    violations = subjects.filter((pl.col("outbound_streams") == 0) | (pl.col("inbound_streams") == 0))
    actual = pl.format("{} outbound, {} inbound streams", "outbound_streams", "inbound_streams")
    return Judgement(subjects, found(violations, "at least 1 of each", actual))


@rule("rfc9260/3.3.2/a-rwnd-minimum", level=Level.MUST, cites=BOTH)
def a_rwnd_minimum(t: View) -> Judgement:
    """The a_rwnd of INIT and INIT ACK is at least 1500 bytes.

    What it checks: the advertised receiver window of the handshake. SACKs may go down to 0.
    Why it matters: the peer must be able to send one packet of full size; it refuses less with an ABORT.
    What the capture must contain: an INIT or INIT ACK.
    Known exceptions: none.
    References: RFC 9260 §3.3.2; RFC 9260 §3.3.3.
    """
    subjects = _inits(t).filter(pl.col("a_rwnd").is_not_null())
    violations = subjects.filter(pl.col("a_rwnd") < 1500)
    return Judgement(subjects, found(violations, "1500 or more", pl.format("a_rwnd {}", "a_rwnd")))


@rule(
    "rfc9260/3.3.2/first-tsn-is-initial-tsn",
    level=Level.MUST,
    cites=BOTH,
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def first_tsn_is_initial_tsn(t: View) -> Judgement:
    """The first DATA of a side has the initial TSN of its INIT or INIT ACK.

    What it checks: the lowest TSN that each side used; where it is another one, its first DATA is at fault.
    Why it matters: the peer counts from the initial TSN; it takes DATA below it for a duplicate, above it for
    a gap.
    What the capture must contain: the handshake and DATA. A violation counts only where the capture states
    that it dropped nothing and shows no sign of loss, such as a TSN acknowledged and never seen.
    Known exceptions: associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §3.3.2; RFC 9260 §3.3.3.
    """
    sent = first_transmissions(t, *USER_DATA)
    subjects = sent.unique(ENDPOINT, keep="first", maintain_order=True)
    first = sent.sort("packet", "chunk").unique(ENDPOINT, keep="first", maintain_order=True)
    wrong = subjects.filter(pl.col("position") != 0).select(ENDPOINT)
    violations = first.join(wrong, on=ENDPOINT, how="semi", maintain_order="left")
    expected = pl.format("TSN {}", "initial_tsn_of_side")
    return with_moved_numbers(t, subjects, found(violations, expected, pl.format("TSN {} first", "tsn")))


REPEATABLE = {
    ChunkType.INIT: [ParameterType.IPV4_ADDRESS, ParameterType.IPV6_ADDRESS, ParameterType.PADDING],
    ChunkType.INIT_ACK: [
        ParameterType.IPV4_ADDRESS,
        ParameterType.IPV6_ADDRESS,
        ParameterType.UNRECOGNIZED_PARAMETER,
    ],
}
"""Parameters that may occur several times."""


@rule("rfc9260/3.3.2/init-params-not-repeated", level=Level.MUST, cites=BOTH)
def init_params_not_repeated(t: View) -> Judgement:
    """No parameter occurs twice in an INIT or INIT ACK.

    What it checks: the parameter types of every INIT and INIT ACK.
    Why it matters: of two that differ the receiver may take either.
    What the capture must contain: an INIT or INIT ACK with parameters.
    Known exceptions: addresses, unrecognized parameters, padding, and types that are unknown.
    References: RFC 9260 §3.3.2; RFC 9260 §3.3.3.
    """
    repeatable = pl.any_horizontal(
        (pl.col("chunk_type") == chunk) & pl.col("type").is_in(types) for chunk, types in REPEATABLE.items()
    )
    subjects = t.parameters.filter(
        pl.col("chunk_type").is_in(list(REPEATABLE)) & pl.col("type_name").is_not_null() & ~repeatable
    )
    key = ["packet", "chunk", "type"]
    violations = subjects.filter(pl.int_range(pl.len()).over(key) == 1)
    actual = pl.format("a second {}", pl.col("type_name").str.replace_all("_", " "))
    return Judgement(subjects, found(violations, "each parameter once", actual))


_BOTH = [ChunkType.INIT, ChunkType.INIT_ACK]
_ASCONFS = [ChunkType.ASCONF]

ALLOWED = {
    ParameterType.HEARTBEAT_INFO: [ChunkType.HEARTBEAT, ChunkType.HEARTBEAT_ACK],
    ParameterType.IPV4_ADDRESS: [*_BOTH, *_ASCONFS],
    ParameterType.IPV6_ADDRESS: [*_BOTH, *_ASCONFS],
    ParameterType.STATE_COOKIE: [ChunkType.INIT_ACK],
    ParameterType.UNRECOGNIZED_PARAMETER: [ChunkType.INIT_ACK],
    ParameterType.COOKIE_PRESERVATIVE: [ChunkType.INIT],
    ParameterType.HOST_NAME_ADDRESS: _BOTH,
    ParameterType.SUPPORTED_ADDRESS_TYPES: [ChunkType.INIT],
    ParameterType.OUTGOING_SSN_RESET_REQUEST: [ChunkType.RE_CONFIG],
    ParameterType.INCOMING_SSN_RESET_REQUEST: [ChunkType.RE_CONFIG],
    ParameterType.SSN_TSN_RESET_REQUEST: [ChunkType.RE_CONFIG],
    ParameterType.RE_CONFIGURATION_RESPONSE: [ChunkType.RE_CONFIG],
    ParameterType.ADD_OUTGOING_STREAMS_REQUEST: [ChunkType.RE_CONFIG],
    ParameterType.ADD_INCOMING_STREAMS_REQUEST: [ChunkType.RE_CONFIG],
    ParameterType.ECN_CAPABLE: _BOTH,
    ParameterType.ZERO_CHECKSUM_ACCEPTABLE: _BOTH,
    ParameterType.RANDOM: _BOTH,
    ParameterType.CHUNK_LIST: _BOTH,
    ParameterType.REQUESTED_HMAC_ALGORITHM: _BOTH,
    ParameterType.PADDING: [ChunkType.INIT],
    ParameterType.SUPPORTED_EXTENSIONS: _BOTH,
    ParameterType.FORWARD_TSN_SUPPORTED: _BOTH,
    ParameterType.ADD_IP_ADDRESS: _ASCONFS,
    ParameterType.DELETE_IP_ADDRESS: _ASCONFS,
    ParameterType.ERROR_CAUSE_INDICATION: [ChunkType.ASCONF_ACK],
    ParameterType.SET_PRIMARY_ADDRESS: [*_BOTH, *_ASCONFS],
    ParameterType.SUCCESS_INDICATION: [ChunkType.ASCONF_ACK],
    ParameterType.ADAPTATION_LAYER_INDICATION: _BOTH,
}
"""The chunk types that may hold a parameter, by the RFC that defines it."""


@rule("rfc9260/3.3.2/param-type-allowed-in-chunk", level=Level.MUST, cites=BOTH)
def param_type_allowed_in_chunk(t: View) -> Judgement:
    """Parameters occur only in chunks for which they are defined.

    What it checks: each parameter type against the type of its chunk.
    Why it matters: elsewhere it has no meaning, and a receiver may abort or misread it.
    What the capture must contain: parameters.
    Known exceptions: types that are unknown are not judged.
    References: RFC 9260 §3.3.2; RFC 9260 §3.3.3.
    """
    subjects = t.parameters.filter(pl.col("type_name").is_not_null())
    # as one number, which is looked up faster than a pair
    number = pl.col("type").cast(pl.UInt32) * 256 + pl.col("chunk_type")
    allowed = [int(type) * 256 + int(chunk) for type, chunks in ALLOWED.items() for chunk in chunks]
    names = {int(chunk): chunk.name.replace("_", " ") for chunk in ChunkType}
    chunk = pl.col("chunk_type").replace_strict(names, default="a chunk", return_dtype=pl.String)
    actual = pl.format("{} in {}", pl.col("type_name").str.replace_all("_", " "), chunk)
    violations = subjects.filter(~number.is_in(allowed))
    return Judgement(subjects, found(violations, "a parameter of that chunk", actual))


@rule(
    "rfc9260/3.3.2/invalid-init-refused",
    level=Level.SHOULD,
    cites=["RFC 9260 §3.3.2", "RFC 9260 §5.1"],
    to_fail=[Need.NO_SIGN_OF_LOSS],
)
def invalid_init_refused(t: View) -> Judgement:
    """An INIT without streams, or with an a_rwnd below 1500, is refused with ABORT.

    What it checks: that no INIT ACK answers it. Silence is judged by init-is-answered.
    Why it matters: an association with such values cannot work.
    What the capture must contain: such an INIT, and the answer. A violation counts only where nothing is seen
    to be missing.
    Known exceptions: an INIT with Initiate Tag 0 is judged by zero-initiate-tag-init-silent.
    References: RFC 9260 §3.3.2; RFC 9260 §5.1.
    """
    subjects = answered(
        t, t.chunks.filter(is_type(ChunkType.INIT) & IS_INVALID & (pl.col("initiate_tag") != 0))
    )
    return Judgement(subjects.with_columns(peer()), found(taken_up(subjects), "ABORT", "INIT ACK"))


@rule(
    "rfc9260/3.3.2/zero-initiate-tag-init-silent",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.2"],
    since="RFC 9260",
)
def zero_initiate_tag_init_silent(t: View) -> Judgement:
    """An INIT with Initiate Tag 0 is dropped in silence.

    What it checks: that no INIT ACK or ABORT with tag 0 follows it within half a second, from where it went
    to where it came from.
    Why it matters: with tag 0 there is nobody to answer to; whoever sends it wants to see what happens.
    What the capture must contain: such an INIT.
    Known exceptions: RFC 4960 wanted an ABORT.
    References: RFC 9260 §3.3.2.
    """
    inits = t.chunks.filter(is_type(ChunkType.INIT) & (pl.col("initiate_tag") == 0))
    asked = inits.select(
        *reversed_flow("packet", asked_frame="frame", asked_ns="time_ns"),
        init_association="association",
        init_side=peer(),
    )
    answers = t.chunks.filter(
        is_type(ChunkType.INIT_ACK, ChunkType.ABORT) & (pl.col("verification_tag") == 0)
    ).join_asof(asked, on="packet", by=FLOW, check_sortedness=False)
    violations = answers.filter(pl.col("time_ns") - pl.col("asked_ns") <= PATIENCE_NS).with_columns(
        association="init_association", side="init_side", frames=pl.concat_list("asked_frame", "frame")
    )
    return Judgement(inits.with_columns(peer()), found(violations, "silence", chunk_name()))
