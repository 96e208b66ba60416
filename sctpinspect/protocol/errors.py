"""What can go wrong for a user, as one tree of exceptions. Each message is one sentence with the way out."""


class SctpInspectError(Exception):
    """Anything this package raises on purpose; `exit_status` is what a command then returns."""

    exit_status = 3


class UsageError(SctpInspectError):
    """Wrong usage, or input that cannot be read."""

    exit_status = 2


class EnvironmentLacks(SctpInspectError):
    """This machine lacks what the task needs."""

    exit_status = 3


class Interrupted(SctpInspectError):
    """The user ended a run (Ctrl-C); the status is that of a program which the signal ends."""

    exit_status = 130
