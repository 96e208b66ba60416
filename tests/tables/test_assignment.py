"""Packets to associations and sides."""

from dataclasses import replace

import polars as pl
import pytest
from builders import (
    MILLISECOND,
    SECOND,
    START_NS,
    abort,
    address_parameter,
    asconf,
    association,
    cookie_ack,
    cookie_echo,
    data,
    heartbeat,
    heartbeat_ack,
    interface_block,
    packet_block,
    parameter,
    sack,
    section_block,
    shutdown_ack,
    shutdown_complete,
)
from conversation import COOKIE, Conversation, together
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sctpinspect.decode import decode
from sctpinspect.tables.build import build


def tags(found):
    """The tags of each association, by side."""
    return [
        tuple(tags) for tags in found.endpoints.group_by("association", maintain_order=True).agg("tag")["tag"]
    ]


def homes(found):
    return found.packets.select("association", "side").rows()


def test_whole_association(tables):
    packets = association()
    found = tables(packets)
    assert tags(found) == [(0xAAAA0001, 0xBBBB0002)]
    assert homes(found) == [(0, 0 if packet.source_port == 5000 else 1) for packet in packets]
    row = found.associations.row(0, named=True)
    assert (row["init_frame"], row["init_ack_frame"], row["cookie_echo_frame"], row["cookie_ack_frame"]) == (
        1,
        2,
        3,
        4,
    )
    assert (row["first_frame"], row["last_frame"], row["packets"]) == (1, len(packets), len(packets))
    assert (row["end"], row["end_frame"], row["end_ns"]) == ("shutdown", len(packets), packets[-1].time_ns)
    assert row["handshake"] and row["established_ns"] == packets[3].time_ns and row["restart_of"] is None


def test_endpoints_say_what_the_handshake_says(tables):
    client, server = tables(association()).endpoints.to_dicts()
    assert (client["port"], client["initial_tsn"], client["init_frame"]) == (5000, 1000, 1)
    assert (server["port"], server["initial_tsn"], server["init_frame"]) == (4444, 0xFFFFFFFE, 2)
    assert (client["inbound_streams"], server["inbound_streams"]) == (65535, 10)
    assert (client["negotiated_streams"], server["negotiated_streams"]) == (10, 10)
    assert client["addresses"] == ["10.1.0.1", "10.2.0.1"]


@pytest.mark.parametrize("asked, allowed", [(3, 10), (10, 3)])
def test_fewer_streams_win(tables, asked, allowed):
    talk = Conversation().init(outbound=asked).init_ack(inbound=allowed)
    assert tables(talk.packets).endpoints["negotiated_streams"].to_list() == [3, 10]


def test_addresses_come_from_source_then_list_then_traffic(tables):
    talk = Conversation(client=["10.1.0.1", "10.2.0.1"], server=["10.1.0.2"]).handshake()
    talk.packets.append(replace(talk.send(1, data(2000)).packets.pop(), destination="10.9.0.1"))
    found = tables(talk.packets)
    assert found.addresses.select("side", "path", "address", "learned_frame", "learned_from").rows() == [
        (0, 0, "10.1.0.1", 1, "source"),
        (0, 1, "10.2.0.1", 1, "parameter"),
        (0, 2, "10.9.0.1", 5, "traffic"),
        (1, 0, "10.1.0.2", 2, "source"),
    ]
    assert found.packets["path"].to_list() == [0, 0, 0, 0, 2]


@pytest.mark.parametrize("missing", range(1, 20))
def test_capture_that_starts_in_the_middle_has_the_same_association(tables, missing):
    packets = association()
    found = tables(packets[missing:])
    assert (
        tags(found) == [(0xAAAA0001, 0xBBBB0002)]
        if missing < 4
        else [set(tags(found)[0])] == [{0xAAAA0001, 0xBBBB0002}]
    )
    assert set(found.packets["association"]) == {0}
    initiator = found.endpoints.row(0, named=True)["port"]
    assert initiator == (5000 if missing < 4 else packets[missing].source_port)
    assert not found.associations["handshake"].item()


def test_one_direction_of_an_association_has_two_endpoints(tables):
    found = tables([packet for packet in association()[4:] if packet.source_port == 5000])
    assert found.endpoints.select("port", "tag").rows() == [(5000, None), (4444, 0xBBBB0002)]


def test_associations_one_after_the_other_stay_apart(tables):
    first = Conversation(tags=(1, 2)).handshake().send(0, data(1000)).send(1, sack(1000))
    second = Conversation(tags=(3, 4), tsns=(900_000, 800_000), start_ns=first.clock)
    second.handshake().send(0, data(900_000)).send(1, sack(900_000))
    for left_out in (0, 4):  # without its handshake too
        found = tables(first.packets + second.packets[left_out:])
        assert tags(found) == [(1, 2), (3, 4)]
        assert found.packets["association"].to_list() == [0] * 6 + [1] * (6 - left_out)


def test_two_clients_with_the_same_tags_and_ports_stay_apart(tables):
    one, other = (
        Conversation(client=[address], tags=(1, 2))
        .handshake()
        .send(0, data(1000))
        .send(1, sack(1000))
        .shutdown()
        for address in ("10.1.0.1", "10.1.0.3")
    )
    found = tables(together(one.packets, other.packets))
    assert tags(found) == [(1, 2), (1, 2)]
    for number, address in enumerate(("10.1.0.1", "10.1.0.3")):
        rows = found.packets.filter(association=number)
        assert rows.height == 9
        assert set(rows["source"]) | set(rows["destination"]) == {address, "10.1.0.2"}


def test_same_tags_again_after_the_end_are_another_association(tables):
    first = Conversation().handshake().shutdown()
    again = Conversation(start_ns=first.clock).handshake().shutdown()
    found = tables(first.packets + again.packets)
    assert found.packets["association"].to_list() == [0] * 7 + [1] * 7


def test_same_tags_again_without_an_end_are_another_association(tables):
    first = Conversation().handshake()
    again = Conversation(start_ns=first.clock).handshake()
    found = tables(first.packets + again.packets)
    assert found.packets["association"].to_list() == [0] * 4 + [1] * 4


def exchange(talk):
    client, server = talk.tsns
    talk.send(0, data(client)).send(1, sack(client)).send(1, data(server)).send(0, sack(server))
    return talk


TWO = {"client": ["10.1.0.1", "10.2.0.1"], "server": ["10.1.0.2", "10.2.0.2"]}


def set_up_on_the_second_path(talk):
    for number, packet in enumerate(Conversation(**TWO).handshake().packets):
        talk.send(number % 2, *packet.chunks, path=1, tag=packet.tag)
    return talk


LATE = {
    "answered with the same tag": lambda: exchange(Conversation().handshake().init().init_ack()).shutdown(),
    "answered with another tag": lambda: exchange(
        Conversation().handshake().init().init_ack(tag=0xCCCC, tsn=9)
    ).shutdown(),
    "not answered": lambda: exchange(Conversation().handshake().init()).shutdown(),
    "twice": lambda: exchange(
        Conversation().handshake().init().init().init_ack(tag=7).init_ack(tag=8)
    ).shutdown(),
    "amid user data": lambda: exchange(
        exchange(Conversation().handshake()).init().init_ack(tag=7)
    ).shutdown(),
    "set up on the other path": lambda: exchange(
        set_up_on_the_second_path(Conversation(**TWO)).init().init_ack(tag=0xCCCC)
    ).shutdown(),
    "after the end": lambda: (
        exchange(Conversation().handshake())
        .shutdown()
        .init()
        .init_ack(tag=0xCCCC)
        .send(0, abort(), tag=0xCCCC)
    ),
    "INIT_ACK, the same": lambda: exchange(Conversation().handshake().init_ack()).shutdown(),
    "INIT_ACK to an INIT sent before": lambda: exchange(
        Conversation()
        .init()
        .init()
        .init_ack()
        .send(0, cookie_echo(COOKIE))
        .init_ack(tag=7)
        .send(1, cookie_ack())
    ).shutdown(),
    "INIT on the other path, after the INIT_ACK": lambda: exchange(
        Conversation(**TWO)
        .init()
        .init_ack()
        .send(0, *Conversation(**TWO).init().packets[0].chunks, path=1, tag=0)
        .send(0, cookie_echo(COOKIE))
        .send(1, *Conversation(**TWO).init_ack(tag=7).packets[0].chunks, path=1)
        .send(1, cookie_ack())
    ).shutdown(),
}


@pytest.mark.parametrize("late", LATE)
def test_an_init_or_init_ack_that_comes_late_belongs_to_its_association(tables, late):
    talk = LATE[late]()
    found = tables(talk.packets)
    assert tags(found) == [(0xAAAA0001, 0xBBBB0002)]
    assert homes(found) == [(0, 0 if packet.source_port == 5000 else 1) for packet in talk.packets]
    assert found.associations.select("end", "restart_of").row(0) == ("shutdown", None)
    assert found.endpoints["initial_tsn"].to_list() == [1000, 2000]
    assert found.associations["init_ack_frame"].item() == next(
        number
        for number, packet in enumerate(talk.packets, 1)
        if packet.chunks[0][0] == 2 and packet.chunks[0][4:8] == bytes.fromhex("bbbb0002")
    )


def test_an_init_seen_first_after_its_answer_belongs_to_it(tables):
    init, *others = exchange(Conversation().handshake()).shutdown().packets
    found = tables([*others[:3], replace(init, time_ns=others[2].time_ns + 1), *others[3:]])
    assert tags(found) == [(0xAAAA0001, 0xBBBB0002)]
    assert found.associations.select("init_frame", "init_ack_frame", "handshake").row(0) == (4, 1, True)


@pytest.mark.parametrize("answered", [True, False])
def test_a_late_init_of_an_association_whose_handshake_is_not_in_the_capture(tables, answered):
    """Its answer has a tag that nobody uses; the one in use comes from the traffic."""
    talk = exchange(Conversation()).init()
    if answered:
        talk.init_ack(tag=0xCCCC, tsn=9)
    found = tables(exchange(talk).packets)
    assert tags(found) == [(0xAAAA0001, 0xBBBB0002)]
    assert found.endpoints["initial_tsn"].to_list() == [1000, None]
    assert not found.associations["handshake"].item()


@pytest.mark.parametrize("tag", [0xBBBB0002, 0xCCCC])
@pytest.mark.parametrize("ended", [True, False])
def test_a_handshake_that_goes_on_with_a_cookie_is_another_association(tables, tag, ended):
    first = exchange(Conversation().handshake())
    if ended:
        first.shutdown()
    again = exchange(Conversation(tags=(0xAAAA0001, tag), start_ns=first.clock).handshake()).shutdown()
    found = tables(first.packets + again.packets)
    assert tags(found) == [(0xAAAA0001, 0xBBBB0002), (0xAAAA0001, tag)]
    assert found.packets["association"].to_list() == [0] * len(first.packets) + [1] * len(again.packets)
    assert found.associations["restart_of"].to_list() == [None, None if ended else 0]


def test_the_same_tag_with_another_initial_tsn_is_another_association(tables):
    first = exchange(Conversation().handshake())
    again = Conversation(tsns=(7_000_000, 2000), start_ns=first.clock).init()
    assert tables(first.packets + again.packets).packets["association"].to_list() == [0] * 8 + [1]


def test_the_same_init_to_another_peer_is_another_association(tables):
    first = exchange(Conversation().handshake())
    other = Conversation(server=["10.1.0.3"], start_ns=first.clock).init().init_ack(tag=0xCCCC)
    assert tables(first.packets + other.packets).packets["association"].to_list() == [0] * 8 + [1, 1]


@pytest.mark.parametrize("delay_ms", [0.1, 1.5, 4.5, 300, 999])
def test_copies_go_where_their_packets_go(tmp_path, delay_ms):
    """The whole association a second time at another interface, whose clock is late."""
    packets = exchange(Conversation().handshake()).shutdown().packets
    moments = [
        (packet.time_ns + interface * int(delay_ms * MILLISECOND), interface, packet)
        for packet in packets
        for interface in (0, 1)
    ]
    blocks = [
        packet_block(time_ns, packet.frame(), interface=interface)
        for time_ns, interface, packet in sorted(moments, key=lambda moment: moment[:2])
    ]
    path = tmp_path / "both.pcapng"
    path.write_bytes(b"".join([section_block(), interface_block(), interface_block(), *blocks]))
    found = build(decode(path))
    assert found.associations.select("packets", "end").rows() == [(len(packets), "shutdown")]
    opening = [found.associations["init_frame"].item(), found.associations["init_ack_frame"].item()]
    assert found.endpoints["init_frame"].to_list() == opening
    assert not found.packets.filter(pl.col("frame").is_in(opening))["is_copy"].any()
    assert found.packets["is_copy"].sum() == len(packets)


def test_multihomed_traffic_without_handshake_is_told_by_its_tags(tables):
    talk = Conversation(client=["10.1.0.1", "10.2.0.1"], server=["10.1.0.2", "10.2.0.2"])
    for path in (0, 1, 1, 0):
        talk.send(0, data(1000 + path), path=path).send(1, sack(1000 + path), path=path)
    found = tables(talk.packets)
    assert tags(found) == [(0xAAAA0001, 0xBBBB0002)]
    assert found.endpoints["addresses"].to_list() == [["10.1.0.1", "10.2.0.1"], ["10.1.0.2", "10.2.0.2"]]


def test_equal_ports_do_not_confuse_the_directions(tables):
    talk = Conversation(ports=(2905, 2905), tags=(7, 7))
    talk.send(0, data(1000)).send(1, sack(1000)).send(1, data(2000)).send(0, sack(2000))
    assert homes(tables(talk.packets)) == [(0, 0), (0, 1), (0, 1), (0, 0)]


def test_init_sent_again_is_one_association_with_the_tag_that_was_used(tables):
    talk = Conversation().init().init().init_ack(tag=0xCCCC).init_ack()
    found = tables(talk.send(0, cookie_echo(COOKIE)).send(1, cookie_ack()).packets)
    assert tags(found) == [(0xAAAA0001, 0xBBBB0002)]
    assert found.associations.select("init_frame", "init_ack_frame").row(0) == (1, 4)


def test_restart(tables):
    first = Conversation(tags=(1, 2)).handshake().send(0, data(1000))
    again = Conversation(tags=(3, 4), start_ns=first.clock).handshake()
    found = tables(first.packets + again.packets)
    assert tags(found) == [(1, 2), (3, 4)]
    assert found.associations["restart_of"].to_list() == [None, 0]


@pytest.mark.parametrize("ended", [False, True])
def test_restart_after_a_handshake_that_nobody_went_on_with(tables, ended):
    first = Conversation(tags=(1, 2)).handshake().send(0, data(1000))
    nothing = Conversation(tags=(5, 6), start_ns=first.clock).init().init_ack()
    first.clock = nothing.clock
    if ended:
        first.shutdown()
    again = Conversation(tags=(3, 4), start_ns=first.clock).handshake()
    found = tables(together(first.packets, nothing.packets, again.packets))
    assert tags(found) == [(1, 2), (5, 6), (3, 4)]
    assert found.associations["restart_of"].to_list() == [None, None, None if ended else 0]


def test_restart_after_an_abort_with_wrong_tags(tables):
    first = Conversation(tags=(1, 2)).handshake().send(0, data(1000))
    first.send(0, abort(), tag=7).send(0, abort(reflected=True)).send(0, data(1001))
    again = Conversation(tags=(3, 4), start_ns=first.clock).handshake()
    found = tables(first.packets + again.packets)
    assert found.associations.select("end", "restart_of").rows() == [(None, None), (None, 0)]


def test_no_restart_of_what_never_came_up(tables):
    first = Conversation(tags=(1, 2)).init().init_ack()
    again = Conversation(tags=(3, 4), start_ns=first.clock).handshake()
    assert tables(first.packets + again.packets).associations["restart_of"].to_list() == [None, None]


@pytest.mark.parametrize("end", ["shutdown", "refused"])
def test_no_restart_of_what_has_ended_nor_by_what_is_refused(tables, end):
    first = Conversation(tags=(1, 2)).handshake()
    if end == "shutdown":
        first.shutdown()
    again = Conversation(tags=(3, 4), start_ns=first.clock)
    again = again.handshake() if end == "shutdown" else again.init().send(1, abort())
    assert tables(first.packets + again.packets).associations["restart_of"].to_list() == [None, None]


@pytest.mark.parametrize("first", [0, 1])
def test_inits_that_cross_make_one_association(tables, first):
    talk = Conversation().init(first).init(1 - first).init_ack(first).init_ack(1 - first)
    talk.send(0, cookie_echo(COOKIE)).send(1, cookie_echo(COOKIE)).send(1, cookie_ack()).send(0, cookie_ack())
    found = tables(talk.packets)
    assert tags(found) == [(talk.tags[first], talk.tags[1 - first])]
    assert set(found.packets["association"]) == {0}
    assert found.endpoints["init_frame"].to_list() == [1, 4]
    assert found.associations["init_ack_frame"].to_list() == [4]


def test_inits_that_cross_after_an_init_ack_make_one_association(tables):
    """RFC 9260 §5.2.4, case B: the server answers, then sends an INIT with another tag."""
    talk = Conversation().init().init_ack(tag=0xCCCC).init(1).init_ack(0)
    talk.send(0, cookie_echo(COOKIE), tag=0xCCCC).send(1, cookie_ack()).send(0, data(1000)).send(
        0, data(1001)
    )
    found = tables(talk.packets)
    assert set(found.packets["association"]) == {0}
    assert tags(found) == [(0xAAAA0001, 0xBBBB0002)]


def test_refused_init_is_an_association_without_handshake(tables):
    live = Conversation(tags=(1, 2)).send(0, data(1000)).send(1, sack(1000))
    refused = Conversation(tags=(3, 4), start_ns=live.clock).init().send(1, abort())
    live.clock = refused.clock
    live.send(0, data(1001)).send(1, sack(1001))
    found = tables(together(live.packets, refused.packets))
    assert found.packets["association"].to_list() == [0, 0, 1, 1, 0, 0]
    refusal = found.associations.row(1, named=True)
    assert (refusal["handshake"], refusal["end"], refusal["end_frame"]) == (False, "abort", 4)


@pytest.mark.parametrize("chunk, end", [(abort, "abort"), (shutdown_complete, "shutdown")])
def test_reflected_tag_is_that_of_the_sender(tables, chunk, end):
    talk = Conversation().handshake().send(0, data(1000) if end == "abort" else shutdown_ack())
    talk.send(1, chunk(reflected=True), tag=talk.tags[1])
    found = tables(talk.packets)
    assert homes(found)[-1] == (0, 1)
    assert found.associations.select("end", "end_frame").row(0) == (end, 6)


@pytest.mark.parametrize("reflected, association", [(True, 0), (False, 1)])
def test_t_bit_says_whose_tag_it_is(tables, reflected, association):
    """The server's tag in one association is the client's in another."""
    one = Conversation(tags=(1, 2)).handshake()
    other = Conversation(tags=(2, 3), start_ns=one.clock).handshake()
    other.send(1, abort(reflected=reflected), tag=2)
    assert homes(tables(one.packets + other.packets))[-1] == (association, 1)


@pytest.mark.parametrize("tag", [0, 0x12345678])
def test_packet_with_a_wrong_tag_stays_in_its_association(tables, tag):
    """As many associations as one has packets, and in each of them another packet with a wrong tag."""
    packets = []
    for number in range(len(association())):
        altered = association(client_port=6000 + number, start_ns=START_NS + number)
        altered[number] = replace(altered[number], tag=tag)
        packets.append(altered)
    count = len(packets)
    found = tables(together(*packets))
    assert tags(found) == [(0xAAAA0001, 0xBBBB0002)] * count
    truth = [(time_ns - START_NS) % MILLISECOND for time_ns in found.packets["time_ns"]]
    assert found.packets["association"].to_list() == truth
    assert found.packets.filter(side=0)["destination_port"].unique().to_list() == [4444]
    # only a SHUTDOWN_COMPLETE with a wrong tag ends nothing
    assert found.associations["end"].to_list() == ["shutdown"] * (count - 1) + [None]


def test_another_association_within_the_time_of_one_is_not_a_wrong_tag(tables):
    """As in captures of two networks with the same addresses that were merged."""
    one = Conversation(tags=(1, 2), tsns=(1000, 5000)).handshake()
    other = Conversation(tags=(3, 4), tsns=(7_000_000, 5000), start_ns=one.clock + MILLISECOND // 2)
    for step in range(3):
        one.send(0, data(1000 + step)).send(1, sack(1000 + step))
        other.send(0, data(7_000_000 + step)).send(1, sack(7_000_000 + step))
    one.shutdown()
    assert tags(tables(together(one.packets, other.packets))) == [(1, 2), (3, 4)]


def test_any_number_of_wrong_tags_stay_in_their_association(tables):
    packets = association()
    for number, tag in zip(range(5, 50, 3), range(100, 200), strict=False):
        packets[number] = replace(packets[number], tag=tag)
    found = tables(packets)
    assert tags(found) == [(0xAAAA0001, 0xBBBB0002)]
    assert homes(found) == homes(tables(association()))


@pytest.mark.parametrize("number", [0, 1])
def test_wrong_initiate_tag_does_not_tear_an_association_apart(tables, number):
    packets = association()
    wrong = Conversation(
        client=["10.1.0.1", "10.2.0.1"], server=["10.1.0.2", "10.2.0.2"], tags=(0xDEAD, 0xBEEF)
    )
    wrong.init().init_ack()
    packets[number] = replace(packets[number], chunks=wrong.packets[number].chunks)
    found = tables(packets)
    assert set(found.packets["association"]) == {0}
    assert found.endpoints["tag"][number] == (0xDEAD, 0xBEEF)[number]


def test_out_of_the_blue(tables):
    alone = Conversation(tags=(1, 2)).send(0, abort()).send(1, shutdown_complete(reflected=True))
    alone.send(0, data(1000), tag=0)
    found = tables(alone.packets)
    assert homes(found) == [(None, None)] * 3
    assert found.associations.height == found.endpoints.height == 0


def test_packets_without_an_answer_are_an_association(tables):
    found = tables(Conversation().init().init().packets)
    assert found.associations.select("handshake", "init_frame", "packets").row(0) == (False, 1, 2)
    assert found.addresses.select("address", "learned_from").rows() == [
        ("10.1.0.1", "source"),
        ("10.1.0.2", "traffic"),
    ]


def test_unanswered_init_and_one_way_data_belong_together(tables):
    found = tables(Conversation().init().send(0, data(1000)).send(0, data(1001)).packets)
    assert tags(found) == [(0xAAAA0001, 0xBBBB0002)]


def test_late_data_of_another_association_is_not_taken_for_an_answer(tables):
    """The TSNs are far from what is acknowledged."""
    talk = Conversation().send(0, data(1000)).send(1, sack(900_000_000))
    assert len(tags(tables(talk.packets))) == 2


def test_asconf_adds_and_removes_addresses(tables):
    def change(type_, address):
        return parameter(type_, bytes(4) + address_parameter(address))

    talk = Conversation().handshake()
    talk.send(0, asconf(1, address_parameter("10.1.0.1"), change(0xC001, "10.5.0.1")))
    talk.send(0, asconf(2, address_parameter("10.1.0.1"), change(0xC002, "10.1.0.1")))
    rows = tables(talk.packets).addresses.filter(side=0)
    assert rows.select("address", "learned_from", "learned_frame", "removed_frame").rows() == [
        ("10.1.0.1", "source", 1, 6),
        ("10.5.0.1", "asconf", 5, None),
    ]


TALKS = st.lists(
    st.tuples(
        st.sampled_from(["10.1.0.1", "10.1.0.3"]),
        st.sampled_from([(5000, 4444), (2905, 2905), (4444, 5000)]),
        st.booleans(),  # with handshake
        st.booleans(),  # with end
        st.integers(1, 4),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TALKS)
def test_different_associations_are_never_merged_nor_torn_apart(tables, talks):
    """Between two addresses and ports one after the other, elsewhere side by side."""
    packets, truth, clocks = [], {}, {}
    for number, (client, ports, with_handshake, with_end, rounds) in enumerate(talks):
        place = (client, tuple(sorted(ports)))
        tsns = (1000 + number * 10_000_000, 2_000_000_000 + number * 10_000_000)
        talk = Conversation(
            client=[client],
            ports=ports,
            tags=(1000 + number, 2000 + number),
            tsns=tsns,
            start_ns=clocks.get(place, START_NS) + 10**number,  # so that no two packets have one time
        )
        if with_handshake:
            talk.handshake()
        for step in range(rounds):
            talk.send(0, data(tsns[0] + step)).send(1, sack(tsns[0] + step))
            talk.send(1, heartbeat(b"%d" % step)).send(0, heartbeat_ack(b"%d" % step))
        if with_end:
            talk.shutdown()
        clocks[place] = talk.clock + SECOND
        packets += talk.packets
        truth |= {packet.time_ns: number for packet in talk.packets}
    found = tables(together(packets))
    pairs = {
        (truth[time_ns], home) for time_ns, home in found.packets.select("time_ns", "association").rows()
    }
    assert len(pairs) == len(talks) == found.associations.height
