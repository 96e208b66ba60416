"""RFC 9260 §3.3.3: INIT ACK."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.exchanges import IS_INVALID, answered, taken_up
from sctpinspect.rules.queries import WHOLE, found
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


@rule(
    "rfc9260/3.3.3/init-ack-os-within-init-mis",
    level=Level.MUST,
    cites=["RFC 9260 §3.3.3", "RFC 9260 §5.1.1"],
)
def init_ack_os_within_init_mis(t: View) -> Judgement:
    """An INIT ACK asks for no more outbound streams than the INIT allows.

    What it checks: the OS of every INIT ACK against the MIS of the INIT whose Initiate Tag it carries.
    Why it matters: the sender of the INIT would get DATA on streams it has no room for.
    What the capture must contain: an INIT and its INIT ACK.
    Known exceptions: where INITs crossed, an INIT ACK repeats what the own INIT asked for (§5.2.1). The other
    direction is no violation: an INIT may ask for more than it will get.
    References: RFC 9260 §3.3.3; RFC 9260 §5.1.1; RFC 9260 §5.2.1.
    """
    inits = (
        t.chunks.filter(is_type(ChunkType.INIT))
        .select("association", verification_tag="initiate_tag", allowed="inbound_streams")
        .unique(["association", "verification_tag"], keep="first")
    )
    own = t.chunks.filter(is_type(ChunkType.INIT)).select(*ENDPOINT, "outbound_streams")
    subjects = (
        t.chunks.filter(is_type(ChunkType.INIT_ACK))
        .join(inits, on=["association", "verification_tag"], maintain_order="left")
        .join(own, on=[*ENDPOINT, "outbound_streams"], how="anti", maintain_order="left")
    )
    violations = subjects.filter(pl.col("outbound_streams") > pl.col("allowed"))
    expected = pl.format("at most {} outbound streams", "allowed")
    return Judgement(
        subjects, found(violations, expected, pl.format("{} outbound streams", "outbound_streams"))
    )


@rule("rfc9260/3.3.3/init-ack-has-state-cookie", level=Level.MUST, cites=["RFC 9260 §3.3.3", "RFC 9260 §5.1"])
def init_ack_has_state_cookie(t: View) -> Judgement:
    """An INIT ACK carries one State Cookie parameter.

    What it checks: how many parameters of type 7 each INIT ACK has, at whatever place.
    Why it matters: without it the initiator cannot go on, and refuses with an ABORT.
    What the capture must contain: an INIT ACK, not cut.
    Known exceptions: none.
    References: RFC 9260 §3.3.3; RFC 9260 §5.1.
    """
    cookies = (
        t.parameters.filter(pl.col("type") == ParameterType.STATE_COOKIE)
        .group_by("packet", "chunk")
        .agg(cookies=pl.len())
    )
    subjects = (
        t.chunks.filter(is_type(ChunkType.INIT_ACK) & WHOLE)
        .join(cookies, on=["packet", "chunk"], how="left", maintain_order="left")
        .with_columns(pl.col("cookies").fill_null(0))
    )
    violations = subjects.filter(pl.col("cookies") != 1)
    return Judgement(subjects, found(violations, "one State Cookie", pl.format("{} of them", "cookies")))


@rule(
    "rfc9260/3.3.3/invalid-init-ack-refused",
    level=Level.SHOULD,
    cites=["RFC 9260 §3.3.3", "RFC 9260 §5.1"],
    to_fail=[Need.NO_SIGN_OF_LOSS],
)
def invalid_init_ack_refused(t: View) -> Judgement:
    """An INIT ACK without tag or streams, or with an a_rwnd below 1500, is not taken up.

    What it checks: that no COOKIE ECHO answers it.
    Why it matters: an association with such values cannot work.
    What the capture must contain: such an INIT ACK, and the answer. A violation counts only where nothing is
    seen to be missing.
    Known exceptions: where there is a valid INIT ACK as well, nothing is judged. The RFC leaves the ABORT to
    the initiator: silence is no violation.
    References: RFC 9260 §3.3.3; RFC 9260 §5.1.
    """
    init_acks = t.chunks.filter(is_type(ChunkType.INIT_ACK))
    is_invalid = IS_INVALID | (pl.col("initiate_tag") == 0)
    valid = init_acks.filter(~is_invalid).select("association")
    subjects = answered(
        t, init_acks.filter(is_invalid).join(valid, on="association", how="anti", maintain_order="left")
    )
    return Judgement(subjects.with_columns(peer()), found(taken_up(subjects), "ABORT", "COOKIE ECHO"))
