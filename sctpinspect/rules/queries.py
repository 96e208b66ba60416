"""Sub-queries and expressions that several rules share."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules.model import OF_JUDGEMENTS, Judgement
from sctpinspect.rules.view import View
from sctpinspect.tables.associations import ENDPOINT, is_type, peer
from sctpinspect.tables.steps import steps

MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND

PATIENCE_NS = 500 * MILLISECOND
"""A missing answer is noticed only if the capture goes on this long after the question."""

TIMER_SLACK = 1.12
"""Timers of Linux run late by up to 12 %."""

TICKS_NS = 20 * MILLISECOND
"""Two clock ticks of a kernel with 100 of them a second."""

PATH = [*ENDPOINT, "path"]
USER_DATA = [ChunkType.DATA, ChunkType.I_DATA]

_CUTS = ["cut_by_snaplen", "cut_by_fragmentation"]

WHOLE = ~pl.col("packet_defect").is_in(_CUTS).fill_null(False)
"""The packet of the chunk is wholly in the capture."""

IS_WHOLE = ~pl.col("defect").is_in(_CUTS).fill_null(False)
"""The packet, chunk, parameter or error cause is wholly in the capture."""


def found(violations: pl.LazyFrame, expected: str | pl.Expr, actual: str | pl.Expr) -> pl.LazyFrame:
    """The violations with what the standard wants and what was found instead."""
    return violations.with_columns(
        expected=pl.lit(expected) if isinstance(expected, str) else expected,
        actual=pl.lit(actual) if isinstance(actual, str) else actual,
    )


def either(*rows: pl.LazyFrame) -> pl.LazyFrame:
    """Subjects or violations of several kinds; a column that some of them lack is null there."""
    return pl.concat([part.select(pl.col(f"^({'|'.join(OF_JUDGEMENTS)})$")) for part in rows], how="diagonal")


def chunk_name() -> pl.Expr:
    """The chunk type as the RFC writes it: INIT ACK."""
    return pl.col("type_name").str.replace_all("_", " ", literal=True)


def hexadecimal(number: pl.Expr) -> pl.Expr:
    """A 32-bit number as people write tags: 0x0000004d."""
    return number.map_batches(
        lambda numbers: pl.Series([None if n is None else f"0x{n:08x}" for n in numbers], dtype=pl.String),
        return_dtype=pl.String,
    )


def beside_peer(left: pl.LazyFrame, peers: pl.LazyFrame, /, **columns: str) -> pl.LazyFrame:
    """`left` with columns of its peer's row in `peers` (one row per association and side)."""
    renamed = peers.select("association", side=peer(), **{new: pl.col(old) for new, old in columns.items()})
    return left.join(renamed, on=ENDPOINT, how="left", maintain_order="left")


def beside_own(left: pl.LazyFrame, owners: pl.LazyFrame, /, **columns: str) -> pl.LazyFrame:
    """`left` with columns of its own side's row in `owners` (one row per association and side)."""
    renamed = owners.select("association", "side", **{new: pl.col(old) for new, old in columns.items()})
    return left.join(renamed, on=ENDPOINT, how="left", maintain_order="left")


def first_transmissions(t: View, *types: ChunkType) -> pl.LazyFrame:
    """DATA in order of TSN, each TSN once, of associations where TSNs and SSNs only ever grow.

    `position`: steps from the initial TSN or, where that is unknown, from the first TSN seen.
    `run`: equal for TSNs without a missing one between them.
    Associations with RE_CONFIG (which moves TSNs and SSNs) or FORWARD_TSN (which skips them) are left out:
    see `moved_numbers`.
    """
    base = pl.coalesce("initial_tsn_of_side", pl.col("tsn").first().over(ENDPOINT))
    unmoved = t.chunks.filter(is_type(*types) & pl.col("association").is_not_null()).join(
        moved_numbers(t), on="association", how="anti", maintain_order="left"
    )
    return (
        beside_own(unmoved, t.endpoints, initial_tsn_of_side="initial_tsn")
        .with_columns(position=steps(base, pl.col("tsn")))
        .unique(["association", "side", "position"], keep="first", maintain_order=True)
        .sort("association", "side", "position")
        .with_columns(run=pl.col("position") - pl.int_range(pl.len()).over(ENDPOINT))
    )


def moved_numbers(t: View) -> pl.LazyFrame:
    """Associations whose TSNs or SSNs a RE_CONFIG or FORWARD_TSN may have moved, with a `reason`."""
    kinds = is_type(ChunkType.RE_CONFIG, ChunkType.FORWARD_TSN, ChunkType.I_FORWARD_TSN)
    return (
        t.chunks.filter(kinds & pl.col("association").is_not_null())
        .select(
            "association",
            reason=pl.lit("a RE_CONFIG or FORWARD_TSN may have moved its TSNs, SSNs or streams"),
        )
        .unique()
    )


def certain_without(t: View, extension: ChunkType, violations: pl.LazyFrame) -> pl.LazyFrame:
    """The violations with `certain` where no chunk of this type, captured or not, can have made them right.

    That is where INIT and INIT ACK are seen in whole and do not both list it among their Supported Extensions
    (RFC 5061 §4.2.7), or are Forward-TSN-Supported (RFC 3758 §3.1).
    """
    lists = (pl.col("type") == ParameterType.SUPPORTED_EXTENSIONS) & (
        pl.col("value").is_null() | pl.col("value").bin.contains(bytes([extension]))
    )
    if extension == ChunkType.FORWARD_TSN:
        lists |= pl.col("type") == ParameterType.FORWARD_TSN_SUPPORTED
    able = t.parameters.filter(lists).select("packet", "chunk", lists=True).unique()
    unable = (
        t.chunks.filter(is_type(ChunkType.INIT, ChunkType.INIT_ACK) & pl.col("association").is_not_null())
        .join(able, on=["packet", "chunk"], how="left")
        .group_by("association")
        .agg(certain=WHOLE.all() & pl.col("lists").is_null().any())
        .filter("certain")
    )
    return violations.join(unable, on="association", how="left", maintain_order="left")


def with_moved_numbers(t: View, subjects: pl.LazyFrame, violations: pl.LazyFrame) -> Judgement:
    """A judgement that names the associations left out by `first_transmissions`."""
    return Judgement(subjects, violations, moved_numbers(t))


def given_cookies(t: View) -> pl.LazyFrame:
    """State Cookies (`value`) that each side was given, with the Initiate Tag (`tag`) of the INIT ACK."""
    tags = t.chunks.filter(is_type(ChunkType.INIT_ACK)).select("packet", "chunk", tag="initiate_tag")
    return (
        t.parameters.filter(
            (pl.col("type") == ParameterType.STATE_COOKIE)
            & (pl.col("chunk_type") == ChunkType.INIT_ACK)
            & pl.col("value").is_not_null()
        )
        .join(tags, on=["packet", "chunk"], maintain_order="left")
        .select("association", peer(), "value", "tag")
    )


def collided(t: View) -> pl.LazyFrame:
    """Associations in which both sides sent an INIT (RFC 9260 §5.2.1)."""
    return (
        t.chunks.filter(is_type(ChunkType.INIT) & pl.col("association").is_not_null())
        .group_by("association")
        .agg(sides=pl.col("side").n_unique())
        .filter(pl.col("sides") > 1)
        .select("association")
    )


def well_addressed(t: View, packets: pl.LazyFrame) -> pl.LazyFrame:
    """Those of `packets` (or chunks) of associations that their receiver takes for its own.

    Not those with a bad checksum (RFC 9260 §6.8) or a tag other than the receiver's (§8.5), if that is known.
    An INIT has tag 0.
    """
    known = beside_peer(packets.filter(pl.col("association").is_not_null()), t.endpoints, own_tag="tag")
    tag = pl.col("verification_tag")
    has_tag = (tag == 0) | pl.col("own_tag").is_null() | tag.eq_missing(pl.col("own_tag"))
    return known.filter(has_tag & pl.col("checksum_state").ne_missing("bad")).drop("own_tag")


def unanswered(t: View, questions: pl.LazyFrame, answers: pl.LazyFrame) -> Judgement:
    """Judges that the first of `questions` of each side is followed by one of `answers` of its peer.

    What the peer must discard is no question (see `well_addressed`). Where there is no answer and the capture
    ends within PATIENCE_NS after the question arrived, none can be told to be missing. The side is that of
    the peer.
    """
    answered = answers.select("association", side=peer(), answer="packet")
    arrived = t.packets.select("packet", arrived_ns=pl.coalesce("delivered_ns", "time_ns"))
    asked = (
        well_addressed(t, questions)
        .unique(ENDPOINT, keep="first", maintain_order=True)
        .join(answered.group_by(ENDPOINT).agg(pl.col("answer").max()), on=ENDPOINT, how="left")
        .join(arrived, on="packet")
        .with_columns(answered=(pl.col("answer") >= pl.col("packet")).fill_null(False))
        .with_columns(is_told=pl.col("answered") | goes_on(t, pl.col("arrived_ns")))
        .with_columns(side=peer())
    )
    told = asked.filter("is_told")
    return Judgement(told, told.filter(~pl.col("answered")), too_short(asked.filter(~pl.col("is_told"))))


def goes_on(t: View, asked_ns: pl.Expr) -> pl.Expr:
    """Whether the capture goes on long enough for an answer to be missed."""
    return t.end_ns - asked_ns >= PATIENCE_NS


def awake(t: View, time_ns: pl.Expr) -> pl.Expr:
    """The time on a clock that stands while the machine does: what comes too late by it is late.

    Nothing is too early by it: a timer that ends during a stall is due right after it.
    """
    stood = [(time_ns - since).clip(0, length) for since, length in t.stalls]
    return time_ns - pl.sum_horizontal(stood) if stood else time_ns


def awake_for(t: View, until_ns: pl.Expr, interval: pl.Expr) -> pl.Expr:
    """How much of an interval that ends then the machine was not standing still."""
    return awake(t, until_ns) - awake(t, until_ns - interval)


def too_short(questions: pl.LazyFrame) -> pl.LazyFrame:
    """`association` and `reason` of questions that the capture ends too early for."""
    return questions.select("association", reason=pl.lit("the capture ends before an answer is due")).unique()


def announced(t: View) -> pl.LazyFrame:
    """Addresses in INIT or INIT ACK, as source or in the list, and those that an ASCONF added."""
    return t.addresses.filter(pl.col("learned_from").cast(pl.String).is_in(["source", "parameter", "asconf"]))


def acknowledged(t: View) -> pl.LazyFrame:
    """First transmissions of acknowledged DATA with `waited`: ns from its arrival to the acknowledgement.

    DATA that the receiver had no room for is left out: it may have been dropped, and repeated later. So is
    what it must drop.
    """
    acked = t.packets.select(acked_frame="frame", acked_ns="time_ns").unique("acked_frame", keep="first")
    arrived = t.packets.select(
        "packet", arrived_ns="delivered_ns" if t.recipe.get("impaired") else "time_ns"
    ).drop_nulls()
    windows = (
        t.chunks.filter(is_type(ChunkType.SACK) & pl.col("association").is_not_null())
        .select("association", peer(), "time_ns", window="a_rwnd")
        .sort("time_ns")
    )
    # behind a chunk of an unknown type with high bits 00 or 01 the packet ends (RFC 9260 §3.2)
    ending = t.chunks.filter(pl.col("type_name").is_null() & (pl.col("type") < 128)).select("packet")
    data = (
        well_addressed(t, t.chunks.filter(is_type(*USER_DATA) & ~pl.col("is_retransmission")))
        .join(ending, on="packet", how="anti", maintain_order="left")
        .sort("time_ns", maintain_order=True)
    )
    for strategy in ("backward", "forward"):  # before it was sent, and since
        data = data.join_asof(
            windows,
            on="time_ns",
            by=ENDPOINT,
            strategy=strategy,
            suffix=f"_{strategy}",
            check_sortedness=False,
        )
    fits = pl.min_horizontal("window", "window_forward") >= pl.col("payload_length")
    return (
        data.filter(fits.fill_null(True))
        .join(acked, on="acked_frame", maintain_order="left")
        .join(arrived, on="packet", maintain_order="left")
        .with_columns(waited=awake(t, pl.col("acked_ns")) - awake(t, pl.col("arrived_ns")))
    )


def acknowledged_late(subjects: pl.LazyFrame, limit_ns: int, expected: str) -> pl.LazyFrame:
    """Those of `acknowledged` that waited longer than the limit."""
    actual = pl.format("TSN {} acknowledged after {} ms", "tsn", pl.col("waited") // MILLISECOND)
    late = subjects.filter(pl.col("waited") > limit_ns)
    return found(late.with_columns(frames=pl.concat_list("frame", "acked_frame")), expected, actual)


def first_inits(t: View) -> pl.LazyFrame:
    """The first INIT of each association's initiator."""
    return t.chunks.filter(is_type(ChunkType.INIT) & (pl.col("side") == 0)).unique(
        "association", keep="first", maintain_order=True
    )


def highest_sent(t: View) -> pl.LazyFrame:
    """The `highest` TSN sent up to each packet with DATA, where the initial TSN is known.

    In order of packets; `side` is not the sender's but that of its peer, which acknowledges it.
    """
    data = t.chunks.filter(is_type(*USER_DATA) & pl.col("association").is_not_null())
    return (
        beside_own(data, t.endpoints, base="initial_tsn")
        .with_columns(sent=steps(pl.col("base"), pl.col("tsn")).cum_max().over(ENDPOINT))
        .select(
            "packet",
            "association",
            peer(),
            highest=((pl.col("base") + pl.col("sent")) % (1 << 32)).cast(pl.UInt32),
        )
        .sort("packet")
    )


def unanswered_inits(t: View) -> pl.LazyFrame:
    """`association`, `side` and `reason`: endpoints with more INITs than INIT ACKs for them in the capture.

    Unless the others were lost on their way, the capture lacks an INIT ACK, its tag and its cookie.
    """

    def counted(type: ChunkType, side: pl.Expr, name: str) -> pl.LazyFrame:
        return (
            t.chunks.filter(is_type(type) & pl.col("association").is_not_null())
            .group_by("association", side)
            .agg(pl.len().alias(name))
        )

    return (
        counted(ChunkType.INIT, pl.col("side"), "inits")
        .join(counted(ChunkType.INIT_ACK, peer(), "answers"), on=ENDPOINT)
        .filter(pl.col("inits") > pl.col("answers"))
        .select(*ENDPOINT, reason=pl.lit("not every INIT has its INIT ACK in the capture"))
    )


def scope(address: str) -> pl.Expr:
    """Kind of an address: only those of one kind are told to a peer together (RFC 9260 §3.3.2.1)."""
    text = pl.col(address)
    kinds = {
        "loopback": text.str.contains(r"^127\.|^::1$"),
        "link-local": text.str.contains(r"^169\.254\.|^fe[89ab]"),
        "private IPv4": text.str.contains(r"^10\.|^192\.168\.|^172\.(1[6-9]|2\d|3[01])\."),
        "IPv6": text.str.contains(":", literal=True),
    }
    return pl.coalesce(
        *(pl.when(is_kind).then(pl.lit(kind)) for kind, is_kind in kinds.items()), pl.lit("IPv4")
    )
