"""RFC 9260 §3.3.2.1: the address parameters of INIT and INIT ACK."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import found

_IN_INIT = pl.col("chunk_type").is_in([int(ChunkType.INIT), int(ChunkType.INIT_ACK)])


@rule(
    "rfc9260/3.3.2.1.1/address-param-length",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.2.1.1", "RFC 9260 §3.3.2.1.2"],
)
def address_param_length(t: View) -> Judgement:
    """IPv4 and IPv6 Address parameters have the length 8 and 20.

    What it checks: the length field of every address parameter.
    Why it matters: with any other length there is no address to read.
    What the capture must contain: an INIT or INIT ACK of a multi-homed endpoint, or an ASCONF.
    Known exceptions: none.
    References: RFC 9260 §3.3.2.1.1; RFC 9260 §3.3.2.1.2.
    """
    lengths = {int(ParameterType.IPV4_ADDRESS): 8, int(ParameterType.IPV6_ADDRESS): 20}
    subjects = t.parameters.filter(pl.col("type").is_in(list(lengths))).with_columns(
        right=pl.col("type").replace_strict(lengths, return_dtype=pl.UInt16)
    )
    violations = subjects.filter(pl.col("length") != pl.col("right"))
    return Judgement(
        subjects, found(violations, pl.format("length {}", "right"), pl.format("length {}", "length"))
    )


@rule("rfc9260/3.3.2.1.2/no-ipv4-mapped-address", level=Level.MUST, cites=["RFC 9260 §3.3.2.1.2"])
def no_ipv4_mapped_address(t: View) -> Judgement:
    """An IPv6 Address parameter never holds an IPv4-mapped address.

    What it checks: the first 12 bytes of every IPv6 Address parameter.
    Why it matters: such an address can be sent to by no host; the IPv4 Address parameter is there for it.
    What the capture must contain: an INIT or INIT ACK with IPv6 addresses.
    Known exceptions: none.
    References: RFC 9260 §3.3.2.1.2.
    """
    mapped = bytes(10) + b"\xff\xff"
    subjects = t.parameters.filter(
        (pl.col("type") == ParameterType.IPV6_ADDRESS) & pl.col("value").is_not_null()
    )
    violations = subjects.filter(pl.col("value").bin.starts_with(mapped))
    return Judgement(
        subjects, found(violations, "an IPv4 Address parameter", pl.format("address {}", "address"))
    )


@rule(
    "rfc9260/3.3.2.1.4/no-hostname-param", level=Level.MUST, cites=["RFC 9260 §3.3.2.1.4"], since="RFC 9260"
)
def no_hostname_param(t: View) -> Judgement:
    """INIT and INIT ACK carry no Host Name Address parameter.

    What it checks: the parameter types of every INIT and INIT ACK.
    Why it matters: the parameter is deprecated; a receiver must answer it with an ABORT.
    What the capture must contain: an INIT or INIT ACK.
    Known exceptions: none.
    References: RFC 9260 §3.3.2.1.4.
    """
    subjects = t.chunks.filter(pl.col("type").is_in([int(ChunkType.INIT), int(ChunkType.INIT_ACK)]))
    violations = t.parameters.filter(_IN_INIT & (pl.col("type") == ParameterType.HOST_NAME_ADDRESS))
    return Judgement(subjects, found(violations, "addresses as numbers", "a Host Name Address parameter"))
