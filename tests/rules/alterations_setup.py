"""Wrong captures for the rules about packets, chunks and parameters, set-up and packets out of the blue."""

import zlib
from dataclasses import replace

import builders as b
from rules.alteration import Alteration, into
from rules.altering import (
    INIT_TSN,
    SSN,
    append,
    change,
    delay,
    find,
    insert,
    patch,
    remove,
    u16,
    u32,
)
from rules.good import COOKIE, HOSTS, MS, Story

from sctpinspect.protocol import CauseCode, ChunkType
from sctpinspect.protocol import ParameterType as P

T = ChunkType
A, B = HOSTS["a"], HOSTS["b"]

ALTERATIONS: list[Alteration] = []
alteration = into(ALTERATIONS)


def sctp(packet: b.Packet) -> bytes:
    """The SCTP packet as it goes over the wire."""
    return b.sctp_packet(
        *packet.chunks,
        source_port=packet.source_port,
        destination_port=packet.destination_port,
        tag=packet.tag,
        checksum=packet.checksum,
    )


def again(story: Story, packet: b.Packet, time_ns: int, *chunks: bytes, **fields) -> b.Packet:
    """A packet like another one, at another time and, if they are given, with other chunks and fields."""
    fields = {"chunks": list(chunks) or packet.chunks, **fields}
    story.packets.append(replace(packet, time_ns=time_ns, **fields))
    return story.packets[-1]


@alteration("rfc9260/3/packet-has-chunk", "multihoming")
def _(story):
    return append(story)


@alteration("rfc9260/3.2/chunk-alignment", "multihoming")
def bytes_after_the_last_chunk(story):
    packet = find(story, T.HEARTBEAT, 1)
    return change(story, packet, chunks=[*packet.chunks, b"\0\0"])


@alteration("rfc9260/3.2/chunk-alignment", "multihoming")
def pad_bytes_missing(story):
    packet = find(story, T.DATA, 1)
    return change(story, packet, chunks=[packet.chunks[0][:-2]])


@alteration("rfc9260/6.8/checksum-failure-diagnosis", "late", "rfc9260/6.8/crc32c-correct")
def adler32_of_rfc2960(story):
    packet = find(story, T.SACK, 1)
    bare = change(story, packet, checksum=0)
    return change(story, bare, checksum=zlib.adler32(sctp(bare)))


@alteration("rfc9260/6.8/checksum-failure-diagnosis", "late", "rfc9260/6.8/crc32c-correct")
def bytes_in_reverse_order(story):
    packet = find(story, T.SACK, 1)
    right = b.crc32c(sctp(change(story, packet, checksum=0)))
    return change(story, find(story, T.SACK, 1), checksum=right)


@alteration("rfc9260/6.8/checksum-failure-diagnosis", "multihoming", "rfc9260/6.8/crc32c-correct")
def checksums_of_0(story):
    change(story, find(story, T.SACK, 2), checksum=0)
    return change(story, find(story, T.SACK, 0), checksum=0)


def refusal(story, **fields):
    """The ABORT that refuses the last INIT of the story, with other fields."""
    return change(story, find(story, T.ABORT, -1), **fields)


@alteration("rfc9260/8.4/ootb-init-refusal-tag", "patient")
def the_initiate_tag_as_if_reflected(story):
    return refusal(story, chunks=[b.abort(reflected=True)])


@alteration("rfc9260/8.4/ootb-init-refusal-tag", "patient", "rfc9260/5.1/init-is-answered")
def tag_0_reflected(story):
    return refusal(story, tag=0, chunks=[b.abort(reflected=True)])


@alteration("rfc9260/8.4/ootb-init-refusal-tag", "patient", "rfc9260/5.1/init-is-answered")
def a_tag_of_nobody(story):
    return refusal(story, tag=0x12345678)


@alteration("rfc9260/8.4/ootb-abort-unanswered", "patient")
def an_abort_answers_an_abort(story):
    refused = find(story, T.ABORT, -1)
    own = find(story, T.INIT, -1)
    return append(
        story,
        b.abort(reflected=True),
        source=own.source,
        destination=own.destination,
        source_port=own.source_port,
        destination_port=own.destination_port,
        tag=refused.tag,
    )


@alteration("rfc9260/9.1/abort-ends-association", "aborted", "rfc9260/8.4/ootb-other-abort-reflected")
def a_sack_after_the_abort(story):
    return again(story, find(story, T.COOKIE_ACK), find(story, T.ABORT).time_ns + 300 * MS, b.sack(50))


@alteration("rfc9260/5.1.6/init-retransmission-identical", "patient")
def another_initial_tsn(story):
    return patch(story, find(story, T.INIT, 2), INIT_TSN, u32(77))


@alteration("rfc9260/5.1/t1-backoff", "patient")
def an_init_too_soon(story):
    before = find(story, T.INIT, 2)
    return again(story, before, before.time_ns + 500 * MS)


@alteration("rfc9260/5.1/t1-backoff", "patient")
def a_cookie_echo_too_soon(story):
    before = find(story, T.COOKIE_ECHO, 2)
    return again(story, before, before.time_ns + 1500 * MS)


@alteration("rfc9260/5.1.4/max-init-retransmits", "aborted", "rfc6458/8.1.3/initmsg-attempts")
def a_second_repeat(story):
    before = find(story, T.INIT, 1)
    delay(story, find(story, T.INIT_ACK), 300)
    return again(story, before, before.time_ns + 220 * MS)


# ---- parameters and error causes


def with_parameters(story, *parameters: bytes) -> b.Packet:
    """The INIT of `one_to_one` with parameters in front of its own."""
    packet = find(story, T.INIT)
    fields = {"tag": 0xA2, "tsn": 7, "outbound": 3, "inbound": 5}
    return change(story, packet, chunks=[b.init(*parameters, b.address_parameter("fd00::1"), **fields)])


def longer(chunk: bytes, by: int) -> bytes:
    """The chunk with a length that counts so many bytes more."""
    return b.pad(
        chunk[:2] + u16(int.from_bytes(chunk[2:4]) + by) + chunk[4:].ljust(len(chunk) - 4 + by, b"\0")
    )


@alteration("rfc9260/3.2.1/param-padding-aligned-zero", "one_to_one")
def other_pad_bytes(story):
    return with_parameters(story, b.parameter(P.PADDING, b"x", padding=b"abc"))


@alteration("rfc9260/3.2.1/param-padding-aligned-zero", "one_to_one")
def bytes_left_over(story):
    packet = find(story, T.INIT)
    return change(story, packet, chunks=[longer(packet.chunks[0], 2)])


@alteration("rfc9260/3.2/final-param-padding-not-counted", "patient")
def padding_counted(story):
    cause = b.user_initiated_abort(b"enough")
    return change(story, find(story, T.ABORT), chunks=[b.chunk(T.ABORT, cause)])


@alteration("rfc9260/3.2/chunk-flags-reserved-zero", "multihoming")
def flags_of_a_sack(story):
    return patch(story, find(story, T.SACK, 2), 1, b"\x80")


@alteration("rfc9260/3.2/chunk-flags-reserved-zero", "multihoming")
def flags_of_data(story):
    packet = find(story, T.DATA, 2)
    return patch(story, packet, 1, bytes([packet.chunks[0][1] | 0x10]))


@alteration("rfc9260/3.3.2/init-params-not-repeated", "one_to_one")
def one_twice(story):
    extensions = b.parameter(P.SUPPORTED_EXTENSIONS, bytes([T.RE_CONFIG]))
    return with_parameters(story, extensions, extensions)


@alteration("rfc9260/3.3.2/param-type-allowed-in-chunk", "one_to_one")
def cookie_in_an_init(story):
    return with_parameters(story, b.state_cookie(b"mine"))


@alteration("rfc9260/3.3.2.1.5/supported-address-types-content", "one_to_one")
def host_names_supported(story):
    return with_parameters(story, b.parameter(P.SUPPORTED_ADDRESS_TYPES, bytes([0, 5, 0, 11])))


@alteration("rfc9260/3.3.2.1/address-param-usable", "one_to_one", "rfc6458/3.1.2/bind-port-and-address")
def multicast_address(story):
    return with_parameters(story, b.address_parameter("ff02::1"))


@alteration("rfc9260/3.3.2.1/address-param-usable", "one_to_one")
def address_listed_twice(story):
    return with_parameters(story, b.address_parameter("fd00::1"))


@alteration("rfc9260/3.3.2.1/address-param-usable", "one_to_one", "rfc6458/3.1.2/bind-port-and-address")
def loopback_address(story):
    return with_parameters(story, b.address_parameter("::1"))


@alteration("rfc9260/3.3.10/error-cause-format", "strange")
def short_cause(story):
    cause = b.cause(CauseCode.INVALID_STREAM_IDENTIFIER, bytes(2))
    return change(story, find(story, T.ERROR, -1), chunks=[b.error(cause)])


@alteration("rfc9260/3.3.10/error-cause-format", "patient")
def missing_parameters_that_are_missing(story):
    cause = b.cause(CauseCode.MISSING_MANDATORY_PARAMETER, u32(2) + u16(P.STATE_COOKIE))
    return refusal(story, chunks=[b.abort(cause)])


@alteration("rfc9260/3.3.10/error-chunk-has-cause", "strange")
def error_of_nothing(story):
    return change(story, find(story, T.ERROR, -1), chunks=[b.error()])


# ---- what is not recognized


@alteration("rfc9260/3.2.1/unknown-init-param-reported", "strange")
def not_returned(story):
    packet = find(story, T.INIT_ACK)
    returned = b.parameter(P.UNRECOGNIZED_PARAMETER, b.parameter(0xC123, b"\x23" * 6)[:10])
    chunk = packet.chunks[0].replace(returned, b"")
    length = int.from_bytes(chunk[2:4]) - len(returned)
    return change(story, packet, chunks=[chunk[:2] + u16(length) + chunk[4:]])


@alteration("rfc9260/3.3.3.1.2/unrecognized-tlv-copied-verbatim", "strange")
def returned_otherwise(story):
    packet = find(story, T.INIT_ACK)
    return change(story, packet, chunks=[packet.chunks[0].replace(b"\x23" * 6, b"\x23" * 5 + b"!", 1)])


@alteration("rfc9260/3.3.3.1.2/unrecognized-tlv-copied-verbatim", "strange")
def reported_otherwise(story):
    packet = find(story, T.COOKIE_ECHO)
    return change(story, packet, chunks=[packet.chunks[0], packet.chunks[1].replace(b"own", b"OWN")])


@alteration("rfc9260/3.2.1/unknown-param-does-not-refuse", "patient")
def refused_for_a_parameter(story):
    unknown = b.cause(CauseCode.UNRECOGNIZED_PARAMETERS, b.parameter(0xC123, b"what"))
    return refusal(story, chunks=[b.abort(unknown)])


@alteration("rfc9260/3.2.2/unknown-init-ack-param-reported", "strange")
def cookie_echo_without_the_report(story):
    packet = find(story, T.COOKIE_ECHO)
    return change(story, packet, chunks=packet.chunks[:1])


@alteration(
    "rfc9260/3.2.2/unknown-init-ack-param-reported",
    "strange",
    "rfc9260/5.1/quiet-between-cookie-echo-and-ack",
)
def report_before_cookie_ack(story):
    packet = cookie_echo_without_the_report(story)
    report = b.error(b.cause(CauseCode.UNRECOGNIZED_PARAMETERS, b.parameter(0xC222, b"own")[:7]))
    insert(story, find(story, T.COOKIE_ACK), report, like=packet)
    return packet


@alteration("rfc9260/3.2/unknown-chunk-handling", "strange")
def chunk_not_reported(story):
    remove(story, find(story, T.ERROR, -3))
    return find(story, 70)


@alteration("rfc9260/3.2/unknown-chunk-handling", "strange")
def chunk_reported_that_is_to_be_skipped(story):
    unknown = find(story, 140).chunks[0]
    report = b.error(b.cause(CauseCode.UNRECOGNIZED_CHUNK_TYPE, unknown))
    return insert(story, find(story, T.SACK), report)


@alteration("rfc9260/3.2/unknown-chunk-handling", "strange")
def chunk_behind_taken(story):
    remove(story, find(story, T.DATA, 1))
    return find(story, T.SACK)


@alteration("rfc9260/3.3.10.6/unrecognized-chunk-copied", "strange")
def another_chunk_reported(story):
    return patch(story, find(story, T.ERROR, -2), 9, b"\x04")


# ---- what must have no effect


@alteration("rfc9260/6.8/bad-checksum-ignored", "provoked")
def damaged_data_taken(story):
    remove(story, find(story, T.DATA, 1))
    return find(story, T.SACK)


@alteration("rfc9260/8.5/wrong-vtag-ignored", "provoked")
def data_astray_taken(story):
    remove(story, find(story, T.DATA, 3))
    return find(story, T.SACK, 1)


@alteration("rfc9260/8.5/wrong-vtag-ignored", "provoked")
def heartbeat_astray_answered(story):
    return insert(story, find(story, T.SACK, 1), b.heartbeat_ack(b"anybody there?"))


def accept(story, number: int, *also) -> b.Packet:
    """An INIT ACK instead of the ABORT that refuses an INIT of `provoked`."""
    packet = find(story, T.ABORT, number)
    tag = 0xBBBB0000 + packet.source_port - 6000
    return change(story, packet, chunks=[b.init_ack(b.state_cookie(COOKIE), tag=tag, tsn=1)])


@alteration(
    "rfc9260/3.3.2/invalid-init-refused",
    "provoked",
    "rfc9260/3.3.3/init-ack-os-within-init-mis",
    "rfc9260/5.1/cookie-echo-follows-init-ack",
)
def init_without_streams_accepted(story):
    return accept(story, 1)


@alteration(
    "rfc9260/3.3.2.1.4/hostname-param-aborted", "provoked", "rfc9260/5.1/cookie-echo-follows-init-ack"
)
def host_name_accepted(story):
    return accept(story, 2)


@alteration("rfc9260/3.3.3/invalid-init-ack-refused", "provoked", "rfc9260/5.1/cookie-ack-answers-echo")
def init_ack_without_streams_accepted(story):
    return change(story, find(story, T.ABORT, 3), chunks=[b.cookie_echo(COOKIE)])


@alteration(
    "rfc9260/3.3.2/zero-initiate-tag-init-silent", "provoked", "rfc9260/8.5.1/vtag-zero-only-for-init"
)
def abort_for_nobody(story):
    init = find(story, T.INIT, -1)
    return answer(story, init, b.abort(), tag=0)


def answer(story, packet: b.Packet, *chunks: bytes, after_ms: float = 1, **fields) -> b.Packet:
    """A packet to where another one came from, right after it."""
    back = {
        "source": packet.destination,
        "destination": packet.source,
        "source_port": packet.destination_port,
        "destination_port": packet.source_port,
    }
    return again(story, packet, packet.time_ns + int(after_ms * MS), *chunks, **{**back, **fields})


@alteration("rfc9260/8.5.1/abort-wrong-tag-ignored", "provoked", "rfc9260/8.5.1/abort-uses-known-tag")
def abort_astray_taken(story):
    data, sack = find(story, T.DATA, -1), find(story, T.SACK, -1)
    remove(story, sack)
    return answer(story, data, b.abort(reflected=True), tag=data.tag)


@alteration("rfc9260/8.5.1/abort-uses-known-tag", "patient")
def t_bit_without_need(story):
    tag = find(story, T.DATA, -1).tag
    abort = find(story, T.ABORT)
    return change(story, abort, chunks=[b.abort(b.user_initiated_abort(b"enough"), reflected=True)], tag=tag)


@alteration(
    "rfc9260/3.3.2.1/no-address-params-means-single-address",
    "patient",
    "rfc9260/5.1.2/destination-in-peer-address-set",
)
def another_address(story):
    return change(story, find(story, T.DATA, -1), destination=B[1])


@alteration("rfc9260/1.3/same-port-on-all-addresses", "multihoming")
def another_port(story):
    return change(story, find(story, T.SACK, 2), source_port=5001)


@alteration("rfc9260/5.3.1/new-tag-after-reestablishment", "blue")
def the_old_tag_again(story):
    old, new = find(story, T.INIT, -2), find(story, T.INIT, -1)
    for packet in [packet for packet in story.packets if packet.tag == 0xAAAA0000 + 36]:
        change(story, packet, tag=0xAAAA0000 + 35)
    return change(story, new, chunks=[new.chunks[0][:4] + old.chunks[0][4:8] + new.chunks[0][8:]])


@alteration("rfc9260/8.4/ootb-shutdown-ack-reply", "blue")
def shutdown_ack_without_reply(story):
    remove(story, find(story, T.SHUTDOWN_COMPLETE, 1))
    return find(story, T.SHUTDOWN_ACK)


@alteration("rfc9260/8.4/ootb-other-abort-reflected", "blue")
def data_without_reply(story):
    remove(story, find(story, T.ABORT))
    return find(story, T.DATA)


@alteration("rfc9260/8.4/ootb-other-abort-reflected", "blue")
def t_bit_missing(story):
    return change(story, find(story, T.ABORT), chunks=[b.abort()])


@alteration("rfc9260/8.4/ootb-shutdown-complete-silent", "blue")
def shutdown_complete_answered(story):
    packet = find(story, T.SHUTDOWN_COMPLETE)
    return answer(story, packet, b.abort(reflected=True), after_ms=0.2)


@alteration("rfc9260/8.4/ootb-cookie-ack-silent", "blue")
def cookie_ack_answered(story):
    packet = find(story, T.COOKIE_ACK)
    return answer(story, packet, b.abort(reflected=True), after_ms=0.2)


# ---- handshakes of associations that are there already


def retag(story, packet: b.Packet, tag: bytes) -> b.Packet:
    """The INIT or INIT ACK with another Initiate Tag."""
    return patch(story, packet, 4, tag)


@alteration("rfc9260/5.2.1/collision-init-ack-same-parameters", "collision")
def another_mis(story):
    return patch(story, find(story, T.INIT_ACK), 14, u16(9))


@alteration("rfc9260/5.2.1/collision-init-ack-same-parameters", "collision")
def another_tsn_in_the_init_ack(story):
    return patch(story, find(story, T.INIT_ACK, 1), INIT_TSN, u32(9))


@alteration(
    "rfc9260/5.2.1/collision-one-association",
    "collision",
    "rfc9260/8.5/vtag-equals-peer-initiate-tag",
    "rfc9260/8.5/wrong-vtag-ignored",
)
def data_of_another_association(story):
    return change(story, find(story, T.DATA, 1), tag=0xBBBB7777)


@alteration("rfc9260/5.2.2/unexpected-init-new-tag", "cookies", "rfc9260/5.3.1/new-tag-after-reestablishment")
def the_tag_told_to_a_stranger(story):
    return retag(story, find(story, T.INIT_ACK, -1), u32(0xBBBB0000 + 62))


@alteration("rfc9260/5.2.2/restart-with-new-address-refused", "restarts")
def new_address_accepted(story):
    packet = find(story, T.ABORT)
    fields = {"tag": 0xBBBB1111, "tsn": 5}
    return change(story, packet, chunks=[b.init_ack(b.state_cookie(COOKIE), **fields)])


@alteration(
    "rfc9260/5.2.2/unexpected-init-keeps-association", "restarts", "rfc9260/8.5.1/abort-uses-known-tag"
)
def association_lost_by_an_init(story):
    data = find(story, T.DATA, 2)
    sack = find(story, T.SACK, 2)
    abort = insert(story, sack, b.abort(reflected=True), tag=data.tag)
    remove(story, sack)
    return abort


@alteration("rfc9260/5.2.3/unexpected-init-ack-ignored", "cookies")
def both_cookies_echoed(story):
    echo = find(story, T.COOKIE_ECHO, -2)
    return again(story, echo, echo.time_ns + MS // 4, b.cookie_echo(bytes([4]) * 40))


@alteration("rfc9260/5.2.4/duplicate-cookie-echo-reacked", "restarts")
def duplicate_without_answer(story):
    remove(story, find(story, T.COOKIE_ACK, 2))
    return find(story, T.COOKIE_ECHO, 2)


@alteration("rfc9260/5.2.4/restart-resets-state", "restarts", "rfc9260/6.5/ssn-starts-at-zero")
def ssn_goes_on(story):
    patch(story, find(story, T.DATA, 4), SSN, u16(4))
    return patch(story, find(story, T.DATA, 3), SSN, u16(3))


@alteration("rfc9260/5.2.4/restart-resets-state", "restarts")
def old_tag_goes_on(story):
    old = find(story, T.SACK, 2)
    return again(story, old, find(story, T.SHUTDOWN).time_ns - 300 * MS)


@alteration("rfc9260/9.2/init-in-shutdown-ack-sent", "restarts")
def init_answered_while_closing(story):
    packet = find(story, T.SHUTDOWN_ACK, -1)
    fields = {"tag": 0xBBBB4444, "tsn": 5}
    chunk = b.init_ack(b.state_cookie(COOKIE), **fields)
    return change(story, packet, chunks=[chunk], tag=0xAAAA4444)


@alteration("rfc9260/5.2.6/stale-cookie-reaction", "cookies")
def stale_cookie_again(story):
    echo = find(story, T.COOKIE_ECHO)
    return again(story, echo, echo.time_ns + 200 * MS)


@alteration("rfc9260/5.2.6/stale-cookie-reaction", "cookies")
def init_for_nothing(story):
    error, init = find(story, T.ERROR, -1), find(story, T.INIT, -2)
    return again(story, init, error.time_ns + MS // 5)


@alteration(
    "rfc9260/5.1.5/cookie-echo-data-acked-at-once", "cookies", "rfc9260/5.1/first-data-acked-immediately"
)
def sack_for_the_data_late(story):
    delay(story, find(story, T.DATA, 1), 300)
    packet = find(story, T.COOKIE_ACK)
    change(story, packet, chunks=packet.chunks[:1])
    again(story, packet, packet.time_ns + 190 * MS, packet.chunks[1])
    return find(story, T.DATA)


@alteration("rfc9260/5.1.5/invalid-cookie-silent", "cookies")
def cookie_of_nobody_accepted(story):
    echo = find(story, T.COOKIE_ECHO, 1)
    return answer(story, echo, b.cookie_ack(), tag=0xAAAA0000 + 60)


@alteration("rfc9260/5.1.5/stale-cookie-reported", "cookies", "rfc9260/5.3.1/new-tag-after-reestablishment")
def stale_cookie_accepted(story):
    error = find(story, T.ERROR)
    return change(story, error, chunks=[b.cookie_ack()])


# ---- further


@alteration("rfc9260/4/init-not-given-up-early", "nobody")
def given_up_after_one_repeat(story):
    remove(story, find(story, T.INIT, 2))
    return find(story, T.INIT, 1)


@alteration("rfc9260/5.1/quiet-between-cookie-echo-and-ack", "multihoming")
def a_packet_before_cookie_ack(story):
    echo = find(story, T.COOKIE_ECHO)
    return insert(story, find(story, T.COOKIE_ACK), b.chunk(T.PAD, bytes(4)), like=echo)


@alteration("rfc9260/5.4/path-verification-nonce", "multihoming")
def nonce_of_4_bytes(story):
    beat = find(story, T.HEARTBEAT, source=B[1])
    change(story, find(story, T.HEARTBEAT_ACK, source=A[1]), chunks=[b.heartbeat_ack(b"four")])
    return change(story, beat, chunks=[b.heartbeat(b"four")])


@alteration("rfc9260/5.4/path-verification-nonce", "multihoming", "rfc9260/8.3/hb-ack-sent")
def nonce_used_again(story):
    beat = find(story, T.HEARTBEAT, source=B[1])
    delay(story, beat, 100)
    again(story, beat, beat.time_ns)
    return find(story, T.HEARTBEAT, source=B[1])


@alteration(
    "rfc9260/6.4/reply-to-source-address", "multihoming", "rfc9260/5.4/unconfirmed-address-restriction"
)
def cookie_ack_on_the_other_path(story):
    return change(story, find(story, T.COOKIE_ACK), source=B[1], destination=A[1])


@alteration("rfc9260/9.1/user-abort-cause", "aborted", "rfc6458/5.3.4/snd-abort")
def abort_without_a_cause(story):
    return change(story, find(story, T.ABORT), chunks=[b.abort()])


@alteration("rfc9260/9.1/user-abort-cause", "ended")
def abort_without_a_cause_by_close(story):
    return change(story, find(story, T.ABORT), chunks=[b.abort()])
