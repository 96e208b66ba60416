"""RFC 6458 §9.3: sctp_getpaddrs()."""

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import lists_addresses
from sctpinspect.rules.queries import announced
from sctpinspect.tables.associations import peer


@rule(
    "rfc6458/9.3/getpaddrs",
    level=Level.MUST,
    cites=["RFC 6458 §9.3", "RFC 9260 §5.1.2"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.WHOLE_PACKETS],
)
def getpaddrs(t: View) -> Judgement:
    """sctp_getpaddrs() returns the addresses that the peer announced.

    What it checks: the list returned against the source of the peer's INIT or INIT ACK and the addresses in
    it.
    Why it matters: these are the paths that the program can choose from.
    What the capture must contain: the journal and the handshake, not cut.
    Known exceptions: addresses of another family or scope (private, loopback, link-local) than the source are
    not judged. Associations with ASCONF, which changes the list, are not judged.
    References: RFC 6458 §9.3; RFC 9260 §5.1.2.
    """
    owners = t.endpoints.with_columns(side=peer())
    return lists_addresses(t, "sctp_getpaddrs", announced(t).with_columns(side=peer()), owners)
