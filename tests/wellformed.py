"""A well-formed value of every parameter type and cause code, and what the tables say of its fields."""

from builders import address_parameter, cause, chunk, parameter

from sctpinspect.protocol import CauseCode, ParameterType

ADDRESS = address_parameter("10.1.0.1")
OUTGOING = b"\0\0\0\1\0\0\0\2\0\0\0\3\0\4\0\5"
PARAMETERS = {
    ParameterType.HEARTBEAT_INFO: (b"info", {}),
    ParameterType.IPV4_ADDRESS: (b"\x0a\1\0\1", {"address": "10.1.0.1"}),
    ParameterType.IPV6_ADDRESS: (b"\xfd" + bytes(14) + b"\1", {"address": "fd00::1"}),
    ParameterType.STATE_COOKIE: (b"cookie", {}),
    ParameterType.UNRECOGNIZED_PARAMETER: (parameter(0x8123, b"?"), {}),
    ParameterType.COOKIE_PRESERVATIVE: (b"\0\0\0\7", {"lifespan_increment_ms": 7}),
    ParameterType.HOST_NAME_ADDRESS: (b"host\0", {}),
    ParameterType.SUPPORTED_ADDRESS_TYPES: (b"\0\5\0\6", {"listed": [5, 6]}),
    ParameterType.OUTGOING_SSN_RESET_REQUEST: (
        OUTGOING,
        {"request_number": 1, "response_number": 2, "last_tsn": 3, "listed": [4, 5]},
    ),
    ParameterType.INCOMING_SSN_RESET_REQUEST: (OUTGOING[:6], {"request_number": 1, "listed": [0]}),
    ParameterType.SSN_TSN_RESET_REQUEST: (OUTGOING[:4], {"request_number": 1}),
    ParameterType.RE_CONFIGURATION_RESPONSE: (
        OUTGOING,
        {"response_number": 1, "result": 2, "next_tsn": 3, "peer_next_tsn": 0x40005},
    ),
    ParameterType.ADD_OUTGOING_STREAMS_REQUEST: (
        b"\0\0\0\1\0\2\0\0",
        {"request_number": 1, "added_streams": 2},
    ),
    ParameterType.ADD_INCOMING_STREAMS_REQUEST: (
        b"\0\0\0\1\0\2\0\0",
        {"request_number": 1, "added_streams": 2},
    ),
    ParameterType.ECN_CAPABLE: (b"", {}),
    ParameterType.ZERO_CHECKSUM_ACCEPTABLE: (b"\0\0\0\1", {"error_detection_method": 1}),
    ParameterType.RANDOM: (bytes(32), {}),
    ParameterType.CHUNK_LIST: (b"\xc1\x80", {"listed": [193, 128]}),
    ParameterType.REQUESTED_HMAC_ALGORITHM: (b"\0\3\0\1", {"listed": [3, 1]}),
    ParameterType.PADDING: (bytes(8), {}),
    ParameterType.SUPPORTED_EXTENSIONS: (b"\xc1\x80\x82", {"listed": [193, 128, 130]}),
    ParameterType.FORWARD_TSN_SUPPORTED: (b"", {}),
    ParameterType.ADD_IP_ADDRESS: (b"\0\0\0\1" + ADDRESS, {"correlation_id": 1, "address": "10.1.0.1"}),
    ParameterType.DELETE_IP_ADDRESS: (b"\0\0\0\1" + ADDRESS, {"correlation_id": 1, "address": "10.1.0.1"}),
    ParameterType.ERROR_CAUSE_INDICATION: (b"\0\0\0\1" + cause(160, ADDRESS), {"correlation_id": 1}),
    ParameterType.SET_PRIMARY_ADDRESS: (
        b"\0\0\0\1" + ADDRESS,
        {"correlation_id": 1, "address": "10.1.0.1"},
    ),
    ParameterType.SUCCESS_INDICATION: (b"\0\0\0\1", {"correlation_id": 1}),
    ParameterType.ADAPTATION_LAYER_INDICATION: (b"\0\0\0\1", {"adaptation_code": 1}),
}
CAUSES = {code: (b"", {}) for code in CauseCode} | {
    **{code: (ADDRESS, {}) for code in (5, 8, 11, 160, 161, 162, 164)},
    CauseCode.UNRECOGNIZED_CHUNK_TYPE: (chunk(200, b"?"), {}),
    CauseCode.INVALID_STREAM_IDENTIFIER: (b"\0\7\0\0", {"stream": 7}),
    CauseCode.MISSING_MANDATORY_PARAMETER: (b"\0\0\0\2\0\7\0\x08", {"missing": [7, 8]}),
    CauseCode.STALE_COOKIE: (b"\0\0\0\7", {"staleness_us": 7}),
    CauseCode.NO_USER_DATA: (b"\0\0\0\7", {"tsn": 7}),
    CauseCode.UNSUPPORTED_HMAC_IDENTIFIER: (b"\0\7", {"hmac_id": 7}),
}
