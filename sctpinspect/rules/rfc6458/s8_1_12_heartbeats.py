"""RFC 6458 §8.1.12: switching HEARTBEATs off, and asking for one."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, number, of_associations, succeeded
from sctpinspect.rules.queries import MILLISECOND, PATH, PATIENCE_NS, found, goes_on
from sctpinspect.tables.associations import ENDPOINT

INTERVAL_MS = 30_000
"""HB.interval of RFC 9260 §16, where the program set none."""


@rule(
    "rfc6458/8.1.12/hb-disable",
    level=Level.MUST,
    cites=["RFC 6458 §8.1.12"],
    to_fail=[Need.NO_LOSS, Need.AT_SENDER],
)
def hb_disable(t: View) -> Judgement:
    """With SPP_HB_DISABLE an address gets no HEARTBEATs.

    What it checks: that no HEARTBEAT goes to the address, or to any of the association's, from the end of the
    call until the option is set again.
    Why it matters: HEARTBEATs cost power and money on some paths.
    What the capture must contain: the journal with the option, and an association that lives on for two
    intervals: that set before, or 30 s.
    Known exceptions: HEARTBEATs that verify the address, and padded ones that probe the path MTU. After the
    last call of the side nothing is judged: the journal may lack one that asks for a HEARTBEAT.
    References: RFC 6458 §8.1.12.
    """
    spans = _spans(t)
    off = spans.filter(flag("SPP_HB_DISABLE")).filter(
        pl.col("until_ns") - pl.col("from_ns") >= 2 * pl.col("interval") * MILLISECOND
    )
    own = t.calls.filter(pl.col("association").is_not_null())
    last = own.group_by(ENDPOINT).agg(last_call_ns=pl.col("start_ns").max())
    beats = (
        t.heartbeats.filter(~pl.col("padded"))
        .select(*ENDPOINT, "destination", "time_ns", "frame", "chunk")
        .sort("time_ns")
        .join_asof(
            off.sort("from_ns"),
            left_on="time_ns",
            right_on="from_ns",
            by=[*ENDPOINT, "destination"],
            check_sortedness=False,
        )
        .filter((pl.col("time_ns") < pl.col("until_ns")) & (pl.col("time_ns") > pl.col("confirmed_ns")))
        .join(last, on=ENDPOINT, maintain_order="left")
        .filter(pl.col("time_ns") < pl.col("last_call_ns"))
    )
    return Judgement(off, found(beats, pl.format("no HEARTBEAT to {}", "destination"), "a HEARTBEAT"))


@rule(
    "rfc6458/8.1.12/hb-demand",
    level=Level.MUST,
    cites=["RFC 6458 §8.1.12", "RFC 9260 §8.3"],
    to_fail=[Need.NO_LOSS, Need.AT_SENDER],
)
def hb_demand(t: View) -> Judgement:
    """SPP_HB_DEMAND sends a HEARTBEAT to the address at once.

    What it checks: that a HEARTBEAT goes to the address after the call begins, within half a second.
    Why it matters: the program wants to know now whether the path works.
    What the capture must contain: the journal with the option, and half a second after the call.
    Known exceptions: none.
    References: RFC 6458 §8.1.12; RFC 9260 §8.3.
    """
    address = argument("value.spp_address")
    demands = (
        succeeded(t, "setsockopt")
        .filter((pl.col("option") == "SCTP_PEER_ADDR_PARAMS") & flag("SPP_HB_DEMAND"))
        .filter(pl.col("association").is_not_null())
        .select(*ENDPOINT, "call", "frame", "start_ns", "end_ns", destination=address)
        .filter(pl.col("destination").is_not_null())
        .sort("start_ns")
    )
    beats = t.heartbeats.select(*ENDPOINT, "destination", beat_ns="time_ns").sort("beat_ns")
    asked = demands.join_asof(
        beats,
        left_on="start_ns",
        right_on="beat_ns",
        by=[*ENDPOINT, "destination"],
        strategy="forward",
        check_sortedness=False,
    ).with_columns(sent=(pl.col("beat_ns") - pl.col("end_ns") <= PATIENCE_NS).fill_null(False))
    lives = t.associations.select("association", "last_ns")
    subjects = asked.join(lives, on="association", maintain_order="left").filter(
        pl.col("sent") | (goes_on(t, pl.col("end_ns")) & (pl.col("last_ns") > pl.col("end_ns") + PATIENCE_NS))
    )
    violations = subjects.filter(~pl.col("sent"))
    return Judgement(
        subjects, found(violations, pl.format("a HEARTBEAT to {}", "destination"), "none within 500 ms")
    )


def flag(name: str) -> pl.Expr:
    """Whether a setsockopt names this flag."""
    return pl.col("arguments").str.contains(f'"{name}"', literal=True)


def _spans(t: View) -> pl.LazyFrame:
    """SCTP_PEER_ADDR_PARAMS by path, `from_ns` to `until_ns`: the next setting, or the end.

    With `interval`: the longest that the side ever sets, in ms; `confirmed_ns` of the path.
    """
    calls = of_associations(
        t, succeeded(t, "setsockopt").filter(pl.col("option") == "SCTP_PEER_ADDR_PARAMS")
    ).with_columns(of=argument("value.spp_address"), given=number(argument("value.spp_hbinterval")))
    intervals = calls.filter(pl.col("given") > 0).group_by(ENDPOINT).agg(interval=pl.col("given").max())
    lives = t.associations.select("association", "last_ns")
    paths = t.paths.select(*PATH, "destination", "confirmed_ns").filter(pl.col("confirmed_ns").is_not_null())
    return (
        calls.drop("address", "frame")
        .join(paths, on=ENDPOINT, maintain_order="left")
        .filter(pl.col("of").is_null() | (pl.col("of") == pl.col("destination")))
        .join(lives, on="association", maintain_order="left")
        .join(intervals, on=ENDPOINT, how="left", maintain_order="left")
        .sort("end_ns", maintain_order=True)
        .select(
            *ENDPOINT,
            "call",
            "arguments",
            "destination",
            "confirmed_ns",
            from_ns=pl.max_horizontal("end_ns", "first_ns"),
            until_ns=pl.coalesce(pl.col("start_ns").shift(-1).over(PATH), "last_ns"),
            interval=pl.col("interval").fill_null(INTERVAL_MS),
        )
    )
