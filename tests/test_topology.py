"""Topologies that cannot be are refused where they are written."""

import pytest

from sctpinspect.scenarios import Topology


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"paths": 5}, "1 to 4 paths, not 5"),
        ({"stacks": {"a": "lwip"}}, "no stack 'lwip'; there is usrsctp"),
        ({"stacks": {"a": "usrsctp"}, "families": ("ipv4", "ipv6")}, "give a udp_port, or take IPv4"),
    ],
)
def test_what_cannot_be_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        Topology(**wrong)


def test_usrsctp_speaks_ipv6_in_udp():
    assert Topology(stacks={"a": "usrsctp"}, families=("ipv6",), udp_port=9899).host_addresses("a")
