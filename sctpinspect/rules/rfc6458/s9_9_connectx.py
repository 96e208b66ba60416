"""RFC 6458 §9.9: sctp_connectx()."""

import polars as pl

from sctpinspect.protocol import ChunkType
from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import ADDRESSES, succeeded, untraced
from sctpinspect.rules.queries import announced, beside_peer, either, found
from sctpinspect.tables.associations import ENDPOINT, is_type, peer

SHOWN = 8  # addresses of a call


def _calls(t: View) -> pl.LazyFrame:
    """The call that began each association, or tried to."""
    began = pl.col("errno").is_null() | pl.col("errno").is_in(["EINPROGRESS", "ETIMEDOUT", "ECONNREFUSED"])
    return (
        t.calls.filter((pl.col("name") == "sctp_connectx") & began & pl.col("association").is_not_null())
        .unique(ENDPOINT, keep="first", maintain_order=True)
        .select(*ENDPOINT, "call", "start_ns", "addresses", "port", given=ADDRESSES)
    )


@rule("rfc6458/9.9/connectx-tries-all-addresses", level=Level.MUST, cites=["RFC 6458 §9.9"])
def connectx_tries_all_addresses(t: View) -> Judgement:
    """sctp_connectx() sends INIT to the addresses given, and to no others.

    What it checks: destination and port of every INIT of the association, that it left after the call began,
    and that a call that succeeds has one at all.
    Why it matters: the peer is known by these addresses alone.
    What the capture must contain: the journal of the initiator and an INIT; an INIT can be told to be missing
    only in a whole recording of the sandbox.
    Known exceptions: none.
    References: RFC 6458 §9.9.
    """
    calls = _calls(t)
    given = calls.select(*ENDPOINT, destination="given").explode("destination").drop_nulls().unique()
    inits = t.chunks.filter(is_type(ChunkType.INIT))
    subjects = inits.join(calls.drop("given"), on=ENDPOINT, maintain_order="left").join(
        given.with_columns(is_given=True), on=[*ENDPOINT, "destination"], how="left", maintain_order="left"
    )
    right = (
        pl.col("is_given").fill_null(False)
        & (pl.col("destination_port") == pl.col("port"))
        & (pl.col("time_ns") >= pl.col("start_ns"))
    )
    shown = pl.col("addresses").list.head(SHOWN).list.join(" or ")
    expected = pl.format("INIT to {} port {} after the call began", shown, "port")
    actual = pl.format("INIT to {} port {}", "destination", "destination_port")
    silent = untraced(t, succeeded(t, "sctp_connectx"), inits, "destination", pl.col("start_ns"))
    wrong = [
        found(subjects.filter(~right), expected, actual),
        found(silent, expected, "success without an INIT"),
    ]
    return Judgement(either(subjects, silent), either(*wrong))


@rule(
    "rfc6458/9.9/connectx-addresses-announced",
    level=Level.SHOULD,
    cites=["RFC 6458 §9.9", "RFC 9260 §5.1.2"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.WHOLE_PACKETS],
)
def connectx_addresses_announced(t: View) -> Judgement:
    """The addresses given to sctp_connectx() are addresses that the peer announces.

    What it checks: each address given against the source of the INIT ACK and the addresses in it.
    Why it matters: an address that is not the peer's belongs to nobody, or to somebody else.
    What the capture must contain: the journal of the initiator and the handshake, not cut.
    Known exceptions: none.
    References: RFC 6458 §9.9; RFC 9260 §5.1.2.
    """
    told = announced(t).select("association", side=peer(), given="address")
    subjects = beside_peer(_calls(t).explode("given"), t.endpoints, frame="init_frame", seen="addresses")
    known = subjects.filter(pl.col("frame").is_not_null())
    violations = known.join(told, on=[*ENDPOINT, "given"], how="anti", maintain_order="left")
    expected = pl.format("an INIT ACK that announces {}", "given")
    return Judgement(
        known,
        found(violations, expected, pl.format("addresses seen: {}", pl.col("seen").list.join(", "))),
    )
