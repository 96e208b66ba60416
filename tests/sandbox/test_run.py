"""What the members of a run tell of their failures."""

import errno
import os
from types import ModuleType

import pytest

from sctpinspect.protocol.errors import EnvironmentLacks
from sctpinspect.sandbox.barrier import BarrierBroken
from sctpinspect.sandbox.run import explain

MODULE = ModuleType("scenario")
MODULE.__file__ = __file__


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE)), "Address already in use: another socket"),
        (TimeoutError("no packet within 10 s"), "no packet within 10 s"),
        (EnvironmentLacks("losing packets by chunk needs nft"), "losing packets by chunk needs nft"),
        (BarrierBroken("host a failed"), "host a failed"),
    ],
)
def test_what_the_system_or_another_process_caused_is_a_line_with_its_place(error, words):
    told = explain(raised(error), MODULE)
    assert told.startswith("line ") and f": {words}" in told and "\n" not in told


def test_a_fault_of_the_program_is_told_with_its_traceback():
    told = explain(raised(AssertionError("not what was sent")), MODULE)
    assert told.startswith("Traceback") and told.endswith("AssertionError: not what was sent")
