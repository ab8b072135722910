from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgcl.data import Labels, label_nets
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.netlist import flatten, read_netlist
from circuitgcl.parasitics import read_parasitics

# two inverters in a row; `b` is the net between them
PAIR = """* pair
.subckt inv a y vdd gnd
mp y a vdd vdd pmos w=0.4u l=0.05u
mn y a gnd gnd nmos w=0.2u l=0.05u
.ends
.subckt pair a c vdd gnd
x1 a b vdd gnd inv
x2 b c vdd gnd inv
.ends
"""


@pytest.fixture
def graph(tmp_path: Path) -> CircuitGraph:
    path = tmp_path / "pair.sp"
    path.write_text(PAIR)
    return build_graph(flatten(read_netlist(path), "pair"))


@pytest.fixture
def labelled(graph: CircuitGraph, tmp_path: Path) -> Callable[[str], Labels]:
    """Labels of the pair of inverters from `node node femtofarad` lines."""

    def label(text: str) -> Labels:
        path = tmp_path / "pair.pex.sp"
        cards = [f"C{i} {card}f" for i, card in enumerate(text.strip().splitlines())]
        path.write_text("\n".join(["* extraction", ".subckt pair_pex", *cards, ".ends", ""]))
        return label_nets(graph, read_parasitics(path))

    return label
