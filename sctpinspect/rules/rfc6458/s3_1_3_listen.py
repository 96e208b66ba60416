"""RFC 6458 §3.1.3: listen()."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import SOCKET, WILDCARDS, succeeded
from sctpinspect.rules.queries import found
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
    the socket is not bound to, is not judged.
    References: RFC 6458 §3.1.3; RFC 6458 §4.1.3.
    """
    closed = (
        t.calls.filter(pl.col("name") == "close").group_by(SOCKET).agg(closed_ns=pl.col("start_ns").min())
    )
    listening = (
        succeeded(t, "listen")
        .filter(pl.col("arguments").str.json_path_match("$.backlog") != "0")
        .join(closed, on=SOCKET, how="left", maintain_order="left")
        .select("host", "socket", "call", "closed_ns", port="local_port", listening_ns="end_ns")
    )
    bound = (
        succeeded(t, "bind", "sctp_bindx")
        .select(*SOCKET, address=pl.concat_list("address", pl.col("addresses").fill_null([])))
        .group_by(SOCKET)
        .agg(bound=pl.col("address").explode().drop_nulls())
    )
    is_bound = (
        pl.col("bound").list.set_intersection(pl.concat_list("destination", pl.lit(WILDCARDS))).list.len() > 0
    )
    responders = t.endpoints.filter(pl.col("side") == 1).select("association", "side", "host", "port")
    inits = (
        t.chunks.filter(is_type(ChunkType.INIT) & (pl.col("side") == 0))
        .unique("association", keep="first", maintain_order=True)
        .select("association", "destination", init_ns="time_ns")
    )
    answers = (
        t.chunks.filter(is_type(ChunkType.INIT_ACK, ChunkType.ABORT) & (pl.col("side") == 1))
        .unique("association", keep="first", maintain_order=True)
        .select("association", "frame", "chunk", "type_name")
    )
    subjects = (
        responders.join(inits, on="association", maintain_order="left")
        .join(answers, on="association", maintain_order="left")
        .join(listening, on=["host", "port"], maintain_order="left")
        .join(bound, on=SOCKET, how="left", maintain_order="left")
        .filter(is_bound.fill_null(True))
        .filter(
            (pl.col("init_ns") >= pl.col("listening_ns"))
            & (pl.col("init_ns") < pl.col("closed_ns")).fill_null(True)
        )
    )
    violations = subjects.filter(pl.col("type_name") == "ABORT")
    return Judgement(subjects, found(violations, "INIT ACK", "ABORT in answer to the INIT"))
