"""RFC 9260 §6.8: the CRC32c checksum."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.exchanges import effects
from sctpinspect.rules.queries import USER_DATA, found, hexadecimal
from sctpinspect.tables.associations import ENDPOINT, is_type, peer

MOST_FRAMES = 100
"""So many frames a finding names at most."""

UNKNOWN = {
    "offloaded": "checksums left to the network hardware",
    "not_captured": "packets cut before their checksum could be computed",
}


@rule("rfc9260/6.8/crc32c-correct", level=Level.MUST, cites=["RFC 9260 §6.8"], since="RFC 4960")
def crc32c_correct(t: View) -> Judgement:
    """Every packet carries the right CRC32c checksum.

    What it checks: the checksum field against the CRC32c of the packet.
    Why it matters: a receiver drops the packet without a word.
    What the capture must contain: whole packets, taken behind the network hardware where that computes
    checksums.
    Known exceptions: packets with a zero checksum where the peer accepts it (RFC 9653) are not judged.
    References: RFC 9260 §6.8.
    """
    state = pl.col("checksum_state").cast(pl.String)
    subjects = t.packets.filter(state.is_in(["good", "bad", "adler32", "byte_swapped"]))
    violations = subjects.filter(state != "good")
    actual = pl.format("checksum {}", hexadecimal(pl.col("checksum")))
    unknown = (
        t.packets.filter(state.is_in(list(UNKNOWN)))
        .select("association", reason=state.replace_strict(UNKNOWN, return_dtype=pl.String))
        .unique()
    )
    return Judgement(subjects, found(violations, "the CRC32c of the packet", actual), unknown)


DIAGNOSES = {
    "zero": "checksums of 0",
    "adler32": "the Adler-32 of RFC 2960",
    "byte_swapped": "the CRC32c with its bytes in reverse order",
}


@rule("rfc9260/6.8/checksum-failure-diagnosis", level=Level.INFO, cites=["RFC 9260 §6.8"])
def checksum_failure_diagnosis(t: View) -> Judgement:
    """No endpoint's checksums are wrong in a way that has a name.

    What it checks: whether wrong checksums are 0, the Adler-32 of RFC 2960, or the CRC32c with its bytes in
    reverse order. One finding per endpoint and kind.
    Why it matters: these are a fault of the sender, and no corruption on the way.
    What the capture must contain: whole packets.
    Known exceptions: a checksum of 0 that is left to the network hardware, or that the peer accepts
    (RFC 9653), is no fault.
    References: RFC 9260 §6.8.
    """
    state = pl.col("checksum_state").cast(pl.String)
    subjects = t.packets.filter(~state.is_in(list(UNKNOWN)))
    kind = pl.when((state == "bad") & (pl.col("checksum") == 0)).then(pl.lit("zero")).otherwise(state)
    violations = (
        subjects.with_columns(kind=kind)
        .filter(pl.col("kind").is_in(list(DIAGNOSES)))
        .group_by(*ENDPOINT, "kind")
        .agg(pl.col("frame").first(), frames=pl.col("frame").head(MOST_FRAMES), number=pl.len())
        .sort("frame")
    )
    actual = pl.format(
        "{} ({} packets)", pl.col("kind").replace_strict(DIAGNOSES, return_dtype=pl.String), "number"
    )
    return Judgement(subjects, found(violations, "the CRC32c of each packet", actual))


@rule(
    "rfc9260/6.8/bad-checksum-ignored",
    level=Level.MUST,
    cites=["RFC 9260 §6.8"],
    to_fail=[Need.NO_LOSS],
)
def bad_checksum_ignored(t: View) -> Judgement:
    """A packet with a wrong checksum has no effect.

    What it checks: that DATA that came only in packets with a wrong checksum is not acknowledged, and a
    HEARTBEAT in one not answered.
    Why it matters: a receiver that takes damaged packets gives damaged data to its user.
    What the capture must contain: a packet with a wrong checksum of a sender whose others are right. A
    violation counts only where the capture states that it dropped nothing.
    Known exceptions: associations with FORWARD_TSN or RE_CONFIG are not judged.
    References: RFC 9260 §6.8.
    """
    state = pl.col("checksum_state").cast(pl.String)
    right = t.packets.filter(state == "good").select(ENDPOINT).unique()
    dropped = t.chunks.filter((state == "bad") & is_type(*USER_DATA, ChunkType.HEARTBEAT)).join(
        right, on=ENDPOINT, how="semi", maintain_order="left"
    )
    return Judgement(
        dropped.with_columns(peer()),
        found(effects(t, dropped), "a packet with a wrong checksum dropped", pl.col("actual")),
    )
