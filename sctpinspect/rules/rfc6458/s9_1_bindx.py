"""RFC 6458 §9.1: sctp_bindx()."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import WILDCARDS, argument, of_associations, succeeded
from sctpinspect.rules.queries import announced, beside_own, found, scope
from sctpinspect.tables.associations import ENDPOINT


@rule(
    "rfc6458/9.1/bindx-add-before-setup",
    level=Level.MUST,
    cites=["RFC 6458 §9.1", "RFC 9260 §3.3.2.1", "RFC 9260 §5.1.2"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.WHOLE_PACKETS],
)
def bindx_add_before_setup(t: View) -> Judgement:
    """INIT or INIT ACK announces the addresses bound with sctp_bindx(), all and no others.

    What it checks: the addresses bound with bind() and sctp_bindx(), less those removed, against the source
    of INIT or INIT ACK and the addresses listed in it.
    Why it matters: the peer can use only the paths that it is told, and must not use others.
    What the capture must contain: the journal and the handshake, not cut.
    Known exceptions: an address of another family or scope (private, loopback, link-local) than the source
    may be left out, since the peer may not reach it, and the source itself, which the peer learns anyway.
    Sockets also bound to a wildcard address are not judged.
    References: RFC 6458 §9.1; RFC 9260 §3.3.2.1; RFC 9260 §5.1.2.
    """
    calls = (
        of_associations(t, succeeded(t, "bind", "sctp_bindx"))
        .filter(pl.col("end_ns") <= pl.col("first_ns"))
        .with_columns(
            bound=pl.coalesce("addresses", pl.concat_list("address")),
            removes=(argument("flags") == "SCTP_BINDX_REM_ADDR").fill_null(False),
        )
    )
    wild = calls.filter(pl.col("bound").list.eval(pl.element().is_in(WILDCARDS)).list.any()).select(ENDPOINT)
    by_bindx = (
        calls.filter(pl.col("name") == "sctp_bindx").select(*ENDPOINT, "call").unique(ENDPOINT, keep="first")
    )
    sources = t.addresses.filter(pl.col("learned_from").cast(pl.String) == "source").select(
        *ENDPOINT, source_scope=scope("address")
    )
    subjects = (
        beside_own(by_bindx, t.endpoints, frame="init_frame")
        .join(wild, on=ENDPOINT, how="anti", maintain_order="left")
        .join(sources, on=ENDPOINT, maintain_order="left")
        .filter(pl.col("frame").is_not_null())
    )
    bound = (
        calls.explode("bound")
        .unique([*ENDPOINT, "bound"], keep="last", maintain_order=True)
        .filter(~pl.col("removes"))
        .select(*ENDPOINT, address="bound")
    )
    told = (
        announced(t).filter(pl.col("learned_from").cast(pl.String) != "asconf").select(*ENDPOINT, "address")
    )
    missing = (
        subjects.join(bound, on=ENDPOINT, maintain_order="left")
        .filter(scope("address") == pl.col("source_scope"))
        .join(told, on=[*ENDPOINT, "address"], how="anti", maintain_order="left")
    )
    extra = subjects.join(told, on=ENDPOINT, maintain_order="left").join(
        bound, on=[*ENDPOINT, "address"], how="anti", maintain_order="left"
    )
    violations = pl.concat(
        [
            found(missing, pl.format("{}, which was bound", "address"), pl.format("no {}", "address")),
            found(extra, "bound addresses alone", pl.format("{}, which was not bound", "address")),
        ]
    )
    return Judgement(subjects, violations)
