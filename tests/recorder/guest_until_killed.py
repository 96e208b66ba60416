"""In a guest kernel: records COUNT frames to the working folder and waits to be killed. See test_guest.py."""

import ctypes
import json
import socket
import sys
import time
from pathlib import Path

from pyroute2 import IPRoute

from sctpinspect.journal.entry import Event, to_line
from sctpinspect.recorder import spool

HEAD = bytes.fromhex("02000000000402000000000388b5")

ctypes.CDLL(None).unshare(0x40000000)  # CLONE_NEWNET
with IPRoute() as ip:
    ip.link("add", ifname="left", kind="veth", peer={"ifname": "right"})
    right = ip.link_lookup(ifname="right")[0]
    for index in (ip.link_lookup(ifname="left")[0], right):
        ip.link("set", index=index, state="up")
host = {"host": "a", "path": 0, "mac": "", "addresses": []}
recipe = {"sctpinspect": "0", "interfaces": [{"ifindex": right, "name": "right", **host}], "impaired": False}
Path("recipe.json").write_text(json.dumps(recipe))
with (
    spool.recording(Path.cwd()),
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender,
    open("a.journal", "a", buffering=1) as journal,
):
    sender.bind(("left", 0))
    for number in range(int(sys.argv[1])):
        journal.write(to_line(Event(time.time_ns(), "a", "sending", str(number))) + "\n")
        sender.send(HEAD + number.to_bytes(4, "big") + bytes(1000))
    time.sleep(3600)
