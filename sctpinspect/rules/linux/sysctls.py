"""Linux: the settings net.sctp.* of the system."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.calls import settings
from sctpinspect.rules.linux.close import of_kernel
from sctpinspect.rules.linux.options_supported import announcements, wrongly_announced
from sctpinspect.rules.queries import either
from sctpinspect.rules.repeats import sysctl
from sctpinspect.tables.associations import ENDPOINT

EXTENSIONS = {
    "prsctp_enable": ("FORWARD_TSN", "SCTP_PR_SUPPORTED"),
    "auth_enable": ("AUTH", "SCTP_AUTH_SUPPORTED"),
    "addip_enable": ("ASCONF", "SCTP_ASCONF_SUPPORTED"),
    "reconf_enable": ("RE_CONFIG", "SCTP_RECONFIG_SUPPORTED"),
    "ecn_enable": ("ECN", "SCTP_ECN_SUPPORTED"),
    "intl_enable": ("I_DATA", "SCTP_INTERLEAVING_SUPPORTED"),
}
"""Settings, the extensions that they switch on, and the socket options that override them."""


@rule(
    "linux/sysctls/sysctl-defaults",
    level=Level.MUST,
    cites=["Linux sysctls", "RFC 5061 §4.2.7"],
    needs=[Need.WHOLE_PACKETS],
)
def sysctl_defaults(t: View) -> Judgement:
    """INIT and INIT ACK announce the extensions that net.sctp.* switches on, and no others.

    What it checks: partial reliability, AUTH, ASCONF, RE-CONFIG, ECN and I-DATA in INIT, and in INIT ACK
    where the INIT has them, against the settings that the recording states, where no option overrides them.
    Why it matters: what programs do not set themselves is decided by whoever runs the system.
    What the capture must contain: a recipe with the settings, the journal, and INIT or INIT ACK.
    Known exceptions: sides that another stack than the kernel speaks for. A program that changes the settings
    itself is not seen to: they belong in its topology. The settings that are times and numbers are where the
    rules on timers begin (`rules.timers`).
    References: Linux sysctls; RFC 5061 §4.2.7.
    """
    subjects, violations = [], []
    for name, (extension, option) in EXTENSIONS.items():
        stated = sysctl(t, name)
        if stated is None:
            continue
        judged = (
            announcements(t, extension)
            .join(of_kernel(t), on="host", how="semi", maintain_order="left")
            .join(settings(t, option).select(ENDPOINT), on=ENDPOINT, how="anti", maintain_order="left")
            .with_columns(wanted=pl.lit(stated > 0))
        )
        subjects.append(judged)
        violations.append(wrongly_announced(judged, extension))
    nothing = announcements(t, "").clear()
    return Judgement(either(nothing, *subjects), either(nothing, *violations))
