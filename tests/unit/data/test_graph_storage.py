"""Circuit graphs in files of plain arrays."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from circuitgcl.data.graph_storage import load_graph, save_graph
from circuitgcl.errors import DataError
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.netlist import flatten, read_netlist


@pytest.fixture
def graph(tiny_netlist: Path) -> CircuitGraph:
    return build_graph(flatten(read_netlist(tiny_netlist)))


def test_a_graph_comes_back_as_it_was(graph: CircuitGraph, tmp_path: Path):
    save_graph(graph, tmp_path / "g.safetensors")
    found = load_graph(tmp_path / "g.safetensors")
    assert found.circuit.net_names() == graph.circuit.net_names()
    assert found.circuit.device_names() == graph.circuit.device_names()
    for name in ("rails", "net_features", "terminal_features", "pair_features", "device_features"):
        assert np.array_equal(getattr(found, name), getattr(graph, name))
    for item in fields(graph.contexts):
        assert np.array_equal(getattr(found.contexts, item.name), getattr(graph.contexts, item.name))


def test_other_files_are_refused(graph: CircuitGraph, tmp_path: Path):
    path = tmp_path / "g.safetensors"
    with pytest.raises(DataError, match=r"g\.safetensors"):
        load_graph(path)
    path.write_bytes(b"no arrays")
    with pytest.raises(DataError, match=r"g\.safetensors"):
        load_graph(path)
    save_graph(graph, path)
    path.write_bytes(path.read_bytes().replace(b"circuitgcl graph", b"circuitgcl other"))
    with pytest.raises(DataError, match="holds 'circuitgcl other', no circuit graph"):
        load_graph(path)


def test_a_graph_that_does_not_fit_itself_is_refused(graph: CircuitGraph, tmp_path: Path):
    graph.rails[:] = 1
    save_graph(graph, tmp_path / "g.safetensors")
    with pytest.raises(DataError, match=r"g.safetensors.*there is no signal net"):
        load_graph(tmp_path / "g.safetensors")
