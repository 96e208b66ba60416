"""RFC 9260 §6.8: the CRC32c checksum."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import found, hexadecimal

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
    subjects = t.packets.filter(state.is_in(["good", "bad", "adler32"]))
    violations = subjects.filter(state != "good")
    kind = pl.when(state == "adler32").then(pl.lit(", the Adler-32 of RFC 2960")).otherwise(pl.lit(""))
    actual = pl.format("checksum {}{}", hexadecimal(pl.col("checksum")), kind)
    unknown = (
        t.packets.filter(state.is_in(list(UNKNOWN)))
        .select("association", reason=state.replace_strict(UNKNOWN, return_dtype=pl.String))
        .unique()
    )
    return Judgement(subjects, found(violations, "the CRC32c of the packet", actual), unknown)
