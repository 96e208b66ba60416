"""RFC 9260 §8.4: packets out of the blue, of no association that their receiver has."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.exchanges import FLOW, INTACT, reversed_flow
from sctpinspect.rules.queries import PATIENCE_NS, found, hexadecimal
from sctpinspect.tables.associations import is_type, peer


@rule(
    "rfc9260/8.4/ootb-init-refusal-tag",
    level=Level.MUST,
    cites=["RFC 9260 §8.4", "RFC 9260 §5.1"],
)
def ootb_init_refusal_tag(t: View) -> Judgement:
    """An ABORT that refuses an INIT carries the Initiate Tag of that INIT, with T clear.

    What it checks: verification tag and T bit of an ABORT that follows an INIT within half a second, from
    where the INIT went to where it came from.
    Why it matters: the initiator ignores it otherwise, and tries again for minutes.
    What the capture must contain: the INIT and the ABORT. A tag that is neither 0 nor that of the INIT may
    belong to another association; it counts only in a whole recording of the sandbox.
    Known exceptions: an INIT with Initiate Tag 0 is not judged.
    References: RFC 9260 §8.4; RFC 9260 §5.1.
    """
    inits = t.chunks.filter(is_type(ChunkType.INIT) & INTACT & (pl.col("initiate_tag") != 0)).select(
        *reversed_flow("packet", init_frame="frame", asked_ns="time_ns", wanted="initiate_tag"),
        init_association="association",
        refuser=peer(),
    )
    aborts = t.chunks.filter(is_type(ChunkType.ABORT)).join_asof(
        inits.sort("packet"), on="packet", by=FLOW, check_sortedness=False
    )
    tag = pl.col("verification_tag")
    is_refusal = (pl.col("time_ns") - pl.col("asked_ns") <= PATIENCE_NS) & (
        pl.col("association").is_null()
        | ((pl.col("association") == pl.col("init_association")) & ((tag == pl.col("wanted")) | (tag == 0)))
    )
    refusals = aborts.filter(is_refusal).with_columns(
        association="init_association",
        side="refuser",
        frames=pl.concat_list("init_frame", "frame"),
        is_told=(tag == pl.col("wanted")) | (tag == 0) | t.is_whole,
    )
    subjects = refusals.filter("is_told")
    violations = subjects.filter((tag != pl.col("wanted")) | pl.col("tag_reflected"))
    t_bit = pl.when("tag_reflected").then(pl.lit("set")).otherwise(pl.lit("clear"))
    return Judgement(
        subjects,
        found(
            violations,
            pl.format("verification tag {} with T clear", hexadecimal(pl.col("wanted"))),
            pl.format("{} with T {}", hexadecimal(tag), t_bit),
        ),
        refusals.filter(~pl.col("is_told")).select(
            "association", reason=pl.lit("an ABORT after its INIT may be of another association")
        ),
    )


@rule(
    "rfc9260/8.4/ootb-abort-unanswered",
    level=Level.MUST,
    cites=["RFC 9260 §8.4", "RFC 9260 §3.3.7", "RFC 9260 §9.1"],
    to_fail=[Need.NO_LOSS],
)
def ootb_abort_unanswered(t: View) -> Judgement:
    """A packet with an ABORT is never answered with an ABORT.

    What it checks: that the receiver of an ABORT sends no more ABORTs with its tag reflected than it got
    packets with that tag and without an ABORT, which these may answer.
    Why it matters: two endpoints that answer ABORT with ABORT never stop.
    What the capture must contain: an ABORT. A violation counts only where the capture states that it dropped
    nothing.
    Known exceptions: an ABORT of its own association, with T clear, may cross the peer's.
    References: RFC 9260 §8.4; RFC 9260 §3.3.7; RFC 9260 §9.1.
    """
    key = [*FLOW, "verification_tag"]
    aborts = t.chunks.filter(is_type(ChunkType.ABORT))
    received = aborts.filter(INTACT).select(
        *reversed_flow("verification_tag", asked="packet", asked_frame="frame")
    )
    reflected = aborts.filter("tag_reflected").with_columns(number=pl.int_range(1, pl.len() + 1).over(key))
    others = (
        t.packets.select(*reversed_flow("verification_tag", "packet"))
        .join(received, on=key, how="semi", maintain_order="left")
        .join(aborts, on="packet", how="anti", maintain_order="left")
        .with_columns(reasons=pl.int_range(1, pl.len() + 1).over(key))
    )
    violations = (
        reflected.join(received.unique(key, keep="first", maintain_order=True), on=key, maintain_order="left")
        .filter(pl.col("asked") < pl.col("packet"))
        .sort("packet")
        .join_asof(others, on="packet", by=key, check_sortedness=False)
        .filter(pl.col("number") > pl.col("reasons").fill_null(0))
        .with_columns(frames=pl.concat_list("asked_frame", "frame"))
    )
    return Judgement(
        aborts.select("association", peer()),
        found(violations, "silence", pl.format("an ABORT after the one in frame {}", "asked_frame")),
    )
