"""RFC 9260 §6.4: which address SACKs and retransmissions go to."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.answers import AT_RECEIVER, left_out, unmoved
from sctpinspect.rules.queries import PATH, found
from sctpinspect.rules.timers import AT_SENDER, expiries
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc9260/6.4/sack-to-data-source",
    level=Level.SHOULD,
    cites=["RFC 9260 §6.4"],
    needs=[Need.HANDSHAKE],
    to_fail=AT_RECEIVER,
)
def sack_to_data_source(t: View) -> Judgement:
    """While DATA comes from one address its SACKs do not go elsewhere.

    What it checks: that a SACK alone in its packet does not go to another address than the SACK before, if
    that went to the address that all DATA since has come from.
    Why it matters: the sender takes the round trips of two paths for those of one.
    What the capture must contain: the handshake of an association with several addresses, and two SACKs. A
    violation counts only in a capture of the sandbox without drops, which knows when packets arrived.
    Known exceptions: DATA that comes twice is a reason to try another address. Associations with RE_CONFIG or
    FORWARD_TSN are left out.
    References: RFC 9260 §6.4.
    """
    source = pl.col("source")
    arrivals = (
        unmoved(t, t.arrivals)
        .sort("arrived_ns", maintain_order=True)
        .select(
            *ENDPOINT,
            "arrived_ns",
            whence=source,
            run=(source != source.shift(1)).fill_null(True).cast(pl.Int64).cum_sum().over(ENDPOINT),
            again=pl.col("again").cum_sum().over(ENDPOINT),
        )
    )
    several = t.paths.group_by(ENDPOINT).agg(paths=pl.len()).filter(pl.col("paths") > 1)
    mixed = t.transmissions.select("packet").unique()
    told = ["destination", "run", "again", "frame"]
    subjects = (
        unmoved(t, t.acks)
        .filter(is_type(ChunkType.SACK))
        .join(several, on=ENDPOINT, how="semi", maintain_order="left")
        .join(mixed, on="packet", how="anti", maintain_order="left")
        .sort("time_ns", maintain_order=True)
        .join_asof(
            arrivals,
            left_on="time_ns",
            right_on="arrived_ns",
            by=ENDPOINT,
            coalesce=False,
            check_sortedness=False,
        )
        .with_columns(pl.col(name).shift(1).over(ENDPOINT).alias(f"{name}_before") for name in told)
        .filter((pl.col("run") == pl.col("run_before")) & (pl.col("again") == pl.col("again_before")))
        .with_columns(frames=pl.concat_list("frame_before", "frame"))
    )
    violations = subjects.filter(
        (pl.col("destination_before") == pl.col("whence")) & (pl.col("destination") != pl.col("whence"))
    )
    actual = pl.format("a SACK to {}", "destination")
    expected = pl.format("SACKs to {}, where DATA comes from", "whence")
    return Judgement(subjects, found(violations, expected, actual), left_out(t))


@rule(
    "rfc9260/6.4/timeout-retransmission-other-path",
    level=Level.SHOULD,
    cites=["RFC 9260 §6.4"],
    to_fail=AT_SENDER,
)
def timeout_retransmission_other_path(t: View) -> Judgement:
    """DATA that timed out is sent again to another address, if one is active.

    What it checks: of a peer with several addresses that DATA which a time-out sends again goes elsewhere
    than before, if the last HEARTBEAT to another address was answered and no DATA has timed out there.
    Why it matters: the path that lost it may be down.
    What the capture must contain: a time-out, and an answered HEARTBEAT to another address. A violation
    counts only in a capture of the sandbox without drops.
    Known exceptions: none.
    References: RFC 9260 §6.4.
    """
    expired = expiries(t)
    failed = expired.group_by(*ENDPOINT, path="from_path").agg(failed_ns=pl.col("time_ns").min())
    beats = t.heartbeats.filter(~pl.col("padded")).select(*PATH, "ack_ns", beat_ns="time_ns").sort("beat_ns")
    others = t.paths.select(*ENDPOINT, other="path", address="destination")
    subjects = (
        expired.join(others, on=ENDPOINT, maintain_order="left")
        .filter(pl.col("other") != pl.col("from_path"))
        .sort("time_ns", maintain_order=True)
        .join_asof(
            beats.rename({"path": "other"}),
            left_on="time_ns",
            right_on="beat_ns",
            by=[*ENDPOINT, "other"],
            coalesce=False,
            check_sortedness=False,
        )
        .join(failed.rename({"path": "other"}), on=[*ENDPOINT, "other"], how="left", maintain_order="left")
        .filter(
            (pl.col("ack_ns") < pl.col("time_ns"))
            & (pl.col("failed_ns") >= pl.col("time_ns")).fill_null(True)
        )
        .unique(["packet", "chunk"], keep="first", maintain_order=True)
    )
    violations = subjects.filter(pl.col("path") == pl.col("from_path"))
    actual = pl.format("TSN {} sent again to {}", "tsn", "destination")
    return Judgement(subjects, found(violations, pl.format("for instance {}", "address"), actual))
