"""RFC 9260 §3.3.2.1: the address parameters of INIT and INIT ACK."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.exchanges import answered, taken_up
from sctpinspect.rules.queries import WHOLE, certain_without, found, scope
from sctpinspect.tables.associations import ENDPOINT, is_type, peer

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


@rule("rfc9260/3.3.2.1.5/supported-address-types-content", level=Level.MUST, cites=["RFC 9260 §3.3.2.1.5"])
def supported_address_types_content(t: View) -> Judgement:
    """Supported Address Types does not list the Host Name Address.

    What it checks: the types that every such parameter lists.
    Why it matters: a peer that takes it at its word sends a host name, and must then be refused.
    What the capture must contain: an INIT with the parameter.
    Known exceptions: none.
    References: RFC 9260 §3.3.2.1.5.
    """
    subjects = t.parameters.filter(
        (pl.col("type") == ParameterType.SUPPORTED_ADDRESS_TYPES) & pl.col("value").is_not_null()
    )
    # two bytes, four hexadecimal digits, for each type
    listed = pl.col("value").bin.encode("hex")
    violations = subjects.filter(
        listed.str.contains(f"^(?:.{{4}})*{ParameterType.HOST_NAME_ADDRESS.value:04x}")
    )
    return Judgement(subjects, found(violations, "IPv4 and IPv6 only", "Host Name Address (11) listed"))


@rule("rfc9260/3.3.2.1/address-param-usable", level=Level.INFO, cites=["RFC 9260 §3.3.2.1"])
def address_param_usable(t: View) -> Judgement:
    """The addresses that INIT and INIT ACK list are of use to the peer.

    What it checks: that none is listed twice, unspecified, multicast or broadcast; and that loopback and
    link-local addresses are listed only in packets that come from such an address, or from the own host.
    Why it matters: the peer probes them in vain, or talks to somebody else.
    What the capture must contain: an INIT or INIT ACK that lists addresses.
    Known exceptions: none.
    References: RFC 9260 §3.3.2.1.
    """
    sources = t.packets.select("packet", "source")
    subjects = t.parameters.filter(_IN_INIT & pl.col("address").is_not_null()).join(
        sources, on="packet", maintain_order="left"
    )
    kind = scope("address")
    is_local = kind.is_in(["loopback", "link-local"])
    reasons = {
        "listed twice": pl.int_range(pl.len()).over("packet", "chunk", "address") > 0,
        "unspecified": pl.col("address").is_in(["0.0.0.0", "::"]),
        "multicast": pl.col("address").str.contains(r"^(22[4-9]|23\d)\.|^ff"),
        "broadcast": pl.col("address") == "255.255.255.255",
        "not to be reached from afar": is_local & (kind != scope("source")) & (scope("source") != "loopback"),
    }
    reason = pl.coalesce(pl.when(applies).then(pl.lit(text)) for text, applies in reasons.items())
    violations = subjects.with_columns(reason=reason).filter(pl.col("reason").is_not_null())
    actual = pl.format("address {}, {}", "address", "reason")
    return Judgement(subjects, found(violations, "addresses at which the peer reaches it", actual))


@rule(
    "rfc9260/3.3.2.1.4/hostname-param-aborted",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.2.1.4", "RFC 9260 §5.1.2 (B)"],
    since="RFC 9260",
    to_fail=[Need.NO_SIGN_OF_LOSS],
)
def hostname_param_aborted(t: View) -> Judgement:
    """An INIT or INIT ACK with a Host Name Address is refused with ABORT.

    What it checks: that no INIT ACK answers such an INIT, and no COOKIE ECHO such an INIT ACK.
    Why it matters: who resolves the name of a stranger can be made to send to anybody.
    What the capture must contain: the parameter, and the answer. A violation counts only where nothing is
    seen to be missing.
    Known exceptions: none.
    References: RFC 9260 §3.3.2.1.4; RFC 9260 §5.1.2 (B).
    """
    named = t.parameters.filter(_IN_INIT & (pl.col("type") == ParameterType.HOST_NAME_ADDRESS)).select(
        "packet", "chunk"
    )
    subjects = answered(t, t.chunks.join(named, on=["packet", "chunk"], how="semi", maintain_order="left"))
    violations = taken_up(subjects)
    actual = pl.col("answer_type").str.replace_all("_", " ")
    return Judgement(subjects.with_columns(peer()), found(violations, "ABORT", actual))


@rule(
    "rfc9260/3.3.2.1/no-address-params-means-single-address",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.2.1", "RFC 9260 §5.1.2 (A)"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS, Need.WHOLE_PACKETS],
)
def no_address_params_means_single_address(t: View) -> Judgement:
    """An endpoint that lists no addresses is sent to at the source of its INIT or INIT ACK only.

    What it checks: the destination of all packets to such an endpoint, from its INIT or INIT ACK on.
    Why it matters: it has no other address, or does not want to be reached there.
    What the capture must contain: the handshake. A violation counts only where the capture states that it
    dropped nothing, and cut nothing (else an ASCONF may have added the address unseen), or where the
    handshake rules out ASCONF.
    Known exceptions: associations with ASCONF are not judged.
    References: RFC 9260 §3.3.2.1; RFC 9260 §5.1.2 (A).
    """
    lists = t.parameters.filter(_IN_INIT & pl.col("address").is_not_null()).select(ENDPOINT)
    moved = t.chunks.filter(is_type(ChunkType.ASCONF)).select("association")
    openings = (
        t.chunks.filter(
            is_type(ChunkType.INIT, ChunkType.INIT_ACK) & pl.col("association").is_not_null() & WHOLE
        )
        .join(lists, on=ENDPOINT, how="anti", maintain_order="left")
        .join(moved, on="association", how="anti", maintain_order="left")
    )
    single = openings.group_by("association", peer()).agg(
        since=pl.col("packet").min(), origin=pl.col("source").first(), origins=pl.col("source").unique()
    )
    subjects = t.packets.join(single, on=ENDPOINT, maintain_order="left").filter(
        pl.col("packet") > pl.col("since")
    )
    strange = subjects.filter(~pl.col("origins").list.contains(pl.col("destination")))
    violations = certain_without(t, ChunkType.ASCONF, strange)
    return Judgement(
        subjects, found(violations, pl.format("sent to {}", "origin"), pl.format("sent to {}", "destination"))
    )
