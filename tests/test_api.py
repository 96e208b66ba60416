"""The functions of the public API that read captures."""

import pytest
from builders import START_NS, ethernet, init, ipv4, pcap, sctp_packet, udp

import sctpinspect

BLANK = sctp_packet(init(tag=1), tag=0, checksum=0)  # without a checksum it proves nothing


@pytest.fixture
def encapsulated(tmp_path):
    path = tmp_path / "udp.pcap"
    frame = ethernet(ipv4("10.1.0.1", "10.1.0.2", udp(BLANK, 40_000, 22_220), protocol=17))
    path.write_bytes(pcap([(START_NS, frame)]))
    return path


def test_udp_ports_are_taken_from_the_user(encapsulated):
    assert sctpinspect.read(encapsulated, udp_ports=[22_220]).packets["encapsulation_port"].to_list() == [
        40_000
    ]
    with pytest.raises(sctpinspect.UsageError, match="nothing to judge"):
        sctpinspect.read(encapsulated, udp_ports=[22_221])


@pytest.mark.parametrize("port", [0, 65_536, -1])
def test_what_is_no_port_is_refused(encapsulated, port):
    with pytest.raises(sctpinspect.UsageError, match=f"{port} is no UDP port"):
        sctpinspect.read(encapsulated, udp_ports=[port])


def test_udp_ports_on_the_command_line(encapsulated, capsys):
    from sctpinspect.cli import main

    ends = []
    for command in (
        ["verify", "--udp-port", "1", "--udp-port", "22220"],
        ["show", "--udp-port", "22220"],
        ["verify"],
    ):
        with pytest.raises(SystemExit) as end:
            main([command[0], str(encapsulated), *command[1:]])
        ends.append(end.value.code)
    assert ends[1:] == [0, 2] and ends[0] in (0, 1)
    assert "40000" not in capsys.readouterr().err
