"""RFC 9260 §5.4: path verification."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import SETS_UP, of_associations
from sctpinspect.rules.queries import PATH, SECOND, TICKS_NS, announced, found
from sctpinspect.tables.associations import ENDPOINT, is_type, peer

NONCE = 8  # bytes
PARAMETER_HEADER = 4  # bytes

LONG_NS = 60 * SECOND
"""Twice the default HB.interval: by then an address not probed yet never will be."""


@rule(
    "rfc9260/5.4/path-verification-of-every-address",
    level=Level.SHOULD,
    cites=["RFC 9260 §5.4", "RFC 9260 §8.3"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.AT_SENDER, Need.NO_LOSS],
)
def path_verification_of_every_address(t: View) -> Judgement:
    """Every address of the peer that is not confirmed from the start is probed with HEARTBEATs.

    What it checks: each address that the peer listed, but for those that set-up itself confirmed.
    Why it matters: an address that is never probed can never take over when the primary path fails.
    What the capture must contain: the handshake; a HEARTBEAT to the address, or a minute of the association
    without one. A violation counts only in a capture of the sandbox without drops.
    Known exceptions: an association shorter than a minute need not have probed yet; Linux begins up to 32 s
    after set-up. A program that switches HEARTBEATs off (SPP_HB_DISABLE) asks for no probes.
    References: RFC 9260 §5.4; RFC 9260 §8.3.
    """
    listed = announced(t).select("association", "path", side=peer(), frame="learned_frame")
    lives = t.associations.select("association", lived=pl.col("last_ns") - pl.col("established_ns"))
    set_up = t.chunks.filter(is_type(ChunkType.INIT_ACK, ChunkType.COOKIE_ECHO)).select(
        "association", confirmed_frame="frame"
    )
    switched_off = of_associations(
        t, t.calls.filter(pl.col("arguments").str.contains('"SPP_HB_DISABLE"', literal=True))
    )
    subjects = (
        t.paths.join(listed, on=PATH, maintain_order="left")
        .join(switched_off, on=ENDPOINT, how="anti", maintain_order="left")
        .join(lives, on="association", maintain_order="left")
        .join(set_up, on=["association", "confirmed_frame"], how="anti", maintain_order="left")
        .filter((pl.col("heartbeats") > 0) | (pl.col("lived") >= LONG_NS))
    )
    violations = subjects.filter(pl.col("heartbeats") == 0)
    actual = pl.format("no HEARTBEAT to {} in {} s", "destination", pl.col("lived") // SECOND)
    return Judgement(subjects, found(violations, "a HEARTBEAT to it", actual))


@rule(
    "rfc9260/5.4/unconfirmed-address-restriction",
    level=Level.MUST,
    cites=["RFC 9260 §5.4"],
    since="RFC 4960",
    needs=[Need.HANDSHAKE],
    to_fail=[Need.AT_SENDER, Need.NO_SIGN_OF_LOSS],
)
def unconfirmed_address_restriction(t: View) -> Judgement:
    """Nothing but path verification goes to an address before it is confirmed.

    What it checks: packets to an address that neither set-up nor a HEARTBEAT ACK has confirmed yet. Allowed
    are HEARTBEAT (padded too), HEARTBEAT ACK, and COOKIE ECHO or COOKIE ACK bundled with a HEARTBEAT.
    Why it matters: a peer that lists addresses of others could have them flooded.
    What the capture must contain: the whole handshake; to judge the initiator also the journal of the call
    that set up the association, for the addresses that it names are confirmed. A violation counts only in a
    capture of the sandbox.
    Known exceptions: none.
    References: RFC 9260 §5.4.
    """
    type = pl.col("type")
    probe = type.is_in([ChunkType.HEARTBEAT, ChunkType.HEARTBEAT_ACK, ChunkType.PAD])
    bundled = type.is_in([ChunkType.COOKIE_ECHO, ChunkType.COOKIE_ACK]) & (type == ChunkType.HEARTBEAT).any()
    opening = is_type(ChunkType.INIT, ChunkType.INIT_ACK)
    confirming = t.associations.filter(pl.col("cookie_echo_frame").is_not_null()).select("association")
    packets = (
        t.chunks.join(confirming, on="association", how="semi", maintain_order="left")
        .group_by("packet", "frame", *PATH, maintain_order=True)
        .agg(probes=(probe | bundled).all(), opens=opening.any())
        .filter(~pl.col("opens"))
    )
    early = (
        packets.filter(~pl.col("probes"))
        .join(t.paths.select(*PATH, "destination", "confirmed_frame"), on=PATH, maintain_order="left")
        .filter((pl.col("frame") < pl.col("confirmed_frame")).fill_null(True))
    )
    told = t.calls.filter(pl.col("name").is_in(SETS_UP)).select(ENDPOINT).drop_nulls().unique()
    unknown = early.filter(pl.col("side") == 0).join(told, on=ENDPOINT, how="anti")
    violations = early.join(unknown, on=ENDPOINT, how="anti", maintain_order="left")
    reason = pl.lit("which addresses the user of the initiator named is not in the capture").alias("reason")
    return Judgement(
        packets.join(unknown, on=ENDPOINT, how="anti"),
        found(violations, "HEARTBEAT and its answer only", pl.format("other chunks to {}", "destination")),
        unknown.select("association", reason),
    )


@rule(
    "rfc9260/5.4/path-verification-nonce",
    level=Level.MUST,
    cites=["RFC 9260 §5.4", "RFC 9260 §3.3.5"],
    since="RFC 4960",
    needs=[Need.HANDSHAKE],
)
def path_verification_nonce(t: View) -> Judgement:
    """A HEARTBEAT that verifies a path holds a random nonce of 64 bits.

    What it checks: of HEARTBEATs to an address before it is confirmed, that their information is 8 bytes or
    longer, and none holds the same as another one.
    Why it matters: who can guess the nonce can confirm an address that is not his, and have it flooded.
    What the capture must contain: the handshake, and a HEARTBEAT to an address that it does not confirm.
    Known exceptions: that it is random does not show. One that the network repeats is the same within two
    ticks.
    References: RFC 9260 §5.4; RFC 9260 §3.3.5.
    """
    confirmed = t.paths.select(*PATH, "confirmed_frame")
    own = [*ENDPOINT, "info"]
    # so that all HEARTBEATs are compared, but only those to unconfirmed addresses are judged
    first = pl.col("time_ns").first().over(own)
    subjects = (
        t.heartbeats.filter(pl.col("association").is_not_null() & pl.col("info").is_not_null())
        .with_columns(before=pl.col("frame").first().over(own), since=pl.col("time_ns") - first)
        .join(confirmed, on=PATH, maintain_order="left")
        .filter((pl.col("frame") < pl.col("confirmed_frame")).fill_null(True))
    )
    nonce = pl.col("info").bin.size() - PARAMETER_HEADER
    violations = subjects.filter((nonce < NONCE) | (pl.col("since") > TICKS_NS))
    actual = (
        pl.when(nonce < NONCE)
        .then(pl.format("{} bytes of information", pl.max_horizontal(nonce.cast(pl.Int64), 0)))
        .otherwise(pl.format("the information of frame {}", "before"))
    )
    return Judgement(subjects, found(violations, "a new nonce of 64 bits", actual))
