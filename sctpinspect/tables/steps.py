"""TSNs in the order of RFC 1982 (RFC 9260 §1.6)."""

import polars as pl

HALF = 1 << 31
"""Half of all TSNs: a TSN comes after these before it, and before the others."""


def steps(base: pl.Expr, tsn: pl.Expr) -> pl.Expr:
    """Steps from one TSN to another, negative when it comes before (Int64)."""
    return (tsn.cast(pl.Int64) - base.cast(pl.Int64) + HALF) % (2 * HALF) - HALF
