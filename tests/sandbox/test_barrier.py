"""Barriers between processes."""

import os
import socket

import pytest

from sctpinspect.sandbox.barrier import Barrier, BarrierBroken, Broker


def start(broker, name, act):
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid:
        theirs.close()
        broker.add(name, pid, ours)
        return
    ours.close()
    barrier = Barrier(theirs)
    try:
        act(barrier)
    except BarrierBroken as broken:
        barrier.fail(f"broken: {broken}")
    os._exit(0)


@pytest.fixture
def broker():
    broker = Broker()
    yield broker
    broker.kill_all()


def test_a_signal_reaches_the_others_and_those_who_come_later(broker):
    start(broker, "first", lambda barrier: barrier.signal("one"))
    broker.wait_for("one")
    start(broker, "second", lambda barrier: (barrier.wait_for("one"), barrier.signal("two")))
    broker.wait_for("two")
    broker.wait_for_all(10)
    assert broker.failures == {}


def test_a_failure_is_told_once_and_frees_those_who_wait(broker):
    start(broker, "waiter", lambda barrier: barrier.wait_for("never"))
    start(broker, "culprit", lambda barrier: barrier.fail("no way"))
    broker.wait_for_all(10)
    assert broker.failures == {"culprit": "no way"}


def test_a_killed_process_is_a_failure(broker):
    start(broker, "victim", lambda barrier: os.kill(os.getpid(), 9))
    broker.wait_for_all(10)
    assert broker.failures == {"victim": "its process ended with status -9"}


def test_what_still_runs_at_the_limit_has_failed(broker):
    start(broker, "sleeper", lambda barrier: barrier.wait_for("never"))
    broker.wait_for_all(0.3)
    assert broker.failures == {"sleeper": "still running after 0.3 s"}
