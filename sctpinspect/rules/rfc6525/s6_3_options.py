"""RFC 6525 §6.3: the socket options that ask the peer to change streams."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, first_since, succeeded
from sctpinspect.rules.queries import found, goes_on
from sctpinspect.tables.associations import ENDPOINT


@rule(
    "rfc6525/6.3.2/reset-streams",
    level=Level.MUST,
    cites=["RFC 6525 §6.3.2", "RFC 6525 §4.1", "RFC 6525 §4.2"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def reset_streams(t: View) -> Judgement:
    """SCTP_RESET_STREAMS asks the peer for a reset, in the direction that is given.

    What it checks: that a RE-CONFIG with Outgoing or Incoming SSN Reset Request follows the call.
    Why it matters: the SSNs of the streams begin at 0 again on both sides, or on none.
    What the capture must contain: the journal and the handshake.
    Known exceptions: an association that ends with the capture less than half a second later is not judged.
    References: RFC 6525 §6.3.2; RFC 6525 §4.1; RFC 6525 §4.2.
    """
    outgoing = argument("value.srs_flags").str.contains("OUTGOING")
    kind = pl.when(outgoing).then(pl.lit("outgoing_ssns_reset")).otherwise(pl.lit("incoming_ssns_reset"))
    return _asks(t, "SCTP_RESET_STREAMS", kind)


@rule(
    "rfc6525/6.3.3/reset-assoc",
    level=Level.MUST,
    cites=["RFC 6525 §6.3.3", "RFC 6525 §4.3"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def reset_assoc(t: View) -> Judgement:
    """SCTP_RESET_ASSOC asks the peer to reset TSNs and SSNs.

    What it checks: that a RE-CONFIG with SSN/TSN Reset Request follows the call.
    Why it matters: both sides go on with new TSNs, or none does.
    What the capture must contain: the journal and the handshake.
    Known exceptions: an association that ends with the capture less than half a second later is not judged.
    References: RFC 6525 §6.3.3; RFC 6525 §4.3.
    """
    return _asks(t, "SCTP_RESET_ASSOC", pl.lit("ssns_and_tsns_reset"))


@rule(
    "rfc6525/6.3.4/add-streams",
    level=Level.MUST,
    cites=["RFC 6525 §6.3.4", "RFC 6525 §4.5", "RFC 6525 §4.6"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def add_streams(t: View) -> Judgement:
    """SCTP_ADD_STREAMS asks the peer for more streams, in the direction that is given.

    What it checks: that a RE-CONFIG with Add Outgoing or Add Incoming Streams Request follows the call.
    Why it matters: the new streams may be used only when the peer has agreed.
    What the capture must contain: the journal and the handshake.
    Known exceptions: an association that ends with the capture less than half a second later is not judged.
    References: RFC 6525 §6.3.4; RFC 6525 §4.5; RFC 6525 §4.6.
    """
    outgoing = argument("value.sas_outstrms").cast(pl.Int64, strict=False) > 0
    kind = (
        pl.when(outgoing).then(pl.lit("outgoing_streams_added")).otherwise(pl.lit("incoming_streams_added"))
    )
    return _asks(t, "SCTP_ADD_STREAMS", kind)


def _asks(t: View, option: str, kind: pl.Expr) -> Judgement:
    """Judges that a request of that `kind` (as in `changes`) of the side follows each setting of `option`."""
    calls = (
        succeeded(t, "setsockopt")
        .filter((pl.col("option") == option) & pl.col("association").is_not_null())
        .select(*ENDPOINT, "call", "frame", "start_ns", "end_ns", kind=kind)
    )
    requests = t.changes.select(*ENDPOINT, pl.col("kind").cast(pl.String), asked_ns="time_ns")
    asked = first_since(calls, requests, "asked_ns", [*ENDPOINT, "kind"])
    silent = calls.join(asked, on="call", how="anti", maintain_order="left").filter(
        goes_on(t, pl.col("end_ns"))
    )
    subjects = pl.concat([asked, silent], how="diagonal")
    return Judgement(subjects, found(silent, "RE-CONFIG with that request", "no such request after it"))
