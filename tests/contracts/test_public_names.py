"""The package's face: names that stay, loaded when asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import circuitgcl

PROMISED = {
    "read_netlist",
    "flatten",
    "read_parasitics",
    "build_graph",
    "pretrain",
    "finetune",
    "compare",
    "evaluate",
    "Estimator",
    "Estimate",
    "__version__",
}


def test_promised_names_are_public():
    assert set(circuitgcl.__all__) >= PROMISED
    assert sorted(set(circuitgcl.__all__)) == sorted(circuitgcl.__all__)


@pytest.mark.parametrize("name", sorted(set(circuitgcl.__all__) - {"__version__"}))
def test_name_is_that_of_its_room(name: str):
    value = getattr(circuitgcl, name)
    assert value.__name__ == name
    assert getattr(importlib.import_module(value.__module__), name) is value
    assert value.__doc__
    assert name in dir(circuitgcl)


def test_version_is_a_text():
    assert circuitgcl.__version__[0].isdigit()


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'estimat'"):
        circuitgcl.estimat  # noqa: B018


def test_reading_a_netlist_through_the_face_loads_no_torch(tiny_netlist: Path):
    program = """
import sys
from circuitgcl import build_graph, flatten, read_netlist, read_parasitics
graph = build_graph(flatten(read_netlist(sys.argv[1])))
assert len(graph.signal_nets) == 5
assert "torch" not in sys.modules
"""
    package = Path(circuitgcl.__file__).parent.parent
    subprocess.run([sys.executable, "-c", program, str(tiny_netlist)], cwd=package, check=True, timeout=120)
