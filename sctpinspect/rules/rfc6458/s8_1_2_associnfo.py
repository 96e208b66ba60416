"""RFC 6458 §8.1.2: SCTP_ASSOCINFO."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, lasting, number, result, succeeded
from sctpinspect.rules.queries import either, found
from sctpinspect.rules.timers import AT_SENDER, expiries, since_heard
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


@rule(
    "rfc6458/8.1.2/associnfo-maxrxt",
    level=Level.MUST,
    cites=["RFC 6458 §8.1.2", "RFC 9260 §8.1"],
    to_fail=[*AT_SENDER, Need.NO_LOSS],
)
def associnfo_maxrxt(t: View) -> Judgement:
    """A peer that does not answer is given up after sasoc_asocmaxrxt retransmissions, not sooner or later.

    What it checks: how often T3-rtx has run out and DATA was sent again since anything of the peer arrived:
    no more often than the option says. And, where SCTP_COMM_LOST is told without an ABORT of the peer, that
    so many retransmissions and HEARTBEATs without an answer came before it.
    Why it matters: the program chose how long it trusts a silent peer.
    What the capture must contain: the journal with the option set before the association, and a peer that
    does not answer. A violation counts only in a capture of the sandbox without drops.
    Known exceptions: an association that is being shut down or changed (ASCONF, RE-CONFIG) has other timers,
    too: of it no SCTP_COMM_LOST is judged.
    References: RFC 6458 §8.1.2; RFC 9260 §8.1.
    """
    limits = (
        lasting(t, "SCTP_ASSOCINFO")
        .select(*ENDPOINT, option="call", limit=number(argument("value.sasoc_asocmaxrxt")))
        .filter(pl.col("limit") > 0)
    )
    repeats = (
        since_heard(t, expiries(t))
        .with_columns(number=pl.int_range(1, pl.len() + 1).over(*ENDPOINT, "heard_ns"))
        .join(limits, on=ENDPOINT, maintain_order="left")
        .rename({"option": "call"})
    )
    reached = repeats.filter(pl.col("number") >= pl.col("limit"))
    too_many = reached.filter(pl.col("number") > pl.col("limit"))
    lost = _given_up(t).join(limits, on=ENDPOINT, maintain_order="left")
    too_soon = lost.filter(pl.col("errors") < pl.col("limit"))
    told = pl.concat([reached.select("association"), lost.select("association")])
    reason = pl.lit("the peer answered before so many retransmissions")
    return Judgement(
        either(reached, lost, lost.select(*ENDPOINT, call="option")),
        either(
            found(
                too_many,
                pl.format("{} retransmissions at most", "limit"),
                pl.format("retransmission {} in a row", "number"),
            ),
            found(
                too_soon,
                pl.format("{} errors before the peer is given up", "limit"),
                pl.format("SCTP_COMM_LOST after {}", "errors"),
            ),
        ),
        repeats.join(told, on="association", how="anti").select("association", reason=reason),
    )


def _given_up(t: View) -> pl.LazyFrame:
    """SCTP_COMM_LOST for want of answers, with `errors`: what was not answered since the peer was heard."""
    others = pl.concat(
        [
            t.chunks.filter(is_type(ChunkType.ABORT)).select("association", peer()),
            t.chunks.filter(is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK)).select(*ENDPOINT),
            t.changes.select(*ENDPOINT),
        ]
    )
    lost = (
        t.calls.filter((pl.col("state") == "SCTP_COMM_LOST") & pl.col("association").is_not_null())
        .join(others, on=ENDPOINT, how="anti", maintain_order="left")
        .select(*ENDPOINT, "call", "frame", time_ns="end_ns")
    )
    errors = pl.concat(
        [
            expiries(t).select(*ENDPOINT, error_ns="time_ns"),
            t.heartbeats.select(*ENDPOINT, error_ns="time_ns"),
        ]
    )
    is_error = pl.col("error_ns").is_between(pl.col("heard_ns"), pl.col("time_ns"))
    return (
        since_heard(t, lost)
        .join(errors, on=ENDPOINT, how="left", maintain_order="left")
        .group_by(*ENDPOINT, "call", "frame", maintain_order=True)
        .agg(errors=is_error.fill_null(False).sum())
    )


@rule(
    "rfc6458/8.1.2/associnfo-readback",
    level=Level.MUST,
    cites=["RFC 6458 §8.1.2"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.WHOLE_PACKETS],
)
def associnfo_readback(t: View) -> Judgement:
    """SCTP_ASSOCINFO tells how many addresses the peer has.

    What it checks: sasoc_number_peer_destinations against the addresses that INIT or INIT ACK of the peer
    announced.
    Why it matters: so a program sees whether its peer is multi-homed.
    What the capture must contain: the journal and the handshake, not cut.
    Known exceptions: associations whose addresses change (ASCONF) are not judged, nor a call that began
    before the handshake was over.
    References: RFC 6458 §8.1.2.
    """
    announced = (
        t.addresses.filter(pl.col("learned_from").cast(pl.String).is_in(["source", "parameter"]))
        .group_by("association", side=peer())
        .agg(addresses_announced=pl.len().cast(pl.Int64))
    )
    up = t.associations.select("association", "established_ns")
    told = number(result("value.sasoc_number_peer_destinations")).fill_null(0)  # which is left out
    subjects = (
        succeeded(t, "getsockopt", "sctp_opt_info")
        .filter((pl.col("option") == "SCTP_ASSOCINFO") & pl.col("association").is_not_null())
        .select(*ENDPOINT, "call", "frame", "start_ns", told=told)
        .join(t.changes.select("association"), on="association", how="anti", maintain_order="left")
        .join(up, on="association", maintain_order="left")
        .filter(pl.col("start_ns") > pl.col("established_ns"))
        .join(announced, on=ENDPOINT, maintain_order="left")
    )
    violations = subjects.filter(pl.col("told") != pl.col("addresses_announced"))
    return Judgement(
        subjects, found(violations, pl.format("{}", "addresses_announced"), pl.format("{} addresses", "told"))
    )
