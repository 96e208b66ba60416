"""Run SCTP programs on a real kernel, record every socket call and every packet, and judge them rule by rule.

capture = sctpinspect.capture("sample/multihoming")
capture.verify("rfc9260").findings
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sctpinspect.api import (
        Capture,
        EnvironmentLacks,
        Scan,
        SctpInspectError,
        UsageError,
        Verdict,
        capture,
        read,
        scan,
        verify,
    )

__version__ = "0.1.0"

__all__ = [
    "Capture",
    "EnvironmentLacks",
    "Scan",
    "SctpInspectError",
    "UsageError",
    "Verdict",
    "__version__",
    "capture",
    "read",
    "scan",
    "verify",
]


def __getattr__(name: str) -> Any:
    # Late, because the guest imports this package too and must not wait for Polars.
    if name in __all__:
        return getattr(importlib.import_module("sctpinspect.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
