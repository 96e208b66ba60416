"""Which frames of a capture an association consists of."""

import polars as pl

from sctpinspect.tables.model import Tables


def frames_of(tables: Tables[pl.LazyFrame], association: int | None) -> tuple[pl.Series, pl.Series]:
    """The frames of packets and ICMP errors, and those of journal entries; null: of all associations.

    Of one association: its packets, ICMP errors that quote its addresses and ports, its calls, those calls of
    the same sockets that are of no association, and all events.
    """
    packets, errors, calls = tables.packets, tables.icmp_errors, tables.calls
    if association is not None:
        is_its = pl.col("association") == association
        packets = packets.filter(is_its)
        ends = tables.endpoints.filter(is_its).select("side", "port", address="addresses").explode("address")
        for of in ("source", "destination"):
            names = {"side": f"{of}_side", "port": f"quoted_{of}_port", "address": f"quoted_{of}"}
            errors = errors.join(ends.rename(names), on=[f"quoted_{of}", f"quoted_{of}_port"])
        errors = errors.filter(pl.col("source_side") != pl.col("destination_side"))
        own = calls.filter(is_its)
        of_none = calls.filter(pl.col("association").is_null())
        before = of_none.join(own, on=["host", "socket"], how="semi")
        calls = pl.concat([own, before])
    frames, entries = (
        pl.concat([part.select("frame") for part in parts]).unique().sort("frame").collect().to_series()
        for parts in ((packets, errors), (calls, tables.events))
    )
    return frames, entries
