"""RFC 9260 §6.1: SACKs go with DATA."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.answers import AT_RECEIVER, left_out, unmoved
from sctpinspect.rules.queries import MILLISECOND, TICKS_NS, found
from sctpinspect.tables.associations import ENDPOINT, is_type

_SACK_LENGTH = 16


@rule(
    "rfc9260/6.1/sack-bundled-with-data",
    level=Level.SHOULD,
    cites=["RFC 9260 §6.1"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_RECEIVER,
)
def sack_bundled_with_data(t: View) -> Judgement:
    """DATA that is sent while received DATA is not acknowledged takes a SACK along.

    What it checks: that a packet with new DATA has a SACK, if DATA that came from where it goes has waited
    for one for two clock ticks or more, and a packet with 16 bytes more was sent there at another time.
    Why it matters: the SACK would need a packet of its own soon.
    What the capture must contain: the handshake and DATA both ways. A violation counts only in a capture of
    the sandbox without drops, which knows when packets arrived.
    Known exceptions: a packet with COOKIE ECHO. DATA that the receiver may have had no room for, and
    associations with RE_CONFIG or FORWARD_TSN, are left out.
    References: RFC 9260 §6.1.
    """
    flow = [*ENDPOINT, "destination"]
    echoes = t.chunks.filter(is_type(ChunkType.COOKIE_ECHO)).select("packet")
    largest = t.packets.group_by(flow).agg(largest=pl.col("length").max())
    waiting = (
        unmoved(t, t.arrivals)
        .filter(~pl.col("doubted"))
        .sort("arrived_ns", maintain_order=True)
        .select(*ENDPOINT, "arrived_ns", "answer_ns", destination="source", asked="frame")
    )
    subjects = (
        unmoved(t, t.transmissions)
        .filter(~pl.col("is_retransmission"))
        .unique("packet", keep="first", maintain_order=True)
        .join(echoes, on="packet", how="anti", maintain_order="left")
        .join(largest, on=flow, maintain_order="left")
        .filter(pl.col("packet_length") + _SACK_LENGTH <= pl.col("largest"))
        .with_columns(late_ns=pl.col("time_ns") - TICKS_NS)
        .sort("time_ns", maintain_order=True)
        .join_asof(
            waiting,
            left_on="late_ns",
            right_on="arrived_ns",
            by=flow,
            coalesce=False,
            check_sortedness=False,
        )
        .filter((pl.col("answer_ns") >= pl.col("time_ns")).fill_null(pl.col("arrived_ns").is_not_null()))
        .with_columns(
            waited=pl.col("time_ns") - pl.col("arrived_ns"), frames=pl.concat_list("asked", "frame")
        )
    )
    violations = subjects.filter((pl.col("answer_ns") != pl.col("time_ns")).fill_null(True))
    actual = pl.format(
        "no SACK for the DATA of frame {}, {} ms before", "asked", pl.col("waited") // MILLISECOND
    )
    return Judgement(subjects, found(violations, "a SACK in front of the DATA", actual), left_out(t))
