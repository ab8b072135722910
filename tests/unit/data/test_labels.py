"""Targets from hand-made extractions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from circuitgcl.data import DesignFiles, Ground, Labels, load_design
from circuitgcl.errors import ParasiticsError
from circuitgcl.graph import CircuitGraph

Labelled = Callable[[str], Labels]


def loads_ff(graph: CircuitGraph, labels: Labels) -> dict[str, float]:
    """Known loads by net."""
    named = zip(graph.circuit.net_names(), (labels.load_farad * 1e15).tolist(), strict=True)
    return {name: value for name, value in named if not np.isnan(value)}


def couplings_ff(graph: CircuitGraph, labels: Labels) -> dict[tuple[str, str], float]:
    names = graph.circuit.net_names()
    pairs = [tuple(sorted((names[a], names[b]))) for a, b in labels.pair.tolist()]
    return dict(zip(pairs, (labels.coupling_farad * 1e15).tolist(), strict=True))


def test_rails_and_substrate_are_load(graph: CircuitGraph, labelled: Labelled):
    labels = labelled("a b 1\nb c 2\nb 0 3\nb vdd 4\ngnd b 5\nc gnd 6\nvdd 0 70\nvdd gnd 80")
    assert couplings_ff(graph, labels) == pytest.approx({("a", "b"): 1, ("b", "c"): 2})
    assert loads_ff(graph, labels) == pytest.approx({"a": 0, "b": 3 + 4 + 5, "c": 6})
    assert labels.report.nets_matched == 1


def test_rails_have_no_load(graph: CircuitGraph, labelled: Labelled):
    labels = labelled("a vdd 1\nvdd 0 2\nb c 1")
    assert np.isnan(labels.load_farad[graph.rails != 0]).all()


def test_nets_without_extraction_are_unknown_not_zero(graph: CircuitGraph, labelled: Labelled):
    labels = labelled("a 0 1\nb a 2")
    assert set(loads_ff(graph, labels)) == {"a", "b"}
    assert [item.name for item in labels.report.missing] == ["c", "vdd"]
    assert labels.report.reference == ("gnd",)


def test_floating_metal_is_neither_load_nor_coupling(graph: CircuitGraph, labelled: Labelled):
    """A floating piece is no AC ground; what couples to it has no place in the schematic."""
    labels = labelled("a 0 1\na lay?7 50\nlay?7 b 60\na b 2")
    assert couplings_ff(graph, labels) == pytest.approx({("a", "b"): 2})
    assert loads_ff(graph, labels) == pytest.approx({"a": 1, "b": 0})
    assert [item.name for item in labels.report.extra] == ["lay?7"]
    assert labels.report.capacitance_matched == pytest.approx(3 / 113)


def test_parallel_capacitors_and_both_orders_add_up(graph: CircuitGraph, labelled: Labelled):
    labels = labelled("a b 1\nb a 2\na b 4\nc c 8\na 0 1\n0 a 2")
    assert couplings_ff(graph, labels) == pytest.approx({("a", "b"): 7})
    assert loads_ff(graph, labels)["a"] == pytest.approx(3)


def test_pairs_are_ordered_and_distinct(graph: CircuitGraph, labelled: Labelled):
    pair = labelled("c b 1\nb a 2\na c 3").pair
    assert (pair[:, 0] < pair[:, 1]).all()
    assert len({tuple(row) for row in pair.tolist()}) == len(pair) == 3


def test_an_extraction_of_something_else_is_refused(labelled: Labelled):
    with pytest.raises(ParasiticsError, match="no net is common"):
        labelled("foo bar 1\nbar 0 2")


LAYOUT = """* extracted netlist whose nets are numbers, devices in another order
.subckt pair 1 2 3 4
m0 2 5 3 3 pmos w=1u l=0.1u
m1 2 5 4 4 nmos w=1u l=0.1u
m2 5 1 3 3 pmos w=1u l=0.1u
m3 5 1 4 4 nmos w=1u l=0.1u
c0 5 4 1f
c1 5 2 3f
c2 1 2 0.5f
.ends
"""


def test_numbered_nets_are_told_by_the_devices_of_the_extraction(two_inverters: Path, tmp_path: Path):
    extracted = tmp_path / "layout.sp"
    extracted.write_text(LAYOUT)
    design = load_design(DesignFiles(name="pair", schematic=two_inverters, extracted=extracted), top="pair")
    assert design.labels is not None
    assert loads_ff(design.graph, design.labels) == pytest.approx({"a": 0, "b": 1, "c": 0})
    assert couplings_ff(design.graph, design.labels) == pytest.approx({("b", "c"): 3, ("a", "c"): 0.5})
    assert ("by topology", 4) in design.labels.report.matched_by


def test_a_map_names_nets_that_nothing_else_tells(two_inverters: Path, tmp_path: Path):
    extracted, names = tmp_path / "layout.sp", tmp_path / "names"
    extracted.write_text("* C only\n.subckt pair\nc1 n7 vdd 2f\nc2 n7 c 1f\n.ends\n")
    names.write_text("n7 b\n")
    files = DesignFiles(name="pair", schematic=two_inverters, extracted=extracted, name_map=names)
    design = load_design(files, top="pair")
    assert design.labels is not None
    assert loads_ff(design.graph, design.labels) == pytest.approx({"b": 2, "c": 0})


def test_a_ground_capacitance_of_zero_is_unknown(graph: CircuitGraph, labelled: Labelled):
    """`gnd` is a rail; `0` is the reference node of the extractor."""
    labels = labelled("a 0 1\na vdd 2\nb gnd 4\na b 8\nb c 16")
    known = {}
    for ground in Ground:
        loads = (labels.load_of(ground) * 1e15).round(6).tolist()
        named = zip(graph.circuit.net_names(), loads, strict=True)
        known[ground] = {name: load for name, load in named if not np.isnan(load)}
    assert known == {Ground.EQUIVALENT: {"a": 3.0, "b": 4.0, "c": 0.0}, Ground.EXTRACTOR: {"a": 1.0}}
