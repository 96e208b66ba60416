"""Sub-queries over socket calls that several rules share."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules.model import Judgement
from sctpinspect.rules.queries import beside_own, beside_peer, found, scope
from sctpinspect.rules.view import View
from sctpinspect.tables.associations import ENDPOINT, is_type, peer
from sctpinspect.tables.calls import SENDS

SOCKET = ["host", "socket"]
WILDCARDS = ["0.0.0.0", "::"]

SETS_UP = ["connect", "sctp_connectx", *SENDS]
"""Calls that may begin an association."""


def argument(name: str) -> pl.Expr:
    """An argument of a call as text, by its JSON path: `value.sinit_num_ostreams`."""
    return pl.col("arguments").str.json_path_match(f"$.{name}")


def result(name: str) -> pl.Expr:
    """A result of a call as text, by its JSON path."""
    return pl.col("result").str.json_path_match(f"$.{name}")


def number(text: pl.Expr) -> pl.Expr:
    """That text as a number; null if it is none."""
    return text.cast(pl.Int64, strict=False)


def succeeded(t: View, *names: str) -> pl.LazyFrame:
    """The calls of these names that did not fail."""
    return t.calls.filter(pl.col("name").is_in(names) & pl.col("errno").is_null())


def of_associations(t: View, calls: pl.LazyFrame) -> pl.LazyFrame:
    """The calls, each for every association of its socket: with `association`, `side` and `first_ns`.

    A call such as bind belongs to all associations that its socket ever has.
    """
    sockets = t.calls.filter(pl.col("association").is_not_null()).select(*SOCKET, *ENDPOINT).unique()
    begun = t.associations.select("association", "first_ns")
    return (
        calls.drop(ENDPOINT)
        .join(sockets, on=SOCKET, maintain_order="left")
        .join(begun, on="association", maintain_order="left")
    )


def late_bindx(t: View) -> pl.LazyFrame:
    """Calls of sctp_bindx() on sockets that have associations: these may send an ASCONF."""
    return of_associations(t, succeeded(t, "sctp_bindx")).filter(pl.col("end_ns") > pl.col("first_ns"))


def settings(t: View, option: str, which: pl.Expr | bool = True) -> pl.LazyFrame:
    """Per association and side the last `setsockopt` of `option` (and `which`) before the association."""
    calls = succeeded(t, "setsockopt").filter((pl.col("option") == option) & which)
    return (
        of_associations(t, calls)
        .filter(pl.col("end_ns") <= pl.col("first_ns"))
        .unique(ENDPOINT, keep="last", maintain_order=True)
    )


def _setting(*options: str) -> pl.Expr:
    return (pl.col("name") == "setsockopt") & pl.col("option").is_in(options)


CAUSES = {
    ChunkType.INIT: pl.col("name").is_in(SETS_UP),
    ChunkType.SHUTDOWN: pl.col("name").is_in(["close", "shutdown", *SENDS]) | _setting("SCTP_AUTOCLOSE"),
    ChunkType.ASCONF: pl.col("binds_late")
    | _setting("SCTP_AUTO_ASCONF", "SCTP_PEER_PRIMARY_ADDR", "SCTP_SET_PEER_PRIMARY_ADDR"),
    ChunkType.RE_CONFIG: _setting("SCTP_RESET_STREAMS", "SCTP_RESET_ASSOC", "SCTP_ADD_STREAMS"),
}
"""Chunks that only calls cause, and the calls that may: at once, or as soon as the association lets them.

binds_late: whether the call is an sctp_bindx() of a socket with associations.
"""


def causes_no_packet(t: View, calls: pl.LazyFrame) -> Judgement:
    """Judges that while each of `calls` ran, its host sent nothing that only another kind of call causes.

    That is the first INIT, ASCONF, RE_CONFIG or SHUTDOWN of an association that no call of the host, of this
    association or of one not known, may have caused before. A RE_CONFIG may also answer one of the peer, and
    a SHUTDOWN come from a program that exits: none is blamed after the last call of the association.
    """
    hosts = t.endpoints.select(*ENDPOINT, "host").drop_nulls()
    answers = t.chunks.filter(is_type(ChunkType.RE_CONFIG)).select("association", peer(), "packet", "type")
    packets = (
        t.chunks.filter(is_type(*CAUSES) & pl.col("association").is_not_null())
        .unique([*ENDPOINT, "type"], keep="first", maintain_order=True)
        .join(hosts, on=ENDPOINT, maintain_order="left")
        .join(
            answers.group_by(*ENDPOINT, "type").agg(asked=pl.col("packet").min()),
            on=[*ENDPOINT, "type"],
            how="left",
            maintain_order="left",
        )
        .filter((pl.col("asked") > pl.col("packet")).fill_null(True))
        .select("host", "packet", "frame", "chunk", "time_ns", "type", "type_name", *ENDPOINT)
    )
    late = late_bindx(t).select("call", binds_late=pl.lit(True)).unique()
    others = t.calls.join(calls.select("call"), on="call", how="anti", maintain_order="left").join(
        late, on="call", how="left", maintain_order="left"
    )
    since = pl.concat(
        [
            others.filter(may_cause)
            .group_by("host", "association")
            .agg(since=pl.col("start_ns").min())
            .with_columns(type=pl.lit(int(type), pl.UInt8))
            for type, may_cause in CAUSES.items()
        ]
    )
    unknown = since.filter(pl.col("association").is_null()).select("host", "type", since_unknown="since")
    last = t.calls.group_by("host", "association").agg(last_ns=pl.col("end_ns").max())
    may_be_exit = (pl.col("type") == ChunkType.SHUTDOWN) & (pl.col("last_ns") < pl.col("time_ns")).fill_null(
        True
    )
    unexplained = (
        packets.join(since, on=["host", "association", "type"], how="left", maintain_order="left")
        .join(unknown, on=["host", "type"], how="left", maintain_order="left")
        .join(last, on=["host", "association"], how="left", maintain_order="left")
        .filter(
            (pl.min_horizontal("since", "since_unknown") > pl.col("time_ns")).fill_null(True) & ~may_be_exit
        )
    )
    violations = (
        calls.select("host", "call", "name", "start_ns", "end_ns")
        .sort("start_ns")
        .join_asof(
            unexplained.sort("time_ns"),
            left_on="start_ns",
            right_on="time_ns",
            by="host",
            strategy="forward",
            coalesce=False,
            check_sortedness=False,
        )
        .filter(pl.col("time_ns") <= pl.col("end_ns"))
    )
    actual = pl.format("{} during {}()", "type_name", "name")
    return Judgement(calls, found(violations, "no packet", actual))


def ending(t: View, calls: pl.LazyFrame) -> pl.LazyFrame:
    """The `calls` that came while an association of their socket was established and not about to end.

    An association that the socket gave away by accept() or sctp_peeloff() is none of its own.
    With `said`, `frame` and `chunk`: the first SHUTDOWN, SHUTDOWN_ACK or ABORT of the side after the call;
    calls after which there is none are left out.
    """
    closing = t.chunks.filter(
        is_type(ChunkType.SHUTDOWN, ChunkType.SHUTDOWN_ACK, ChunkType.ABORT)
        & pl.col("association").is_not_null()
    )
    began = closing.group_by("association").agg(closing_ns=pl.col("time_ns").min())
    own = closing.select(*ENDPOINT, "frame", "chunk", said="type_name", said_ns="time_ns")
    handed_over = t.calls.filter(pl.col("name").is_in(["accept", "sctp_peeloff"])).select(
        *SOCKET, "association"
    )
    established = t.associations.select("association", "established_ns")
    return (
        of_associations(t, calls.drop("frame"))
        .join(handed_over, on=[*SOCKET, "association"], how="anti", maintain_order="left")
        .join(established, on="association", maintain_order="left")
        .join(began, on="association", maintain_order="left")
        .filter(pl.col("start_ns").is_between("established_ns", "closing_ns"))
        .join(own, on=ENDPOINT, maintain_order="left")
        .filter(pl.col("said_ns") >= pl.col("start_ns"))
        .unique(["call", *ENDPOINT], keep="first", maintain_order=True)
    )


def lists_addresses(t: View, name: str, right: pl.LazyFrame, owners: pl.LazyFrame) -> Judgement:
    """Judges that the calls of this name return the addresses in `right`, all and no others.

    `right` (as `addresses`) and `owners` (as `endpoints`) have the side of the caller.
    """
    changed = t.addresses.filter(
        (pl.col("learned_from").cast(pl.String) == "asconf") | pl.col("removed_frame").is_not_null()
    ).select("association")
    bound_later = (
        of_associations(t, succeeded(t, "sctp_bindx"))
        .filter(pl.col("end_ns") > pl.col("first_ns"))
        .select("association")
    )
    sources = right.filter(pl.col("learned_from").cast(pl.String) == "source").select(
        *ENDPOINT, source_scope=scope("address")
    )
    subjects = (
        succeeded(t, name)
        .filter(pl.col("association").is_not_null() & (pl.col("addresses").list.len() > 0))
        .select(*ENDPOINT, "call", "addresses")
        .join(pl.concat([changed, bound_later]), on="association", how="anti", maintain_order="left")
        .join(sources, on=ENDPOINT, maintain_order="left")
        .join(owners.select(*ENDPOINT, frame="init_frame"), on=ENDPOINT, maintain_order="left")
    )
    returned = subjects.explode("addresses").rename({"addresses": "address"})
    told = right.select(*ENDPOINT, "address")
    missing = (
        subjects.join(told, on=ENDPOINT, maintain_order="left")
        .filter(scope("address") == pl.col("source_scope"))
        .join(returned.select("call", "address"), on=["call", "address"], how="anti", maintain_order="left")
        .drop("addresses")
    )
    extra = returned.filter(scope("address") == pl.col("source_scope")).join(
        told, on=[*ENDPOINT, "address"], how="anti", maintain_order="left"
    )
    columns = [*ENDPOINT, "call", "frame", "expected", "actual"]
    return Judgement(
        subjects,
        pl.concat(
            [
                found(missing, pl.format("{} in the list", "address"), "it is missing").select(columns),
                found(extra, "announced addresses alone", pl.format("{} in the list", "address")).select(
                    columns
                ),
            ]
        ),
    )


def streams_are_negotiated(t: View, calls: pl.LazyFrame) -> Judgement:
    """Judges that `outbound` and `inbound` of the calls are the numbers of streams negotiated."""
    own = beside_own(calls, t.endpoints, own_streams="negotiated_streams", frame="init_frame")
    subjects = beside_peer(own, t.endpoints, peer_streams="negotiated_streams").filter(
        pl.col("own_streams").is_not_null()
        & pl.col("peer_streams").is_not_null()
        & pl.col("outbound").is_not_null()
    )
    violations = subjects.filter(
        (pl.col("outbound") != pl.col("own_streams")) | (pl.col("inbound") != pl.col("peer_streams"))
    )
    expected = pl.format("{} outbound, {} inbound streams", "own_streams", "peer_streams")
    return Judgement(
        subjects, found(violations, expected, pl.format("{} outbound, {} inbound", "outbound", "inbound"))
    )


def names_endpoint(t: View, name: str, ports: pl.LazyFrame, known: pl.LazyFrame) -> Judgement:
    """Judges that the calls of this name return an address in `known` and the `real_port` in `ports`.

    Both have the side of the caller; `ports` also the `init_frame`.
    """
    calls = of_associations(t, succeeded(t, name)).filter(pl.col("port") > 0)
    subjects = (
        beside_own(calls.drop("frame"), ports, real_port="real_port", frame="init_frame")
        .filter(pl.col("frame").is_not_null())
        .join(known.with_columns(known=True), on=[*ENDPOINT, "address"], how="left", maintain_order="left")
        .with_columns(pl.col("known").fill_null(False) | pl.col("address").is_in(WILDCARDS))
    )
    violations = subjects.filter(~pl.col("known") | (pl.col("port") != pl.col("real_port")))
    expected = pl.format("an announced address and port {}", "real_port")
    return Judgement(subjects, found(violations, expected, pl.format("{} port {}", "address", "port")))
