from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgcl.data import Labels, label_nets
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.netlist import flatten, read_netlist
from circuitgcl.parasitics import read_parasitics


@pytest.fixture
def graph(two_inverters: Path) -> CircuitGraph:
    return build_graph(flatten(read_netlist(two_inverters), "pair"))


@pytest.fixture
def labelled(graph: CircuitGraph, tmp_path: Path) -> Callable[[str], Labels]:
    """Labels of the pair of inverters from `node node femtofarad` lines."""

    def label(text: str) -> Labels:
        path = tmp_path / "pair.pex.sp"
        cards = [f"C{i} {card}f" for i, card in enumerate(text.strip().splitlines())]
        path.write_text("\n".join(["* extraction", ".subckt pair_pex", *cards, ".ends", ""]))
        return label_nets(graph, read_parasitics(path))

    return label
