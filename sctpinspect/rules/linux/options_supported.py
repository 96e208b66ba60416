"""Linux: options that switch extensions on and off, and the system's settings that hold without them."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import argument, number, settings
from sctpinspect.rules.queries import beside_peer, found
from sctpinspect.tables.associations import ENDPOINT


@rule(
    "linux/options/pr-supported",
    level=Level.MUST,
    cites=["Linux options", "RFC 3758 §3.1"],
    needs=[Need.WHOLE_PACKETS],
)
def pr_supported(t: View) -> Judgement:
    """INIT and INIT ACK announce Forward-TSN-Supported if, and only if, SCTP_PR_SUPPORTED is on.

    What it checks: the parameter in INIT, and in INIT ACK where the INIT has it.
    Why it matters: only with it messages may be given up.
    What the capture must contain: the journal with the option set before the association, and INIT or INIT
    ACK.
    Known exceptions: none.
    References: Linux options; RFC 3758 §3.1.
    """
    return _announces(t, "SCTP_PR_SUPPORTED", "FORWARD_TSN")


@rule(
    "linux/options/reconfig-supported",
    level=Level.MUST,
    cites=["Linux options", "RFC 5061 §4.2.7"],
    needs=[Need.WHOLE_PACKETS],
)
def reconfig_supported(t: View) -> Judgement:
    """INIT and INIT ACK announce RE-CONFIG if, and only if, SCTP_RECONFIG_SUPPORTED is on.

    What it checks: the chunk type among the Supported Extensions of INIT, and of INIT ACK where the INIT has
    it.
    Why it matters: only with it streams can be reset and added.
    What the capture must contain: the journal with the option set before the association, and INIT or INIT
    ACK.
    Known exceptions: none.
    References: Linux options; RFC 5061 §4.2.7.
    """
    return _announces(t, "SCTP_RECONFIG_SUPPORTED", "RE_CONFIG")


@rule(
    "linux/options/auth-supported",
    level=Level.MUST,
    cites=["Linux options", "RFC 5061 §4.2.7"],
    needs=[Need.WHOLE_PACKETS],
)
def auth_supported(t: View) -> Judgement:
    """INIT and INIT ACK announce AUTH if, and only if, SCTP_AUTH_SUPPORTED is on.

    What it checks: the chunk type among the Supported Extensions of INIT, and of INIT ACK where the INIT has
    it.
    Why it matters: only with it chunks are authenticated.
    What the capture must contain: the journal with the option set before the association, and INIT or INIT
    ACK.
    Known exceptions: none.
    References: Linux options; RFC 5061 §4.2.7.
    """
    return _announces(t, "SCTP_AUTH_SUPPORTED", "AUTH")


@rule(
    "linux/options/asconf-supported",
    level=Level.MUST,
    cites=["Linux options", "RFC 5061 §4.2.7"],
    needs=[Need.WHOLE_PACKETS],
)
def asconf_supported(t: View) -> Judgement:
    """INIT and INIT ACK announce ASCONF if, and only if, SCTP_ASCONF_SUPPORTED is on.

    What it checks: the chunk type among the Supported Extensions of INIT, and of INIT ACK where the INIT has
    it.
    Why it matters: only with it addresses can be added, removed and preferred.
    What the capture must contain: the journal with the option set before the association, and INIT or INIT
    ACK.
    Known exceptions: none.
    References: Linux options; RFC 5061 §4.2.7.
    """
    return _announces(t, "SCTP_ASCONF_SUPPORTED", "ASCONF")


@rule("linux/options/ecn-supported", level=Level.MUST, cites=["Linux options"], needs=[Need.WHOLE_PACKETS])
def ecn_supported(t: View) -> Judgement:
    """INIT and INIT ACK announce ECN if, and only if, SCTP_ECN_SUPPORTED is on.

    What it checks: the parameter in INIT, and in INIT ACK where the INIT has it.
    Why it matters: only with it routers can mark packets rather than drop them.
    What the capture must contain: the journal with the option set before the association, and INIT or INIT
    ACK.
    Known exceptions: none.
    References: Linux options.
    """
    return _announces(t, "SCTP_ECN_SUPPORTED", "ECN")


def _announces(t: View, option: str, extension: str) -> Judgement:
    """Judges that sides which set the option announce the extension accordingly."""
    wanted = settings(t, option).select(*ENDPOINT, "call", wanted=number(argument("value.assoc_value")) > 0)
    subjects = announcements(t, extension).join(wanted, on=ENDPOINT, maintain_order="left")
    return Judgement(subjects, wrongly_announced(subjects, extension))


def announcements(t: View, extension: str) -> pl.LazyFrame:
    """Per side whether its INIT or INIT ACK `has` the extension, and `may` have it: the INIT has it too."""
    sides = t.endpoints.filter(pl.col("extensions").is_not_null()).select(
        *ENDPOINT, "host", frame="init_frame", has=pl.col("extensions").list.contains(extension)
    )
    may = (pl.col("side") == 0) | pl.col("peer_has")  # null: the INIT that is answered is not in the capture
    return beside_peer(sides, sides, peer_has="has").with_columns(may=may).filter(may.is_not_null())


def wrongly_announced(subjects: pl.LazyFrame, extension: str) -> pl.LazyFrame:
    """Those of `announcements` that are not as `wanted`."""
    violations = subjects.filter(pl.col("has") != (pl.col("wanted") & pl.col("may")))
    name = pl.lit(extension.replace("_", "-"))

    def words(announced: pl.Expr) -> pl.Expr:
        return pl.when(announced).then(name).otherwise(pl.format("no {}", name))

    return found(violations, words(~pl.col("has")), words(pl.col("has")))
