"""The journal: socket calls as entries, their text forms, and the structures of the socket API.

Pure and quick to import; nothing here opens a socket. The structures (options, control messages,
notifications) are in `sctpinspect.journal.structures`.
"""

from sctpinspect.journal.digest import digest
from sctpinspect.journal.entry import (
    RECORDING_ENDED,
    STALLED,
    Call,
    Event,
    from_fields,
    from_line,
    message,
    stall,
    to_fields,
    to_line,
)

__all__ = [
    "RECORDING_ENDED",
    "STALLED",
    "Call",
    "Event",
    "digest",
    "from_fields",
    "from_line",
    "message",
    "stall",
    "to_fields",
    "to_line",
]
