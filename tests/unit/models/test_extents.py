"""Wires between cells couple like the extent of the smaller net."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from circuitgcl.data.tensors import design_tensors
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.models.capacitance import CapacitanceModel, ModelConfig
from circuitgcl.models.contribution_trees import ContributionTrees
from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.models.extents import joint_extent_log
from circuitgcl.netlist import flatten, read_netlist

INVERTER_AREA = 2 * 2.0 * (1.0 + 2 * 2.5)  # two devices of W = 2 L: a channel and two diffusions of 2.5 L

BODY = """
.subckt inv a z vdd vss
m1 z a vss vss nmos W=100n L=50n
m2 z a vdd vdd pmos W=100n L=50n
.ends
.subckt top few many p q vdd vss
x0 few p vdd vss inv
{copies}
.ends
"""


def body(tmp_path: Path, copies: int) -> CircuitGraph:
    path = tmp_path / f"body{copies}.sp"
    lines = "\n".join(f"x{n} many q vdd vss inv" for n in range(1, copies + 1))
    path.write_text(BODY.format(copies=lines))
    return build_graph(flatten(read_netlist(path), top="top"))


def extents(graph: CircuitGraph) -> dict[frozenset[str], float]:
    """By the names of two nets, of the contexts in the top body."""
    found = joint_extent_log(design_tensors(graph)).numpy()
    contexts, names = graph.contexts, graph.circuit.net_names()
    top = graph.terminals.definition[contexts.side_a] == graph.circuit.instance_definition[0]
    rows = top[contexts.occurrence_context]
    pairs, context = contexts.pair[contexts.occurrence_pair[rows]], contexts.occurrence_context[rows]
    return {
        frozenset(names[n] for n in pair): float(found[k]) for pair, k in zip(pairs, context, strict=True)
    }


def test_the_smaller_net_tells(tmp_path: Path) -> None:
    found = extents(body(tmp_path, 4))
    few = 0.5 * math.log1p(INVERTER_AREA) - 3.0
    assert found[frozenset({"few", "many"})] == pytest.approx(few, abs=1e-6)
    assert found[frozenset({"few", "q"})] == pytest.approx(few, abs=1e-6)


def test_what_shares_a_cell_has_a_place_there(tmp_path: Path) -> None:
    found = extents(body(tmp_path, 4))
    assert found[frozenset({"few", "p"})] == 0.0
    assert found[frozenset({"many", "q"})] == 0.0


def test_cells_with_devices_have_places(tmp_path: Path) -> None:
    graph = body(tmp_path, 2)
    found = joint_extent_log(design_tensors(graph)).numpy()
    leaf = graph.terminals.is_leaf[graph.contexts.side_a]
    assert leaf.any()
    assert not found[leaf].any()


def test_it_grows_like_the_root_of_the_area(tmp_path: Path) -> None:
    """Two nets over ten times the cells run about the square root of ten times as far along each other."""
    path = tmp_path / "two.sp"
    found = []
    for copies in (4, 40):
        lines = [f"x{net}{n} {net} {net}z vdd vss inv" for net in ("a", "b") for n in range(copies)]
        path.write_text(
            BODY.partition(".subckt top")[0]
            + ".subckt top a b az bz vdd vss\n"
            + "\n".join(lines)
            + "\n.ends\n"
        )
        found.append(extents(build_graph(flatten(read_netlist(path), top="top")))[frozenset({"a", "b"})])
    assert np.diff(found) == pytest.approx(0.5 * math.log((1 + 40 * INVERTER_AREA) / (1 + 4 * INVERTER_AREA)))


def test_trees_add_to_extents(tmp_path: Path, said_by: Callable[..., ContributionTrees]) -> None:
    design = design_tensors(body(tmp_path, 4))
    model = CapacitanceModel(ModelConfig(encoder=EncoderConfig(width=8, layers=1), hidden=16)).eval()
    model.coupling_trees = said_by(-2.0)
    with torch.no_grad():
        weight = model.contexts(design, model.embed(design)).weight
    torch.testing.assert_close(weight, joint_extent_log(design) - 2.0)
    assert weight.std() > 0
