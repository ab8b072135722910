"""Feature values by hand, on a five-transistor amplifier with a resistor and a capacitor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, log1p

import numpy as np
import pytest

from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.graph.contexts import ContextKind
from circuitgcl.graph.feature_schema import (
    DEVICE_FEATURES,
    NET_FEATURES,
    PAIR_FEATURES,
    PIN_FEATURES,
    TERMINAL_FEATURES,
    Feature,
)
from circuitgcl.graph.features import (
    DEFAULT_CHANNEL_LENGTH_M,
    Float32Array,
    channel_length_m,
    instance_levels,
)
from circuitgcl.graph.indices import IndexRelation
from circuitgcl.netlist import FlatCircuit


@pytest.fixture
def graph(ota: FlatCircuit) -> CircuitGraph:
    return build_graph(ota)


def row(schema: Sequence[Feature], values: Float32Array) -> dict[str, float]:
    """Features that are not zero, by name."""
    assert len(schema) == len(values)
    return {f.name: float(v) for f, v in zip(schema, values, strict=True) if v}


def net_row(graph: CircuitGraph, net: str) -> dict[str, float]:
    return row(NET_FEATURES, graph.net_features[graph.circuit.net_names().index(net)])


def log_all(values: dict[str, float]) -> dict[str, float]:
    return {name: log1p(value) for name, value in values.items()}


def test_nets(graph: CircuitGraph):
    """Drawn sizes count in channel lengths of 0.1 um: W = 2u is 20."""
    assert graph.channel_length_m == pytest.approx(0.1e-6)
    mirror = {"mos": 4, "gate_pins": 2, "source_drain_pins": 2, "pmos_pins": 3, "instances": 1}
    mirror |= {"mos_width": 20 + 3 * 10, "mos_length": 1 + 3 * 2, "gate_width": 20, "source_drain_width": 30}
    assert net_row(graph, "x") == pytest.approx(log_all(mirror) | {"inverse_level": 1.0})
    tail = {"mos": 3, "source_drain_pins": 3, "mos_width": 20 + 20 + 2 * 40, "mos_length": 3, "instances": 1}
    assert net_row(graph, "tail") == pytest.approx(
        log_all(tail | {"source_drain_width": 120}) | {"inverse_level": 1.0}
    )
    feedback = {
        "resistors": 1,
        "capacitors": 1,
        "capacitor_fingers": 1,
        "capacitor_value": 20,
        "instances": 1,
    }
    assert net_row(graph, "fb") == pytest.approx(log_all(feedback) | {"inverse_level": 1.0})
    bias = {"mos": 1, "gate_pins": 1, "mos_width": 80, "mos_length": 1, "gate_width": 80, "instances": 1}
    assert net_row(graph, "bias") == pytest.approx(log_all(bias) | {"is_port": 1.0, "inverse_level": 1.0})
    assert net_row(graph, "vdd")["bulk_pins"] == pytest.approx(log1p(2))


def test_other_devices_on_a_net(flat: Callable[..., FlatCircuit]):
    text = """.subckt mix a b c gnd
q1 a b c gnd npn
d1 a gnd dio area=4e-14 pj=2e-6
m1 a b gnd gnd nmos w=1u l=0.1u nf=4
.model npn npn
.model dio d
.ends
"""
    found = net_row(build_graph(flat(text)), "a")
    assert found["bipolar_pins"] == found["diodes"] == found["mos"] == pytest.approx(log(2))
    assert found["diode_perimeter"] == pytest.approx(log1p(20))
    assert found["diode_area"] == pytest.approx(log1p(4))


def test_devices(graph: CircuitGraph):
    device = dict(zip(graph.circuit.device_names(), graph.device_features, strict=True))
    tail = log_all({"multiplier": 2, "fingers": 1, "width": 80, "length": 1, "terminals": 4})
    assert row(DEVICE_FEATURES, device["m5"]) == pytest.approx(tail | {"is_nmos": 1})
    resistor = log_all({"multiplier": 1, "fingers": 1, "resistance": 10, "terminals": 2})
    assert row(DEVICE_FEATURES, device["r1"]) == pytest.approx(resistor | {"is_resistor": 1})
    capacitor = log_all({"multiplier": 1, "fingers": 1, "capacitance": 20, "terminals": 2})
    assert row(DEVICE_FEATURES, device["c1"]) == pytest.approx(capacitor | {"is_capacitor": 1})


def test_pins(graph: CircuitGraph):
    circuit = graph.circuit
    names, nets = circuit.device_names(), circuit.net_names()
    found = {
        (names[device], position): (nets[net], row(PIN_FEATURES, features))
        for device, position, net, features in zip(
            circuit.pin_device.tolist(),
            circuit.pin_position.tolist(),
            circuit.pin_net.tolist(),
            graph.pin_features,
            strict=True,
        )
    }
    assert [found["m3", position] for position in range(4)] == [
        ("x", {"is_source_drain": 1}),
        ("x", {"is_gate": 1}),
        ("vdd", {"is_source_drain": 1, "on_supply": 1}),
        ("vdd", {"is_bulk": 1, "on_supply": 1}),
    ]
    assert found["c1", 1] == ("gnd", {"is_minus": 1, "on_ground": 1})
    assert len(found) == circuit.pin_count


def terminal_row(graph: CircuitGraph, cell: str, net: str) -> dict[str, float]:
    names = [d.name for d in graph.circuit.definitions]
    index = names.index(cell)
    local = graph.circuit.definitions[index].net_labels.index(net)
    return row(TERMINAL_FEATURES, graph.terminal_features[graph.terminals.offset[index] + local])


def test_terminals_of_a_leaf(graph: CircuitGraph):
    area = 2 * 20 * 1 + 2 * 10 * 2 + 80 * 1  # width times length; the passives have neither
    counts = {"pmos_gates": 2, "nmos_source_drains": 1, "pmos_source_drains": 1, "gate_width": 20}
    counts |= {"source_drain_width": 30, "leaf_cells": 1, "cell_devices": 7, "cell_area": area}
    counts |= {"cell_nets": 9, "cell_ports": 6, "joined_area": area}
    expected = log_all(counts) | {"is_leaf": 1, "channel_length": log(100)}
    assert terminal_row(graph, "ota", "x") == pytest.approx(expected)
    assert terminal_row(graph, "ota", "fb")["other_pins"] == pytest.approx(log1p(2))
    assert "other_pins" not in terminal_row(graph, "ota", "vdd")  # bulks do not count


def test_terminals_of_an_array(bit_array: Callable[[int, int], FlatCircuit]):
    graph = build_graph(bit_array(3, 4))
    found = terminal_row(graph, "array", "bl_2")
    bit_area = 2 * 4 + 2 * 6 + 2 * 2  # widths in channel lengths of 0.05 um, all one long
    counts = {"nmos_source_drains": 3, "source_drain_width": 3 * 4, "leaf_cells": 3, "children": 3}
    counts |= {"cell_devices": 72, "cell_area": 12 * bit_area, "cell_nets": 13, "cell_ports": 13}
    counts |= {"joined_area": 3 * bit_area}
    assert found == pytest.approx(log_all(counts) | {"is_port": 1, "channel_length": log(50)})


def test_an_array_twice_as_large_has_the_same_cells(bit_array: Callable[[int, int], FlatCircuit]):
    small, large = build_graph(bit_array(3, 4)), build_graph(bit_array(6, 4))
    for net in small.circuit.definitions[0].net_labels:
        assert terminal_row(small, "bit", net) == terminal_row(large, "bit", net)
    of_cell = [g.terminal_features[g.terminals.is_leaf] for g in (small, large)]
    assert np.array_equal(*of_cell)
    assert len(of_cell[0]) == 7
    keys = [set(g.terminals.key_exact[g.terminals.is_leaf].tolist()) for g in (small, large)]
    assert keys[0] == keys[1]
    assert terminal_row(small, "array", "bl_0")["children"] < terminal_row(large, "array", "bl_0")["children"]


def pair_row(graph: CircuitGraph, *nets: str) -> dict[str, float]:
    flat = graph.circuit.net_names()
    wanted = sorted(flat.index(net) for net in nets)
    (pair,) = np.flatnonzero((graph.contexts.pair == wanted).all(axis=1))
    (context,) = graph.contexts.occurrence_context[graph.contexts.occurrence_pair == pair]
    return row(PAIR_FEATURES, graph.pair_features[context])


def test_pairs_of_a_leaf(graph: CircuitGraph):
    base = {"is_same": 1, "relation_none": 1, "same_cell": 1}
    shared = log(2)
    assert pair_row(graph, "x", "out") == pytest.approx(base | {"shared_gate_source_drain": shared})
    assert pair_row(graph, "x", "tail") == pytest.approx(base | {"shared_source_drain": shared})
    assert pair_row(graph, "out", "fb") == pytest.approx(base | {"shared_other": shared})
    assert pair_row(graph, "inp", "inn") == pytest.approx(base)


def test_pairs_across_cells(bit_array: Callable[[int, int], FlatCircuit]):
    graph = build_graph(bit_array(2, 3))
    found = pair_row(graph, "xbit_r0_c1/q", "xbit_r0_c2/q")
    assert found == {
        "is_neighbour": 1,
        "relation_none": 1,
        "coordinate_0": 1,
        "same_cell": 1,
        "same_terminal": 1,
    }
    found = pair_row(graph, "xbit_r0_c1/q", "xbit_r1_c1/nq")
    assert found == {"is_neighbour": 1, "relation_none": 1, "coordinate_1": 1, "same_cell": 1}
    routing = graph.contexts.relation == IndexRelation.CROSS_SAME
    names = [f.name for f in PAIR_FEATURES]
    shares = graph.pair_features[routing & (graph.contexts.kind == ContextKind.SAME)]
    assert shares[:, names.index("shared_children")].max() == pytest.approx(log1p(2))


def test_every_pair_feature_row_is_one_kind_and_one_relation(bit_array: Callable[[int, int], FlatCircuit]):
    features = build_graph(bit_array(3, 3)).pair_features
    names = [f.name for f in PAIR_FEATURES]
    kinds = [names.index("is_same"), names.index("is_neighbour")]
    relations = [position for position, name in enumerate(names) if name.startswith("relation_")]
    assert (features[:, kinds].sum(axis=1) == 1).all()
    assert (features[:, relations].sum(axis=1) == 1).all()
    assert np.isfinite(features).all()


def test_a_circuit_without_transistors_has_a_scale_too(flat: Callable[..., FlatCircuit]):
    graph = build_graph(flat(".subckt rc a b gnd\nr1 a b 1k\nc1 b gnd 1p\n.ends\n"))
    assert graph.channel_length_m == channel_length_m(graph.circuit) == DEFAULT_CHANNEL_LENGTH_M
    assert np.isfinite(graph.net_features).all()


def test_levels(flat: Callable[..., FlatCircuit]):
    text = ".subckt a x y\nr1 x y 1\n.ends\n.subckt b x y\nxi x m a\nxj m y a\n.ends\n"
    text += ".subckt c x y\nxk x m b\nxl m y a\n.ends\n"
    circuit = flat(text, "c")
    levels = dict(zip(circuit.instance_paths, instance_levels(circuit).tolist(), strict=True))
    assert levels == {"": 0, "xk": 1, "xk/xi": 2, "xk/xj": 2, "xl": 1}
