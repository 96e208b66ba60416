"""This machine's own kernel. Where it has no SCTP, a guest is the machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sctpinspect import kernels
from sctpinspect.kernels import host, probe, uml
from sctpinspect.protocol.errors import EnvironmentLacks

LIMIT_S = 60
PROGRAM = Path(__file__).with_name("host_program.py")


def has_debians_python() -> bool:
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return not subprocess.run(["/usr/bin/python3", "-c", check]).returncode
    except OSError:
        return False


@pytest.fixture(scope="module", params=["root", "user"])
def seen(request, kernel, tmp_path_factory) -> dict:
    """What `host_program.py` saw, as root and as a user without rights."""
    if request.param == "user" and not has_debians_python():
        pytest.skip("no Python of at least 3.11 at /usr/bin/python3, which any user may use")
    argv = [sys.executable, str(PROGRAM), request.param, "/dev/shm/run folder"]
    outcome = kernel.run(argv, tmp_path_factory.mktemp("host"), LIMIT_S)
    assert outcome.status == 0, outcome.log
    return json.loads(outcome.log.splitlines()[-1])


def test_a_machine_with_sctp_is_chosen(seen):
    assert seen["lack"] is None
    assert seen["auto"] == "host"
    assert seen["fact"] is True


def test_a_program_runs_with_all_rights_in_an_empty_network(seen):
    assert seen["status"] == 5
    assert seen["log"] == ["0", "/dev/shm/run folder", "/dev/shm/own", "/run/own", "lo", "7"]
    assert seen["left"] == ["log", "result"]


def test_time_limit(seen):
    assert seen["time limit"] == "The run was not done after 1 s and was ended."


def test_nothing_is_left(seen):
    """No process, mount, device or temporary file; the setting was one of the program's own namespace."""
    assert seen["changed"] == {}


def test_no_namespaces(seen):
    if seen["uid"]:
        assert "no namespaces" not in seen
    else:
        assert "gives no namespaces" in seen["no namespaces"]
        assert "or use --kernel uml" in seen["no namespaces"]


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        (("hmac", "sctp", "bridge"), "lacks a veth pair (Operation not supported)"),
        (("hmac", "sctp", "veth"), "lacks a bridge (Operation not supported)"),
        (("sctp", "veth", "bridge"), "lacks a listening SCTP socket (Function not implemented)"),
        (("veth", "bridge"), "has no SCTP (socket: EPROTONOSUPPORT)"),
    ],
)
def test_what_a_kernel_lacks_is_named(kernel, folder, monkeypatch, modules, words):
    monkeypatch.setattr(uml, "MODULES", modules)
    program = "from sctpinspect.kernels import host; print(host.lack())"
    outcome = kernel.run([sys.executable, "-c", program], folder, LIMIT_S)
    assert words in outcome.log


def test_this_machine(folder):
    lack = host.lack()
    if lack is None:
        outcome = kernels.choose("host").run([sys.executable, "-I", "-S", probe.__file__], folder, LIMIT_S)
        assert (outcome.status, outcome.log) == (0, "")
    else:
        with pytest.raises(EnvironmentLacks) as raised:
            kernels.choose("host")
        assert str(raised.value) == f"{lack}, or use --kernel uml."
