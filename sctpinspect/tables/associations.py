"""Associations, their endpoints and their addresses, once `assignment` has told whose each packet is."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.tables.assignment import OPENING, Assignment
from sctpinspect.tables.extensions import announced
from sctpinspect.tables.schema import ADDRESSES, ASSOCIATIONS, ENDPOINTS, conform

ENDPOINT = ["association", "side"]


def peer() -> pl.Expr:
    """The opposite side, as `side`."""
    return (1 - pl.col("side")).cast(pl.UInt8).alias("side")


def is_type(*types: ChunkType) -> pl.Expr:
    """Chunks of these types."""
    return pl.col("type").is_in(types)


def addresses(
    packets: pl.DataFrame,
    flows: pl.DataFrame,
    chunks: pl.DataFrame,
    parameters: pl.DataFrame,
    changes: pl.DataFrame,
) -> pl.DataFrame:
    """The table `addresses`; flows: the first packets that each side sent from an address to another.

    Of each side first the source of its INIT or INIT_ACK, then the addresses listed there (RFC 9260
    §3.3.2.1), those that ASCONF adds (RFC 5061 §4.2.1), and those that are only seen in packets.
    """
    opening = chunks.filter(pl.col("type").is_in(OPENING)).select("packet").unique()
    listed = parameters.filter(pl.col("address").is_not_null() & pl.col("chunk_type").is_in(OPENING)).sort(
        "packet", "chunk", "index"
    )
    agreed = changes.filter(pl.col("outcome").ne_missing("refused"))
    added = agreed.filter(pl.col("kind") == "address_added")
    seen = pl.concat(
        [
            _learned(packets.join(opening, on="packet", how="semi"), "source", "source"),
            _learned(listed, "address", "parameter"),
            _learned(added, "address", "asconf"),
            pl.concat(
                [
                    _learned(flows, "source", "traffic"),
                    _learned(flows, "destination", "traffic").with_columns(side=peer()),
                ]
            ).sort("packet", maintain_order=True),
        ]
    )
    found = (
        seen.drop_nulls("association")
        .unique([*ENDPOINT, "address"], keep="first", maintain_order=True)
        .sort(ENDPOINT, maintain_order=True)
        .with_columns(path=pl.int_range(pl.len()).over(ENDPOINT))
    )
    if agreed.is_empty():
        return conform(found.with_columns(removed_frame=None), ADDRESSES)
    removed = _removed(found, packets, agreed)
    return conform(
        found.join(removed, on=[*ENDPOINT, "address"], how="left", maintain_order="left"), ADDRESSES
    )


def _removed(addresses: pl.DataFrame, packets: pl.DataFrame, changes: pl.DataFrame) -> pl.DataFrame:
    """`association`, `side`, `address`, `removed_frame` of those that did not come back."""
    columns = ["packet", "index", *ENDPOINT, "kind", "address", "frame"]
    steps = changes.filter(pl.col("kind").is_in(["address_added", "address_removed"])).select(columns)
    all_but_source = steps.filter(pl.col("address").is_null()).drop("address")
    all_but_source = all_but_source.with_columns(packets["source"].gather(all_but_source["packet"]))
    others = (
        all_but_source.join(addresses.select(*ENDPOINT, "address", "learned_frame"), on=ENDPOINT)
        .filter((pl.col("address") != pl.col("source")) & (pl.col("learned_frame") < pl.col("frame")))
        .select(columns)
    )
    return (
        pl.concat([steps.drop_nulls("address"), others])
        .sort("packet", "index", maintain_order=True)
        .group_by(*ENDPOINT, "address")
        .agg(pl.col("kind", "frame").last())
        .filter(pl.col("kind") == "address_removed")
        .select(*ENDPOINT, "address", removed_frame="frame")
    )


def _learned(rows: pl.DataFrame, address: str, learned_from: str) -> pl.DataFrame:
    return rows.select(
        "packet",
        *ENDPOINT,
        pl.col(address).alias("address"),
        pl.col("frame").alias("learned_frame"),
        pl.lit(learned_from).alias("learned_from"),
    )


def associations(packets: pl.DataFrame, chunks: pl.DataFrame, assignment: Assignment) -> pl.DataFrame:
    """The table `associations`; `extensions` is still null."""
    spans = (
        packets.select("association", "frame", "time_ns", "is_copy")
        .drop_nulls("association")
        .group_by("association")
        .agg(
            pl.col("frame").first().alias("first_frame"),
            pl.col("frame").last().alias("last_frame"),
            pl.col("time_ns").first().alias("first_ns"),
            pl.col("time_ns").last().alias("last_ns"),
            (~pl.col("is_copy")).sum().alias("packets"),
        )
        .sort("association")
    )
    cookie_acks = chunks.filter(is_type(ChunkType.COOKIE_ACK)).group_by("association")
    milestones = [
        _first_frame(chunks, ChunkType.INIT, "init_frame"),
        _used_openings(packets, chunks, assignment)
        .filter(is_type(ChunkType.INIT_ACK))
        .sort("side", descending=True, maintain_order=True)
        .group_by("association", maintain_order=True)
        .agg(init_ack_frame=pl.col("frame").first()),
        _first_frame(chunks, ChunkType.COOKIE_ECHO, "cookie_echo_frame"),
        _first_frame(chunks, ChunkType.COOKIE_ACK, "cookie_ack_frame"),
        cookie_acks.agg(established_ns=pl.col("time_ns").first()),
        assignment.ends.join(_ends(chunks), on=["association", "end_packet"], how="left"),
    ]
    for milestone in milestones:
        spans = spans.join(milestone, on="association", how="left", maintain_order="left")
    return spans.with_columns(
        handshake=pl.col("init_frame").is_not_null() & pl.col("init_ack_frame").is_not_null(),
        extensions=None,
    ).pipe(conform, ASSOCIATIONS)


def _first_frame(chunks: pl.DataFrame, type_: ChunkType, name: str) -> pl.DataFrame:
    return chunks.filter(is_type(type_)).group_by("association").agg(pl.col("frame").first().alias(name))


def _ends(chunks: pl.DataFrame) -> pl.DataFrame:
    aborts = is_type(ChunkType.ABORT)
    return (
        chunks.filter(aborts | is_type(ChunkType.SHUTDOWN_COMPLETE))
        .unique("packet", keep="first", maintain_order=True)
        .select(
            "association",
            end_packet="packet",
            end=pl.when(aborts).then(pl.lit("abort")).otherwise(pl.lit("shutdown")),
            end_frame="frame",
            end_ns="time_ns",
        )
    )


def _used_openings(packets: pl.DataFrame, chunks: pl.DataFrame, assignment: Assignment) -> pl.DataFrame:
    """Per association, side and chunk type the INIT or INIT_ACK that chose the side's tag: one row.

    The first INIT; of several INIT_ACKs the last before the first COOKIE_ECHO.
    """
    echoed = (
        chunks.filter(is_type(ChunkType.COOKIE_ECHO))
        .group_by("association")
        .agg(echo=pl.col("packet").first())
    )
    return (
        chunks.filter(pl.col("type").is_in(OPENING))
        .join(packets.filter("is_copy"), on="packet", how="anti", maintain_order="left")
        .join(assignment.tags.rename({"tag": "initiate_tag"}), on=[*ENDPOINT, "initiate_tag"], how="semi")
        .join(echoed, on="association", how="left", maintain_order="left")
        .with_columns(
            late=(pl.col("packet") > pl.col("echo")).fill_null(False),
            order=pl.when(is_type(ChunkType.INIT)).then("packet").otherwise(-pl.col("packet").cast(pl.Int64)),
        )
        .sort("association", "side", "type", "late", "order")
        .unique([*ENDPOINT, "type"], keep="first", maintain_order=True)
    )


def with_extensions(associations: pl.DataFrame, endpoints: pl.DataFrame) -> pl.DataFrame:
    """`associations` with the extensions that both endpoints announced."""
    one, other = (
        endpoints.filter(side=side).select("association", pl.col("extensions").alias(name))
        for side, name in enumerate(("extensions", "other"))
    )
    both = one.join(other, on="association").select(
        "association", pl.col("extensions").list.set_intersection("other").list.sort()
    )
    return associations.drop("extensions").join(both, on="association", how="left", maintain_order="left")


def endpoints(
    packets: pl.DataFrame,
    chunks: pl.DataFrame,
    parameters: pl.DataFrame,
    assignment: Assignment,
    addresses: pl.DataFrame,
) -> pl.DataFrame:
    """The table `endpoints`, two rows for each association; `host` is still null."""
    known = (
        packets.select(*ENDPOINT, "source_port", "destination_port")
        .drop_nulls("association")
        .unique("association", keep="first", maintain_order=True)
    )
    ports = pl.concat(
        [
            known.select(*ENDPOINT, port="source_port"),
            known.select("association", peer(), port="destination_port"),
        ]
    ).sort(ENDPOINT)
    # the initiator's INIT counts, and the responder's INIT_ACK; where INITs crossed each has both
    openings = (
        _used_openings(packets, chunks, assignment)
        .filter(pl.len().over(ENDPOINT).eq(1) | ((pl.col("type") == ChunkType.INIT) == (pl.col("side") == 0)))
        .select(
            *[*ENDPOINT, "packet", "chunk", "initial_tsn", "outbound_streams", "inbound_streams", "a_rwnd"],
            init_frame="frame",
        )
    )
    openings = openings.join(
        announced(openings, parameters), on=["packet", "chunk"], how="left", maintain_order="left"
    )
    allowed = openings.select("association", peer(), allowed="inbound_streams")
    return (
        ports.join(
            addresses.group_by(ENDPOINT, maintain_order=True).agg("address").rename({"address": "addresses"}),
            on=ENDPOINT,
            how="left",
            maintain_order="left",
        )
        .join(assignment.tags, on=ENDPOINT, how="left", maintain_order="left")
        .join(openings, on=ENDPOINT, how="left", maintain_order="left")
        .join(allowed, on=ENDPOINT, how="left", maintain_order="left")
        .with_columns(
            negotiated_streams=pl.when(pl.col("allowed").is_not_null() & pl.col("tag").is_not_null()).then(
                pl.min_horizontal("outbound_streams", "allowed")
            ),
            host=pl.lit(None, pl.String),
        )
        .pipe(conform, ENDPOINTS)
    )
