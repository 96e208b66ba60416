"""RFC 6458 §6.1.1: SCTP_ASSOC_CHANGE."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import number, result, streams_are_negotiated, untraced
from sctpinspect.rules.queries import either, found
from sctpinspect.tables.associations import ENDPOINT, is_type, peer

ECHO_AND_ACK = [ChunkType.COOKIE_ECHO, ChunkType.COOKIE_ACK]


def _notified(t: View, state: str) -> pl.LazyFrame:
    return t.calls.filter((pl.col("notification") == "SCTP_ASSOC_CHANGE") & (pl.col("state") == state))


@rule(
    "rfc6458/6.1.1/notify-comm-up",
    level=Level.MUST,
    cites=["RFC 6458 §6.1.1", "RFC 9260 §5.1"],
    to_fail=[Need.HANDSHAKE],
)
def notify_comm_up(t: View) -> Judgement:
    """SCTP_COMM_UP comes once the association is established.

    What it checks: that the responder is told after COOKIE ECHO, the initiator after COOKIE ACK.
    Why it matters: what is sent before that may go nowhere.
    What the capture must contain: the journal with notifications, and the handshake. COOKIE ECHO and COOKIE
    ACK can be told to be missing only in a whole recording of the sandbox.
    Known exceptions: none.
    References: RFC 6458 §6.1.1; RFC 9260 §5.1.
    """
    moments = (
        t.chunks.filter(is_type(*ECHO_AND_ACK) & pl.col("association").is_not_null())
        .with_columns(side=peer())
        .unique(ENDPOINT, keep="first", maintain_order=True)
        .select(*ENDPOINT, "frame", "chunk", "time_ns", "type_name")
    )
    calls = _notified(t, "SCTP_COMM_UP")
    subjects = calls.select(*ENDPOINT, "call", "end_ns").join(moments, on=ENDPOINT, maintain_order="left")
    early = subjects.filter(pl.col("end_ns") <= pl.col("time_ns"))
    others = calls.join(subjects, on="call", how="anti", maintain_order="left")
    silent = untraced(t, others, t.chunks.filter(is_type(*ECHO_AND_ACK)), "source", pl.lit(0))
    violations = [
        found(early, pl.format("the notification after {}", "type_name"), "it came before"),
        found(silent, "the notification after COOKIE ECHO or COOKIE ACK", "there is none from the peer"),
    ]
    return Judgement(either(subjects, silent), either(*violations))


@rule(
    "rfc6458/6.1.1/comm-up-streams",
    level=Level.MUST,
    cites=["RFC 6458 §6.1.1", "RFC 9260 §5.1.1"],
    needs=[Need.HANDSHAKE],
)
def comm_up_streams(t: View) -> Judgement:
    """SCTP_COMM_UP tells the numbers of streams that were negotiated.

    What it checks: sac_outbound_streams is the smaller of the own OS and the peer's MIS, sac_inbound_streams
    the smaller of the peer's OS and the own MIS.
    Why it matters: the program uses streams up to these numbers.
    What the capture must contain: the journal with notifications, and the handshake.
    Known exceptions: none.
    References: RFC 6458 §6.1.1; RFC 9260 §5.1.1.
    """
    calls = (
        _notified(t, "SCTP_COMM_UP")
        .with_columns(
            outbound=number(result("notification.sac_outbound_streams")),
            inbound=number(result("notification.sac_inbound_streams")),
        )
        .drop("frame")
    )
    return streams_are_negotiated(t, calls)


@rule(
    "rfc6458/6.1.1/notify-shutdown-comp",
    level=Level.MUST,
    cites=["RFC 6458 §6.1.1", "RFC 9260 §9.2"],
    to_fail=[Need.NO_LOSS],
)
def notify_shutdown_comp(t: View) -> Judgement:
    """SCTP_SHUTDOWN_COMP comes once the shutdown sequence is over.

    What it checks: that the association ended with SHUTDOWN COMPLETE, and that SHUTDOWN ACK came before the
    call returned.
    Why it matters: the program takes all its data for delivered.
    What the capture must contain: the journal with notifications, and the end of the association.
    Known exceptions: an association whose end is not in the capture is not judged.
    References: RFC 6458 §6.1.1; RFC 9260 §9.2.
    """
    acks = (
        t.chunks.filter(is_type(ChunkType.SHUTDOWN_ACK) & pl.col("association").is_not_null())
        .group_by("association")
        .agg(ack_ns=pl.col("time_ns").min())
    )
    ends = t.associations.filter(pl.col("end").is_not_null()).select(
        "association", pl.col("end").cast(pl.String), frame="end_frame"
    )
    calls = _notified(t, "SCTP_SHUTDOWN_COMP").select("association", "side", "call", "end_ns")
    subjects = calls.join(ends, on="association", maintain_order="left").join(
        acks, on="association", how="left", maintain_order="left"
    )
    is_shut = pl.col("end") == "shutdown"
    right = is_shut & (pl.col("ack_ns") < pl.col("end_ns")).fill_null(False)
    actual = pl.when(is_shut).then(pl.lit("no SHUTDOWN ACK before it")).otherwise(pl.lit("an ABORT instead"))
    return Judgement(
        subjects, found(subjects.filter(~right), "the shutdown sequence before the notification", actual)
    )


@rule(
    "rfc6458/6.1.1/notify-comm-lost",
    level=Level.MUST,
    cites=["RFC 6458 §6.1.1", "RFC 9260 §9.1"],
    to_fail=[Need.DELIVERY],
)
def notify_comm_lost(t: View) -> Judgement:
    """SCTP_COMM_LOST comes when the association was aborted or the peer no longer answers.

    What it checks: that the association did not end with SHUTDOWN COMPLETE, and that an ABORT of the peer
    that ended it came before the call returned.
    Why it matters: the program must know whether data may be lost.
    What the capture must contain: the journal with notifications, and the end of the association.
    Known exceptions: an association without an end in the capture is not judged. A side that gives up itself
    may tell its program before it sends ABORT.
    References: RFC 6458 §6.1.1; RFC 9260 §9.1.
    """
    ends = t.associations.filter(pl.col("end").is_not_null()).select(
        "association", "end_ns", pl.col("end").cast(pl.String), frame="end_frame"
    )
    aborts = t.chunks.filter(is_type(ChunkType.ABORT)).select("frame", "association", aborting_side="side")
    calls = _notified(t, "SCTP_COMM_LOST").select("association", "side", "call", returned_ns="end_ns")
    subjects = calls.join(ends, on="association", maintain_order="left").join(
        aborts, on=["association", "frame"], how="left", maintain_order="left"
    )
    gave_up = (pl.col("aborting_side") == pl.col("side")).fill_null(False)
    right = (pl.col("end") == "abort") & (gave_up | (pl.col("end_ns") < pl.col("returned_ns")))
    actual = pl.format("the notification; the association's end is {}", "end")
    return Judgement(subjects, found(subjects.filter(~right), "an ABORT before it", actual))


@rule(
    "rfc6458/6.1.1/notify-cant-start",
    level=Level.MUST,
    cites=["RFC 6458 §6.1.1", "RFC 9260 §5.1"],
    to_fail=[Need.NO_LOSS, Need.DELIVERY],
)
def notify_cant_start(t: View) -> Judgement:
    """SCTP_CANT_STR_ASSOC comes when the peer refuses the association, or answers no repeat.

    What it checks: that before the call returned the peer sent ABORT, or INIT or COOKIE ECHO was sent at
    least twice; and that no COOKIE ACK of the peer came.
    Why it matters: the program gives up, or tries elsewhere.
    What the capture must contain: the journal with notifications, and an INIT. A violation counts only where
    nothing was lost on the way.
    Known exceptions: an association of whose port an ICMP error tells is not judged.
    References: RFC 6458 §6.1.1; RFC 9260 §5.1.
    """
    told = t.icmp_errors.select(port="quoted_source_port").drop_nulls()
    troubled = t.endpoints.join(told, on="port", how="semi").select("association")
    calls = _notified(t, "SCTP_CANT_STR_ASSOC").filter(pl.col("association").is_not_null())
    chunks = t.chunks.filter(pl.col("association").is_not_null()).select(
        "association", "type", "time_ns", sender="side"
    )
    is_before, is_own = pl.col("time_ns") < pl.col("end_ns"), pl.col("sender") == pl.col("side")

    def number_of(*types: ChunkType, own: bool) -> pl.Expr:
        return (is_type(*types) & is_before & (is_own if own else ~is_own)).fill_null(False).sum()

    subjects = (
        calls.select(*ENDPOINT, "call", "frame", "end_ns")
        .join(troubled, on="association", how="anti", maintain_order="left")
        .join(chunks, on="association", how="left", maintain_order="left")
        .group_by(*ENDPOINT, "call", "frame", maintain_order=True)
        .agg(
            aborts=number_of(ChunkType.ABORT, own=False),
            acks=number_of(ChunkType.COOKIE_ACK, own=False),
            inits=number_of(ChunkType.INIT, own=True),
            echoes=number_of(ChunkType.COOKIE_ECHO, own=True),
        )
    )
    is_refused = (pl.col("aborts") > 0) | (pl.max_horizontal("inits", "echoes") > 1)
    violations = subjects.filter((pl.col("acks") > 0) | ~is_refused)
    actual = pl.when(pl.col("acks") > 0).then(pl.lit("a COOKIE ACK")).otherwise(pl.lit("neither"))
    return Judgement(subjects, found(violations, "an ABORT, or repeats without an answer, before it", actual))
