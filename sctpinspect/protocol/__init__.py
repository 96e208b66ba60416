"""Numbers, names and serial arithmetic of the RFCs, and the package's exceptions; no I/O."""

from sctpinspect.protocol.errors import EnvironmentLacks, SctpInspectError, UsageError
from sctpinspect.protocol.numbers import (
    COMMON_HEADER_LENGTH,
    PPID_NAMES,
    TAG_REFLECTED,
    UDP_ENCAPSULATION_PORT,
    CauseCode,
    ChunkType,
    DataFlag,
    ParameterType,
    name_of,
)

__all__ = [
    "COMMON_HEADER_LENGTH",
    "PPID_NAMES",
    "TAG_REFLECTED",
    "UDP_ENCAPSULATION_PORT",
    "CauseCode",
    "ChunkType",
    "DataFlag",
    "EnvironmentLacks",
    "ParameterType",
    "SctpInspectError",
    "UsageError",
    "name_of",
]
