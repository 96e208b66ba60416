"""Which association each packet belongs to, and which endpoint sent it.

Two endpoints tell their associations apart by the verification tags that each of them chose (RFC 9260
§3.1, §8.5). `sctpinspect.tables.tags` finds these, and pairs those that INIT and INIT_ACK name. Here the
others are paired, or found to be wrong tags in an association that goes on.

Two associations are joined only by an INIT_ACK that names both tags, or where one lacks the tag of the
very endpoint whose tag the other has.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.protocol.serial import distance
from sctpinspect.tables.tags import Association, Book, Flow, Tag, fold, join

PLAUSIBLE_TSNS = 1 << 16
"""How far a cumulative TSN ack may be from the TSNs seen and still belong to them."""

CANDIDATES = 8
"""So many tags before and after it are looked at to find the partner of a tag: bounds the time taken."""

OPENING = [ChunkType.INIT, ChunkType.INIT_ACK]
CLOSING = [ChunkType.ABORT, ChunkType.SHUTDOWN_COMPLETE]


class Assignment(NamedTuple):
    """What `assign` finds.

    packets: `packet`, `association`, `side` (its sender's); both null where it belongs to none.
    tags: `association`, `side`, `tag`: the tag that this side chose (of several the one most used); a
        side whose tag is unknown has no row.
    ends: `association`, `end_packet` (its ABORT or SHUTDOWN_COMPLETE), `restart_of`; null: there is none.
    """

    packets: pl.DataFrame
    tags: pl.DataFrame
    ends: pl.DataFrame


def assign(packets: pl.DataFrame, chunks: pl.DataFrame, parameters: pl.DataFrame) -> Assignment:
    """Finds the associations in `packets` (columns as in the schema; `association` and `side` unused).

    Associations are numbered from 0 in order of their first packets. Copies go where their packets go.
    """
    book = Book()
    heads = _heads(packets, chunks, parameters)
    like = _like(heads)
    placed = [
        # a packet cut within its common header has no tag
        None if row[5] is None else book.place(row[0], Flow(*row[1:6]), *row[6:])
        for row in heads.filter(heads["packet"] == like).iter_rows()
    ]
    first = pl.DataFrame(
        [
            like.filter(heads["packet"] == like),
            pl.Series("tag", [found and found[0].index for found in placed], pl.UInt32),
            pl.Series("from_owner", [found and found[1] for found in placed], pl.Boolean),
        ]
    )
    places = (
        pl.DataFrame([heads["packet"], like])
        .join(first, on="like", how="left", maintain_order="left")
        .drop("like")
    )
    _fill_uses(book.tags, places, packets, chunks)
    _settle(book.tags)
    _fold_late(book.tags)
    _number(book.tags)
    return _assignment(book.tags, places)


def _like(heads: pl.DataFrame) -> pl.Series:
    """`like`: for each packet the first one that has the same place, which is found for that one alone.

    The place of a flow changes only where somebody sets up an association between the same ports. Packets
    of the handshake, those that end an association, and those with tag 0 have places of their own.
    """
    ports = ["low_port", "high_port"]
    flow = ["destination", "source", "destination_port", "source_port", "verification_tag"]
    rows = heads.select(
        *["packet", *flow, "opening", "cookie", "closes"],
        low_port=pl.min_horizontal("source_port", "destination_port"),
        high_port=pl.max_horizontal("source_port", "destination_port"),
    )
    set_ups = rows.filter(pl.col("opening").is_not_null() | pl.col("cookie").is_not_null())
    is_ordinary = (
        pl.all_horizontal(pl.col("opening", "cookie", "closes").is_null()) & (pl.col("verification_tag") != 0)
    ).fill_null(False)
    same = (
        rows.filter(is_ordinary)
        .join_asof(
            set_ups.select("packet", *ports, set_up="packet"), on="packet", by=ports, check_sortedness=False
        )
        .select("packet", like=pl.col("packet").first().over(*flow, "set_up"))
    )
    return (
        heads.select("packet")
        .join(same, on="packet", how="left", maintain_order="left")
        .select(pl.coalesce("like", "packet").alias("like"))
        .to_series()
    )


def _heads(packets: pl.DataFrame, chunks: pl.DataFrame, parameters: pl.DataFrame) -> pl.DataFrame:
    """One row per packet: what `Book.place` wants to know."""
    type_, opens = pl.col("type"), pl.col("type").is_in(OPENING)
    cookies = type_.is_in([ChunkType.COOKIE_ECHO, ChunkType.COOKIE_ACK])
    closes = type_.is_in(CLOSING)
    of_chunks = (
        chunks.filter(opens | cookies | closes)
        .group_by("packet")
        .agg(
            type_.filter(opens).first().alias("opening"),
            pl.col("initiate_tag").filter(opens).first(),
            pl.col("initial_tsn").filter(opens).first(),
            type_.filter(cookies).first().alias("cookie"),
            closes.any().alias("closes"),
            (closes & pl.col("tag_reflected")).any().alias("is_reflected"),
        )
    )
    listed = (
        parameters.filter(pl.col("chunk_type").is_in(OPENING) & pl.col("address").is_not_null())
        .group_by("packet")
        .agg(pl.col("address").alias("listed"))
    )
    return (
        packets.select(
            *["packet", "destination", "source", "destination_port", "source_port", "verification_tag"],
            "is_copy",
        )
        .join(of_chunks, on="packet", how="left", maintain_order="left")
        .join(listed, on="packet", how="left", maintain_order="left")
        .select(
            *["packet", "destination", "source", "destination_port", "source_port", "verification_tag"],
            *["opening", "initiate_tag", "initial_tsn", "listed", "cookie", "closes", "is_reflected"],
            "is_copy",
        )
    )


def _fill_uses(tags: list[Tag], places: pl.DataFrame, packets: pl.DataFrame, chunks: pl.DataFrame) -> None:
    """Tells every tag when its packets were seen, how many went to its owner, and their TSNs."""
    tag, is_chosen = places["tag"], packets["verification_tag"] != 0
    rows = chunks.select(
        *["packet", "type", "tsn", "cumulative_tsn"],
        tag=tag.gather(chunks["packet"]),
        is_chosen=is_chosen.gather(chunks["packet"]),
    ).drop_nulls("tag")
    is_first_of_packet = (pl.col("packet") != pl.col("packet").shift()).fill_null(True)
    uses = places.with_columns(packets["is_copy"], is_chosen=is_chosen).drop_nulls("tag").group_by("tag")
    by_tag = [
        rows.filter(pl.col("is_chosen") & ~pl.col("type").is_in(CLOSING)).select("tag", founds=True).unique(),
        _first_and_last(rows.drop_nulls("tsn"), "tsn"),
        _first_and_last(
            rows.filter(pl.col("type") == ChunkType.SACK)
            .filter(is_first_of_packet)
            .drop_nulls("cumulative_tsn"),
            "cumulative_tsn",
        ),
    ]
    found = uses.agg(
        pl.col("packet").min().alias("first"),
        pl.col("packet").max().alias("last"),
        (pl.col("is_chosen") & ~pl.col("from_owner") & ~pl.col("is_copy")).sum().alias("uses"),
    )
    for columns in by_tag:
        found = found.join(columns, on="tag", how="left", maintain_order="left")
    found = found.with_columns(pl.col("founds").fill_null(False))
    for number, first, last, count, founds, first_tsn, last_tsn, first_ack, last_ack in found.iter_rows():
        tag = tags[number]
        tag.first, tag.last, tag.uses, tag.founds = first, last, count, founds
        tag.tsns = None if first_tsn is None else (first_tsn, last_tsn)
        tag.acks = None if first_ack is None else (first_ack, last_ack)
        tag.association.last = max(tag.association.last, last)


def _first_and_last(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    return rows.group_by("tag").agg(
        pl.col(column).first().alias(f"first_{column}"), pl.col(column).last().alias(f"last_{column}")
    )


def _settle(tags: list[Tag]) -> None:
    """Pairs the tags that no INIT_ACK paired, and finds those that are wrong tags."""
    waiting = (tag for tag in tags if not tag.has_partner and not tag.association.is_late)
    lonely = sorted(waiting, key=lambda tag: tag.first)
    by_flow: dict[Flow, list[Tag]] = {}
    for tag in lonely:
        for flow in tag.flows:
            by_flow.setdefault(flow._replace(tag=0), []).append(tag)
    for tag in lonely:
        if tag.has_partner:
            continue
        partners = [
            (plausibility, partner)
            for partner in _candidates(tag, by_flow)
            if (plausibility := _plausibility(tag, partner)) is not None
        ]
        plausibility, partner = max(partners, key=lambda found: found[0], default=(None, None))
        # by mistake a wrong tag is used once, or without an answer that fits
        tag.is_stray = _is_wrong(tag) and not (
            plausibility and plausibility.evidence and partner and min(tag.uses, partner.uses) > 1
        )
        if partner is not None and not tag.is_stray:
            join(tag, partner)


def _fold_late(tags: list[Tag]) -> None:
    """Puts each INIT that came late, with its answers, into the association that it had asked for."""
    for tag in tags:
        if tag.late_for is not None and tag.association is not tag.late_for.association:
            fold(tag, tag.late_for)


def _is_wrong(tag: Tag) -> bool:
    """Whether the association between these endpoints goes on beside this tag, which then none of them chose.

    (Two endpoints have no second association meanwhile: RFC 9260 §1.3.) A tag that only ABORT or
    SHUTDOWN_COMPLETE carry cannot be that of another association.
    """
    if tag.in_handshake or tag.rival is None:
        return False
    rival, is_peers = tag.rival
    if rival.is_stray and rival.rival is not None:
        rival, is_reversed = rival.rival
        tag.rival = rival, is_peers != is_reversed
    return (
        rival.has_partner
        and rival.association is not tag.association
        and (not tag.founds or rival.association.last > tag.first)
    )


def _candidates(tag: Tag, by_flow: dict[Flow, list[Tag]]) -> Iterable[Tag]:
    for flow in tag.flows:
        opposite = by_flow.get(flow.reverse()._replace(tag=0), [])
        here = bisect_left(opposite, tag.first, key=lambda other: other.first)
        for other in opposite[max(here - CANDIDATES, 0) : here + CANDIDATES]:
            if not other.has_partner and not other.is_stray:
                yield other


class _Plausibility(NamedTuple):
    """How well two tags fit as a pair, the more the greater."""

    evidence: int
    nearness: int


def _plausibility(tag: Tag, other: Tag) -> _Plausibility | None:
    """None: they cannot be a pair."""
    if tag.association is other.association:
        return None
    for one, two in ((tag, other), (other, tag)):
        ended = one.association.end
        if ended is not None and ended < two.first:
            return None
        if one.in_handshake and (two.first < one.first or (two.in_handshake and two.uses == 0)):
            # nobody answers before an INIT; INITs that cross are one association only once it is used
            return None
    evidence = [
        _is_near(sent, seen)
        for one, two in ((tag, other), (other, tag))
        for sent, seen in (
            (one.tsns, two.acks),
            (one.tsns, None if two.initial_tsn is None else (two.initial_tsn, two.initial_tsn)),
        )
        if sent is not None and seen is not None
    ]
    if not all(evidence):
        return None
    return _Plausibility(len(evidence), -max(tag.first - other.last, other.first - tag.last, 0))


def _is_near(tsns: tuple[int, int], others: tuple[int, int]) -> bool:
    """Whether TSNs (first and last seen) and what acknowledges them can be of one association."""
    length = max(distance(*tsns), 0)
    return -PLAUSIBLE_TSNS <= distance(tsns[0], others[0]) <= length + PLAUSIBLE_TSNS


def _number(tags: list[Tag]) -> None:
    """Numbers the associations, and turns them so that side 0 is the initiator."""
    kept = [tag for tag in tags if not tag.is_stray and (tag.in_handshake or tag.founds)]
    numbered: list[Association] = []
    for tag in sorted(kept, key=lambda tag: tag.first):
        association = tag.association
        if association.number is None:
            association.number = len(numbered)
            numbered.append(association)
    for association in numbered:
        if min(_initiator(tag) for side in association.tags for tag in side)[2] == 1:
            association.tags = association.tags[::-1]
            for side, turned in enumerate(association.tags):
                for tag in turned:
                    tag.side = side


def _initiator(tag: Tag) -> tuple[int, int, int]:
    """The initiating side as a tag tells it, after rank and packet of what tells it."""
    rank, packet, owner_initiates = tag.claim
    return rank, packet, tag.side if owner_initiates else 1 - tag.side


def _assignment(tags: list[Tag], places: pl.DataFrame) -> Assignment:
    homes = pl.DataFrame(
        [(tag.index, home.number, side) for tag in tags for home, side in [_home(tag)]],
        schema={"tag": pl.UInt32, "association": pl.UInt32, "owner": pl.UInt8},
        orient="row",
    )
    side = pl.when("from_owner").then("owner").otherwise(1 - pl.col("owner")).cast(pl.UInt8)
    of_packets = places.join(homes, on="tag", how="left", maintain_order="left").select(
        "packet", "association", side=pl.when(pl.col("association").is_not_null()).then(side)
    )
    associations = dict.fromkeys(tag.association for tag in tags if tag.association.number is not None)
    used = [
        (association.number, side, max(chosen, key=lambda tag: (tag.uses, tag.first)).flow.tag)
        for association in associations
        for side, chosen in enumerate(association.tags)
        if chosen
    ]
    ends = [(association.number, association.end, _restarted(association)) for association in associations]
    number = pl.UInt32
    return Assignment(
        of_packets,
        pl.DataFrame(used, {"association": number, "side": pl.UInt8, "tag": number}, orient="row"),
        pl.DataFrame(ends, {"association": number, "end_packet": number, "restart_of": number}, orient="row"),
    )


def _home(tag: Tag) -> tuple[Association, int]:
    """The association of a tag, and the side that chose it or, if it is wrong, should have."""
    if tag.is_stray and tag.rival is not None:
        rival, is_peers = tag.rival
        return rival.association, 1 - rival.side if is_peers else rival.side
    return tag.association, tag.side


def _restarted(association: Association) -> int | None:
    """The association that went on between the same endpoints when this one's INIT came.

    Handshakes with which nobody went on are passed over: the association that was there then still is.
    """
    if not association.is_used:
        return None
    first = min(tag.first for side in association.tags for tag in side)
    seen, here = {association}, association
    while True:
        rivals = [
            _home(tag.rival[0])[0]
            for side in here.tags
            for tag in side
            if tag.in_handshake and tag.rival is not None
        ]
        others = [rival for rival in rivals if rival not in seen and (rival.end is None or rival.end > first)]
        used = [rival.number for rival in others if rival.is_used]
        if used or not others:
            return used[0] if used else None
        here = others[0]
        seen.add(here)
