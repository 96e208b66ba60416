"""Serial number arithmetic (RFC 1982), which TSNs (32 bits) and SSNs (16 bits) follow (RFC 9260 §1.6)."""


def add(number: int, increment: int, bits: int = 32) -> int:
    """`number` moved by `increment`, which may be negative."""
    return (number + increment) % (1 << bits)


def distance(start: int, end: int, bits: int = 32) -> int:
    """Steps from `start` to `end`, negative when `end` comes before; in [-2**(bits-1), 2**(bits-1))."""
    half = 1 << (bits - 1)
    return (end - start + half) % (1 << bits) - half


def lt(a: int, b: int, bits: int = 32) -> bool:
    """Whether `a` comes before `b`. Of two numbers 2**(bits-1) apart neither does."""
    return 0 < (b - a) % (1 << bits) < 1 << (bits - 1)


def leq(a: int, b: int, bits: int = 32) -> bool:
    """Whether `a` comes before `b` or is `b`."""
    return a == b or lt(a, b, bits)
