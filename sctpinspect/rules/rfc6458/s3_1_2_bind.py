"""RFC 6458 §3.1.2: bind()."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import WILDCARDS, causes_no_packet, late_bindx, of_associations, succeeded
from sctpinspect.rules.queries import announced, beside_own, found
from sctpinspect.tables.associations import ENDPOINT

BOTH = ["RFC 6458 §3.1.2", "RFC 6458 §4.1.2"]


@rule("rfc6458/3.1.2/bind-port-and-address", level=Level.MUST, cites=BOTH, needs=[Need.HANDSHAKE])
def bind_port_and_address(t: View) -> Judgement:
    """A socket bound to an address and a port uses these, and no other.

    What it checks: for sockets bound with bind() alone, that source and list of INIT or INIT ACK hold no
    other address; for bind() and sctp_bindx() with a port other than 0, that the association has this port.
    Why it matters: a server that answers from another address is taken for somebody else.
    What the capture must contain: the journal and the handshake.
    Known exceptions: with a wildcard address any local address is right.
    References: RFC 6458 §3.1.2; RFC 6458 §4.1.2.
    """
    calls = of_associations(t, succeeded(t, "bind", "sctp_bindx")).filter(
        pl.col("end_ns") <= pl.col("first_ns")
    )
    bound = beside_own(
        calls.rename({"port": "bound_port"}), t.endpoints, used_port="port", init_frame="init_frame"
    ).with_columns(frame="init_frame")
    ports = bound.filter(pl.col("bound_port") > 0)
    alone = bound.filter((pl.col("name") == "bind").all().over(ENDPOINT))
    specific = alone.filter(~pl.col("address").is_in(WILDCARDS))
    told = announced(t).filter(pl.col("learned_from").cast(pl.String) != "asconf")
    others = specific.join(
        told.select(*ENDPOINT, other="address"), on=ENDPOINT, maintain_order="left"
    ).filter(pl.col("other") != pl.col("address"))
    wrong_ports = ports.filter(pl.col("used_port") != pl.col("bound_port"))
    columns = [*ENDPOINT, "call", "frame", "expected", "actual"]
    violations = pl.concat(
        [
            found(others, pl.format("{} alone", "address"), pl.format("{} announced too", "other")).select(
                columns
            ),
            found(wrong_ports, pl.format("port {}", "bound_port"), pl.format("port {}", "used_port")).select(
                columns
            ),
        ]
    )
    judged = [*ENDPOINT, "call"]
    return Judgement(pl.concat([specific.select(judged), ports.select(judged)]), violations)


@rule("rfc6458/3.1.2/bind-no-packet", level=Level.MUST, cites=[*BOTH, "RFC 6458 §9.1"], needs=[Need.COUNTERS])
def bind_no_packet(t: View) -> Judgement:
    """Binding and listening cause no packet.

    What it checks: that no association begins or ends while bind(), sctp_bindx() before an association, or
    listen() runs and no other call of its host does that could be the cause.
    Why it matters: addresses are announced with the INIT or INIT ACK, not before.
    What the capture must contain: the journal, and no drops.
    Known exceptions: sctp_bindx() on a socket with associations, which may send an ASCONF.
    References: RFC 6458 §3.1.2; RFC 6458 §4.1.2; RFC 6458 §9.1.
    """
    calls = succeeded(t, "bind", "sctp_bindx", "listen").join(
        late_bindx(t).select("call"), on="call", how="anti"
    )
    return causes_no_packet(t, calls)
