"""INIT and COOKIE ECHO that are sent again, and what is known of how often and when they may be."""

from typing import Any

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules.calls import argument, number, settings
from sctpinspect.rules.exchanges import stale
from sctpinspect.rules.queries import TICKS_NS
from sctpinspect.rules.view import View
from sctpinspect.tables.associations import ENDPOINT, is_type

COPY = [*ENDPOINT, "type", "initiate_tag", "value", "destination"]
"""What copies of an INIT or COOKIE ECHO to one address have in common."""


def repeats(t: View) -> pl.LazyFrame:
    """INITs and COOKIE ECHOs of associations, in order, without those repeated by the network.

    Nobody's timer sends a chunk again within two ticks. Attempts with a Stale Cookie error, after which a new
    INIT with the same tag begins another attempt, are left out.
    """
    own = t.chunks.filter(
        is_type(ChunkType.INIT, ChunkType.COOKIE_ECHO) & pl.col("association").is_not_null()
    ).join(stale(t), on="association", how="anti", maintain_order="left")
    is_repeated = (pl.col("time_ns").diff().over(COPY) < TICKS_NS).fill_null(False)
    return own.filter(~is_repeated)


def limits(t: View) -> pl.LazyFrame:
    """Of sides with a journal `attempts` (Max.Init.Retransmits) and `longest_ms` (of an interval).

    By socket option or, without one, by the settings of the kernel that the recording states; null: unknown.
    Sides whose sends carry SCTP_INIT, which overrides the option, are left out.
    """
    overridden = t.calls.filter(pl.col("arguments").str.contains('"SCTP_INIT"', literal=True)).select(
        ENDPOINT
    )
    init = settings(t, "SCTP_INITMSG").select(
        *ENDPOINT, *_positive("sinit_max_attempts", "sinit_max_init_timeo")
    )
    rto = settings(t, "SCTP_RTOINFO").select(*ENDPOINT, *_positive("srto_max"))
    return (
        t.endpoints.filter(pl.col("host").is_not_null())
        .select(ENDPOINT)
        .join(overridden, on=ENDPOINT, how="anti", maintain_order="left")
        .join(init, on=ENDPOINT, how="left", maintain_order="left")
        .join(rto, on=ENDPOINT, how="left", maintain_order="left")
        .select(
            *ENDPOINT,
            attempts=pl.coalesce("sinit_max_attempts", pl.lit(sysctl(t, "max_init_retransmits"), pl.Int64)),
            longest_ms=pl.min_horizontal(
                "sinit_max_init_timeo",
                pl.coalesce("srto_max", pl.lit(sysctl(t, "rto_max"), pl.Int64)),
            ),
        )
    )


def _positive(*fields: str) -> list[pl.Expr]:
    """Fields of a socket option of which 0 leaves the default."""
    values = [(field, number(argument(f"value.{field}"))) for field in fields]
    return [pl.when(value > 0).then(value).alias(field) for field, value in values]


def sysctl(t: View, name: str) -> int | None:
    """A setting of the kernel as the recording states it; None: it does not."""
    stated: Any = t.recipe.get("sysctls")
    value = str(stated.get(name)) if isinstance(stated, dict) else ""
    return int(value) if value.isdecimal() else None
