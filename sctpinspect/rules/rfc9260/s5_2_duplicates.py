"""RFC 9260 §5.2: INIT, INIT ACK and COOKIE ECHO that are duplicated or unexpected."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.exchanges import AT_ONCE_NS, FLOW, arrivals, followed, stale
from sctpinspect.rules.queries import (
    PATIENCE_NS,
    SECOND,
    USER_DATA,
    collided,
    either,
    first_transmissions,
    found,
    goes_on,
    hexadecimal,
    too_short,
    well_addressed,
)
from sctpinspect.rules.set_up import accepted, by_reply, issued, unexpected_inits, with_reply
from sctpinspect.tables.associations import ENDPOINT, is_type, peer


@rule(
    "rfc9260/5.2.1/collision-init-ack-same-parameters",
    level=Level.MUST,
    cites=["RFC 9260 §5.2.1"],
)
def collision_init_ack_same_parameters(t: View) -> Judgement:
    """Where INITs cross, the INIT ACK repeats the parameters of the own INIT.

    What it checks: Initiate Tag, initial TSN and MIS of an INIT ACK that goes where an INIT of the same
    endpoint went a second before at most, and was not taken up yet.
    Why it matters: of the two handshakes one association must come, with one tag for each side.
    What the capture must contain: both INITs, and the INIT ACK.
    Known exceptions: none.
    References: RFC 9260 §5.2.1.
    """
    names = ("initiate_tag", "initial_tsn", "inbound_streams")
    fields = ["packet", "frame", "time_ns", "association", *names]
    inits = t.chunks.filter(is_type(ChunkType.INIT)).select(
        *FLOW, *(pl.col(name).alias(f"own_{name}") for name in fields), packet="packet"
    )
    ends = t.associations.select(
        own_association="association", taken=pl.min_horizontal("cookie_ack_frame", "end_frame")
    )
    subjects = (
        t.chunks.filter(is_type(ChunkType.INIT_ACK))
        .join_asof(inits.sort("packet"), on="packet", by=FLOW, check_sortedness=False)
        .filter(pl.col("time_ns") - pl.col("own_time_ns") <= SECOND)
        .join(ends, on="own_association", how="left", maintain_order="left")
        .filter((pl.col("taken") > pl.col("frame")).fill_null(True))
    )
    is_same = pl.all_horizontal(pl.col(name) == pl.col(f"own_{name}") for name in names)
    violations = subjects.filter(~is_same).with_columns(frames=pl.concat_list("own_frame", "frame"))

    def told(prefix: str) -> pl.Expr:
        tag, tsn, streams = (pl.col(f"{prefix}{name}") for name in names)
        return pl.format("Initiate Tag {}, initial TSN {}, MIS {}", hexadecimal(tag), tsn, streams)

    return Judgement(subjects, found(violations, told("own_"), told("")))


@rule(
    "rfc9260/5.2.1/collision-one-association", level=Level.INFO, cites=["RFC 9260 §5.2.1", "RFC 9260 §5.2.4"]
)
def collision_one_association(t: View) -> Judgement:
    """Of two INITs that cross comes one association.

    What it checks: that half a second after the COOKIE ACK all DATA of a side has one verification tag.
    Why it matters: with two associations between the same endpoints neither works.
    What the capture must contain: INITs of both sides, and DATA.
    Known exceptions: none.
    References: RFC 9260 §5.2.1; RFC 9260 §5.2.4.
    """
    established = t.associations.select("association", "established_ns")
    subjects = (
        t.chunks.filter(is_type(*USER_DATA))
        .join(collided(t), on="association", how="semi", maintain_order="left")
        .join(established, on="association", maintain_order="left")
        .filter(pl.col("time_ns") - pl.col("established_ns") >= PATIENCE_NS)
        .with_columns(tag=pl.col("verification_tag").first().over(ENDPOINT))
    )
    violations = subjects.filter(pl.col("verification_tag") != pl.col("tag"))
    actual = pl.format("DATA with tag {}", hexadecimal(pl.col("verification_tag")))
    return Judgement(subjects, found(violations, pl.format("tag {}", hexadecimal(pl.col("tag"))), actual))


@rule("rfc9260/5.2.2/unexpected-init-new-tag", level=Level.MUST, cites=["RFC 9260 §5.2.2"])
def unexpected_init_new_tag(t: View) -> Judgement:
    """An INIT for an association that is established is answered with a new Initiate Tag.

    What it checks: that the INIT ACK does not repeat the tag of its sender in that association.
    Why it matters: with it a stranger, who need only know addresses and ports, gets to know the tag.
    What the capture must contain: the COOKIE ACK of the association, an INIT after it, and the INIT ACK.
    Known exceptions: none.
    References: RFC 9260 §5.2.2.
    """
    replied = with_reply(t, unexpected_inits(t).filter(~pl.col("is_closing")))
    subjects = replied.filter(pl.col("reply_type") == "INIT_ACK")
    violations = by_reply(subjects.filter(pl.col("reply_tag") == pl.col("own_tag")))
    actual = pl.format("Initiate Tag {} as before", hexadecimal(pl.col("reply_tag")))
    return Judgement(subjects.with_columns(peer()), found(violations, "a new Initiate Tag", actual))


@rule(
    "rfc9260/5.2.2/restart-with-new-address-refused",
    level=Level.MUST,
    cites=["RFC 9260 §5.2.2"],
    to_fail=[Need.NO_LOSS, Need.AT_SENDER],
)
def restart_with_new_address_refused(t: View) -> Judgement:
    """An INIT that adds addresses to an association that is established is refused with ABORT.

    What it checks: that no INIT ACK answers an INIT whose source, or a listed address, is not one of its
    sender in the association.
    Why it matters: otherwise a stranger takes over the association by listing a victim's address.
    What the capture must contain: the association, an INIT with a new address, and the answer. A violation
    counts only in a capture of the sandbox without drops.
    Known exceptions: none.
    References: RFC 9260 §5.2.2.
    """
    inits = with_reply(t, unexpected_inits(t).filter(~pl.col("is_closing")))
    listed = t.parameters.filter(pl.col("address").is_not_null()).select("packet", "chunk", "address")
    named = pl.concat(
        [
            inits.select("packet", "chunk", "live", "live_side", address="source"),
            inits.select("packet", "chunk", "live", "live_side").join(listed, on=["packet", "chunk"]),
        ]
    )
    known = t.addresses.select("address", live="association", live_side=(1 - pl.col("side")).cast(pl.UInt8))
    new = (
        named.join(known, on=["live", "live_side", "address"], how="anti")
        .group_by("packet", "chunk")
        .agg(new=pl.col("address").first())
    )
    subjects = inits.join(new, on=["packet", "chunk"], maintain_order="left")
    violations = by_reply(subjects.filter(pl.col("reply_type") == "INIT_ACK"))
    actual = pl.format("INIT ACK, though {} is new", "new")
    return Judgement(subjects.with_columns(peer()), found(violations, "ABORT", actual))


@rule(
    "rfc9260/5.2.2/unexpected-init-keeps-association",
    level=Level.MUST,
    cites=["RFC 9260 §5.2.2"],
    to_fail=[Need.NO_LOSS, Need.AT_SENDER],
)
def unexpected_init_keeps_association(t: View) -> Judgement:
    """Answering an INIT changes nothing in the association that is established.

    What it checks: that the endpoint, unless a COOKIE ECHO follows, goes on with the association, and does
    not treat packets of its peer as out of the blue, with an ABORT with T set.
    Why it matters: otherwise one forged INIT ends any association.
    What the capture must contain: the association, an INIT after its COOKIE ACK that is answered, and packets
    of the association after it. A violation counts only in a capture of the sandbox without drops.
    Known exceptions: none.
    References: RFC 9260 §5.2.2.
    """
    echoed = t.chunks.filter(is_type(ChunkType.COOKIE_ECHO)).select(
        "association", initiate="verification_tag"
    )
    inits = (
        with_reply(t, unexpected_inits(t))
        .join(echoed, left_on=["association", "reply_tag"], right_on=["association", "initiate"], how="anti")
        .sort("reply")
        .select("reply_frame", reply="reply", association="live", side="live_side")
    )
    own = t.chunks.filter(pl.col("association").is_not_null())
    is_lost = is_type(ChunkType.ABORT) & pl.col("tag_reflected").fill_null(False)
    is_closing = is_type(ChunkType.ABORT, ChunkType.SHUTDOWN_COMPLETE, ChunkType.INIT_ACK)
    went_on, lost = (
        inits.join_asof(
            own.filter(which).select(*ENDPOINT, "packet", "frame", "chunk").sort("packet"),
            left_on="reply",
            right_on="packet",
            by=ENDPOINT,
            strategy="forward",
            check_sortedness=False,
        ).drop_nulls("frame")
        for which in (~is_closing, is_lost)
    )
    ended = t.associations.select("association", "end_frame")
    violations = (
        lost.join(ended, on="association")
        .filter((pl.col("frame") <= pl.col("end_frame")).fill_null(True))
        .unique("frame", keep="last", maintain_order=True)
        .with_columns(frames=pl.concat_list("reply_frame", "frame"))
    )
    return Judgement(
        either(went_on, violations),
        found(violations, "an association that goes on", "an ABORT for the next packet"),
    )


@rule("rfc9260/5.2.3/unexpected-init-ack-ignored", level=Level.SHOULD, cites=["RFC 9260 §5.2.3"])
def unexpected_init_ack_ignored(t: View) -> Judgement:
    """An INIT ACK that comes after the COOKIE ECHO is dropped.

    What it checks: that an endpoint that got several State Cookies for one INIT echoes only one of them.
    Why it matters: the responder would set up another association, or restart the one that is there.
    What the capture must contain: two INIT ACKs with different cookies for one Initiate Tag, and the COOKIE
    ECHO.
    Known exceptions: after a Stale Cookie error another cookie is in order.
    References: RFC 9260 §5.2.3.
    """
    anew = stale(t).select("association")
    key = [*ENDPOINT, "asked_tag"]
    cookies = issued(t).filter(pl.len().over(key) > 1).join(anew, on="association", how="anti")
    subjects = (
        t.chunks.filter(is_type(ChunkType.COOKIE_ECHO))
        .join(cookies, on=[*ENDPOINT, "value"], maintain_order="left")
        .with_columns(
            first=pl.col("value").first().over(key),
            first_frame=pl.col("frame").first().over(key),
        )
    )
    violations = subjects.filter(pl.col("value") != pl.col("first")).with_columns(
        frames=pl.concat_list("first_frame", "issued_frame", "frame")
    )
    actual = pl.format("that of the INIT ACK in frame {}", "issued_frame")
    return Judgement(subjects, found(violations, "the State Cookie of the first COOKIE ECHO", actual))


@rule(
    "rfc9260/5.2.4/duplicate-cookie-echo-reacked",
    level=Level.SHOULD,
    cites=["RFC 9260 §5.2.4"],
    to_fail=[Need.COUNTERS, Need.DELIVERY],
)
def duplicate_cookie_echo_reacked(t: View) -> Judgement:
    """A COOKIE ECHO that comes again is answered with COOKIE ACK again.

    What it checks: that a COOKIE ACK follows within half a second on each COOKIE ECHO with a cookie that was
    accepted before.
    Why it matters: the first COOKIE ACK was lost, and without another the initiator gives up.
    What the capture must contain: a COOKIE ECHO after the COOKIE ACK. A missing answer counts only in a
    capture of the sandbox without drops and impairment.
    Known exceptions: where the association has ended nothing is judged.
    References: RFC 9260 §5.2.4.
    """
    echoes = well_addressed(t, t.chunks.filter(is_type(ChunkType.COOKIE_ECHO)))
    ended = t.associations.select("association", "end_ns")
    again = (
        echoes.join(accepted(t), on=ENDPOINT, maintain_order="left")
        .filter(pl.col("packet") > pl.col("accepted"))
        .join(echoes.select(*ENDPOINT, "value", before="packet"), on=[*ENDPOINT, "value"])
        .filter(pl.col("before") < pl.col("accepted"))
        .unique("packet", maintain_order=True)
    )
    asked = followed(t, again, t.chunks.filter(is_type(ChunkType.COOKIE_ACK))).join(
        ended, on="association", maintain_order="left"
    )
    is_answered = (pl.col("answer_ns") - pl.col("arrived_ns") <= PATIENCE_NS).fill_null(False)
    is_alive = (pl.col("end_ns") - pl.col("arrived_ns") > PATIENCE_NS).fill_null(True)
    is_told = is_answered | (goes_on(t, pl.col("arrived_ns")) & is_alive)
    told = asked.filter(pl.col("arrived_ns").is_not_null() & is_told).with_columns(peer())
    return Judgement(
        told, found(told.filter(~is_answered), "COOKIE ACK", "no answer"), too_short(asked.filter(~is_told))
    )


@rule(
    "rfc9260/5.2.4/restart-resets-state",
    level=Level.MUST,
    cites=["RFC 9260 §5.2.4 (A)"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.NO_LOSS],
)
def restart_resets_state(t: View) -> Judgement:
    """After a restart both sides begin anew.

    What it checks: that the first DATA of each side has the initial TSN of the new handshake and, if it is
    ordered, SSN 0; and that nothing is sent with the old tags 100 ms after the COOKIE ACK.
    Why it matters: the side that restarted knows nothing of what was before.
    What the capture must contain: the handshake of the restart, and DATA after it. A violation counts only
    where the capture states that it dropped nothing.
    Known exceptions: associations with FORWARD_TSN or RE_CONFIG are not judged.
    References: RFC 9260 §5.2.4 (A).
    """
    restarts = t.associations.filter(pl.col("restart_of").is_not_null())
    first = (
        first_transmissions(t, *USER_DATA)
        .join(restarts.select("association"), on="association", how="semi", maintain_order="left")
        .unique(ENDPOINT, keep="first", maintain_order=True)
    )
    is_new = (pl.col("position") == 0) & ((pl.col("ssn") == 0) | pl.col("unordered")).fill_null(True)
    old = (
        restarts.select("established_ns", new="association", association="restart_of")
        .join(t.packets, on="association")
        .filter(pl.col("time_ns") - pl.col("established_ns") > AT_ONCE_NS)
        .select("packet")
    )
    reply = is_type(ChunkType.ABORT, ChunkType.SHUTDOWN_COMPLETE, ChunkType.INIT, ChunkType.INIT_ACK)
    goes_on_as_before = t.chunks.join(old, on="packet", how="semi", maintain_order="left").filter(
        ~reply & (pl.col("chunk") == 0)
    )
    actual = pl.format("TSN {}, SSN {}", "tsn", pl.col("ssn").cast(pl.String).fill_null("none"))
    return Judgement(
        first,
        either(
            found(first.filter(~is_new), "the initial TSN and SSN 0", actual),
            found(goes_on_as_before, "the tags of the new handshake", "the old verification tag"),
        ),
    )


@rule(
    "rfc9260/5.2.6/stale-cookie-reaction",
    level=Level.SHOULD,
    cites=["RFC 9260 §5.2.6"],
    to_fail=[Need.AT_SENDER],
)
def stale_cookie_reaction(t: View) -> Judgement:
    """A Stale Cookie error is acted upon only while the COOKIE ACK is awaited.

    What it checks: that an endpoint that has got the COOKIE ACK sends no INIT within half a second of the
    error; and that one that has not does not echo the same cookie once more.
    Why it matters: an old error must not end an association that works, and a stale cookie never helps.
    What the capture must contain: the ERROR, and what its receiver does. A violation counts only in a capture
    of the sandbox.
    Known exceptions: none.
    References: RFC 9260 §5.2.6.
    """
    errors = stale(t).filter(pl.col("association").is_not_null())
    asked = (
        errors.join(arrivals(t), on="packet", maintain_order="left")
        .join(accepted(t).with_columns(peer()), on=ENDPOINT, how="left", maintain_order="left")
        .with_columns(is_established=(pl.col("accepted") < pl.col("packet")).fill_null(False))
        .drop("arrived_ns")
    )
    echoes = t.chunks.filter(is_type(ChunkType.COOKIE_ECHO) & pl.col("association").is_not_null())
    echoed = echoes.select("association", peer(), "packet", "value").sort("packet")
    refused = (
        asked.filter(~pl.col("is_established"))
        .drop("value")
        .sort("packet")
        .join_asof(echoed, on="packet", by=ENDPOINT, check_sortedness=False)
        .select("association", peer(), "value", error="packet", error_frame="frame", error_ns="time_ns")
    )
    again = (
        echoes.join(refused, on=[*ENDPOINT, "value"], maintain_order="left")
        .filter((pl.col("packet") > pl.col("error")) & (pl.col("time_ns") - pl.col("error_ns") > AT_ONCE_NS))
        .with_columns(frames=pl.concat_list("error_frame", "frame"))
    )
    begun = (
        followed(t, asked.filter("is_established"), t.chunks.filter(is_type(ChunkType.INIT)))
        .filter(pl.col("answer_ns") - pl.col("arrived_ns") <= PATIENCE_NS)
        .with_columns(peer(), frames=pl.concat_list("frame", "answer_frame"), frame="answer_frame")
        .with_columns(chunk=pl.lit(None, pl.UInt16))
    )
    return Judgement(
        asked.with_columns(peer()),
        either(
            found(again, "a new INIT, or the end of the attempt", "the stale cookie again"),
            found(begun, "an association that goes on", "INIT"),
        ),
    )
