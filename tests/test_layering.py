"""The layers: a package imports only from those before it (docs/architecture.md)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sctpinspect

LAYERS = [
    "protocol",
    "journal",
    "kernels",
    "sockets",
    "recorder",
    "scenarios",
    "sandbox",
    "decode",
    "tables",
    "rules",
    "report",
    "api",
    "cli",
    "__main__",
]
ROOT = Path(sctpinspect.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# who alone may import what
ONLY_IN = {
    "sctp": {"sockets"},
    "_sctp": {"sockets"},
    "pyroute2": {"sandbox"},
    "polars": {"tables", "rules", "report", "api"},
    "numpy": {"decode", "tables", "report"},
    "typer": {"cli"},
    "scapy": {"recorder", "api"},
}


def layer(module: Path) -> str:
    return module.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(module: Path) -> set[str]:
    """Full names of what a module imports, at any depth of its code."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} uses a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_module_imports_only_from_layers_before_it(module):
    if layer(module) == "__init__":
        return  # exports the public API of all
    allowed = LAYERS[: LAYERS.index(layer(module)) + 1]
    ours = [name.split(".")[1] for name in imports(module) if name.startswith("sctpinspect.")]
    packages = {name for name in ours if (ROOT / name).is_dir() or (ROOT / f"{name}.py").exists()}
    assert packages <= set(allowed), f"{module.name} imports from later layers: {packages - set(allowed)}"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_heavy_or_special_packages_are_imported_where_they_belong(module):
    for name in {name.split(".")[0] for name in imports(module)} & set(ONLY_IN):
        assert layer(module) in ONLY_IN[name], f"{module.name} imports {name}"


def test_every_package_has_its_layer():
    packages = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert packages <= set(LAYERS)


def test_rules_are_listed_without_numba():
    """It takes as long to import as everything else."""
    code = (
        "import sys; from sctpinspect.rules import select; assert select(); sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
