"""What endpoints announce at set-up beside the association itself."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType

_BY_PARAMETER = {
    ParameterType.FORWARD_TSN_SUPPORTED: "FORWARD_TSN",
    ParameterType.ECN_CAPABLE: "ECN",
    ParameterType.ZERO_CHECKSUM_ACCEPTABLE: "ZERO_CHECKSUM",
}
"""Extensions that have a parameter of their own (RFC 3758 §3.1, RFC 4960 Appendix A, RFC 9653 §4)."""


def announced(openings: pl.DataFrame, parameters: pl.DataFrame) -> pl.DataFrame:
    """`packet`, `chunk`, `extensions`, `auth_chunks`, `hmac_ids` of the INITs and INIT_ACKs `openings`.

    Lists of names or numbers, sorted; empty: none announced.
    """
    keys = ["packet", "chunk"]
    held = parameters.select(*keys, "type", "value").join(openings.select(keys), on=keys, how="semi")
    extensions = pl.concat(
        [
            _listed(held, ParameterType.SUPPORTED_EXTENSIONS, 1).select(*keys, name=_chunk_name()),
            held.filter(pl.col("type").is_in(list(_BY_PARAMETER))).select(
                *keys, name=pl.col("type").replace_strict(_BY_PARAMETER, return_dtype=pl.String)
            ),
        ]
    )
    auth_chunks = _listed(held, ParameterType.CHUNK_LIST, 1).select(*keys, name=_chunk_name())
    hmac_ids = _listed(held, ParameterType.REQUESTED_HMAC_ALGORITHM, 2).select(*keys, name="item")
    found = openings.select(keys)
    for column, items in (("extensions", extensions), ("auth_chunks", auth_chunks), ("hmac_ids", hmac_ids)):
        lists = items.group_by(keys).agg(pl.col("name").unique().sort().alias(column))
        found = found.join(lists, on=keys, how="left", maintain_order="left")
    return found.with_columns(pl.col("extensions", "auth_chunks", "hmac_ids").fill_null([]))


def _listed(held: pl.DataFrame, type_: ParameterType, size: int) -> pl.DataFrame:
    """The numbers that parameters of a type list, `item`, each of so many bytes."""
    rows = held.filter((pl.col("type") == type_) & pl.col("value").is_not_null())
    values = rows["value"].unique()
    items = pl.DataFrame(
        {
            "value": values,
            "item": [
                [int.from_bytes(value[at : at + size]) for at in range(0, len(value) - size + 1, size)]
                for value in values
            ],
        },
        schema={"value": pl.Binary, "item": pl.List(pl.UInt16)},
    )
    return rows.join(items, on="value").explode("item").drop_nulls("item")


def _chunk_name() -> pl.Expr:
    names = {int(type_): type_.name for type_ in ChunkType}
    number = pl.col("item")
    return pl.coalesce(
        number.replace_strict(names, default=None, return_dtype=pl.String), number.cast(pl.String)
    )
