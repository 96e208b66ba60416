"""RFC 6458 §5.3.4: what a send says of its message: SCTP_SNDINFO, SCTP_SNDRCV, sctp_sendmsg()."""

import polars as pl

from sctpinspect.journal.digest import digest
from sctpinspect.protocol import CauseCode, ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import SOCKET, first_since, succeeded
from sctpinspect.rules.queries import found
from sctpinspect.tables.associations import ENDPOINT, is_type
from sctpinspect.tables.calls import SENDS

CITES = ["RFC 6458 §5.3.4", "RFC 6458 §5.3.2", "RFC 6458 §9.7"]
DEFAULTS = ["SCTP_DEFAULT_SNDINFO", "SCTP_DEFAULT_SEND_PARAM"]


@rule("rfc6458/5.3.4/snd-sid", level=Level.MUST, cites=CITES, to_fail=[Need.WHOLE_PACKETS])
def snd_sid(t: View) -> Judgement:
    """A message travels on the stream that its send names.

    What it checks: the stream identifier of each message against that of its call.
    Why it matters: order is kept within a stream only, and the peer reads meaning into the number.
    What the capture must contain: the journal of the sender.
    Known exceptions: a send that names no stream uses stream 0, or is not judged where the socket's default
    was changed.
    References: RFC 6458 §5.3.4; RFC 6458 §5.3.2; RFC 6458 §9.7.
    """
    subjects = _told(t, "stream", 0)
    violations = subjects.filter(pl.col("stream") != pl.col("told"))
    return Judgement(
        subjects, found(violations, pl.format("stream {}", "told"), pl.format("stream {}", "stream"))
    )


@rule("rfc6458/5.3.4/snd-ppid", level=Level.MUST, cites=CITES, to_fail=[Need.WHOLE_PACKETS])
def snd_ppid(t: View) -> Judgement:
    """A message carries the PPID that its send names.

    What it checks: the PPID of each message, as a number in network byte order, against that of its call.
    Why it matters: the receiver chooses by it who gets the message; swapped bytes are the usual mistake.
    What the capture must contain: the journal of the sender.
    Known exceptions: a send that names no PPID uses 0, or is not judged where the socket's default was
    changed.
    References: RFC 6458 §5.3.4; RFC 6458 §5.3.2; RFC 6458 §9.7.
    """
    subjects = _told(t, "ppid", 0)
    violations = subjects.filter(pl.col("ppid") != pl.col("told"))
    told, actual = pl.col("told").cast(pl.Int64), pl.col("ppid").cast(pl.Int64)
    swapped = sum((told // 256**byte % 256) * 256 ** (3 - byte) for byte in range(4))
    hint = pl.when(swapped == actual).then(pl.lit(", its bytes in reverse")).otherwise(pl.lit(""))
    return Judgement(
        subjects, found(violations, pl.format("PPID {}", "told"), pl.format("PPID {}{}", "ppid", hint))
    )


@rule("rfc6458/5.3.4/snd-unordered", level=Level.MUST, cites=CITES, to_fail=[Need.WHOLE_PACKETS])
def snd_unordered(t: View) -> Judgement:
    """A message is unordered if its send says so, and only then.

    What it checks: the U bit of each message against SCTP_UNORDERED of its call.
    Why it matters: an unordered message overtakes others, an ordered one waits for them.
    What the capture must contain: the journal of the sender.
    Known exceptions: a send without flags is ordered, or is not judged where the socket's default was
    changed.
    References: RFC 6458 §5.3.4; RFC 6458 §5.3.2; RFC 6458 §9.7.
    """
    subjects = _told(t, "unordered", False)
    violations = subjects.filter(pl.col("unordered") != pl.col("told"))

    def bit(flag: str) -> pl.Expr:
        return pl.when(flag).then(pl.lit("U bit set")).otherwise(pl.lit("U bit clear"))

    return Judgement(subjects, found(violations, bit("told"), bit("unordered")))


def _told(t: View, name: str, default: object) -> pl.LazyFrame:
    """Messages with their sends; `told`: what the send says of `name`."""
    changed = succeeded(t, "setsockopt").filter(pl.col("option").is_in(DEFAULTS)).select(SOCKET).unique()
    begun = succeeded(t, "socket").select(SOCKET).unique()  # else the journal may lack what was set
    told = pl.col(f"sent_{name}")
    return (
        t.sent_messages.filter(
            pl.col("call").is_not_null() & pl.col("message").is_not_null() & pl.col(name).is_not_null()
        )
        .join(changed.with_columns(changed=True), on=SOCKET, how="left", maintain_order="left")
        .join(begun.with_columns(begun=True), on=SOCKET, how="left", maintain_order="left")
        .filter(told.is_not_null() | (pl.col("changed").is_null() & pl.col("begun")))
        .with_columns(told=told.fill_null(default))
    )


@rule(
    "rfc6458/5.3.4/snd-abort",
    level=Level.MUST,
    cites=["RFC 6458 §5.3.4", "RFC 9260 §9.1"],
    to_fail=[Need.NO_LOSS],
)
def snd_abort(t: View) -> Judgement:
    """A send with SCTP_ABORT ends the association with ABORT, cause "User-Initiated Abort".

    What it checks: that the side sends ABORT with T clear and that cause, which carries the bytes given, and
    no SHUTDOWN.
    Why it matters: the peer's user learns that the end was wanted, and why.
    What the capture must contain: the journal of the sender.
    Known exceptions: none.
    References: RFC 6458 §5.3.4; RFC 9260 §9.1.
    """
    calls = t.calls.filter(
        pl.col("name").is_in(SENDS)
        & pl.col("errno").is_null()
        & pl.col("association").is_not_null()
        & pl.col("arguments").str.contains('"SCTP_ABORT"', literal=True)
    ).select(*ENDPOINT, "call", "start_ns", given="digest")
    carried = pl.col("value").map_elements(digest, pl.UInt32)
    wanted = (
        t.causes.filter(pl.col("code") == CauseCode.USER_INITIATED_ABORT)
        .unique(["packet", "chunk"], keep="first", maintain_order=True)
        .select("packet", "chunk", carried=carried)
    )
    closing = (
        t.chunks.filter(is_type(ChunkType.ABORT, ChunkType.SHUTDOWN) & pl.col("association").is_not_null())
        .join(wanted.with_columns(wanted=True), on=["packet", "chunk"], how="left", maintain_order="left")
        .select(*ENDPOINT, "frame", "chunk", "time_ns", "type_name", "wanted", "carried", "tag_reflected")
    )
    subjects = first_since(calls, closing, "time_ns", ENDPOINT)
    same = (pl.col("carried") == pl.col("given")).fill_null(True)
    right = (
        (pl.col("type_name") == "ABORT") & pl.col("wanted").fill_null(False) & same & ~pl.col("tag_reflected")
    )
    actual = pl.format("{} without that cause, with other bytes in it, or with T set", "type_name")
    return Judgement(
        subjects, found(subjects.filter(~right), "ABORT with cause User-Initiated Abort", actual)
    )
