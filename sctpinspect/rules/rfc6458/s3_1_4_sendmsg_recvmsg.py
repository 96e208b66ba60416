"""RFC 6458 §3.1.4: sendmsg() and recvmsg(): calls and the messages on the wire."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import untraced
from sctpinspect.rules.queries import USER_DATA, either, found
from sctpinspect.tables.associations import ENDPOINT, is_type
from sctpinspect.tables.calls import SENDS, TAKES
from sctpinspect.tables.steps import steps

BOTH = ["RFC 6458 §3.1.4", "RFC 6458 §4.1.8"]


@rule(
    "rfc6458/3.1.4/send-message-to-data",
    level=Level.MUST,
    cites=[*BOTH, "RFC 9260 §6.9"],
    to_fail=[Need.HANDSHAKE, Need.NO_LOSS],
)
def send_message_to_data(t: View) -> Judgement:
    """Each successful send is one user message with the bytes that were given.

    What it checks: that each send has its message on the wire, and that length and digest of its user data
    are those of the call.
    Why it matters: SCTP keeps message boundaries; a lost, doubled or changed message breaks the application.
    What the capture must contain: the journal of the sender and all of its DATA.
    Known exceptions: a message without DATA counts only where the association ended with SHUTDOWN, which
    delivers everything first, and not of a side that limits the life of its messages (RFC 3758). A message
    not whole in the capture is judged by its length alone, if at all.
    References: RFC 6458 §3.1.4; RFC 6458 §4.1.8; RFC 9260 §6.9.
    """
    sent = t.sent_messages.filter(pl.col("call").is_not_null())
    ended = t.associations.select("association", "end")
    limits = r'"time_to_live": ?[1-9]|"sinfo_timetolive": ?[1-9]|"SCTP_(DEFAULT_)?PRINFO"'
    partly_reliable = t.calls.filter(pl.col("arguments").str.contains(limits)).select(ENDPOINT)
    missing = (
        sent.filter(pl.col("message").is_null())
        .join(partly_reliable, on=ENDPOINT, how="anti", maintain_order="left")
        .join(ended, on="association", maintain_order="left")
        .filter(pl.col("end").cast(pl.String) == "shutdown")
    )
    present = sent.filter(pl.col("message").is_not_null() & pl.col("complete"))
    differs = (pl.col("digest") != pl.col("sent_digest")).fill_null(False) | (
        pl.col("length") != pl.col("sent_length")
    )
    changed = present.filter(differs)
    columns = [*ENDPOINT, "call", "frame", "chunk", "expected", "actual"]
    violations = pl.concat(
        [
            found(
                missing.with_columns(frame="call_frame", chunk=pl.lit(None, pl.UInt16)),
                pl.format("a message of {} bytes", "sent_length"),
                "no DATA of it up to the end of the association",
            ).select(columns),
            found(changed, *_bytes("sent_length", "sent_digest", "length", "digest")).select(columns),
        ]
    )
    judged = [*ENDPOINT, "call"]
    return Judgement(pl.concat([present.select(judged), missing.select(judged)]), violations)


@rule("rfc6458/3.1.4/message-has-send", level=Level.MUST, cites=BOTH, to_fail=[Need.HANDSHAKE])
def message_has_send(t: View) -> Judgement:
    """Each user message on the wire was sent by a call.

    What it checks: that each message of a side with a journal of its sends belongs to one of them.
    Why it matters: a stack must not invent or repeat user messages.
    What the capture must contain: the journal of the sender. A violation counts only with the handshake: else
    the send may have come before the capture starts.
    Known exceptions: a message not whole in the capture is not judged, nor one before the first or after the
    last call in the journal of its host, nor a host with sends whose association is not known.
    References: RFC 6458 §3.1.4; RFC 6458 §4.1.8.
    """
    lost = t.calls.filter(
        pl.col("name").is_in(SENDS) & pl.col("errno").is_null() & pl.col("association").is_null()
    ).select("host")
    unclear = t.endpoints.join(lost, on="host", how="semi").select(
        *ENDPOINT, reason=pl.lit("which association some sends of its host belong to is not known")
    )
    covered = t.calls.group_by("host").agg(pl.col("start_ns").min(), pl.col("end_ns").max())
    journals = t.endpoints.join(covered, on="host").select(*ENDPOINT, begun_ns="start_ns", over_ns="end_ns")
    subjects = (
        t.sent_messages.filter(pl.col("message").is_not_null() & pl.col("digest").is_not_null())
        .join(unclear, on=ENDPOINT, how="anti", maintain_order="left")
        .join(journals, on=ENDPOINT, maintain_order="left")
        .filter(pl.col("first_ns").is_between("begun_ns", "over_ns"))
    )
    violations = subjects.filter(pl.col("call").is_null())
    actual = pl.format("a message of {} bytes on stream {} that no call sent", "length", "stream")
    return Judgement(subjects, found(violations, "a send for each message", actual), unclear)


@rule("rfc6458/3.1.4/snd-order-per-stream", level=Level.MUST, cites=[*BOTH, "RFC 9260 §6.5"])
def snd_order_per_stream(t: View) -> Judgement:
    """Ordered messages of a stream are on the wire in the order of their calls.

    What it checks: that of two ordered messages of a stream the one sent first has the lower TSN.
    Why it matters: that is what a stream promises.
    What the capture must contain: the journal of the sender and two ordered messages on a stream.
    Known exceptions: calls that overlap in time (threads) have no order; an association whose TSNs were reset
    (RFC 6525) is not judged.
    References: RFC 6458 §3.1.4; RFC 6458 §4.1.8; RFC 9260 §6.5.
    """
    stream = [*ENDPOINT, "stream"]
    reset = (
        t.changes.filter(pl.col("kind").cast(pl.String) == "ssns_and_tsns_reset")
        .select("association", reason=pl.lit("its TSNs were reset"))
        .unique()
    )
    subjects = (
        t.sent_messages.filter(
            pl.col("call").is_not_null() & pl.col("message").is_not_null() & ~pl.col("unordered")
        )
        .join(reset, on="association", how="anti", maintain_order="left")
        .sort(steps(pl.col("first_tsn").first().over(ENDPOINT), pl.col("first_tsn")))
        .with_columns(latest=pl.col("start_ns").cum_max().shift(1).over(stream))
        .filter(pl.col("latest").is_not_null())
    )
    violations = subjects.filter(pl.col("end_ns") <= pl.col("latest"))
    actual = "behind a message that was sent later"
    return Judgement(subjects, found(violations, "the order of the calls", actual), reset)


@rule("rfc6458/3.1.4/clock-alignment", level=Level.MUST, cites=BOTH, to_fail=[Need.WHOLE_PACKETS])
def clock_alignment(t: View) -> Judgement:
    """A message is on the wire after its send begins and before its receive ends.

    What it checks: begin of the send < first DATA of the message, last DATA < end of the receive.
    Why it matters: effects come after causes; otherwise clocks differ or call and message were mismatched,
    and no other rule about calls can be trusted.
    What the capture must contain: the journal of the sender or of the receiver.
    Known exceptions: none. When the send returns says nothing.
    References: RFC 6458 §3.1.4; RFC 6458 §4.1.8.
    """
    sent = t.sent_messages.filter(pl.col("call").is_not_null() & pl.col("message").is_not_null())
    got = t.received_messages.filter(pl.col("call").is_not_null() & pl.col("message").is_not_null())
    columns = [*ENDPOINT, "call", "frame", "chunk", "expected", "actual"]
    early = sent.filter(pl.col("first_ns") <= pl.col("start_ns"))
    late = got.filter(pl.col("last_ns") >= pl.col("end_ns"))
    violations = pl.concat(
        [
            found(early, "DATA after the send began", "DATA before it").select(columns),
            found(late, "DATA before the receive ended", "DATA after it").select(columns),
        ]
    )
    judged = [*ENDPOINT, "call"]
    return Judgement(pl.concat([sent.select(judged), got.select(judged)]), violations)


@rule(
    "rfc6458/3.1.4/recv-equals-data",
    level=Level.MUST,
    cites=[*BOTH, "RFC 6458 §9.13"],
    to_fail=[Need.HANDSHAKE, Need.NO_LOSS],
)
def recv_equals_data(t: View) -> Judgement:
    """Each receive gives one user message of the peer with the bytes on the wire.

    What it checks: that each received message was sent by the peer, once, and that length and digest of its
    user data are those on the wire.
    Why it matters: the receiver must get what was sent, and nothing else.
    What the capture must contain: the journal of the receiver and all DATA of its peer. A violation counts
    only with the handshake: else the DATA may have come before the capture starts; but in a whole recording
    of the sandbox, a peer whose messages are received has sent DATA.
    Known exceptions: a message read in parts is not judged; one not whole in the capture by nothing.
    References: RFC 6458 §3.1.4; RFC 6458 §4.1.8; RFC 6458 §9.13.
    """
    got = t.received_messages.filter(pl.col("call").is_not_null())
    invented = got.filter(pl.col("message").is_null()).with_columns(frame="call_frame")
    present = got.filter(pl.col("message").is_not_null() & pl.col("complete"))
    differs = (pl.col("digest") != pl.col("got_digest")).fill_null(False) | (
        pl.col("length") != pl.col("got_length")
    )
    others = t.calls.filter(
        TAKES & pl.col("errno").is_null() & pl.col("notification").is_null() & (pl.col("length") > 0)
    ).join(got, on="call", how="anti", maintain_order="left")
    silent = untraced(t, others, t.chunks.filter(is_type(*USER_DATA)), "source", pl.lit(0))
    unsent = "{} bytes that are not on the wire"
    violations = [
        found(invented, "a message of the peer", pl.format(unsent, "got_length")),
        found(silent, "a message of the peer", pl.format(unsent, "length")),
        found(present.filter(differs), *_bytes("length", "digest", "got_length", "got_digest")),
    ]
    return Judgement(either(got, silent), either(*violations))


def _bytes(*columns: str) -> tuple[pl.Expr, pl.Expr]:
    """Expected and actual: length and digest."""
    length, digest, other_length, other_digest = columns
    return _amount(length, digest), _amount(other_length, other_digest)


def _amount(length: str, digest: str) -> pl.Expr:
    return pl.format("{} bytes (digest {})", length, pl.col(digest).cast(pl.String).fill_null("unknown"))
