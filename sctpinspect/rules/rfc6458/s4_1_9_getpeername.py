"""RFC 6458 §4.1.9: getpeername()."""

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import names_endpoint
from sctpinspect.rules.queries import announced
from sctpinspect.tables.associations import peer


@rule(
    "rfc6458/4.1.9/getpeername",
    level=Level.MUST,
    cites=["RFC 6458 §4.1.9"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.WHOLE_PACKETS],
)
def getpeername(t: View) -> Judgement:
    """getpeername() returns the port and an address of the peer.

    What it checks: the result against the peer's port and announced addresses.
    Why it matters: it is how a program learns whom it talks to.
    What the capture must contain: the journal and the handshake, not cut.
    Known exceptions: none.
    References: RFC 6458 §4.1.9.
    """
    peers = t.endpoints.select("association", side=peer(), real_port="port", init_frame="init_frame")
    known = announced(t).select("association", "address", side=peer())
    return names_endpoint(t, "getpeername", peers, known)
