"""Machines whose processors have more registers than user-mode Linux has room for."""

import subprocess
import sys

from sctpinspect.kernels import registers

REFUSAL = """
import ctypes, errno
from sctpinspect.kernels import registers
libc = ctypes.CDLL(None, use_errno=True)
def error(request):
    assert libc.ptrace(request, 2**22, 0, 0) == -1
    return errno.errorcode[ctypes.get_errno()]
GETREGS, GETREGSET = 12, 0x4204
print(error(GETREGS), error(GETREGSET))
registers.refuse_to_tell()
print(error(GETREGS), error(GETREGSET))
"""
# Each thread's sums and digests are right only if it finds its registers as it left them.
THREADS = """
import hashlib, os, threading
data = os.urandom(1 << 20)
def work(results):
    for _ in range(20):
        copied = bytes(bytearray(data)) == data
        results.append((hashlib.sha256(data).digest(), copied, sum(i * 0.5 for i in range(9999))))
results = [[] for _ in range(4)]
threads = [threading.Thread(target=work, args=[each]) for each in results]
[each.start() for each in threads]
[each.join() for each in threads]
print(len({each for result in results for each in result}), [len(each) for each in results], *os.environ)
"""


def test_only_the_set_of_registers_is_refused():
    ran = subprocess.run([sys.executable, "-c", REFUSAL], capture_output=True, text=True, check=True)
    assert ran.stdout == "ESRCH ESRCH\nESRCH EINVAL\n"


def test_a_guest_without_them_keeps_those_of_its_threads(kernel, folder, monkeypatch):
    monkeypatch.setattr(registers, "are_too_many", lambda: True)
    outcome = kernel.run([sys.executable, "-I", "-c", THREADS], folder, 60)
    assert outcome.status == 0, outcome.log
    assert outcome.log.startswith("1 [20, 20, 20, 20] ")
    assert set(registers.WITHOUT_AVX) <= set(outcome.log.split())
