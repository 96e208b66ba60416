"""RFC 6458 §8.1.12: how many errors make an address unreachable."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, lasting, number, result
from sctpinspect.rules.queries import PATH, either, found
from sctpinspect.rules.timers import AT_SENDER, expiries
from sctpinspect.tables.associations import ENDPOINT


@rule(
    "rfc6458/8.1.12/path-max-rxt",
    level=Level.MUST,
    cites=["RFC 6458 §8.1.12", "RFC 6458 §6.1.2", "RFC 9260 §8.2"],
    to_fail=[*AT_SENDER, Need.NO_LOSS],
)
def path_max_rxt(t: View) -> Judgement:
    """An address is unreachable after more than spp_pathmaxrxt errors in a row, and is then not used.

    What it checks: that more errors than the option allows came before SCTP_ADDR_UNREACHABLE is told, an
    error being T3-rtx that ran out for DATA sent there, or a HEARTBEAT there without an answer. And that, one
    error later still, no new DATA goes there while another address of the peer works.
    Why it matters: the program chose how soon its data takes another path.
    What the capture must contain: the journal with the option set before the association for all addresses,
    and errors. A violation counts only in a capture of the sandbox without drops.
    Known exceptions: the value 0 leaves the limit as it is. Where the option is set again later nothing is
    judged.
    References: RFC 6458 §8.1.12; RFC 6458 §6.1.2; RFC 9260 §8.2.
    """
    of_all = argument("value.spp_address").is_null() | (argument("value.spp_address") == "null")
    limits = (
        lasting(t, "SCTP_PEER_ADDR_PARAMS", of_all)
        .select(*ENDPOINT, option="call", limit=number(argument("value.spp_pathmaxrxt")))
        .filter(pl.col("limit") > 0)
    )
    told = (
        t.calls.filter((pl.col("state") == "SCTP_ADDR_UNREACHABLE") & pl.col("association").is_not_null())
        .select(*ENDPOINT, "call", "frame", time_ns="end_ns", destination=result("notification.address"))
        .join(t.paths.select(*PATH, "destination"), on=[*ENDPOINT, "destination"], maintain_order="left")
        .join(limits, on=ENDPOINT, maintain_order="left")
    )
    unreachable = _with_errors(t, told)
    too_soon = unreachable.filter(pl.col("errors") <= pl.col("limit"))
    new = (
        t.transmissions.filter(pl.col("since_sent").is_null())
        .select(*ENDPOINT, "frame", "chunk", "time_ns", went="path")
        .join(limits, on=ENDPOINT, maintain_order="left")
        .join(t.paths.select(*PATH, "destination"), on=ENDPOINT, maintain_order="left")
    )
    fails = pl.col("errors") > pl.col("limit") + 1
    each = [*ENDPOINT, "frame", "chunk"]
    choices = _with_errors(t, new).filter(fails.any().over(each) & ~fails.all().over(each))
    taken = choices.filter(pl.col("went") == pl.col("path")).with_columns(call="option")
    wrong = taken.filter(fails)
    return Judgement(
        either(unreachable, unreachable.select(*ENDPOINT, call="option"), taken),
        either(
            found(too_soon, pl.format("more than {} errors before", "limit"), pl.format("{}", "errors")),
            found(
                wrong, "DATA to another address", pl.format("to {}, after {} errors", "destination", "errors")
            ),
        ),
    )


def _with_errors(t: View, rows: pl.LazyFrame) -> pl.LazyFrame:
    """The rows, in order of `time_ns`, with `errors`: of their path in a row, up to that time."""
    lost = t.packets.filter(pl.col("delivery") == "lost").select(ack_frame="frame", is_lost=True)
    silent = (
        t.heartbeats.join(lost, on="ack_frame", how="left", maintain_order="left")
        .filter(pl.col("ack_frame").is_null() | pl.col("is_lost"))
        .select(*PATH, error_ns="time_ns")
    )
    expired = expiries(t).select(*ENDPOINT, path="from_path", error_ns="time_ns")
    answers = (
        t.round_trips.select(*PATH, heard_ns=pl.col("time_ns") + pl.col("rtt_ns"))
        .sort("heard_ns", maintain_order=True)
        .with_columns(heard_up_to="heard_ns")
    )

    def heard(left: pl.LazyFrame, at: str, name: str) -> pl.LazyFrame:
        return (
            left.sort(at, maintain_order=True)
            .join_asof(
                answers, left_on=at, right_on="heard_ns", by=PATH, coalesce=False, check_sortedness=False
            )
            .rename({"heard_up_to": name})
            .drop("heard_ns")
        )

    errors = heard(pl.concat([expired, silent]), "error_ns", "heard_before").with_columns(
        count=pl.int_range(1, pl.len() + 1).over(*PATH, "heard_before")
    )
    last = heard(rows, "time_ns", "heard_last").join_asof(
        errors, left_on="time_ns", right_on="error_ns", by=PATH, coalesce=False, check_sortedness=False
    )
    in_a_row = pl.col("heard_before").eq_missing(pl.col("heard_last"))
    return last.with_columns(errors=pl.when(in_a_row).then("count").fill_null(0))
