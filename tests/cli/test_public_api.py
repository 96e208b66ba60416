"""What `import sctpinspect` gives, and what it does not load."""

import importlib
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from builders import association, capture

import sctpinspect


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_no_exported_name_is_a_subpackage():
    root = Path(sctpinspect.__file__).parent
    modules = {path.name.removesuffix(".py") for path in root.iterdir() if not path.name.startswith("__")}
    assert not modules & set(sctpinspect.__all__)


def test_every_exported_name_is_there_and_no_other():
    for name in sctpinspect.__all__:
        assert getattr(sctpinspect, name) is not None and name in dir(sctpinspect)
    with pytest.raises(AttributeError, match="nothing"):
        _ = sctpinspect.nothing


def test_exported_names_survive_the_import_of_everything():
    exported = {name: getattr(sctpinspect, name) for name in sctpinspect.__all__}
    for module in ("cli", "sandbox.record", "rules", "report.text", "decode", "recorder"):
        importlib.import_module(f"sctpinspect.{module}")

    assert {name: getattr(sctpinspect, name) for name in sctpinspect.__all__} == exported


@pytest.mark.parametrize("statement", ["import sctpinspect.journal", "import sctpinspect.cli"])
def test_what_starts_often_loads_nothing_heavy(statement):
    assert not {"polars", "numpy", "scapy", "pyroute2", "_sctp"} & loaded_by(statement)


def test_a_command_loads_nothing_for_its_arguments_alone():
    statement = "from sctpinspect.cli import app; app(['capture', '--list'], standalone_mode=False)"
    assert not {"pydantic", "numba", "polars"} & loaded_by(statement)


def test_reading_and_judging_need_neither_pysctp_nor_pyroute2(tmp_path):
    path = tmp_path / "x.pcapng"
    path.write_bytes(capture(association()))
    blocked = "import sys; sys.modules.update(sctp=None, _sctp=None, pyroute2=None, fcntl=None)"
    loaded = loaded_by(f"{blocked}; import sctpinspect; sctpinspect.verify({str(path)!r})")
    assert "polars" in loaded and "scapy" not in loaded


def test_the_version_is_the_packages():
    assert sctpinspect.__version__ == metadata.version("sctpinspect")


def test_a_capture_has_every_table_and_its_verdict_depends_on_the_packets(tmp_path):
    from sctpinspect.tables.schema import TABLES, polars_schema

    path = tmp_path / "x.pcapng"
    path.write_bytes(capture(association()))
    found = sctpinspect.read(path)
    for name, schema in TABLES.items():
        assert getattr(found, name).schema == polars_schema(schema), name
    assert found.path == path and found.frames == found.packets.height
    assert sctpinspect.verify(path, "rfc9260/6").results != ()
    assert [result.rule.id for result in found.verify(["rfc9260/3.1"]).results] == [
        result.rule.id for result in found.verify("rfc9260/3.1").results
    ]


def test_a_packet_is_scapys(tmp_path):
    path = tmp_path / "x.pcapng"
    path.write_bytes(capture(association()))
    packet = sctpinspect.read(path).packet(1)
    assert [packet["IP"].src, packet["SCTP"].dport] == ["10.1.0.1", 4444] and packet.haslayer("SCTPChunkInit")
    with pytest.raises(sctpinspect.UsageError, match="there is no frame 1000"):
        sctpinspect.read(path).packet(1000)


def test_a_capture_is_shown_in_one_line(tmp_path):
    path = tmp_path / "x.pcapng"
    path.write_bytes(capture(association()))
    shown = repr(sctpinspect.read(path))
    assert "\n" not in shown and str(path) in shown and "1 association" in shown
