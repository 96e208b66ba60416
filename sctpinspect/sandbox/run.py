"""One run: the namespaces, the hosts' processes, the recorder and the wire, from set-up to the last packet.

The running process becomes the controller: it makes a network namespace for each host, which is forked in
it, and stays in a last one, the wire. Everything else is a child of it, so that nothing outlives it.
"""

import errno
import json
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import ModuleType

from sctpinspect import __version__, scenarios
from sctpinspect.journal import RECORDING_ENDED
from sctpinspect.protocol.errors import SctpInspectError
from sctpinspect.recorder import spool
from sctpinspect.recorder.ring import BLOCKS
from sctpinspect.sandbox import USRSCTP, network
from sctpinspect.sandbox.barrier import Barrier, BarrierBroken, Broker
from sctpinspect.sandbox.host import Host, RawHost, UsrsctpHost
from sctpinspect.sandbox.wire import Wire
from sctpinspect.scenarios import Impairment, Topology
from sctpinspect.sockets import Journal

LIMIT_S = 120.0
LINGER_S = 0.6
"""So long, and a round trip, the recording goes on after the hosts: what is not answered then never is."""


def run(
    module: ModuleType, name: str, variant: str, kernel: str, folder: Path, blocks: int = BLOCKS
) -> dict[str, str]:
    """Run a scenario and leave its spool in `folder`. Gives the members that failed, with the reason.

    blocks: the size of the packet ring, in MiB.
    """
    topology = scenarios.topology(module, variant)
    broker = Broker()
    namespaces = []
    try:
        pids = {}
        for host in scenarios.HOSTS:
            network.enter_new_namespace()
            # Held until the recording has ended: a host whose program is done still gets what is under way.
            namespaces.append(os.open("/proc/self/ns/net", os.O_RDONLY))
            act = partial(act_as_host, host, module, variant, topology, folder)
            pids[host] = start(broker, f"host {host}", module, act)
        network.enter_new_namespace()
        interfaces = network.lay_paths(topology, pids)
        broker.signal("paths are laid")
        for host in scenarios.HOSTS:
            broker.wait_for(f"{host} is configured")
        impaired = hasattr(module, "wire") or topology.impairment is not None
        recipe = describe(name, variant, kernel, topology, interfaces, impaired)
        (folder / "recipe.json").write_text(json.dumps(recipe))
        with spool.recording(folder, outgoing=impaired, blocks=blocks):
            if hasattr(module, "wire"):
                start(broker, "the wire", module, partial(act_as_wire, module, variant, topology, folder))
            broker.signal("recording")
            broker.wait_for_all(LIMIT_S)
            time.sleep(LINGER_S + _round_trip_s(topology))
            Journal("wire", folder / "recording.journal").event(RECORDING_ENDED, "nothing more came")
    except (BarrierBroken, SctpInspectError, OSError) as error:
        return broker.failures or {"the controller": explain(error, module)}
    finally:
        broker.kill_all()
        for namespace in namespaces:
            os.close(namespace)
    return broker.failures


def _round_trip_s(topology: Topology) -> float:
    """What the paths take, there and back."""
    impairment = topology.impairment or Impairment()
    return 2 * (impairment.delay_ms + impairment.jitter_ms) / 1000


def describe(
    name: str, variant: str, kernel: str, topology: Topology, interfaces: list[dict], impaired: bool
) -> dict:
    """The recipe: all that is needed to understand, and to repeat, the run."""
    return {
        "sctpinspect": __version__,
        "scenario": name,
        "variant": variant,
        "kernel": {"name": kernel, "release": os.uname().release},
        "topology": asdict(topology),
        "hosts": {
            host: {
                "addresses": topology.host_addresses(host),
                "stack": topology.stacks.get(host, "kernel"),
            }
            for host in scenarios.HOSTS
        },
        "interfaces": interfaces,
        "sysctls": network.sctp_sysctls() | {key: str(value) for key, value in topology.sysctls.items()},
        "impaired": impaired,
    }


def start(broker: Broker, name: str, module: ModuleType, act: Callable[[Barrier], None]) -> int:
    """Fork a member that runs `act` and ends; its failure is told to the broker. Gives its pid.

    What fails in one of its threads is a failure of the member too.
    """
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid:
        theirs.close()
        broker.add(name, pid, ours)
        return pid
    status = 1
    barrier = Barrier(theirs)
    threading.excepthook = lambda failed: barrier.fail(explain(failed.exc_value or SystemExit(), module))
    try:
        ours.close()
        network.die_with_parent()
        act(barrier)
        status = 0
    except BaseException as error:
        barrier.fail(explain(error, module))
    finally:
        with suppress(OSError):  # a full disk; an exception here would go on as a second controller
            sys.stdout.flush()
        os._exit(status)


def act_as_host(
    host: str, module: ModuleType, variant: str, topology: Topology, folder: Path, barrier: Barrier
) -> None:
    """A host's process, in its namespace: its interfaces, then its function of the scenario."""
    barrier.wait_for("paths are laid")
    network.configure(host, topology)
    barrier.signal(f"{host} is configured")
    barrier.wait_for("recording")
    journal = Journal(host, folder / f"{host}.journal")
    kind: Callable[..., Host | RawHost] = RawHost if host in topology.raw else Host
    if host in topology.stacks:
        kind = partial(UsrsctpHost, (folder / USRSCTP).read_text())
    member = kind(host, variant, topology, journal, barrier)
    getattr(module, scenarios.HOSTS[host])(member)
    member.end()


def act_as_wire(module: ModuleType, variant: str, topology: Topology, folder: Path, barrier: Barrier) -> None:
    """The process that impairs the paths while the hosts talk."""
    module.wire(Wire(variant, topology, Journal("wire", folder / "wire.journal"), barrier))


REMEDIES = {
    errno.EADDRINUSE: "another socket of this host has the port; choose another port, or close that socket",
    errno.EADDRNOTAVAIL: "this host does not have the address; take one of host.addresses",
    errno.EAFNOSUPPORT: "the address is of another family than the socket; take one of the socket's family",
    errno.EINVAL: "a value or the family of an address does not fit the socket; see the topology",
    errno.ECONNREFUSED: "nobody listens there; wait for the other host's signal before connecting",
    errno.ENOSPC: "the disk is full; make room",
}


def explain(error: BaseException, module: ModuleType) -> str:
    """A sentence for what the system or another process caused, a traceback for a fault of the program."""
    if not isinstance(error, OSError | BarrierBroken | SctpInspectError):
        return "".join(traceback.format_exception(error)).strip()
    frames = traceback.extract_tb(error.__traceback__)
    folder = os.path.dirname(module.__file__ or "")
    where = [
        f"line {frame.lineno}, {frame.line}" for frame in frames if os.path.dirname(frame.filename) == folder
    ]
    what, remedy = str(error), None
    if isinstance(error, OSError) and error.strerror:
        what, remedy = error.strerror, REMEDIES.get(error.errno or 0)
    return ": ".join(part for part in (*where[-1:], what, remedy) if part)
