"""Protocol parameters of endpoints, as far as they are known, and sub-queries over what timers caused."""

import polars as pl

from sctpinspect.rules.calls import SOCKET, argument, number, result, settings, succeeded
from sctpinspect.rules.model import Need
from sctpinspect.rules.queries import MILLISECOND, TICKS_NS
from sctpinspect.rules.view import View
from sctpinspect.tables.associations import ENDPOINT, peer

AT_SENDER = (Need.HANDSHAKE, Need.AT_SENDER, Need.COUNTERS, Need.JOURNAL)
"""What it takes to judge a timer: every packet from the first on, when it was sent, and what the program
set.
"""

PARAMETERS = {
    "rto_initial": ("SCTP_RTOINFO", "srto_initial", MILLISECOND),
    "rto_min": ("SCTP_RTOINFO", "srto_min", MILLISECOND),
    "rto_max": ("SCTP_RTOINFO", "srto_max", MILLISECOND),
    "hb_interval": ("SCTP_PEER_ADDR_PARAMS", "spp_hbinterval", MILLISECOND),
    "association_max_retrans": ("SCTP_ASSOCINFO", "sasoc_asocmaxrxt", 1),
    "path_max_retrans": ("SCTP_PEER_ADDR_PARAMS", "spp_pathmaxrxt", 1),
    "max_burst": ("SCTP_MAX_BURST", "assoc_value", 1),
}
"""Names of sysctls, the socket options and fields that override them, and their unit (ns; 1: a number)."""


def parameter(t: View, name: str) -> pl.LazyFrame:
    """Per association and side between what the parameter lies: `least` and `most`, ns or a number.

    That is the system's value and all that programs of the host ever set; exactly what was set where that
    is one value, set on the socket before the association. Without a row it is unknown: in captures of
    others, and where the journal does not begin with the sockets of the host.
    """
    option, field, unit = PARAMETERS[name]
    sysctls = t.recipe.get("sysctls")
    stated = str(sysctls.get(name)) if isinstance(sysctls, dict) else ""
    system = int(stated) if stated.isdecimal() and len(stated) < 10 else None
    value = number(argument(f"value.{field}"))
    is_given = value.is_between(1, 10**9)
    if name == "hb_interval":  # of which 0 has a flag of its own
        is_zero = pl.col("arguments").str.contains('"SPP_HB_TIME_IS_ZERO"', literal=True)
        value, is_given = pl.when(is_zero).then(0).otherwise(value), is_zero | is_given
    given = succeeded(t, "setsockopt").filter((pl.col("option") == option) & is_given)
    of_hosts = given.group_by("host").agg(least=value.min(), most=value.max())
    before = settings(t, option, is_given).select(*ENDPOINT, exact=True).unique()
    of_system = pl.lit(system, pl.Int64)
    is_exact = pl.col("exact").fill_null(False) & (pl.col("least") == pl.col("most"))
    without_programs = pl.lit(t.recipe.get("hosts") == {})
    return (
        t.endpoints.select(*ENDPOINT, "host")
        .join(_told_from_the_start(t), on="host", how="left", maintain_order="left")
        .filter(pl.col("is_told").fill_null(False) | without_programs)
        .join(of_hosts, on="host", how="left", maintain_order="left")
        .join(before, on=ENDPOINT, how="left", maintain_order="left")
        .with_columns(
            least=pl.when(is_exact).then("least").otherwise(pl.min_horizontal("least", of_system)),
            most=pl.when(is_exact).then("most").otherwise(pl.max_horizontal("most", of_system)),
        )
        .filter(pl.col("least").is_not_null())
        .select(*ENDPOINT, least=pl.col("least") * unit, most=pl.col("most") * unit)
    )


def _told_from_the_start(t: View) -> pl.LazyFrame:
    """Hosts with `is_told`: the journal has the calls that made all their sockets, so it lacks none before
    them.
    """
    made = pl.col("name").is_in(["accept", "sctp_peeloff"])
    created = pl.concat(
        [
            t.calls.filter(pl.col("name") == "socket").select(SOCKET),
            t.calls.filter(made).select(
                "host", socket=number(result("socket")).cast(pl.UInt32, strict=False)
            ),
        ]
    ).unique()
    return (
        t.calls.select(SOCKET)
        .drop_nulls()
        .unique()
        .join(created.with_columns(is_told=True), on=SOCKET, how="left")
        .group_by("host")
        .agg(pl.col("is_told").fill_null(False).all())
    )


def known(rows: pl.LazyFrame, values: pl.LazyFrame, name: str) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The rows of sides whose parameter is known, with `least` and `most`; `association` and `reason` of
    others.
    """
    beside = rows.join(values, on=ENDPOINT, how="left", maintain_order="left")
    reason = pl.lit(f"{name} of the endpoint is not known")
    return (
        beside.filter(pl.col("least").is_not_null()),
        beside.filter(pl.col("least").is_null()).select("association", reason=reason).unique(),
    )


def expiries(t: View) -> pl.LazyFrame:
    """DATA that shows first that T3-rtx has run out, in order; `from_path`: where it had been sent before.

    `waited`: ns since the timer was started or restarted last, as far as that can be seen.
    Not where acknowledgements changed places on the way meanwhile, which takes back what the later one had
    reported; nor of sides that a peer's change of addresses, or a router's word on the path MTU, made send
    again.
    """
    in_order = (pl.col("since_disorder") > pl.col("since_sent")).fill_null(True)
    expired = t.transmissions.filter(pl.col("has_expired") & in_order)
    is_address = pl.col("kind").cast(pl.String).str.starts_with("address_")
    changed = t.changes.filter(is_address).select("association")
    too_big = (pl.col("type") == 3) & (pl.col("code") == 4) | (pl.col("type") == 2)
    told = t.icmp_errors.filter(too_big).select(port="quoted_destination_port").drop_nulls()
    troubled = t.endpoints.join(told, on="port", how="semi").select("association")
    again = (
        t.transmissions.join(expired.select(*ENDPOINT, "tsn").unique(), on=[*ENDPOINT, "tsn"], how="semi")
        .sort("time_ns", maintain_order=True)
        .with_columns(from_path=pl.col("path").shift(1).over(*ENDPOINT, "tsn"))
        .filter(pl.col("has_expired") & in_order)
    )
    return (
        again.join(changed, on="association", how="anti", maintain_order="left")
        .join(troubled, on="association", how="anti", maintain_order="left")
        .with_columns(waited=pl.min_horizontal("since_sent", "since_advanced", "since_heard"))
    )


def since_heard(t: View, rows: pl.LazyFrame) -> pl.LazyFrame:
    """The rows in order of `time_ns`, with `heard_ns`: when the last packet of the peer arrived; null: none
    did.

    `heard_before_ns`: when the one before that did.
    """
    arrived = pl.coalesce("delivered_ns", "time_ns")
    arrivals = (
        t.packets.filter(pl.col("association").is_not_null() & (pl.col("delivery") != "lost").fill_null(True))
        .select("association", peer(), heard_ns=arrived)
        .sort("heard_ns")
        .with_columns(heard_before_ns=pl.col("heard_ns").shift(1).over(ENDPOINT))
    )
    return rows.sort("time_ns", maintain_order=True).join_asof(
        arrivals,
        left_on="time_ns",
        right_on="heard_ns",
        by=ENDPOINT,
        coalesce=False,
        check_sortedness=False,
    )


def has_grown(interval: pl.Expr, before: pl.Expr, rto_max: pl.Expr) -> pl.Expr:
    """Whether a timer has doubled, or reached RTO.Max; where that is unknown (null): has not become shorter.

    Timers of Linux run late by up to 12 %, so that the one before may seem longer than it was.
    """
    doubled = interval >= (1.7 * before).cast(pl.Int64) - TICKS_NS
    at_most = interval >= rto_max - TICKS_NS
    is_no_shorter = interval >= (0.85 * before).cast(pl.Int64) - TICKS_NS
    return doubled | at_most.fill_null(is_no_shorter)
