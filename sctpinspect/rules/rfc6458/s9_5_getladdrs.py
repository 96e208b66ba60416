"""RFC 6458 §9.5: sctp_getladdrs()."""

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import lists_addresses
from sctpinspect.rules.queries import announced


@rule(
    "rfc6458/9.5/getladdrs",
    level=Level.MUST,
    cites=["RFC 6458 §9.5", "RFC 9260 §5.1.2"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.WHOLE_PACKETS],
)
def getladdrs(t: View) -> Judgement:
    """sctp_getladdrs() returns the addresses that the own INIT or INIT ACK announced.

    What it checks: the list returned for an association against the source of INIT or INIT ACK and the
    addresses in it.
    Why it matters: these are the addresses that the peer knows.
    What the capture must contain: the journal and the handshake, not cut.
    Known exceptions: addresses of another family or scope (private, loopback, link-local) than the source are
    not judged. Associations with ASCONF, which changes the list, are not judged, nor calls before the
    association.
    References: RFC 6458 §9.5; RFC 9260 §5.1.2.
    """
    return lists_addresses(t, "sctp_getladdrs", announced(t), t.endpoints)
