"""What the network of the sandbox does to packets, seen in captures of programs on the real kernel."""

from pathlib import Path

import polars as pl
import pytest

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
FAILING = ["broken", "port_in_use", "wrong_family"]


def by_type(capture, name):
    """Packets that hold a chunk of this type, in order."""
    holders = capture.chunks.filter(pl.col("type_name") == name)["packet"].unique()
    return capture.packets.filter(pl.col("packet").is_in(holders.implode())).sort("packet")


def test_every_packet_of_a_delayed_path_is_delivered_late(run):
    done = run("delayed")
    assert done.failures == {}
    packets = done.capture.packets
    # the last one may still be under way when the recording ends
    known = packets.filter(pl.col("delivery").is_not_null())
    assert known.height >= packets.height - 1 >= 8
    assert known["delivery"].unique().to_list() == ["delivered"]
    delay_ns = known.select(pl.col("delivered_ns") - pl.col("time_ns")).to_series()
    assert delay_ns.min() >= 30_000_000


def test_a_delayed_answer_leaves_after_the_question_was_delivered(run):
    capture = run("delayed").capture
    init, init_ack = by_type(capture, "INIT"), by_type(capture, "INIT_ACK")
    assert init["delivered_ns"][0] <= init_ack["time_ns"][0]


def test_exactly_the_chosen_chunk_is_lost(run):
    done = run("lost_cookie_echo")
    assert done.failures == {}
    assert by_type(done.capture, "COOKIE_ECHO")["delivery"].to_list() == ["lost", "delivered"]
    assert done.capture.packets.filter(pl.col("delivery") == "lost").height == 1
    assert "COOKIE_ECHO of a will be lost" in done.capture.events.filter(pl.col("name") == "drop")["text"][0]


def test_a_path_that_is_down_loses_one_direction_only_and_comes_back(run):
    done = run("path_down")
    assert done.failures == {}
    packets, events = done.capture.packets, done.capture.events
    down, up = (events.filter(pl.col("name") == name)["time_ns"][0] for name in ("path_down", "path_up"))
    lost = packets.filter(pl.col("delivery") == "lost")
    assert lost.height >= 1
    assert set(lost["source"]) == {"10.0.0.1"} and set(lost["destination"]) == {"10.0.0.2"}
    # netem is replaced before the event is written, so that packets close to it may go either way
    assert lost["time_ns"].is_between(down - 50_000_000, up + 50_000_000).all()
    from_b = packets.filter(pl.col("source") == "10.0.0.2", pl.col("delivery").is_not_null())
    assert set(from_b["delivery"]) <= {"delivered"}


@pytest.mark.parametrize("name", ["raw_server", "raw_server:ipv6"])
def test_a_raw_host_answers_for_itself_and_its_kernel_stays_silent(run, name):
    done = run(name)
    assert done.failures == {}
    assert done.capture.chunks["type_name"].to_list() == ["INIT", "ABORT"]
    assert done.capture.packets["checksum_state"].to_list() == ["good", "good"]
    assert "a: print: refused" in [
        f"{host}: print: {text}" for host, text in done.capture.events.select("host", "text").rows()
    ]


def test_four_paths_with_both_families_reach_every_address(run):
    done = run("four_paths")
    assert done.failures == {}
    capture = done.capture
    assert capture.associations.height == 8
    listed = capture.recipe["hosts"]["b"]["addresses"]
    assert len(listed) == 8
    assert set(by_type(capture, "INIT")["destination"]) == set(listed)


def test_offloads_are_off_so_that_checksums_are_real(run):
    for name in ("delayed", "four_paths", "path_down"):
        assert run(name).capture.packets["checksum_state"].unique().to_list() == ["good"]


@pytest.mark.parametrize("name", [path.stem for path in PROGRAMS if path.stem not in FAILING])
def test_a_good_program_breaks_no_rule(run, name):
    done = run(name)
    assert done.failures == {}
    findings = done.capture.verify().findings
    assert findings.height == 0, findings.select("rule", "frame", "message").rows()


def test_calls_of_associations_in_sequence_belong_each_to_its_own(run):
    messages = run("in_sequence").capture.messages
    assert messages["association"].to_list() == [0, 0, 1, 1]
    assert messages["send_call"].null_count() == messages["receive_call"].null_count() == 0


def test_control_messages_and_ppids_beyond_127_are_on_the_wire_as_given(run):
    for name in ("implicit", "implicit:ipv6"):
        capture = run(name).capture
        assert capture.chunks.filter(pl.col("type_name") == "INIT")["outbound_streams"].to_list() == [20]
        assert capture.messages["ppid"].to_list() == [0x8090A0B0, 300, 300, 300, 300]
        assert capture.messages["unordered"].to_list() == [False, True, True, True, True]
        assert capture.messages["receive_call"].null_count() == 0


@pytest.mark.parametrize(
    ("name", "call", "sentence"),
    [
        ("broken", 'sock.bind("192.0.2.1", 5000)', "take one of host.addresses"),
        ("port_in_use", "second.bindx(host.addresses, 5000)", "choose another port"),
        ("wrong_family", 'sock.bindx(["fd00::2"], 5000)', "the family of an address does not fit the socket"),
    ],
)
def test_a_failing_call_is_told_in_one_line_with_the_way_out(run, name, call, sentence):
    failures = run(name).failures
    assert list(failures) == ["host b"]
    told = failures["host b"]
    assert call in told and sentence in told and "\n" not in told


def test_why_the_kernel_sends_data_again(run):
    """Fast after three SACKs, the last by the timer; while the window is closed, to probe it."""
    done = run("lost_data")
    assert done.failures == {}
    chunks = done.capture.chunks
    assert chunks.filter(chunks["is_retransmission"])["retransmission"].to_list() == ["fast", "tail"]
    again = done.capture.messages.filter(pl.col("retransmissions") > 0)
    assert again["send_call"].to_list() == done.capture.messages["send_call"].gather([1, 9]).to_list()
    probes = run("slow_reader").capture.chunks.filter(pl.col("retransmission") == "zero_window_probe")
    assert probes.height >= 2 and probes["tsn"].n_unique() == 1
