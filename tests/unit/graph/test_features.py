"""Feature values by hand, on a five-transistor amplifier with a resistor and a capacitor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, log1p

import numpy as np
import pytest

from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.graph.contexts import ContextKind
from circuitgcl.graph.feature_schema import (
    ADJACENCY_FEATURES,
    DEVICE_FEATURES,
    NET_FEATURES,
    PAIR_FEATURES,
    PIN_FEATURES,
    PLACEMENT_FEATURES,
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


# pins on the signal nets x, out, tail, fb, inp, inn, bias, bulks left out
MEAN_PINS = (4 + 3 + 3 + 2 + 1 + 1 + 1) / 7


def test_nets(graph: CircuitGraph):
    """Drawn sizes count in channel lengths of 0.1 um: W = 2u is 20."""
    assert graph.channel_length_m == pytest.approx(0.1e-6)
    # m1 20/1, m3 10/2 diode-connected, m4 10/2; a diffusion is 2.5 long, and one finger has two
    counts = {"mos": 3, "gate_pins": 2, "source_drain_pins": 2, "pmos_gates": 2, "pmos_source_drains": 1}
    counts |= {"mos_width": 20 + 2 * 10, "mos_length": 1 + 2 * 2, "gate_width": 20, "source_drain_width": 30}
    counts |= {"repeated_pins": 1, "device_area": 20 * 6 + 2 * 10 * 7, "instances": 1}
    counts |= {"mean_gate_width": 10, "mean_source_drain_width": 15, "pins_per_instance": 4}
    shares = {"inverse_level": 1, "gate_share": 0.5, "pmos_share": 0.75}
    fanout = {"relative_fanout": log(5 / (1 + MEAN_PINS))}
    assert net_row(graph, "x") == pytest.approx(log_all(counts) | shares | fanout)
    tail = {"mos": 3, "source_drain_pins": 3, "mos_width": 20 + 20 + 2 * 40, "mos_length": 3, "instances": 1}
    tail |= {"source_drain_width": 120, "device_area": 120 * 6, "mean_source_drain_width": 40}
    tail |= {"pins_per_instance": 3}
    fanout = {"relative_fanout": log(4 / (1 + MEAN_PINS))}
    assert net_row(graph, "tail") == pytest.approx(log_all(tail) | {"inverse_level": 1} | fanout)
    plate = 20e-15 / 1.5e-3 / 1e-14  # a metal plate of 20 fF, in squares of 0.1 um
    feedback = {"resistors": 1, "capacitors": 1, "capacitor_fingers": 1, "capacitor_value": 20}
    feedback |= {"instances": 1, "device_area": plate}
    fanout = {"relative_fanout": log(3 / (1 + MEAN_PINS))}
    assert net_row(graph, "fb") == pytest.approx(log_all(feedback) | {"inverse_level": 1} | fanout)
    bias = {"mos": 1, "gate_pins": 1, "mos_width": 80, "mos_length": 1, "gate_width": 80, "instances": 1}
    bias |= {"device_area": 80 * 6, "mean_gate_width": 80, "pins_per_instance": 1}
    flags = {"is_port": 1, "inverse_level": 1, "gate_share": 1}
    fanout = {"relative_fanout": log(2 / (1 + MEAN_PINS))}
    assert net_row(graph, "bias") == pytest.approx(log_all(bias) | flags | fanout)
    assert net_row(graph, "vdd")["bulk_pins"] == pytest.approx(log1p(2))


DIODE = ".subckt top a b gnd\nm1 a a b gnd nmos w=1u l=0.1u m=2\nm2 b b b gnd nmos w=1u l=0.1u\n{more}.ends\n"
WRAPPED = """.subckt switch d g s b
m1 d g s b nmos w=1u l=0.1u
.ends
.subckt top a b gnd
x1 a a b gnd switch m=2
x2 b b b gnd switch
.ends
"""


def test_a_device_counts_once_however_it_is_connected(flat: Callable[..., FlatCircuit]):
    """Inside a cell and from outside: a diode, and a capacitor of a transistor."""
    inside = build_graph(flat(DIODE.format(more="")))
    outside = build_graph(flat(WRAPPED, "top"))
    for graph in (inside, outside):
        for net, mos, gates, channels, repeated in (("a", 1, 1, 1, 1), ("b", 2, 1, 3, 2)):
            found = {name: round(float(np.expm1(value))) for name, value in net_row(graph, net).items()}
            counts = (found["mos"], found["gate_pins"], found["source_drain_pins"], found["repeated_pins"])
            assert counts == (mos, gates, channels, repeated)
        assert net_row(graph, "a")["mos_width"] == pytest.approx(log1p(20))
        assert net_row(graph, "b")["mos_width"] == pytest.approx(log1p(30))
        assert net_row(graph, "a")["device_area"] == pytest.approx(log1p(20 * 6))


def test_order_of_cards_and_names_of_nets_tell_nothing(flat: Callable[..., FlatCircuit], ota_text: str):
    graph = build_graph(flat(ota_text))
    head, *cards, tail = ota_text.strip().splitlines()
    turned = "\n".join([head, *reversed(cards), tail, ""])
    renamed = ota_text.replace(" x", " n7").replace("tail", "zz").replace(" fb", " aa")
    other = {"x": "n7", "tail": "zz", "fb": "aa"}
    for text, names in ((turned, {}), (renamed, other)):
        found = build_graph(flat(text))
        for net in graph.circuit.net_names():
            assert net_row(found, names.get(net, net)) == net_row(graph, net)


def test_order_of_instances_tells_nothing(flat: Callable[..., FlatCircuit]):
    cards = LATCHES.strip().splitlines()[-5:-1]
    before = build_graph(flat(LATCHES, "top"))
    turned = LATCHES.replace("\n".join(cards), "\n".join(reversed(cards)))
    assert turned != LATCHES
    after = build_graph(flat(turned, "top"))
    assert sorted(after.circuit.net_names()) == sorted(before.circuit.net_names())
    for net in before.circuit.net_names():
        assert net_row(after, net) == pytest.approx(net_row(before, net))


LATCHES = """.subckt latch q nq en vdd gnd
m1 q nq gnd gnd nmos w=1u l=0.1u
m2 nq q gnd gnd nmos w=1u l=0.1u
m3 q nq vdd vdd pmos w=1u l=0.1u
m4 nq q vdd vdd pmos w=1u l=0.1u
m5 q en gnd gnd nmos w=2u l=0.1u
.ends
.subckt top a b c d vdd gnd
x1 a b c vdd gnd latch
x2 b c d vdd gnd latch
x3 c d d vdd gnd latch
x4 d a a vdd gnd latch
.ends
"""


def test_cross_coupled_nets(flat: Callable[..., FlatCircuit]):
    graph = build_graph(flat(LATCHES, "top"))
    latch = terminal_row(graph, "latch", "q")
    assert latch["cross_coupled"] == 1
    assert "cross_coupled" not in terminal_row(graph, "latch", "en")
    assert "cross_coupled" not in terminal_row(graph, "top", "a")  # of the cells below, not of this one


SUPPLIED = """.subckt inv a y vdd gnd
mp y a vdd vdd pmos w=1u l=0.1u
mn y a gnd gnd nmos w=1u l=0.1u
.ends
.subckt top a b c d en vdd gnd
msw virtual en vdd vdd pmos w=9u l=0.1u
"""


@pytest.mark.parametrize(("count", "flag"), [(2, 0), (3, 1)])
def test_a_virtual_supply_is_flagged(flat: Callable[..., FlatCircuit], count: int, flag: int):
    gates = "".join(f"x{n} {'abc'[n]} {'bcd'[n]} virtual gnd inv\n" for n in range(count))
    graph = build_graph(flat(SUPPLIED + gates + ".ends\n", "top"))
    assert net_row(graph, "virtual").get("is_virtual_supply", 0) == flag
    for net in ("b", "c", "en"):
        assert "is_virtual_supply" not in net_row(graph, net)


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
    # four fingers of W / 4 share three inner diffusions; the diode has the area drawn, the npn none
    assert found["device_area"] == pytest.approx(log1p(10 * (1 + 2.5 * 5 / 4) + 4))
    assert found["bipolar_pins"] == found["diodes"] == found["mos"] == pytest.approx(log(2))
    assert found["diode_perimeter"] == pytest.approx(log1p(20))
    assert found["diode_area"] == pytest.approx(log1p(4))


def test_devices(graph: CircuitGraph):
    device = dict(zip(graph.circuit.device_names(), graph.device_features, strict=True))
    tail = log_all({"multiplier": 2, "fingers": 1, "width": 80, "length": 1, "terminals": 4})
    tail |= log_all({"finger_width": 40, "device_area": 80 * 6}) | {"is_nmos": 1, "aspect": log(40)}
    assert row(DEVICE_FEATURES, device["m5"]) == pytest.approx(tail)
    resistor = log_all({"multiplier": 1, "fingers": 1, "resistors": 1, "resistance": 10, "terminals": 2})
    assert row(DEVICE_FEATURES, device["r1"]) == pytest.approx(resistor | {"is_resistor": 1})
    numbers = {"multiplier": 1, "fingers": 1, "capacitors": 1, "capacitor_fingers": 1, "capacitance": 20}
    numbers |= {"terminals": 2, "device_area": 20e-15 / 1.5e-3 / 1e-14}
    assert row(DEVICE_FEATURES, device["c1"]) == pytest.approx(log_all(numbers) | {"is_capacitor": 1})


def test_drawn_passives(flat: Callable[..., FlatCircuit]):
    text = """.subckt rc a b gnd
r1 a b 1k w=1u l=5u m=2
c1 a gnd 1p w=2u l=3u m=3
d1 b gnd dio area=4e-12 pj=8e-6
m1 a b gnd gnd nmos w=1u l=1u
.model dio d
.ends
"""
    graph = build_graph(flat(text))
    device = dict(zip(graph.circuit.device_names(), graph.device_features, strict=True))
    resistor, capacitor, diode = (row(DEVICE_FEATURES, device[name]) for name in ("r1", "c1", "d1"))
    expected = {"resistors": 2, "resistor_width": 2, "resistor_length": 5, "device_area": 10}
    assert {name: resistor[name] for name in expected} == pytest.approx(log_all(expected))
    expected = {"capacitors": 3, "capacitor_fingers": 3, "capacitor_length": 3, "device_area": 18}
    assert {name: capacitor[name] for name in expected} == pytest.approx(log_all(expected))
    expected = {"diodes": 1, "diode_area": 4, "diode_perimeter": 8, "device_area": 4}
    assert {name: diode[name] for name in expected} == pytest.approx(log_all(expected))
    assert net_row(graph, "a")["capacitor_length"] == pytest.approx(log1p(3))


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
    plate = 20e-15 / 1.5e-3 / 1e-14
    area = 2 * 20 * 6 + 2 * 10 * 7 + 80 * 6 + plate  # width times gate and diffusions; the resistor has none
    counts = {"pmos_gates": 2, "nmos_source_drains": 1, "pmos_source_drains": 1, "gate_width": 20}
    counts |= {"source_drain_width": 30, "leaf_cells": 1, "cell_devices": 7, "cell_area": area}
    counts |= {"cell_nets": 9, "cell_ports": 6, "joined_area": area}
    expected = log_all(counts) | {"is_leaf": 1, "channel_length": log(100)}
    found = terminal_row(graph, "ota", "x")
    assert 0 < found.pop("compactness") < 1  # by hand in the tests of placement
    assert found == pytest.approx(expected)
    assert terminal_row(graph, "ota", "fb")["other_pins"] == pytest.approx(log1p(2))
    supply = terminal_row(graph, "ota", "vdd")
    assert "other_pins" not in supply  # bulks do not count
    assert supply["bulk_pins"] == pytest.approx(log1p(2))


def test_terminals_of_an_array(bit_array: Callable[[int, int], FlatCircuit]):
    graph = build_graph(bit_array(3, 4))
    found = terminal_row(graph, "array", "bl_2")
    bit_area = (2 * 4 + 2 * 6 + 2 * 2) * 6  # widths in channel lengths of 0.05 um, all one long
    counts = {"nmos_source_drains": 3, "source_drain_width": 3 * 4, "leaf_cells": 3, "children": 3}
    counts |= {"cell_devices": 72, "cell_area": 12 * bit_area, "cell_nets": 13, "cell_ports": 13}
    counts |= {"joined_area": 3 * bit_area}
    assert found == pytest.approx(log_all(counts) | {"is_port": 1, "channel_length": log(50)})


def test_companions_stay_where_they_are_when_an_array_grows(bit_array: Callable[[int, int], FlatCircuit]):
    """Four times the rows: counts grow, what is per cell, per pin or a share does not."""
    small, large = build_graph(bit_array(4, 4)), build_graph(bit_array(16, 4))
    before, after = net_row(small, "bl_2"), net_row(large, "bl_2")
    for name in ("mean_source_drain_width", "gate_share", "pmos_share", "inverse_level", "is_port"):
        assert before.get(name, 0) == pytest.approx(after.get(name, 0)), name
    assert after["mos"] > before["mos"] + 1
    before, after = net_row(small, "xbit_r1_c1/q"), net_row(large, "xbit_r1_c1/q")
    # the border of the small array weighs more in its mean
    assert before.pop("relative_fanout") == pytest.approx(after.pop("relative_fanout"), abs=0.15)
    assert before == pytest.approx(after)  # nothing of a bit tells how large its array is


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


def context_row(graph: CircuitGraph, *nets: str) -> dict[str, float]:
    flat = graph.circuit.net_names()
    wanted = sorted(flat.index(net) for net in nets)
    (pair,) = np.flatnonzero((graph.contexts.pair == wanted).all(axis=1))
    (context,) = graph.contexts.occurrence_context[graph.contexts.occurrence_pair == pair]
    return row(PAIR_FEATURES, graph.pair_features[context])


def test_pairs_of_a_leaf(graph: CircuitGraph):
    by_devices = {feature.name for feature in (*ADJACENCY_FEATURES, *PLACEMENT_FEATURES)}

    def pair_row(graph: CircuitGraph, a: str, b: str) -> dict[str, float]:
        return {name: value for name, value in context_row(graph, a, b).items() if name not in by_devices}

    base = {"is_same": 1, "relation_none": 1, "same_cell": 1}
    shared = log(2)
    assert pair_row(graph, "x", "out") == pytest.approx(base | {"shared_gate_source_drain": shared})
    assert pair_row(graph, "x", "tail") == pytest.approx(base | {"shared_source_drain": shared})
    assert pair_row(graph, "out", "fb") == pytest.approx(base | {"shared_other": shared})
    assert pair_row(graph, "inp", "inn") == pytest.approx(base)


def test_pairs_across_cells(bit_array: Callable[[int, int], FlatCircuit]):
    graph = build_graph(bit_array(2, 3))
    found = context_row(graph, "xbit_r0_c1/q", "xbit_r0_c2/q")
    assert found == {
        "is_neighbour": 1,
        "relation_none": 1,
        "coordinate_0": 1,
        "same_cell": 1,
        "same_terminal": 1,
    }
    found = context_row(graph, "xbit_r0_c1/q", "xbit_r1_c1/nq")
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


def test_stated_directions_of_ports(flat: Callable[..., FlatCircuit]):
    text = ".subckt buf a y b vdd gnd\n*.PININFO a:I y:O b:B vdd:P gnd:G\nm1 y a gnd gnd nmos w=1u l=1u\n"
    circuit = flat(text + "m2 b y vdd vdd pmos w=1u l=1u\n.ends\n")
    graph = build_graph(circuit)
    found = {net: row(NET_FEATURES, graph.net_features[circuit.net_names().index(net)]) for net in "ayb"}
    assert {net: (r.get("port_reads", 0), r.get("port_drives", 0)) for net, r in found.items()} == {
        "a": (1, 0),
        "y": (0, 1),
        "b": (1, 1),
    }
