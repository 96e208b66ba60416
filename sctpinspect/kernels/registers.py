"""Processors with more registers than user-mode Linux 6.1 has room for (AMX: Xeons since 2023).

It keeps the registers of each process of its guest with ptrace(2), PTRACE_GETREGSET and PTRACE_SETREGSET of
NT_X86_XSTATE, in 2696 bytes. Where the machine's own kernel has more of them to set, it takes no such part,
and the guest's first process ends at once. A user-mode Linux that is refused PTRACE_GETREGSET when it starts
keeps the 512 bytes of FXSAVE instead, which every processor has: x87 and SSE, but not AVX. So programs in
the guest are told not to use that, since their threads would find each other's values there.
"""

import ctypes
import errno
import os
import struct

ROOM = 2696  # HOST_FP_SIZE of arch/x86/um/user-offsets.c
SIGNAL_FRAME = 944  # what the smallest signal stack has beside these registers
WITHOUT_AVX = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-AVX_Fast_Unaligned_Load",
    "OPENSSL_ia32cap": "~0x1000000000000000:0",
}

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # of classic BPF
CALL, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
X86_64, PTRACE, PTRACE_GETREGSET = 0xC000003E, 101, 0x4204
# Code, instructions to skip if equal and if not, operand.
REFUSAL = b"".join(
    struct.pack("=HBBI", *instruction)
    for instruction in (
        (LOAD, 0, 0, ARCHITECTURE),
        (JUMP_IF_EQUAL, 0, 5, X86_64),
        (LOAD, 0, 0, CALL),
        (JUMP_IF_EQUAL, 0, 3, PTRACE),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_IF_EQUAL, 0, 1, PTRACE_GETREGSET),
        (RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EINVAL),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW),
    )
)


def are_too_many() -> bool:
    """Whether this machine's kernel keeps more registers of a process than user-mode Linux has room for."""
    return os.sysconf("SC_MINSIGSTKSZ") > ROOM + SIGNAL_FRAME


def refuse_to_tell() -> None:
    """From now on PTRACE_GETREGSET fails in this process and all it starts, as before Linux 2.6.34.

    Raises OSError where the machine has no seccomp(2) filters.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    filter_ = ctypes.create_string_buffer(REFUSAL)
    program = struct.pack("@HP", len(REFUSAL) // 8, ctypes.addressof(filter_))
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)  # what a filter needs without root
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
