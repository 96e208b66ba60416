"""The journal file of a host's process: a line per entry, complete whenever the process is killed."""

import os
import time

from sctpinspect.journal import Call, Event, to_line


class Journal:
    """Appends the entries of one host to a file. Threads and processes of the host may share it."""

    def __init__(self, host: str, path: str | os.PathLike[str]):
        """Open or create the file. Raises OSError if that is impossible."""
        self.host = host
        self._path = os.path.abspath(path)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def record(self, entry: Call | Event) -> None:
        """Append an entry, in one write."""
        os.write(self._file, to_line(entry).encode() + b"\n")

    def event(self, name: str, text: str) -> None:
        """Record that something happened just now."""
        self.record(Event(time.time_ns(), self.host, name, text))

    def number_socket(self) -> int:
        """The next free socket number of the host, from 1.

        It is the length of a file next to the journal to which each caller appends a byte: unique among
        all threads and processes of the host, whether they were forked or started on their own.
        """
        path = os.path.join(os.path.dirname(self._path), f"{self.host}.sockets")
        counter = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            os.write(counter, b"\n")
            return os.lseek(counter, 0, os.SEEK_CUR)
        finally:
            os.close(counter)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
