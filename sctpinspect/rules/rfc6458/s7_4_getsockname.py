"""RFC 6458 §7.4: getsockname()."""

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import names_endpoint
from sctpinspect.rules.queries import announced
from sctpinspect.tables.associations import ENDPOINT


@rule(
    "rfc6458/7.4/getsockname",
    level=Level.MUST,
    cites=["RFC 6458 §7.4"],
    needs=[Need.HANDSHAKE],
    to_fail=[Need.WHOLE_PACKETS],
)
def getsockname(t: View) -> Judgement:
    """getsockname() returns the port and an address of the socket.

    What it checks: the result against the own port and announced addresses.
    Why it matters: a program that let the system choose learns so what it chose.
    What the capture must contain: the journal and the handshake, not cut.
    Known exceptions: the wildcard address stands for all.
    References: RFC 6458 §7.4.
    """
    own = t.endpoints.select(*ENDPOINT, "init_frame", real_port="port")
    return names_endpoint(t, "getsockname", own, announced(t).select(*ENDPOINT, "address"))
