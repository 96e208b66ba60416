"""Numbers of IANA's registries "SCTP Parameters", by the names of the RFCs, with underscores."""

from enum import IntEnum, IntFlag

UDP_ENCAPSULATION_PORT = 9899  # RFC 6951 §5.1
COMMON_HEADER_LENGTH = 12  # RFC 9260 §3.1


class ChunkType(IntEnum):
    """Chunk types (RFC 9260 §3.2 unless stated)."""

    DATA = 0
    INIT = 1
    INIT_ACK = 2
    SACK = 3
    HEARTBEAT = 4
    HEARTBEAT_ACK = 5
    ABORT = 6
    SHUTDOWN = 7
    SHUTDOWN_ACK = 8
    ERROR = 9
    COOKIE_ECHO = 10
    COOKIE_ACK = 11
    ECNE = 12
    CWR = 13
    SHUTDOWN_COMPLETE = 14
    AUTH = 15  # RFC 4895
    NR_SACK = 16  # draft-tuexen-tsvwg-sctp-nr-sack
    I_DATA = 64  # RFC 8260
    ASCONF_ACK = 128  # RFC 5061
    PKTDROP = 129  # draft-stewart-sctp-pktdrprep
    RE_CONFIG = 130  # RFC 6525
    PAD = 132  # RFC 4820
    FORWARD_TSN = 192  # RFC 3758
    ASCONF = 193  # RFC 5061
    I_FORWARD_TSN = 194  # RFC 8260


class DataFlag(IntFlag):
    """Flags of DATA (RFC 9260 §3.3.1) and I_DATA (RFC 8260 §2.1)."""

    ENDING = 0x01
    BEGINNING = 0x02
    UNORDERED = 0x04
    IMMEDIATE = 0x08


TAG_REFLECTED = 0x01  # T bit of ABORT and SHUTDOWN_COMPLETE (RFC 9260 §3.3.7, §3.3.13)


class ParameterType(IntEnum):
    """Chunk parameter types (RFC 9260 §3.2.1 unless stated)."""

    HEARTBEAT_INFO = 1
    IPV4_ADDRESS = 5
    IPV6_ADDRESS = 6
    STATE_COOKIE = 7
    UNRECOGNIZED_PARAMETER = 8
    COOKIE_PRESERVATIVE = 9
    HOST_NAME_ADDRESS = 11
    SUPPORTED_ADDRESS_TYPES = 12
    OUTGOING_SSN_RESET_REQUEST = 13  # RFC 6525
    INCOMING_SSN_RESET_REQUEST = 14  # RFC 6525
    SSN_TSN_RESET_REQUEST = 15  # RFC 6525
    RE_CONFIGURATION_RESPONSE = 16  # RFC 6525
    ADD_OUTGOING_STREAMS_REQUEST = 17  # RFC 6525
    ADD_INCOMING_STREAMS_REQUEST = 18  # RFC 6525
    ECN_CAPABLE = 0x8000
    ZERO_CHECKSUM_ACCEPTABLE = 0x8001  # RFC 9653
    RANDOM = 0x8002  # RFC 4895
    CHUNK_LIST = 0x8003  # RFC 4895
    REQUESTED_HMAC_ALGORITHM = 0x8004  # RFC 4895
    PADDING = 0x8005  # RFC 4820
    SUPPORTED_EXTENSIONS = 0x8008  # RFC 5061
    FORWARD_TSN_SUPPORTED = 0xC000  # RFC 3758
    ADD_IP_ADDRESS = 0xC001  # RFC 5061
    DELETE_IP_ADDRESS = 0xC002  # RFC 5061
    ERROR_CAUSE_INDICATION = 0xC003  # RFC 5061
    SET_PRIMARY_ADDRESS = 0xC004  # RFC 5061
    SUCCESS_INDICATION = 0xC005  # RFC 5061
    ADAPTATION_LAYER_INDICATION = 0xC006  # RFC 5061


class CauseCode(IntEnum):
    """Error cause codes (RFC 9260 §3.3.10 unless stated)."""

    INVALID_STREAM_IDENTIFIER = 1
    MISSING_MANDATORY_PARAMETER = 2
    STALE_COOKIE = 3
    OUT_OF_RESOURCE = 4
    UNRESOLVABLE_ADDRESS = 5
    UNRECOGNIZED_CHUNK_TYPE = 6
    INVALID_MANDATORY_PARAMETER = 7
    UNRECOGNIZED_PARAMETERS = 8
    NO_USER_DATA = 9
    COOKIE_RECEIVED_WHILE_SHUTTING_DOWN = 10
    RESTART_OF_AN_ASSOCIATION_WITH_NEW_ADDRESSES = 11
    USER_INITIATED_ABORT = 12
    PROTOCOL_VIOLATION = 13
    REQUEST_TO_DELETE_LAST_REMAINING_IP_ADDRESS = 160  # RFC 5061
    OPERATION_REFUSED_DUE_TO_RESOURCE_SHORTAGE = 161  # RFC 5061
    REQUEST_TO_DELETE_SOURCE_IP_ADDRESS = 162  # RFC 5061
    ASSOCIATION_ABORTED_DUE_TO_ILLEGAL_ASCONF_ACK = 163  # RFC 5061
    REQUEST_REFUSED_NO_AUTHORIZATION = 164  # RFC 5061
    UNSUPPORTED_HMAC_IDENTIFIER = 261  # RFC 4895


PPID_NAMES: dict[int, str] = {
    1: "IUA",
    2: "M2UA",
    3: "M3UA",
    4: "SUA",
    5: "M2PA",
    6: "V5UA",
    7: "H.248",
    8: "BICC/Q.2150.3",
    9: "TALI",
    10: "DUA",
    11: "ASAP",
    12: "ENRP",
    13: "H.323",
    14: "Q.IPC/Q.2150.3",
    15: "SIMCO",
    16: "DDP Segment Chunk",
    17: "DDP Stream Session Control",
    18: "S1AP",
    19: "RUA",
    20: "HNBAP",
    21: "ForCES-HP",
    22: "ForCES-MP",
    23: "ForCES-LP",
    24: "SBc-AP",
    25: "NBAP",
    27: "X2AP",
    28: "IRCP",
    29: "LCS-AP",
    30: "MPICH2",
    31: "SABP",
    32: "FGP",
    33: "PPP",
    34: "CALCAPP",
    35: "SSP",
    36: "NPMP-CONTROL",
    37: "NPMP-DATA",
    38: "ECHO",
    39: "DISCARD",
    40: "DAYTIME",
    41: "CHARGEN",
    42: "3GPP RNA",
    43: "3GPP M2AP",
    44: "3GPP M3AP",
    45: "SSH over SCTP",
    46: "Diameter",
    47: "Diameter over DTLS",
    48: "R14P",
    49: "GDT",
    50: "WebRTC DCEP",
    51: "WebRTC String",
    52: "WebRTC Binary Partial",
    53: "WebRTC Binary",
    54: "WebRTC String Partial",
    55: "3GPP PUA",
    56: "WebRTC String Empty",
    57: "WebRTC Binary Empty",
    58: "3GPP XwAP",
    59: "3GPP Xw-Control Plane",
    60: "NGAP",
    61: "XnAP",
    62: "F1AP",
    63: "HTTP/SCTP",
    64: "E1AP",
    65: "ELE2 Lawful Interception",
    66: "NGAP over DTLS",
    67: "XnAP over DTLS",
    68: "F1AP over DTLS",
    69: "E1AP over DTLS",
    70: "E2-CP",
    71: "E2-UP",
    72: "E2-DU",
    73: "W1AP",
}
"""Payload protocol identifiers by number. 0 is "unspecified" (RFC 9260 §3.3.1) and has no name."""


def name_of(numbers: type[IntEnum], number: int) -> str | None:
    """The name of `number` among `numbers`; None for a number that the registry does not name."""
    try:
        return numbers(number).name
    except ValueError:
        return None
