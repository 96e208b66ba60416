"""Named barriers between the processes of a run: `signal("listening")`, `wait_for("listening")`.

Each member process has one end of a socket pair (`Barrier`), the controller has all the others
(`Broker`) and repeats every signal to everybody. A member that fails is announced to all, so that
nobody waits for it in vain.
"""

import json
import os
import select
import socket
import threading
import time
from dataclasses import dataclass

LIMIT_S = 60.0
GRACE_S = 1.0  # what the others get to end by themselves once a member has failed


class BarrierBroken(Exception):
    """Waiting is in vain: another process failed, or the time is up."""


class Barrier:
    """A member's end. Threads of the member may share it."""

    def __init__(self, channel: socket.socket):
        self._channel = channel
        self._lines = _Lines(channel)
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def signal(self, name: str) -> None:
        """Tell all processes of the run, this one included, that `name` has happened."""
        self._channel.sendall(_encode("signal", name))

    def fail(self, reason: str) -> None:
        """Tell the controller that this process cannot go on."""
        self._channel.sendall(_encode("failed", reason))

    def wait_for(self, name: str, limit_s: float = LIMIT_S) -> None:
        """Wait until some process has signalled `name`.

        Raises BarrierBroken when a process has failed meanwhile, or after `limit_s` seconds.
        """
        deadline = time.monotonic() + limit_s
        while name not in self._seen:
            # short turns: what one thread reads may be what another waits for
            with self._lock:
                if name not in self._seen and select.select([self._channel], [], [], 0.05)[0]:
                    self._read()
            if time.monotonic() > deadline:
                raise BarrierBroken(f"nobody signalled {name!r} within {limit_s:g} s")

    def _read(self) -> None:
        for kind, name in self._lines.read():
            if kind == "failed":
                raise BarrierBroken(f"{name} failed")
            self._seen.add(name)
        if self._lines.closed:
            raise BarrierBroken("the run has ended")


@dataclass
class Member:
    """A process of the run, as its controller sees it."""

    name: str
    pid: int
    lines: "_Lines"


class Broker:
    """The controller's end: repeats signals, sees members end, fail or die."""

    def __init__(self) -> None:
        self.failures: dict[str, str] = {}
        self._members: list[Member] = []
        self._seen: set[str] = set()

    def add(self, name: str, pid: int, channel: socket.socket) -> None:
        """Take in a process; it hears of everything signalled before."""
        self._members.append(Member(name, pid, _Lines(channel)))
        for seen in self._seen:
            channel.sendall(_encode("signal", seen))

    def signal(self, name: str) -> None:
        """Tell all members that `name` has happened."""
        self._seen.add(name)
        self._tell("signal", name)

    def wait_for(self, name: str, limit_s: float = LIMIT_S) -> None:
        """Serve the members until one signals `name`. Raises BarrierBroken when one fails or time is up."""
        deadline = time.monotonic() + limit_s
        while name not in self._seen:
            self._serve(deadline)
            if self.failures or time.monotonic() > deadline:
                raise BarrierBroken(f"nobody signalled {name!r}")

    def wait_for_all(self, limit_s: float) -> None:
        """Serve the members until all have ended. What still runs at the limit has failed."""
        deadline = time.monotonic() + limit_s
        while self._members and time.monotonic() < deadline:
            self._serve(deadline)
            if self.failures:
                deadline = min(deadline, time.monotonic() + GRACE_S)
        if not self.failures:
            self.failures = {member.name: f"still running after {limit_s:g} s" for member in self._members}

    def kill_all(self) -> None:
        """End what still runs."""
        for member in self._members:
            os.kill(member.pid, 9)
            os.waitpid(member.pid, 0)
        self._members = []

    def _serve(self, deadline: float) -> None:
        channels = [member.lines.channel for member in self._members]
        ready = select.select(channels, [], [], max(0, deadline - time.monotonic()))[0]
        for member in [member for member in self._members if member.lines.channel in ready]:
            for kind, text in member.lines.read():
                if kind == "failed":
                    self._failed(member.name, text)
                else:
                    self.signal(text)
            if member.lines.closed:
                self._ended(member)

    def _ended(self, member: Member) -> None:
        self._members.remove(member)
        status = os.waitstatus_to_exitcode(os.waitpid(member.pid, 0)[1])
        if status and member.name not in self.failures:
            self._failed(member.name, f"its process ended with status {status}")

    def _failed(self, name: str, reason: str) -> None:
        if not self.failures:  # what fails later fails because of the first
            self.failures[name] = reason
            self._tell("failed", name)

    def _tell(self, kind: str, name: str) -> None:
        for member in self._members:
            try:
                member.lines.channel.sendall(_encode(kind, name))
            except (BrokenPipeError, ConnectionResetError):
                continue  # it has ended; the next turn sees that


class _Lines:
    """Messages out of a stream socket, whole lines only."""

    def __init__(self, channel: socket.socket):
        self.channel = channel
        self.closed = False
        self._rest = b""

    def read(self) -> list[tuple[str, str]]:
        try:
            data = self.channel.recv(65536)
        except ConnectionResetError:  # the other end closed with something of ours unread
            data = b""
        self.closed = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [tuple(json.loads(line)) for line in lines]


def _encode(kind: str, name: str) -> bytes:
    return json.dumps([kind, name]).encode() + b"\n"
