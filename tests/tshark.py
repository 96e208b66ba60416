"""What tshark shows of SCTP packets, as trees: the packet, its chunks, their parameters and error causes."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

OPTIONS = ["sctp.checksum:CRC-32C", "sctp.relative_tsns:FALSE", "sctp.reassembly:TRUE"]
OPTIONS += ["ip.defragment:TRUE", "ipv6.defragment:TRUE"]
is_here = shutil.which("tshark") is not None
_QUOTING = {"icmp", "icmpv6"}
_TYPES = {"sctp.chunk_type", "sctp.parameter_type", "sctp.cause_code"}


@dataclass
class Item:
    """A packet, chunk, parameter or error cause.

    title: what tshark calls it. offset: where it begins in its packet. fields: what is shown of it, in order,
    by Wireshark's names, without what is shown of the items in it. octets: all of it, with padding.
    """

    title: str
    offset: int
    octets: bytes
    fields: dict[str, list[str]] = field(default_factory=dict)
    items: list["Item"] = field(default_factory=list)

    def numbers(self, name: str) -> list[int]:
        return [int(text, 0) for text in self.fields.get(name, [])]

    def number(self, name: str) -> int | None:
        return next(iter(self.numbers(name)), None)


def named(name: str) -> set[int]:
    """The numbers of a field that have names."""
    listed = subprocess.run(["tshark", "-G", "values"], capture_output=True, text=True, check=True).stdout
    lines = (line.split("\t") for line in listed.splitlines())
    return {int(line[2], 0) for line in lines if line[:2] == ["V", name]}


def packets(path: Path) -> Iterator[tuple[int, Item]]:
    """Frame number and packet, for each SCTP packet of a capture that no ICMP message quotes."""
    with tempfile.TemporaryFile() as pdml:
        command = ["tshark", "-n", "-r", path, "-Y", "sctp", "-T", "pdml", "-J", "sctp"]
        command += [word for option in OPTIONS for word in ("-o", option)]
        subprocess.run(command, stdout=pdml, stderr=subprocess.DEVNULL)  # it fails where a file is cut
        pdml.seek(0)
        for _, frame in ElementTree.iterparse(pdml):
            if frame.tag == "packet":
                number = int(frame.find("proto/field[@name='num']").get("show"))
                yield from ((number, packet) for packet in _packets(frame))
                frame.clear()


def _packets(frame: ElementTree.Element) -> list[Item]:
    found: list[Item] = []
    begin = 0
    for layer in frame.iter("proto"):
        if layer.get("name") in _QUOTING:
            break
        if layer.get("name") != "sctp":
            continue
        if layer.find("field[@name='sctp.srcport']") is not None or not found:
            begin = int(layer.get("pos"))
            found.append(_item(layer, begin))
        else:  # behind user data that tshark dissects, the packet goes on
            _gather(found[-1], layer, begin)
    return found


def _item(element: ElementTree.Element, begin: int) -> Item:
    item = Item(
        element.get("show") or element.get("showname"),
        int(element.get("pos")) - begin,
        bytes.fromhex(element.get("value", "")),
    )
    _gather(item, element, begin)
    return item


def _gather(item: Item, element: ElementTree.Element, begin: int) -> None:
    for inner in element.findall("field"):
        name = inner.get("name")
        if not name and any(each.get("name") in _TYPES for each in inner.findall("field")):
            item.items.append(_item(inner, begin))
            continue
        if name.startswith("sctp.") and not inner.get("hide"):
            text = inner.get("value" if ":" in inner.get("show") and "address" not in name else "show")
            item.fields.setdefault(name, []).append(text)
        if name == "_ws.expert":
            item.fields.setdefault("expert", []).append(inner.get("showname"))
        else:
            _gather(item, inner, begin)
