/* ptrace(2) for user-mode Linux where this machine has more registers than it knows: see registers.py.
   Needs no header, so that any C compiler will do. */

enum { PTRACE_GETREGSET = 0x4204, PTRACE_SETREGSET = 0x4205, NT_X86_XSTATE = 0x202 };

struct iovec {
    char *base;
    unsigned long length;
};

typedef long Ptrace(int request, int pid, void *address, void *data);

extern void *dlsym(void *handle, const char *name);
static void *const RTLD_NEXT = (void *)-1L;

long ptrace(int request, int pid, void *address, void *data)
{
    static Ptrace *next;
    static char registers[1 << 16];
    static unsigned long known; /* bytes */
    struct iovec *given = data, whole = {registers, sizeof registers};
    unsigned long i;

    if (!next)
        next = (Ptrace *)dlsym(RTLD_NEXT, "ptrace");
    if (request != PTRACE_SETREGSET || (long)address != NT_X86_XSTATE)
        return next(request, pid, address, data);
    if (!known) {
        if (next(PTRACE_GETREGSET, pid, address, &whole) < 0)
            return -1;
        known = whole.length;
        for (i = 0; i < known; i++)
            registers[i] = 0; /* those that are not given are as at a program's start */
    }
    for (i = 0; i < known && i < given->length; i++)
        registers[i] = given->base[i];
    whole.length = known;
    return next(request, pid, address, &whole);
}
