"""Captures made by other projects; they are no part of this one, and often not there."""

import os
from pathlib import Path

import pytest

ENVIRONMENT = "SCTPINSPECT_CAPTURES"
FOLDER = Path(os.environ.get(ENVIRONMENT, Path(__file__).parents[2] / "shared" / "captures-external"))
CAPTURES = sorted(path for path in FOLDER.glob("*") if path.suffix in (".pcap", ".pcapng", ".cap"))

needed = pytest.mark.skipif(not CAPTURES, reason=f"no captures in ${ENVIRONMENT} or beside the repository")
