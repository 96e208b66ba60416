"""The tables: their columns, types, units and the Wireshark fields of the same meaning.

Declared once, here. Whatever builds a table builds exactly these columns in this order, and a rule
uses no others. Conventions: `packet` is the row key of a SCTP packet (a frame may hold two), `frame`
the number Wireshark shows; times are integer nanoseconds since the epoch; a column that does not
apply to a row is null; numbers without a known name are kept as numbers.

`side` is 0 for the endpoint that sent the INIT, or the first of two that crossed (where the capture has
nothing of the handshake: the endpoint whose packet is seen first) and 1 for its peer. In `packets`,
`chunks` and all tables derived from them it names the SENDER.
"""

from typing import NamedTuple

import polars as pl


class Column(NamedTuple):
    """One column: its Polars type, what it holds (with the unit), and Wireshark's name for it."""

    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    wireshark: str = ""


Schema = dict[str, Column]

U8, U16, U32, U64, I64 = pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.Int64
TEXT, FLAG, BYTES = pl.String, pl.Boolean, pl.Binary
TEXTS = pl.List(pl.String)

CHECKSUM_STATE = pl.Enum(
    ["good", "bad", "offloaded", "zero_accepted", "adler32", "byte_swapped", "not_captured"]
)
RETRANSMISSION = pl.Enum(["fast", "t3", "spurious", "zero_window_probe", "tail", "unknown"])
DELIVERY = pl.Enum(["delivered", "lost", "duplicated"])
UNKNOWN_ACTION = pl.Enum(["stop", "stop_report", "skip", "skip_report"])

_SENDER: Schema = {
    "association": Column(U32, "row of associations; null: belongs to none", "sctp.assoc_index"),
    "side": Column(U8, "the sender's side, 0 or 1; null: belongs to no association"),
}

_CHUNK_KEY: Schema = {
    "packet": Column(U32, "row of packets"),
    "frame": Column(U32, "frame number", "frame.number"),
    "chunk": Column(U16, "index of the chunk in its packet, from 0"),
}

INTERFACES: Schema = {
    "interface": Column(U32, "index, over all sections of the file", "frame.interface_id"),
    "name": Column(TEXT, "name", "frame.interface_name"),
    "description": Column(TEXT, "description", "frame.interface_description"),
    "link_type": Column(U16, "LINKTYPE_ number", "frame.encap_type"),
    "snaplen": Column(U32, "bytes kept of each frame at most; 0: no limit"),
    "received": Column(U64, "frames that arrived while capturing; null: not stated"),
    "dropped": Column(U64, "frames lost by the capture; null: not stated"),
}

PACKETS: Schema = {
    "packet": Column(U32, "row key, from 0"),
    "frame": Column(U32, "frame number as Wireshark shows it", "frame.number"),
    "time_ns": Column(I64, "when it was captured", "frame.time_epoch"),
    "delivered_ns": Column(I64, "when it left an impaired link; null: lost or unknown"),
    "delivery": Column(DELIVERY, "what an impaired link did to it; null: unknown"),
    "interface": Column(U32, "row of interfaces", "frame.interface_id"),
    "source": Column(TEXT, "IP source address", "ip.src"),
    "destination": Column(TEXT, "IP destination address", "ip.dst"),
    "source_port": Column(U16, "SCTP source port", "sctp.srcport"),
    "destination_port": Column(U16, "SCTP destination port", "sctp.dstport"),
    "encapsulation_port": Column(U16, "UDP source port (RFC 6951); null: not in UDP", "udp.srcport"),
    "encapsulation_destination_port": Column(U16, "UDP destination port, likewise", "udp.dstport"),
    "verification_tag": Column(U32, "verification tag", "sctp.verification_tag"),
    "checksum": Column(U32, "the checksum field, as Wireshark shows it", "sctp.checksum"),
    "checksum_state": Column(CHECKSUM_STATE, "what the checksum field is worth", "sctp.checksum.status"),
    "length": Column(U32, "bytes of the SCTP packet, by the IP length"),
    "captured_length": Column(U32, "bytes of it in the capture"),
    "ttl": Column(U8, "IPv4 TTL or IPv6 hop limit", "ip.ttl"),
    "dscp": Column(U8, "DSCP", "ip.dsfield.dscp"),
    "ecn": Column(U8, "ECN field", "ip.dsfield.ecn"),
    "chunks_in_packet": Column(U16, "chunks decoded in it"),
    **_SENDER,
    "path": Column(U16, "row of paths: index of the destination among the peer's addresses"),
    "is_copy": Column(FLAG, "the same packet was captured just before: at the other end, at another device"),
    "defect": Column(TEXT, "name of what is malformed in the packet; null: nothing"),
}

CHUNKS: Schema = {
    **_CHUNK_KEY,
    "time_ns": Column(I64, "when its packet was captured", "frame.time_epoch"),
    **_SENDER,
    "type": Column(U8, "chunk type", "sctp.chunk_type"),
    "type_name": Column(TEXT, "RFC name with underscores (INIT_ACK); null: unknown type"),
    "unknown_action": Column(
        UNKNOWN_ACTION,
        "what a receiver does that does not know the type, by its upper two bits: stop at it or skip it, and "
        "report it or not (RFC 9260 §3.2); null: known type",
    ),
    "flags": Column(U8, "chunk flags", "sctp.chunk_flags"),
    "length": Column(U16, "length field: header and value without padding", "sctp.chunk_length"),
    "offset": Column(U32, "where it begins in the SCTP packet, bytes"),
    "padding_is_zero": Column(FLAG, "its pad bytes are zero; null: it has none, or they are not captured"),
    "defect": Column(TEXT, "name of what is malformed; null: nothing"),
    "value": Column(
        BYTES,
        "all bytes after the chunk header of HEARTBEAT(_ACK), COOKIE_ECHO, extension chunks without columns "
        "of their own, and unknown types; null: other types, or not whole in the capture",
    ),
    # DATA and I-DATA
    "tsn": Column(U32, "TSN", "sctp.data_tsn_raw"),
    "stream": Column(U16, "stream identifier", "sctp.data_sid"),
    "ssn": Column(U16, "stream sequence number; null in I_DATA", "sctp.data_ssn"),
    "mid": Column(U32, "message identifier of I_DATA", "sctp.data_mid"),
    "fsn": Column(U32, "fragment sequence number of I_DATA (0 in its first)", "sctp.data_fsn"),
    "ppid": Column(U32, "PPID as the number in the packet", "sctp.data_payload_proto_id"),
    "ppid_name": Column(TEXT, "IANA's name of the PPID; null: none"),
    "unordered": Column(FLAG, "U bit", "sctp.data_u_bit"),
    "beginning": Column(FLAG, "B bit", "sctp.data_b_bit"),
    "ending": Column(FLAG, "E bit", "sctp.data_e_bit"),
    "immediate": Column(FLAG, "I bit", "sctp.data_i_bit"),
    "payload_length": Column(U32, "bytes of user data"),
    "payload_offset": Column(U64, "where the user data begins in the file's (decompressed) bytes"),
    "payload_digest": Column(U32, "digest of the user data (journal.digest); null: not captured whole"),
    "message": Column(U32, "row of messages"),
    "is_retransmission": Column(FLAG, "the same TSN was seen before from this side"),
    "retransmission": Column(
        RETRANSMISSION,
        "why it was sent again (criteria: sctpinspect.tables.retransmissions); null: it was not",
        "sctp.retransmission",
    ),
    "acked_frame": Column(
        U32, "the peer's first frame whose SACK, NR_SACK or SHUTDOWN covers it", "sctp.ack_frame"
    ),
    # SACK, SHUTDOWN, FORWARD_TSN
    "cumulative_tsn": Column(
        U32, "cumulative TSN ack, or new cumulative TSN", "sctp.sack_cumulative_tsn_ack_raw"
    ),
    "gap_block_count": Column(U16, "number of gap ack blocks field", "sctp.sack_number_of_gap_blocks"),
    "duplicate_tsn_count": Column(
        U16, "number of duplicate TSNs field", "sctp.sack_number_of_duplicated_tsns"
    ),
    "nr_gap_block_count": Column(
        U16, "number of non-renegable gap ack blocks field of NR_SACK", "sctp.nr_sack_number_of_nr_gap_blocks"
    ),
    # FORWARD_TSN, I_FORWARD_TSN: one item for each stream that they list
    "skipped_streams": Column(pl.List(U16), "stream identifiers", "sctp.forward_tsn_sid"),
    "skipped_ssns": Column(pl.List(U16), "their SSNs; null in I_FORWARD_TSN", "sctp.forward_tsn_ssn"),
    "skipped_mids": Column(pl.List(U32), "their MIDs; null in FORWARD_TSN", "sctp.forward_tsn_mid"),
    "skipped_unordered": Column(
        pl.List(FLAG),
        "whether these are of unordered messages; null in FORWARD_TSN",
        "sctp.i_forward_tsn_u_bit",
    ),
    # INIT, INIT_ACK (a_rwnd: SACK too)
    "a_rwnd": Column(U32, "advertised receiver window, bytes", "sctp.init_credit"),
    "initiate_tag": Column(U32, "Initiate Tag", "sctp.init_initiate_tag"),
    "outbound_streams": Column(U16, "number of outbound streams", "sctp.init_nr_out_streams"),
    "inbound_streams": Column(U16, "number of inbound streams", "sctp.init_nr_in_streams"),
    "initial_tsn": Column(U32, "initial TSN", "sctp.init_initial_tsn"),
    # extensions
    "lowest_tsn": Column(U32, "lowest TSN of ECNE and CWR", "sctp.ecne_lowest_tsn"),
    "sequence_number": Column(U32, "of ASCONF and ASCONF_ACK (RFC 5061)", "sctp.asconf_seq_nr_number"),
    "shared_key_id": Column(U16, "shared key identifier of AUTH (RFC 4895)", "sctp.shared_key_id"),
    "hmac_id": Column(U16, "HMAC identifier of AUTH", "sctp.hmac_id"),
    "bandwidth": Column(U32, "of PKTDROP: the rate of the link, bytes per second", "sctp.pktdrop_bandwidth"),
    "queue_size": Column(U32, "of PKTDROP: bytes in the queue of the link", "sctp.pktdrop_queuesize"),
    "truncated_length": Column(
        U16,
        "of PKTDROP: length of the dropped packet if it does not hold it all, else 0",
        "sctp.pktdrop_truncated_length",
    ),
    # ABORT, SHUTDOWN_COMPLETE
    "tag_reflected": Column(FLAG, "T bit", "sctp.abort_t_bit"),
}

_TLV: Schema = {
    "length": Column(U16, "length field", "sctp.parameter_length"),
    "offset": Column(U32, "where it begins in the SCTP packet, bytes"),
    "value": Column(BYTES, "value without padding; null: not whole in the capture"),
    "padding_is_zero": Column(FLAG, "its pad bytes are zero; null: it has none, or they are not captured"),
    "defect": Column(TEXT, "name of what is malformed; null: nothing"),
}

_OF_PARAMETERS: Schema = {
    "address": Column(TEXT, "the address of an address parameter, or the one in an ASCONF parameter"),
    "unknown_action": Column(
        UNKNOWN_ACTION,
        "as in chunks, by the upper two bits of the parameter type (RFC 9260 §3.2.1); null: known type",
    ),
    "listed": Column(
        pl.List(U16),
        "what it lists: address types, chunk types, HMAC identifiers, or the streams of an SSN reset request",
    ),
    "lifespan_increment_ms": Column(
        U32, "suggested cookie life-span increment", "sctp.parameter_cookie_preservative_incr"
    ),
    "error_detection_method": Column(U32, "EDMID of ZERO_CHECKSUM_ACCEPTABLE (RFC 9653)"),
    "adaptation_code": Column(U32, "adaptation code point (RFC 5061)", "sctp.adaptation_layer_indication"),
    "correlation_id": Column(U32, "ASCONF request correlation id (RFC 5061)", "sctp.correlation_id"),
    # RE_CONFIG (RFC 6525)
    "request_number": Column(
        U32, "re-configuration request sequence number", "sctp.parameter_reconfig_request_sequence_number"
    ),
    "response_number": Column(
        U32, "re-configuration response sequence number", "sctp.parameter_reconfig_response_sequence_number"
    ),
    "result": Column(U32, "result", "sctp.parameter_reconfig_response_result"),
    "last_tsn": Column(U32, "the sender's last assigned TSN", "sctp.parameter_senders_last_assigned_tsn"),
    "next_tsn": Column(U32, "the sender's next TSN; null: not given", "sctp.parameter_senders_next_tsn"),
    "peer_next_tsn": Column(
        U32, "the receiver's next TSN; null: not given", "sctp.parameter_receivers_next_tsn"
    ),
    "added_streams": Column(U16, "number of new streams", "sctp.parameter_add_outgoing_streams_number"),
}

_OF_CAUSES: Schema = {
    "stream": Column(U16, "the invalid stream identifier", "sctp.cause_stream_identifier"),
    "missing": Column(
        pl.List(U16), "types of missing mandatory parameters", "sctp.cause_missing_parameter_type"
    ),
    "staleness_us": Column(U32, "how stale the cookie was, microseconds", "sctp.cause_measure_of_staleness"),
    "tsn": Column(U32, "TSN of the DATA without user data", "sctp.cause_tsn"),
    "hmac_id": Column(U16, "the unsupported HMAC identifier (RFC 4895)", "sctp.hmac_id"),
}

PARAMETERS: Schema = {
    **_CHUNK_KEY,
    "index": Column(U16, "index of the parameter in its chunk, from 0"),
    **_SENDER,
    "chunk_type": Column(U8, "type of the chunk that holds it"),
    "type": Column(U16, "parameter type", "sctp.parameter_type"),
    "type_name": Column(TEXT, "name with underscores (STATE_COOKIE); null: unknown type"),
    **_TLV,
    **_OF_PARAMETERS,
}

CAUSES: Schema = {
    **_CHUNK_KEY,
    "index": Column(U16, "index of the error cause in its chunk, from 0"),
    **_SENDER,
    "chunk_type": Column(U8, "type of the chunk that holds it"),
    "code": Column(U16, "cause code", "sctp.cause_code"),
    "code_name": Column(TEXT, "name with underscores (USER_INITIATED_ABORT); null: unknown"),
    **_TLV,
    **_OF_CAUSES,
}

HELD: Schema = {
    **_CHUNK_KEY,
    "index": Column(U16, "index of the parameter or error cause of the chunk that holds it"),
    **_SENDER,
    "chunk_type": Column(U8, "type of the chunk that holds all"),
    "depth": Column(U16, "1: directly in that parameter or cause; 2: in one that is, and so on"),
    "kind": Column(pl.Enum(["parameter", "cause", "chunk"]), "what it is"),
    "type": Column(U16, "parameter type, cause code or chunk type"),
    "type_name": Column(TEXT, "its name; null: unknown"),
    **_TLV,
    **_OF_PARAMETERS,
    **_OF_CAUSES,
}

GAP_BLOCKS: Schema = {
    **_CHUNK_KEY,
    "index": Column(U16, "index in the SACK, from 0, over its gap blocks, then its duplicates"),
    **_SENDER,
    "kind": Column(
        pl.Enum(["gap", "nr_gap", "duplicate"]),
        "gap ack block, non-renegable one (NR_SACK), or duplicate TSN",
    ),
    "start_offset": Column(U16, "gap ack block start field; null for a duplicate"),
    "end_offset": Column(U16, "gap ack block end field; null for a duplicate"),
    "start": Column(U32, "first TSN", "sctp.sack_gap_block_start_tsn"),
    "end": Column(U32, "last TSN", "sctp.sack_gap_block_end_tsn"),
}

ICMP_ERRORS: Schema = {
    "frame": Column(U32, "frame number", "frame.number"),
    "time_ns": Column(I64, "when it was captured"),
    "source": Column(TEXT, "who sent the error"),
    "destination": Column(TEXT, "to whom"),
    "type": Column(U8, "ICMP or ICMPv6 type", "icmp.type"),
    "code": Column(U8, "ICMP or ICMPv6 code", "icmp.code"),
    "quoted_source": Column(TEXT, "source of the quoted packet"),
    "quoted_destination": Column(TEXT, "destination of the quoted packet"),
    "quoted_source_port": Column(U16, "its source port"),
    "quoted_destination_port": Column(U16, "its destination port"),
    "quoted_verification_tag": Column(U32, "its verification tag; null: not quoted"),
}

ASSOCIATIONS: Schema = {
    "association": Column(U32, "row key, from 0, in order of first packet"),
    "first_frame": Column(U32, "first frame"),
    "last_frame": Column(U32, "last frame"),
    "first_ns": Column(I64, "time of the first packet"),
    "last_ns": Column(I64, "time of the last packet"),
    "packets": Column(U32, "number of packets, both directions, without copies"),
    "handshake": Column(FLAG, "its INIT and INIT_ACK are in the capture"),
    "init_frame": Column(U32, "first INIT"),
    "init_ack_frame": Column(U32, "the INIT_ACK that was used"),
    "cookie_echo_frame": Column(U32, "first COOKIE_ECHO"),
    "cookie_ack_frame": Column(U32, "first COOKIE_ACK"),
    "established_ns": Column(I64, "time of that COOKIE_ACK"),
    "end": Column(pl.Enum(["shutdown", "abort"]), "how it ended; null: not in the capture"),
    "end_frame": Column(U32, "the SHUTDOWN_COMPLETE or ABORT that ended it"),
    "end_ns": Column(I64, "its time"),
    "restart_of": Column(U32, "the association that this one restarts; null: none"),
    "extensions": Column(TEXTS, "what both endpoints announced at set-up (endpoints.extensions)"),
}

ENDPOINTS: Schema = {
    "association": Column(U32, "row of associations"),
    "side": Column(U8, "0 or 1"),
    "port": Column(U16, "SCTP port"),
    "addresses": Column(TEXTS, "all its addresses, in the order they were learned"),
    "tag": Column(U32, "the tag it chose: in the packets sent TO it"),
    "initial_tsn": Column(U32, "initial TSN; null: handshake not in the capture"),
    "outbound_streams": Column(U16, "outbound streams it asked for (OS)"),
    "inbound_streams": Column(U16, "inbound streams it allows (MIS)"),
    "negotiated_streams": Column(U16, "its outbound streams: the smaller of its OS and the peer's MIS"),
    "a_rwnd": Column(U32, "a_rwnd of its INIT or INIT_ACK, bytes"),
    "init_frame": Column(U32, "frame of its INIT or INIT_ACK"),
    "extensions": Column(
        TEXTS,
        "what that announces: chunk types of Supported Extensions (names or numbers), and FORWARD_TSN, ECN, "
        "ZERO_CHECKSUM if parameters say so; null: handshake not in the capture",
    ),
    "auth_chunks": Column(TEXTS, "chunk types that it wants authenticated (RFC 4895)"),
    "hmac_ids": Column(pl.List(U16), "HMAC identifiers that it accepts"),
    "host": Column(TEXT, "sandbox host whose socket this is; null: no journal"),
}

ADDRESSES: Schema = {
    "association": Column(U32, "row of associations"),
    "side": Column(U8, "whose address it is"),
    "path": Column(U16, "index among the addresses of that side"),
    "address": Column(TEXT, "IP address"),
    "learned_frame": Column(U32, "frame that made it known"),
    "learned_from": Column(
        pl.Enum(["source", "parameter", "asconf", "traffic"]),
        "source: of the INIT or INIT_ACK; parameter: listed in it; traffic: only used in packets",
    ),
    "removed_frame": Column(U32, "frame that removed it (ASCONF, not refused); null: never, or it came back"),
}

CHANGES: Schema = {
    **_CHUNK_KEY,
    "index": Column(U16, "index of the parameter in its chunk; null: key_used"),
    "time_ns": Column(I64, "when it was captured"),
    "association": Column(U32, "row of associations"),
    "side": Column(U8, "who asked for the change; of key_used: who uses the key"),
    "kind": Column(
        pl.Enum(
            [
                *("address_added", "address_removed", "primary_set"),  # ASCONF (RFC 5061): of the asker
                *(
                    "outgoing_ssns_reset",
                    "incoming_ssns_reset",
                    "ssns_and_tsns_reset",
                ),  # RE_CONFIG (RFC 6525)
                *("outgoing_streams_added", "incoming_streams_added"),
                "key_used",  # the first AUTH with another key than before (RFC 4895)
            ]
        ),
        "what changes; outgoing and incoming as the asker sees it",
    ),
    "number": Column(U32, "sequence number of the ASCONF chunk, or of the RE_CONFIG request"),
    "address": Column(
        TEXT,
        "the address, of a wildcard the source of the packet; null in address_removed: all but that source",
    ),
    "streams": Column(pl.List(U16), "streams whose SSNs are reset; empty: all"),
    "added_streams": Column(U16, "number of streams added"),
    "shared_key_id": Column(U16, "the key"),
    "outcome": Column(pl.Enum(["done", "refused"]), "by the peer's answer; null: not in the capture"),
    "result": Column(U32, "result of the RE_CONFIG response, or cause code of the ASCONF_ACK"),
    "answer_frame": Column(U32, "frame of the answer"),
    "answer_ns": Column(I64, "its time"),
    "outbound_streams": Column(U16, "outbound streams of the asker once these were added"),
    "next_tsn": Column(U32, "the asker's next TSN after ssns_and_tsns_reset"),
    "peer_next_tsn": Column(U32, "its peer's"),
}

COMPLETENESS: Schema = {
    "association": Column(U32, "row of associations"),
    "side": Column(U8, "sender of what may be missing; null: both"),
    "kind": Column(
        pl.Enum(
            [
                "handshake_missing",  # INIT or INIT_ACK not in the capture
                "end_missing",  # neither SHUTDOWN_COMPLETE nor ABORT in the capture
                "frames_dropped",  # the capture's counters say so
                "drops_unknown",  # the capture does not state its drops
                "tsn_unseen",  # acknowledged, never seen
                "answer_without_question",  # HEARTBEAT_ACK, COOKIE_ACK, ... without what they answer
                "one_direction",  # nothing from this side
                "snaplen",  # packets cut
                "file_cut",  # the file ends inside a record
                "journal_damaged",  # entries of the journal cannot be read
                "lossy_path",  # this side's packets are seen before an impaired or lossy part of the way
            ]
        ),
        "what is wrong",
    ),
    "reason": Column(TEXT, "one clause for people"),
    "frame": Column(U32, "where it shows; null: nowhere in particular"),
}

PATHS: Schema = {
    "association": Column(U32, "row of associations"),
    "side": Column(U8, "the sender"),
    "path": Column(U16, "index of the destination among the peer's addresses"),
    "destination": Column(TEXT, "destination address"),
    "packets": Column(U32, "packets sent to it"),
    "data_chunks": Column(U32, "DATA and I_DATA chunks sent to it"),
    "heartbeats": Column(U32, "HEARTBEATs sent to it"),
    "heartbeat_acks": Column(U32, "of these, answered"),
    "confirmed_frame": Column(U32, "frame that confirmed the address (RFC 9260 §5.4); null: never"),
    "confirmed_ns": Column(I64, "its time"),
    "round_trips": Column(U32, "rows of round_trips"),
    "rtt_min_ns": Column(I64, "the shortest of these round trips; null: there is none"),
    "rtt_median_ns": Column(I64, "their median"),
    "rtt_max_ns": Column(I64, "the longest"),
}

ROUND_TRIPS: Schema = {
    "association": Column(U32, "row of associations"),
    "side": Column(U8, "sender of the DATA or HEARTBEAT"),
    "path": Column(U16, "index of its destination among the peer's addresses"),
    "kind": Column(pl.Enum(["data", "heartbeat"]), "what was answered"),
    "frame": Column(U32, "frame of the DATA or HEARTBEAT"),
    "time_ns": Column(I64, "its time"),
    "acked_frame": Column(U32, "frame of the SACK, SHUTDOWN or HEARTBEAT_ACK"),
    "rtt_ns": Column(I64, "the time between them", "sctp.sack_rtt"),
}

HEARTBEATS: Schema = {
    **_CHUNK_KEY,
    "time_ns": Column(I64, "when it was captured"),
    "association": Column(U32, "row of associations"),
    "side": Column(U8, "sender of the HEARTBEAT"),
    "path": Column(U16, "index of its destination among the peer's addresses"),
    "source": Column(TEXT, "source address"),
    "destination": Column(TEXT, "destination address"),
    "info": Column(BYTES, "all bytes after the chunk header"),
    "padded": Column(FLAG, "a PAD chunk follows: a path MTU probe (RFC 8899)"),
    "ack_frame": Column(U32, "frame of the HEARTBEAT_ACK matched to it; null: none"),
    "ack_chunk": Column(U16, "its chunk index"),
    "ack_ns": Column(I64, "its time"),
    "ack_source": Column(TEXT, "its source address"),
    "ack_destination": Column(TEXT, "its destination address"),
    "ack_info": Column(BYTES, "all bytes after its chunk header"),
}

MESSAGES: Schema = {
    "message": Column(U32, "row key, from 0, in order of first frame"),
    "association": Column(U32, "row of associations"),
    "side": Column(U8, "the sender"),
    "stream": Column(U16, "stream identifier"),
    "ssn": Column(U16, "SSN; null: I_DATA"),
    "mid": Column(U32, "MID; null: DATA"),
    "ppid": Column(U32, "PPID"),
    "unordered": Column(FLAG, "U bit"),
    "length": Column(U32, "bytes of user data"),
    "digest": Column(U32, "digest of the user data (journal.digest); null: not whole in the capture"),
    "first_tsn": Column(U32, "TSN of its first fragment"),
    "last_tsn": Column(U32, "TSN of its last fragment"),
    "chunks": Column(U32, "fragments"),
    "first_frame": Column(U32, "frame of the first transmission of its first fragment"),
    "last_frame": Column(U32, "frame of the first transmission of its last fragment"),
    "first_chunk": Column(U16, "chunk index in first_frame"),
    "first_ns": Column(I64, "time of first_frame"),
    "last_ns": Column(I64, "time of last_frame"),
    "acked_frame": Column(U32, "frame that acknowledged its last fragment; null: none"),
    "retransmissions": Column(U32, "chunks of it that were sent again"),
    "complete": Column(FLAG, "all fragments from B to E are in the capture"),
    "send_call": Column(U32, "row of calls that sent it; null: unknown"),
    "receive_call": Column(U32, "row of calls that received its end; null: unknown"),
}

CALLS: Schema = {
    "call": Column(U32, "row key, from 0, in order of start"),
    "frame": Column(U32, "its frame number in Wireshark", "frame.number"),
    "start_ns": Column(I64, "when the call began, on the packets' clock"),
    "end_ns": Column(I64, "when it returned"),
    "host": Column(TEXT, "sandbox host (or traced program)"),
    "process": Column(U32, "process id"),
    "thread": Column(U32, "thread id"),
    "socket": Column(U32, "number of the socket, unique in its host"),
    "name": Column(TEXT, "RFC 6458 name: sctp_bindx, sendmsg, ..."),
    "local_port": Column(U16, "port of the socket at the end of the call; null: not bound"),
    "association": Column(U32, "row of associations that it belongs to; null: none or several"),
    "side": Column(U8, "side of the socket in it"),
    "errno": Column(TEXT, "name of the error (ECONNREFUSED); null: succeeded"),
    "address": Column(TEXT, "peer (or own, for bind) address given or returned"),
    "addresses": Column(TEXTS, "address list given or returned"),
    "port": Column(U16, "port given or returned with the address"),
    "association_id": Column(I64, "sctp_assoc_t given or returned"),
    "stream": Column(U16, "stream identifier given or returned"),
    "ssn": Column(U16, "SSN returned"),
    "ppid": Column(U32, "PPID given or returned, host byte order"),
    "tsn": Column(U32, "TSN returned"),
    "unordered": Column(FLAG, "SCTP_UNORDERED given or returned"),
    "length": Column(U32, "bytes of user data sent or received"),
    "digest": Column(U32, "digest of that user data (journal.digest)"),
    "end_of_record": Column(FLAG, "MSG_EOR returned"),
    "option": Column(TEXT, "socket option: SCTP_INITMSG, ..."),
    "notification": Column(TEXT, "notification received: SCTP_ASSOC_CHANGE, ..."),
    "state": Column(TEXT, "its state: SCTP_COMM_UP, SCTP_ADDR_CONFIRMED, ..."),
    "arguments": Column(TEXT, "all arguments, JSON"),
    "result": Column(TEXT, "all results, JSON"),
    "message": Column(TEXT, "the line Wireshark shows"),
}

EVENTS: Schema = {
    "frame": Column(U32, "its frame number in Wireshark", "frame.number"),
    "time_ns": Column(I64, "when it happened"),
    "host": Column(TEXT, "host, or wire"),
    "name": Column(TEXT, "path_down, chunk_dropped, signal, ..."),
    "text": Column(TEXT, "one line for people"),
}

FINDINGS: Schema = {
    "rule": Column(TEXT, "rule id"),
    "level": Column(pl.Enum(["MUST", "SHOULD", "INFO"]), "by the RFC's word"),
    "association": Column(U32, "row of associations; null: none"),
    "endpoint": Column(TEXT, "who broke it: addresses and port"),
    "frame": Column(U32, "the offending frame"),
    "frames": Column(pl.List(U32), "all frames that matter"),
    "chunk": Column(U16, "index of the offending chunk; null: the packet or none"),
    "call": Column(U32, "row of calls concerned; null: none"),
    "expected": Column(TEXT, "what the standard wants"),
    "actual": Column(TEXT, "what was found"),
    "message": Column(TEXT, "one sentence"),
    "cites": Column(TEXTS, "RFC and section"),
    "known": Column(TEXT, "why the stack is known to do so; null: it is not"),
}

TABLES: dict[str, Schema] = {
    "interfaces": INTERFACES,
    "packets": PACKETS,
    "chunks": CHUNKS,
    "parameters": PARAMETERS,
    "causes": CAUSES,
    "held": HELD,
    "gap_blocks": GAP_BLOCKS,
    "icmp_errors": ICMP_ERRORS,
    "associations": ASSOCIATIONS,
    "endpoints": ENDPOINTS,
    "addresses": ADDRESSES,
    "changes": CHANGES,
    "completeness": COMPLETENESS,
    "paths": PATHS,
    "heartbeats": HEARTBEATS,
    "round_trips": ROUND_TRIPS,
    "messages": MESSAGES,
    "calls": CALLS,
    "events": EVENTS,
}


def polars_schema(schema: Schema) -> pl.Schema:
    """The schema in Polars' own form."""
    return pl.Schema({name: column.dtype for name, column in schema.items()})


def conform(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """The frame with exactly the schema's columns, in its order and types; raises if one is missing."""
    return frame.select(pl.col(name).cast(column.dtype) for name, column in schema.items())
