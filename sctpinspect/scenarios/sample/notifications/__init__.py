"""Notifications: each is asked for, provoked and received.

After the lesson on notifications of the Linux SCTP tutorials. By default all are asked for with SCTP_EVENTS,
and those of an undisturbed association come: change of association, peer address, adaptation, sender dry,
shutdown. In variant `event` SCTP_EVENT asks for them one by one; the others are named after what they
provoke.
"""

from sctpinspect.scenarios.sample.notifications import failures, requests, talk
from sctpinspect.scenarios.topology import Topology

TOPOLOGY = Topology(paths=2)
VARIANTS = {
    "event": TOPOLOGY,
    "send-failed": Topology(),
    "partial-delivery": Topology(),
    "remote-error": Topology(raw=("b",)),
    "authentication": Topology(sysctls={"auth_enable": 1}),
    "stream-reset": Topology(sysctls={"reconf_enable": 1}),
}


def server(host):
    match host.variant:
        case "send-failed":
            failures.not_reading(host)
        case "partial-delivery":
            failures.half_reading(host)
        case "remote-error":
            failures.reporting(host)
        case _:
            talk.answering(host)


def client(host):
    match host.variant:
        case "send-failed":
            failures.sending_in_vain(host)
        case "partial-delivery":
            failures.aborting(host)
        case "remote-error":
            failures.told_of_error(host)
        case "authentication":
            requests.authenticating(host)
        case "stream-reset":
            requests.resetting(host)
        case _:
            talk.asking(host)
