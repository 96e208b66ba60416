"""docs/socket-api.md is what docs/socket_api.py makes of the captures that are here."""

import importlib.util
from pathlib import Path

from rules.altering import alter, argue, call
from rules.good import CAPTURES

import sctpinspect

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("socket_api", ROOT / "docs/socket_api.py")
socket_api = importlib.util.module_from_spec(spec)
spec.loader.exec_module(socket_api)


def rows(captures):
    page = socket_api.page(socket_api.look(captures))
    lines = [line for line in page.split("\n") if line.startswith("| `")]
    return {line.split("`")[1]: [cell.strip() for cell in line.split("|")[2:-1]] for line in lines}


def test_the_page_is_current():
    captures = sorted((ROOT / "captures").rglob("*.pcapng"))
    expected = socket_api.page(socket_api.look(map(sctpinspect.read, captures)))
    assert socket_api.PAGE.read_text() == expected, "run python docs/socket_api.py"


def test_it_tells_stacks_apart_and_refusals_from_what_nobody_tried(tmp_path):
    story = CAPTURES["one_to_one"]()
    story.recipe["hosts"]["a"] = {**story.recipe["hosts"]["a"], "stack": "usrsctp"}
    argue(story, call(story, "setsockopt", host="a"), option="SCTP_MAXSEG")
    alter(story, call(story, "setsockopt", host="a"), errno="EINVAL")
    file = tmp_path / "one.pcapng"
    file.write_bytes(story.bytes())
    told = rows([sctpinspect.read(file)])
    assert told["connect"] == ["", "works"]
    assert told["bind"] == ["works", "works"]
    assert told["accept"] == ["works", ""]
    assert told["SCTP_MAXSEG"] == ["", "EINVAL"]
    assert told["SCTP_STATUS"] == ["", "read"]
    assert told["SCTP_INITMSG"] == ["", ""]
    assert told["SCTP_EVENTS"] == ["", "no"]
    assert told["recvmsg"] == ["", "no"]
