"""Sub-queries over socket calls that several rules share."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules.model import Judgement
from sctpinspect.rules.queries import beside_own, beside_peer, found, goes_on, scope
from sctpinspect.rules.view import View
from sctpinspect.tables.associations import ENDPOINT, is_type, peer
from sctpinspect.tables.calls import SENDS, host_addresses

SOCKET = ["host", "socket"]
WILDCARDS = ["0.0.0.0", "::"]

PAIRS = 1_000_000
"""More pairs of a call and an association than a program makes; a journal meant to exhaust memory has."""

SETS_UP = ["connect", "sctp_connectx", *SENDS]
"""Calls that may begin an association."""

ADDRESSES = pl.coalesce("addresses", pl.concat_list("address"))
"""The addresses that a call names."""


def argument(name: str) -> pl.Expr:
    """An argument of a call as text, by its JSON path: `value.sinit_num_ostreams`."""
    return pl.col("arguments").str.json_path_match(f"$.{name}")


def result(name: str) -> pl.Expr:
    """A result of a call as text, by its JSON path."""
    return pl.col("result").str.json_path_match(f"$.{name}")


def number(text: pl.Expr) -> pl.Expr:
    """That text as a number; null if it is none."""
    return text.cast(pl.Int64, strict=False)


def flagged(flag: str) -> pl.Expr:
    """Whether a call is a send with this flag."""
    return pl.col("name").is_in(SENDS) & pl.col("arguments").str.contains(f'"{flag}"', literal=True)


def succeeded(t: View, *names: str) -> pl.LazyFrame:
    """The calls of these names that did not fail."""
    return t.calls.filter(pl.col("name").is_in(names) & pl.col("errno").is_null())


def of_associations(t: View, calls: pl.LazyFrame) -> pl.LazyFrame:
    """The calls, each for every association of its socket: with `association`, `side` and `first_ns`.

    A call such as bind belongs to all associations that its socket ever has. Sockets are left out, those with
    the most first, where all that would be more than `PAIRS` of a call and an association.
    """
    sockets = t.calls.filter(pl.col("association").is_not_null()).select(*SOCKET, *ENDPOINT).unique()
    begun = t.associations.select("association", "first_ns")
    weight = (1 + pl.col("addresses").list.len().fill_null(0)).cast(pl.UInt64).sum()
    few = (
        calls.group_by(SOCKET)
        .agg(weight=weight)
        .join(sockets.group_by(SOCKET).agg(associations=pl.len().cast(pl.UInt64)), on=SOCKET)
        .sort(pl.col("weight") * pl.col("associations"), *SOCKET)
        .filter((pl.col("weight") * pl.col("associations")).cum_sum() <= PAIRS)
    )
    return (
        calls.drop(ENDPOINT)
        .join(few, on=SOCKET, how="semi", maintain_order="left")
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


def lasting(t: View, option: str, which: pl.Expr | bool = True) -> pl.LazyFrame:
    """Those of `settings` that hold as long as the association does: the option is not set again later."""
    calls = of_associations(t, succeeded(t, "setsockopt").filter(pl.col("option") == option))
    later = calls.filter(pl.col("end_ns") > pl.col("first_ns"))
    return settings(t, option, which).join(later, on=ENDPOINT, how="anti", maintain_order="left")


def as_set(t: View, calls: pl.LazyFrame, *options: str) -> pl.LazyFrame:
    """Those of `calls` before which one of `options` was set on their one-to-one socket, with `set_value`.

    The last value set, as JSON. A one-to-one socket has one association, so that the option is meant for it.
    """
    one_to_one = succeeded(t, "socket").filter(argument("type") == "SOCK_STREAM").select(*SOCKET)
    values = (
        succeeded(t, "setsockopt")
        .filter(pl.col("option").is_in(options))
        .join(one_to_one, on=SOCKET, how="semi", maintain_order="left")
        .select(*SOCKET, set_ns="end_ns", set_value=argument("value"))
        .sort("set_ns")
    )
    return (
        calls.sort("start_ns")
        .join_asof(values, left_on="start_ns", right_on="set_ns", by=SOCKET, check_sortedness=False)
        .filter(pl.col("set_value").is_not_null())
    )


def value(name: str) -> pl.Expr:
    """A number in the `set_value` of `as_set`; null if it has none of that name."""
    return number(pl.col("set_value").str.json_path_match(f"$.{name}"))


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
    With `said`, `frame` and `chunk`: the first SHUTDOWN, SHUTDOWN_ACK or ABORT of the side after the call.
    Calls after which there is none are left out or, where it is told to be missing, `said` is "nothing".
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
    lives = t.associations.select("association", "established_ns", "last_ns")
    judged = (
        of_associations(t, calls.rename({"frame": "call_frame"}))
        .join(handed_over, on=[*SOCKET, "association"], how="anti", maintain_order="left")
        .join(lives, on="association", maintain_order="left")
        .join(began, on="association", how="left", maintain_order="left")
        .filter(pl.col("start_ns") >= pl.col("established_ns"))
    )
    said = judged.filter(pl.col("start_ns") <= pl.col("closing_ns")).pipe(
        first_since, own, "said_ns", ENDPOINT
    )
    silent = judged.filter(
        pl.col("closing_ns").is_null() & goes_on(t, pl.max_horizontal("end_ns", "last_ns"))
    )
    told = silent.filter(t.is_whole and not t.recipe.get("impaired")).join(
        _lost(t), on="association", how="anti", maintain_order="left"
    )
    return pl.concat([said, told.with_columns(said=pl.lit("nothing"), frame="call_frame")], how="diagonal")


def _lost(t: View) -> pl.LazyFrame:
    """Associations that one side may know no more: restarted, lost, or without an answer to a HEARTBEAT."""
    return pl.concat(
        [
            t.associations.select(association="restart_of").drop_nulls(),
            t.calls.filter(pl.col("state").is_in(["SCTP_COMM_LOST", "SCTP_RESTART"])).select("association"),
            t.heartbeats.filter(pl.col("ack_frame").is_null()).select("association"),
        ]
    )


def left_over(t: View) -> pl.LazyFrame:
    """Sides that a stack may have to end with ABORT, whatever was asked of it first.

    They leave data unread, their own was never acknowledged (the peer may be gone), a send of theirs has
    SCTP_ABORT, or their socket closes with a linger time.
    """
    lingering = succeeded(t, "setsockopt").filter(pl.col("option") == "SO_LINGER")
    return pl.concat(
        [
            t.messages.filter(pl.col("receive_call").is_null()).select("association", peer()),
            t.messages.filter(pl.col("acked_frame").is_null()).select(ENDPOINT),
            t.calls.filter(flagged("SCTP_ABORT") & pl.col("association").is_not_null()).select(ENDPOINT),
            of_associations(t, lingering).select(ENDPOINT),
        ]
    )


def first_since(calls: pl.LazyFrame, later: pl.LazyFrame, at: str, by: list[str]) -> pl.LazyFrame:
    """The calls with the first row of `later` since their start, by its time `at`; those without: left out.

    One row for each call, however many the rows; `by`: columns that have to be equal.
    """
    return (
        calls.with_row_index("row")
        .sort("start_ns", maintain_order=True)
        .join_asof(
            later.sort(at, maintain_order=True),
            left_on="start_ns",
            right_on=at,
            by=by,
            strategy="forward",
            coalesce=False,
            check_sortedness=False,
        )
        .filter(pl.col(at).is_not_null())
        .sort("row")
        .drop("row")
    )


def begun_before(rows: pl.LazyFrame, spans: pl.LazyFrame, at: str, by: list[str]) -> pl.LazyFrame:
    """`rows` with the one of `spans` that ends last of those that began by the time `at`.

    Of it `call` and, as `latest_end_ns`, when it ends; null where none has begun. One row for each row,
    however many the spans (`call`, `start_ns`, `end_ns`); `by`: columns that have to be equal.
    """
    ends_last = pl.col("end_ns") == pl.col("latest_end_ns")
    latest = (
        spans.sort("start_ns", maintain_order=True)
        .with_columns(latest_end_ns=pl.col("end_ns").cum_max().over(by))
        .select(
            *by,
            "latest_end_ns",
            begun_ns="start_ns",
            call=pl.when(ends_last).then("call").forward_fill().over(by),
        )
    )
    return (
        rows.with_row_index("row")
        .sort(at, maintain_order=True)
        .join_asof(latest, left_on=at, right_on="begun_ns", by=by, check_sortedness=False)
        .sort("row")
        .drop("row", "begun_ns")
    )


def unseen(t: View, calls: pl.LazyFrame, packets: pl.LazyFrame, since: pl.Expr) -> pl.LazyFrame:
    """Those of `calls` that no packet shows, from the time `since` to their end.

    packets: `address`, `port`, `time_ns`: a packet shows the calls that name that address and port. Left out
    are calls that name none, or an address of their own host: no wire sees what that sends to itself.
    """
    by = ["address", "port"]
    named = (
        calls.select("call", "host", "port", "end_ns", since=since, address=ADDRESSES)
        .explode("address")
        .with_columns(pl.col("address").str.replace("%.*", ""))
        .drop_nulls(by)
    )
    own = named.join(host_addresses(t.recipe).lazy(), on=["host", "address"], how="semi")
    inner = pl.concat([own, named.filter(scope("address") == "loopback")]).select("call")
    shown = (
        named.sort("end_ns")
        .join_asof(
            packets.sort("time_ns"), left_on="end_ns", right_on="time_ns", by=by, check_sortedness=False
        )
        .filter(pl.col("time_ns") >= pl.col("since"))
        .select("call")
    )
    return calls.join(named.select("call"), on="call", how="semi", maintain_order="left").join(
        pl.concat([inner, shown]), on="call", how="anti", maintain_order="left"
    )


def untraced(t: View, calls: pl.LazyFrame, chunks: pl.LazyFrame, peer: str, since: pl.Expr) -> pl.LazyFrame:
    """Those of `calls` that none of `chunks` shows (see `unseen`), where that is certain: a whole recording.

    peer: "source" or "destination": where a chunk has the address and port that the call names.
    """
    packets = chunks.select("time_ns", address=peer, port=f"{peer}_port")
    return unseen(t, calls.filter(pl.lit(t.is_whole)), packets, since).with_columns(certain=True)


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
