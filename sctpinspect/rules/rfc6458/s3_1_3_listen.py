"""RFC 6458 §3.1.3: listen()."""

import polars as pl

from sctpinspect.protocol import ChunkType, ParameterType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import SOCKET, WILDCARDS, begun_before, succeeded
from sctpinspect.rules.exchanges import IS_INVALID
from sctpinspect.rules.queries import found
from sctpinspect.rules.set_up import unexpected_inits
from sctpinspect.tables.associations import is_type


@rule(
    "rfc6458/3.1.3/listen-accepts-init",
    level=Level.MUST,
    cites=["RFC 6458 §3.1.3", "RFC 6458 §4.1.3"],
    needs=[Need.COUNTERS],
)
def listen_accepts_init(t: View) -> Judgement:
    """A listening socket answers an INIT with INIT ACK.

    What it checks: that an INIT to the port of a socket is not refused with ABORT between listen() and
    close().
    Why it matters: that is what listen() is for.
    What the capture must contain: the journal of the listening host, and an INIT to it.
    Known exceptions: an INIT that comes while listen() or close() runs, with listen(0), or to an address that
    the socket is not bound to, is not judged; nor one that must be refused: without tag or streams, with too
    small a window or a host name (RFC 9260 §3.3.2), or for an association that is there (RFC 9260 §5.2.2).
    References: RFC 6458 §3.1.3; RFC 6458 §4.1.3.
    """
    closed = (
        t.calls.filter(pl.col("name") == "close").group_by(SOCKET).agg(closed_ns=pl.col("start_ns").min())
    )
    listening = (
        succeeded(t, "listen")
        .filter(pl.col("arguments").str.json_path_match("$.backlog") != "0")
        .join(closed, on=SOCKET, how="left", maintain_order="left")
        .select(
            *[*SOCKET, "call"],
            port="local_port",
            start_ns="end_ns",
            end_ns=pl.col("closed_ns").fill_null((1 << 63) - 1),
        )
    )
    bound = (
        succeeded(t, "bind", "sctp_bindx")
        .select(*SOCKET, destination=pl.concat_list("address", pl.col("addresses").fill_null([])))
        .explode("destination")
        .drop_nulls()
        .unique()
    )
    anywhere = bound.filter(pl.col("destination").is_in(WILDCARDS)).select(SOCKET)
    unbound = listening.join(bound, on=SOCKET, how="anti").select(SOCKET)
    any_address = pl.concat([anywhere, unbound]).unique()
    responders = t.endpoints.filter(pl.col("side") == 1).select("association", "side", "host", "port")
    named = t.parameters.filter(pl.col("type") == ParameterType.HOST_NAME_ADDRESS)
    is_sound = ~IS_INVALID & (pl.col("initiate_tag") != 0)
    inits = (
        t.chunks.filter(is_type(ChunkType.INIT) & (pl.col("side") == 0) & is_sound)
        .join(named, on=["packet", "chunk"], how="anti", maintain_order="left")
        .join(unexpected_inits(t), on="packet", how="anti", maintain_order="left")
        .unique("association", keep="first", maintain_order=True)
        .select("association", "destination", init_ns="time_ns")
    )
    answers = (
        t.chunks.filter(is_type(ChunkType.INIT_ACK, ChunkType.ABORT) & (pl.col("side") == 1))
        .unique("association", keep="first", maintain_order=True)
        .select("association", "frame", "chunk", "type_name")
    )
    asked = responders.join(inits, on="association", maintain_order="left").join(
        answers, on="association", maintain_order="left"
    )
    by_port = begun_before(asked, listening, "init_ns", ["host", "port"])
    subjects = by_port.join(listening.select("call", "socket"), on="call", maintain_order="left").filter(
        pl.col("init_ns") < pl.col("latest_end_ns")
    )
    reached = pl.concat(
        [
            subjects.join(bound, on=[*SOCKET, "destination"], how="semi"),
            subjects.join(any_address, on=SOCKET, how="semi"),
        ]
    )
    subjects = subjects.join(
        reached.select("association"), on="association", how="semi", maintain_order="left"
    )
    violations = subjects.filter(pl.col("type_name") == "ABORT")
    return Judgement(subjects, found(violations, "INIT ACK", "ABORT in answer to the INIT"))
