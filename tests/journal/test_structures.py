"""The structures, held against the C header of the system and RFC 6458's words."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sctpinspect.journal import linux
from sctpinspect.journal.freebsd_structures import FREEBSD
from sctpinspect.journal.layout import LINUX, Integers, Octets
from sctpinspect.journal.structures import (
    CONTROLS,
    FRAGMENT_FLAGS,
    NOTIFICATIONS,
    OPTIONS,
    AssocChange,
    DstAddrV4,
    DstAddrV6,
    Events,
    GetAssocIdList,
    InitMsg,
    MaxSeg,
    PeerAddrChange,
    PeerAddrParams,
    PrInfo,
    RcvInfo,
    RtoInfo,
    SendFailedEvent,
    SndInfo,
    SndRcvInfo,
    Status,
    StreamResetEvent,
    decode_control,
    decode_notification,
    decode_option,
    parse_notification,
    show_notification,
)

# the C structure of each class; those of plain integers and of other levels are not in linux/sctp.h
C_NAMES = {
    "SCTP_INIT": "sctp_initmsg",
    "SCTP_SNDRCV": "sctp_sndrcvinfo",
    "SCTP_SNDINFO": "sctp_sndinfo",
    "SCTP_RCVINFO": "sctp_rcvinfo",
    "SCTP_NXTINFO": "sctp_nxtinfo",
    "SCTP_PRINFO": "sctp_prinfo",
    "SCTP_AUTHINFO": "sctp_authinfo",
    "SCTP_ASSOC_CHANGE": "sctp_assoc_change",
    "SCTP_PEER_ADDR_CHANGE": "sctp_paddr_change",
    "SCTP_REMOTE_ERROR": "sctp_remote_error",
    "SCTP_SEND_FAILED": "sctp_send_failed",
    "SCTP_SEND_FAILED_EVENT": "sctp_send_failed_event",
    "SCTP_SHUTDOWN_EVENT": "sctp_shutdown_event",
    "SCTP_ADAPTATION_INDICATION": "sctp_adaptation_event",
    "SCTP_PARTIAL_DELIVERY_EVENT": "sctp_pdapi_event",
    "SCTP_AUTHENTICATION_EVENT": "sctp_authkey_event",
    "SCTP_SENDER_DRY_EVENT": "sctp_sender_dry_event",
    "SCTP_STREAM_RESET_EVENT": "sctp_stream_reset_event",
    "SCTP_ASSOC_RESET_EVENT": "sctp_assoc_reset_event",
    "SCTP_STREAM_CHANGE_EVENT": "sctp_stream_change_event",
    "SCTP_RTOINFO": "sctp_rtoinfo",
    "SCTP_ASSOCINFO": "sctp_assocparams",
    "SCTP_INITMSG": "sctp_initmsg",
    "SCTP_PRIMARY_ADDR": "sctp_prim",
    "SCTP_ADAPTATION_LAYER": "sctp_setadaptation",
    "SCTP_PEER_ADDR_PARAMS": "sctp_paddrparams",
    "SCTP_DEFAULT_SEND_PARAM": "sctp_sndrcvinfo",
    "SCTP_EVENTS": "sctp_event_subscribe",
    "SCTP_MAXSEG": "sctp_assoc_value",
    "SCTP_HMAC_IDENT": "sctp_hmacalgo",
    "SCTP_AUTH_ACTIVE_KEY": "sctp_authkeyid",
    "SCTP_DELAYED_SACK": "sctp_sack_info",
    "SCTP_MAX_BURST": "sctp_assoc_value",
    "SCTP_CONTEXT": "sctp_assoc_value",
    "SCTP_EVENT": "sctp_event",
    "SCTP_DEFAULT_SNDINFO": "sctp_sndinfo",
    "SCTP_DEFAULT_PRINFO": "sctp_default_prinfo",
    "SCTP_STATUS": "sctp_status",
    "SCTP_GET_PEER_ADDR_INFO": "sctp_paddrinfo",
    "SCTP_PEER_AUTH_CHUNKS": "sctp_authchunks",
    "SCTP_LOCAL_AUTH_CHUNKS": "sctp_authchunks",
    "SCTP_GET_ASSOC_ID_LIST": "sctp_assoc_ids",
    "SCTP_SET_PEER_PRIMARY_ADDR": "sctp_setpeerprim",
    "SCTP_AUTH_CHUNK": "sctp_authchunk",
    "SCTP_AUTH_KEY": "sctp_authkey",
    "SCTP_AUTH_DEACTIVATE_KEY": "sctp_authkeyid",
    "SCTP_AUTH_DELETE_KEY": "sctp_authkeyid",
    "SCTP_PEER_ADDR_THLDS": "sctp_paddrthlds",
    "SCTP_PEER_ADDR_THLDS_V2": "sctp_paddrthlds_v2",
    "SCTP_EXPOSE_POTENTIALLY_FAILED_STATE": "sctp_assoc_value",
    "SCTP_GET_ASSOC_STATS": "sctp_assoc_stats",
    "SCTP_PR_SUPPORTED": "sctp_assoc_value",
    "SCTP_PR_STREAM_STATUS": "sctp_prstatus",
    "SCTP_PR_ASSOC_STATUS": "sctp_prstatus",
    "SCTP_RECONFIG_SUPPORTED": "sctp_assoc_value",
    "SCTP_ENABLE_STREAM_RESET": "sctp_assoc_value",
    "SCTP_RESET_STREAMS": "sctp_reset_streams",
    "SCTP_ADD_STREAMS": "sctp_add_streams",
    "SCTP_STREAM_SCHEDULER": "sctp_assoc_value",
    "SCTP_STREAM_SCHEDULER_VALUE": "sctp_stream_value",
    "SCTP_INTERLEAVING_SUPPORTED": "sctp_assoc_value",
    "SCTP_ASCONF_SUPPORTED": "sctp_assoc_value",
    "SCTP_AUTH_SUPPORTED": "sctp_assoc_value",
    "SCTP_ECN_SUPPORTED": "sctp_assoc_value",
    "SCTP_REMOTE_UDP_ENCAPS_PORT": "sctp_udpencaps",
    "SCTP_PLPMTUD_PROBE_INTERVAL": "sctp_probeinterval",
}
PLAIN = {
    "value",
    "address",  # DstAddrV4 and V6: struct in_addr, in6_addr
}
STRUCTURES = {**CONTROLS, **NOTIFICATIONS, **OPTIONS}


def ask_c(folder, expressions):
    """The values of C expressions over the system's headers, in order."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler (cc)")
    source = folder / "ask.c"
    prints = "".join(f'printf("%ld\\n", (long)({expression}));\n' for expression in expressions)
    source.write_text(
        "#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n"
        "#include <sys/socket.h>\n#include <netinet/in.h>\n#include <linux/sctp.h>\n"
        f"int main(void) {{\n{prints}return 0;\n}}\n"
    )
    compiled = subprocess.run(
        ["cc", "-w", "-o", folder / "ask", source], capture_output=True, text=True, check=False
    )
    if "linux/sctp.h" in compiled.stderr:
        pytest.skip("no linux/sctp.h (linux-libc-dev)")
    assert compiled.returncode == 0, compiled.stderr
    output = subprocess.run([folder / "ask"], capture_output=True, text=True, check=True).stdout
    return [int(line) for line in output.split()]


def test_every_structure_lies_in_memory_as_in_the_c_header(tmp_path):
    expressions, ours = [], []
    for name, c_name in C_NAMES.items():
        structure = STRUCTURES[name]
        expressions.append(f"sizeof(struct {c_name})")
        ours.append((name, structure.SIZE))
        for field, kind in structure.FIELDS.items():
            expressions.append(f"offsetof(struct {c_name}, {field})")
            ours.append((f"{name}.{field}", structure.OFFSETS[field]))
            if kind.size:
                expressions.append(f"sizeof(((struct {c_name} *)0)->{field})")
                ours.append((f"sizeof {name}.{field}", kind.size))
    answers = ask_c(tmp_path, expressions)
    assert ours == [(what, answer) for (what, _size), answer in zip(ours, answers, strict=True)]


def test_every_structure_is_checked_or_plain():
    for name in STRUCTURES.keys() - C_NAMES.keys():
        fields = set(STRUCTURES[name].FIELDS)
        assert fields <= PLAIN or name in {"SO_LINGER", "SCTP_RESET_ASSOC"}, name


def test_every_number_is_that_of_the_c_header(tmp_path):
    kernel_only = set(FRAGMENT_FLAGS)  # in no header for programs
    names = sorted(LINUX.keys() - kernel_only)
    answers = ask_c(tmp_path, names)
    assert {name: LINUX[name] for name in names} == dict(zip(names, answers, strict=True))


def test_every_name_in_a_structure_has_a_number():
    named = {*CONTROLS, *NOTIFICATIONS, *OPTIONS}
    for structure in STRUCTURES.values():
        for kind in structure.FIELDS.values():
            named |= set(getattr(kind, "names", ()))
    assert named <= LINUX.keys() | FREEBSD.keys()


@pytest.mark.parametrize("name", STRUCTURES)
@settings(max_examples=30)
@given(data=st.binary(min_size=200, max_size=220))
def test_bytes_survive_unpacking_and_packing(name, data):
    """Whatever is in the fields comes back; only padding and unknown addresses are lost."""
    structure = STRUCTURES[name]
    unpacked = structure.unpack(data)
    again = structure.unpack(unpacked.pack())
    assert again == unpacked
    assert unpacked.pack() == again.pack()


@pytest.mark.parametrize("name", STRUCTURES)
@settings(max_examples=30)
@given(data=st.binary(max_size=300))
def test_decoding_never_raises(name, data):
    structure = STRUCTURES[name]
    assert isinstance(structure.decode(data), dict)
    for level in (linux.IPPROTO_SCTP, linux.SOL_SOCKET):
        assert decode_option(level, LINUX[name], data)["value"] is not None
    assert decode_control(LINUX[name], data)
    assert isinstance(decode_notification(LINUX[name].to_bytes(2, "little") + data), dict)
    assert isinstance(show_notification(parse_notification(data)), dict)


def test_a_cut_structure_is_raw_and_an_older_shorter_one_is_read():
    data = RtoInfo(srto_initial=100, srto_max=400).pack()
    assert decode_option(132, linux.SCTP_RTOINFO, data[:6])["value"] == {"raw": data[:6].hex()}
    assert Events.decode(b"\1" * 8)["sctp_adaptation_layer_event"] == 1
    assert "sctp_authentication_event" not in Events.decode(b"\1" * 8)


def test_options_are_shown_by_name():
    params = PeerAddrParams(
        spp_hbinterval=200,
        spp_flags=linux.SPP_HB_ENABLE | linux.SPP_PMTUD_DISABLE | 0x8000,
        spp_address=("fd00::1", 4444),
    )
    shown = decode_option(132, linux.SCTP_PEER_ADDR_PARAMS, params.pack())
    assert shown["level"] == "IPPROTO_SCTP"
    assert shown["option"] == "SCTP_PEER_ADDR_PARAMS"
    assert shown["value"]["spp_flags"] == ["SPP_HB_ENABLE", "SPP_PMTUD_DISABLE", "0x8000"]
    assert shown["value"]["spp_address"] == "fd00::1"
    assert shown["value"]["spp_address_port"] == 4444
    assert shown["value"]["spp_hbinterval"] == 200
    assert PeerAddrParams.decode(bytes(156))["spp_address"] is None


def test_the_level_tells_options_of_one_number_apart():
    assert decode_option(1, 7, b"\0\1\0\0") == {
        "level": "SOL_SOCKET",
        "option": "SO_SNDBUF",
        "value": {"value": 256},
    }
    assert decode_option(132, 7, b"\0\1\0\0")["option"] == "SCTP_ADAPTATION_LAYER"
    assert decode_option(6, 7, b"\1") == {"level": 6, "option": 7, "value": {"raw": "01"}}


def test_maxseg_as_a_plain_int_is_not_taken_for_an_association():
    assert decode_option(132, linux.SCTP_MAXSEG, b"\0\4\0\0")["value"] == {"value": 1024}
    assert decode_option(132, linux.SCTP_MAXSEG, MaxSeg(assoc_value=1024).pack())["value"] == {
        "assoc_id": 0,
        "assoc_value": 1024,
    }


@pytest.mark.parametrize("ppid", [0, 1, 46, 127, 128, 255, 0x80000000, 0xFFFFFFFF])
def test_ppid_is_in_host_order_here_and_in_network_order_in_the_bytes(ppid):
    assert SndInfo(snd_ppid=ppid).pack()[4:8] == ppid.to_bytes(4, "big")
    assert SndRcvInfo.unpack(SndRcvInfo(sinfo_ppid=ppid).pack()).sinfo_ppid == ppid
    assert decode_control(linux.SCTP_RCVINFO, RcvInfo(rcv_ppid=ppid).pack())["rcv_ppid"] == ppid


def test_the_policy_prio_is_not_taken_for_its_two_bits():
    flags = linux.SCTP_PR_SCTP_PRIO | linux.SCTP_UNORDERED
    assert SndInfo(snd_flags=flags).show()["snd_flags"] == ["SCTP_UNORDERED", "SCTP_PR_SCTP_PRIO"]
    assert PrInfo(pr_policy=linux.SCTP_PR_SCTP_PRIO).show()["pr_policy"] == "SCTP_PR_SCTP_PRIO"


def test_destination_addresses_are_addresses():
    assert DstAddrV4(address="10.0.0.1").pack() == bytes([10, 0, 0, 1])
    assert decode_control(linux.SCTP_DSTADDRV6, DstAddrV6(address="fd00::1").pack())["address"] == "fd00::1"


def test_notifications_have_the_common_keys():
    up = AssocChange(
        sac_type=linux.SCTP_ASSOC_CHANGE,
        sac_state=linux.SCTP_COMM_UP,
        sac_outbound_streams=10,
        sac_inbound_streams=5,
        sac_assoc_id=7,
    )
    shown = decode_notification(up.pack())
    assert (shown["type"], shown["state"], shown["association_id"]) == (
        "SCTP_ASSOC_CHANGE",
        "SCTP_COMM_UP",
        7,
    )
    assert (shown["sac_outbound_streams"], shown["sac_inbound_streams"]) == (10, 5)
    assert "address" not in shown

    confirmed = PeerAddrChange(
        spc_type=linux.SCTP_PEER_ADDR_CHANGE,
        spc_aaddr=("10.0.1.2", 4444),
        spc_state=linux.SCTP_ADDR_CONFIRMED,
        spc_assoc_id=7,
    )
    shown = decode_notification(confirmed.pack())
    assert (shown["state"], shown["address"]) == ("SCTP_ADDR_CONFIRMED", "10.0.1.2")
    parsed = parse_notification(confirmed.pack())
    assert (parsed.state, parsed.address, parsed.association_id) == ("SCTP_ADDR_CONFIRMED", "10.0.1.2", 7)


def test_a_failed_message_keeps_its_binary_data():
    failed = SendFailedEvent(
        ssf_type=linux.SCTP_SEND_FAILED_EVENT,
        ssf_flags=linux.SCTP_DATA_SENT,
        ssf_error=12,
        ssfe_info=SendFailedEvent().FIELDS["ssfe_info"].structure(snd_sid=3, snd_ppid=200, snd_flags=3),
        ssf_assoc_id=9,
        ssf_data=b"\xff\0\x80",
    )
    shown = decode_notification(failed.pack())
    assert shown["state"] == "SCTP_DATA_SENT"
    assert shown["ssf_data"] == "ff0080"
    assert shown["ssfe_info"]["snd_ppid"] == 200
    assert shown["ssfe_info"]["snd_flags"] == ["SCTP_DATA_NOT_FRAG"]
    assert shown["ssf_error"] == 12
    assert shown["association_id"] == 9


def test_lists_at_the_end():
    reset = StreamResetEvent(strreset_type=linux.SCTP_STREAM_RESET_EVENT, strreset_stream_list=(1, 4))
    assert decode_notification(reset.pack())["strreset_stream_list"] == [1, 4]
    ids = GetAssocIdList(gaids_number_of_ids=2, gaids_assoc_id=(5, 6))
    assert GetAssocIdList.unpack(ids.pack()).gaids_assoc_id == (5, 6)


def test_an_unknown_notification_is_a_number_with_its_bytes():
    shown = decode_notification((0x80FF).to_bytes(2, "little") + bytes(6) + b"\xaa")
    assert shown["type"] == 0x80FF
    assert shown["sn_data"] == "aa"


def test_other_numbers_are_other_data():
    """FreeBSD numbers SCTP_INITMSG 3 and SCTP_RTOINFO 1, with levels of its own."""
    numbers = {"IPPROTO_SCTP": 132, "SCTP_RTOINFO": 1, "SCTP_INITMSG": 3}
    assert decode_option(132, 3, InitMsg(sinit_num_ostreams=5).pack(), numbers)["option"] == "SCTP_INITMSG"


def test_values_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"InitMsg: 65536 does not fit sinit_num_ostreams"):
        InitMsg(sinit_num_ostreams=65536).pack()
    with pytest.raises(ValueError, match="not an IP address"):
        PeerAddrParams(spp_address=("host.example", 1)).pack()
    with pytest.raises(TypeError, match="has no field srto_initail"):
        RtoInfo(srto_initail=1)


def test_a_nested_structure_is_shown_with_its_own_names():
    assert Status().show()["sstat_primary"]["spinfo_state"] == "SCTP_INACTIVE"


def test_every_class_has_room_for_its_end():
    """A flexible array is the last field of its structure."""
    for structure in STRUCTURES.values():
        kinds = list(structure.FIELDS.values())
        assert not any(isinstance(kind, Octets | Integers) for kind in kinds[:-1]), structure
