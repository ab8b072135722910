"""Imports between the rooms of the package point only downhill."""

import ast
from collections.abc import Iterator
from pathlib import Path

import circuitgcl

PACKAGE = Path(circuitgcl.__file__).parent
ORDER = [
    *("errors", "units", "hashing", "schema", "files", "config", "runs", "simulation"),
    *("netlist", "parasitics", "graph", "data", "losses", "models"),
    *("pretraining", "finetuning", "estimation", "evaluation", "reporting", "cli"),
]


def imported(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Line and room of every import of circuitgcl, wherever it stands in the module."""
    for node in ast.walk(tree):
        paths: list[list[str]] = []
        if isinstance(node, ast.Import):
            paths = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            paths = [[*base, alias.name] for alias in node.names]
        for path in paths:
            # The package's own dunders (its version) are no room; its other names are re-exports from uphill.
            if path[0] == "circuitgcl" and not path[-1].startswith("__"):
                yield node.lineno, path[1] if len(path) > 1 else "circuitgcl"


def uphill(source: str, package: list[str], room: str) -> list[str]:
    below = ORDER[: ORDER.index(room) + 1]
    return [f"line {n}: {room} -> {r}" for n, r in imported(ast.parse(source), package) if r not in below]


def test_every_module_has_a_place_in_the_order():
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")}
    assert rooms - {"__init__"} <= set(ORDER)


def test_imports_point_downhill():
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        inner = path.relative_to(PACKAGE)
        room = inner.parts[0].removesuffix(".py")
        # The package's own face imports from everywhere; a room without a place fails in the test above.
        if room in ORDER:
            lines = uphill(path.read_text(encoding="utf-8"), ["circuitgcl", *inner.parts[:-1]], room)
            found += [f"{inner} {line}" for line in lines]
    assert not found, "\n".join(found)


def test_the_check_sees_every_form_of_import():
    source = """
from typing import TYPE_CHECKING
from circuitgcl import __version__, units
from circuitgcl.netlist.records import Netlist
from .records import Parasitics
if TYPE_CHECKING:
    from circuitgcl.graph import CircuitGraph
def late():
    import circuitgcl.data.labels as labels
    from circuitgcl import models, Estimator
    from ..cli import main
import circuitgcl
"""
    found = uphill(source, ["circuitgcl", "parasitics"], "parasitics")
    rooms = {"graph", "data", "models", "Estimator", "cli", "circuitgcl"}
    assert {line.rpartition(" ")[2] for line in found} == rooms
