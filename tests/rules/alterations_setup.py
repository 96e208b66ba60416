"""Wrong captures for the rules about packets, chunks and parameters, set-up and packets out of the blue."""

import zlib
from dataclasses import replace

import builders as b
from rules.altering import (
    INIT_TSN,
    Alteration,
    append,
    change,
    delay,
    find,
    patch,
    u32,
)
from rules.good import MS, Story

from sctpinspect.protocol import ChunkType

T = ChunkType

ALTERATIONS: list[Alteration] = []


def alteration(rule: str, capture: str, *also: str):
    def add(function):
        ALTERATIONS.append(Alteration(rule, capture, function, also))
        return function

    return add


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


@alteration("rfc9260/9.1/abort-ends-association", "aborted")
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
