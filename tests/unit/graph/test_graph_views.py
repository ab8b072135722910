"""The graph as a networkx graph and back, its check of itself, and its pictures."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pytest

from circuitgcl.errors import DataError
from circuitgcl.graph import CircuitGraph, build_graph, plotting
from circuitgcl.netlist import FlatCircuit, flatten, read_netlist
from circuitgcl.schema import PortDirection

NETLISTS = Path(__file__).parents[3] / "netlists"


@pytest.fixture
def graph(ota: FlatCircuit) -> CircuitGraph:
    return build_graph(ota)


@pytest.mark.parametrize("path", sorted(NETLISTS.glob("*.sp")), ids=lambda path: path.stem)
def test_there_and_back_is_the_same_flat_circuit(path: Path):
    graph = build_graph(flatten(read_netlist(path)))
    back = CircuitGraph.from_networkx(graph.to_networkx())
    one, other = graph.circuit, back.circuit
    assert other.net_names() == one.net_names()
    assert other.device_names() == one.device_names()
    assert np.array_equal(other.pin_net, one.pin_net)
    assert np.array_equal(other.pin_offset, one.pin_offset)
    assert np.array_equal(back.rails, graph.rails)
    assert np.array_equal(back.device_features, graph.device_features)
    models = [[c.table.model_names[c.table.model[card]] for card in c.device_card] for c in (one, other)]
    assert models[0] == models[1]
    # hierarchy is all that is lost, so once flat nothing more is
    again = CircuitGraph.from_networkx(back.to_networkx())
    for name in ("net_features", "terminal_features", "pair_features", "rails"):
        assert np.array_equal(getattr(again, name), getattr(back, name))
    back.validate()


def test_nets_of_any_order_and_names_of_any_kind():
    view = networkx.MultiGraph()
    view.add_node("inner", kind="net")
    view.add_node("pin", kind="net", is_port=True)
    view.add_node("vss", kind="rail", rail="ground")
    view.add_node(7, kind="device", device_type="RESISTOR", value=100.0)
    view.add_node(8, kind="device", device_type="CAPACITOR", value=1e-15)
    for device, net, position in ((7, "pin", 0), (7, "inner", 1), (8, "inner", 0), (8, "vss", 1)):
        view.add_edge(device, net, position=position)
    graph = CircuitGraph.from_networkx(view)
    assert graph.circuit.net_names() == ["pin", "inner", "vss"]
    assert graph.circuit.device_names() == ["7", "8"]
    assert graph.circuit.pin_net.tolist() == [0, 1, 1, 2]
    assert graph.rails.tolist() == [0, 0, 1]
    assert graph.contexts.pair.tolist() == [[0, 1]]


def test_stated_directions_of_ports_come_along(ota: FlatCircuit):
    top = replace(ota.definitions[-1], port_direction=ota.definitions[-1].port_direction.copy())
    top.port_direction[2], top.port_direction[0] = PortDirection.OUTPUT, PortDirection.INPUT
    view = build_graph(replace(ota, definitions=(*ota.definitions[:-1], top))).to_networkx()
    stated = {node[1]: view.nodes[node]["direction"] for node in view if "direction" in view.nodes[node]}
    assert stated == {top.net_labels[0]: "input", top.net_labels[2]: "output"}
    back = CircuitGraph.from_networkx(view).circuit.definitions[-1]
    assert back.port_direction.tolist() == top.port_direction.tolist()


def broken_view(graph: CircuitGraph, change: Callable[[networkx.MultiGraph], Any]) -> networkx.MultiGraph:
    view = graph.to_networkx()
    change(view)
    return view


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.nodes["net", "x"].pop("kind"), "node ('net', 'x') has no attribute 'kind'"),
        (lambda v: v.nodes["net", "x"].update(kind="wire"), "of kind 'wire'; expected net, rail or device"),
        (lambda v: v.nodes["device", "m1"].pop("device_type"), "has no attribute 'device_type'"),
        (
            lambda v: v.nodes["device", "m1"].update(device_type="TUBE"),
            "of type 'TUBE'; expected one of NMOS",
        ),
        (
            lambda v: v.add_edge(("device", "m1"), ("device", "m2"), position=4),
            "does not join a device and a net",
        ),
        (
            lambda v: v.add_edge(("device", "r1"), ("net", "x"), position=1),
            "positions [0, 1]; expected 0 to 2",
        ),
        (lambda v: v.add_edge(("device", "r1"), ("net", "x")), "has no attribute 'position'"),
        (lambda v: v.remove_nodes_from([n for n in v if n[0] == "device"]), "no device"),
        (
            lambda v: v.nodes["net", "x"].update(rail="wire"),
            "a net has rail 'wire'; expected one of signal, ground, supply",
        ),
        (
            lambda v: v.nodes["net", "inp"].update(direction="up"),
            "a net has direction 'up'; expected one of unknown, input, output",
        ),
    ],
)
def test_what_is_no_circuit_is_refused(graph: CircuitGraph, change: Callable[..., Any], message: str):
    with pytest.raises(DataError, match=re.escape(message)):
        CircuitGraph.from_networkx(broken_view(graph, change))


def test_a_sound_graph_is_valid(bit_array: Callable[[int, int], FlatCircuit]):
    build_graph(bit_array(2, 3)).validate()


def with_circuit(graph: CircuitGraph, **changes: Any) -> CircuitGraph:
    return replace(graph, circuit=replace(graph.circuit, **changes))


def with_contexts(graph: CircuitGraph, **changes: Any) -> CircuitGraph:
    return replace(graph, contexts=replace(graph.contexts, **changes))


def altered(array: np.ndarray, at: Any, value: Any) -> np.ndarray:
    out = array.copy()
    out[at] = value
    return out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: replace(g, rails=g.rails[:-1]), "rails has 8 rows; expected 9"),
        (lambda g: replace(g, rails=np.ones_like(g.rails)), "there is no signal net"),
        (
            lambda g: with_circuit(g, pin_net=altered(g.circuit.pin_net, 3, 99)),
            "pin_net names 99; there are 9 nets",
        ),
        (lambda g: with_circuit(g, pin_offset=g.circuit.pin_offset + 1), "pin_offset does not run"),
        (
            lambda g: replace(g, net_features=g.net_features[:, 1:]),
            "net_features is of shape (9, 35); expected (9, 36)",
        ),
        (
            lambda g: replace(g, net_features=altered(g.net_features, (2, 4), np.nan)),
            "net_features[2, 4] (mos_width) is nan",
        ),
        (
            lambda g: with_circuit(g, instance_parent=g.circuit.instance_parent[:-1]),
            "instance_parent has 0 rows; expected 1",
        ),
        (
            lambda g: with_circuit(g, instance_definition=g.circuit.instance_definition + 1),
            "instance_definition names 1; there are 1 definitions",
        ),
        (
            lambda g: with_circuit(g, net_instance=g.circuit.net_instance + 1),
            "net_instance names 1; there are 1 instances",
        ),
        (
            lambda g: with_circuit(g, net_local=altered(g.circuit.net_local, 4, 9)),
            "net_local[4] is 9, which its definition does not have",
        ),
        (
            lambda g: with_circuit(g, terminal_offset=altered(g.circuit.terminal_offset, 1, 8)),
            "terminal_offset does not fit",
        ),
        (
            lambda g: with_circuit(g, device_card=altered(g.circuit.device_card, -1, 0)),
            "pin_offset does not fit the pins of the cards",
        ),
        (lambda g: replace(g, rails=altered(g.rails, 0, 7)), "rails names 7; there are 3 kinds of nets"),
        (lambda g: with_contexts(g, pair=g.contexts.pair[:, ::-1]), "not in ascending order"),
        (lambda g: with_contexts(g, pair=np.repeat(g.contexts.pair, 2, axis=0)), "one is there twice"),
        (lambda g: with_contexts(g, side_a=g.contexts.side_a[1:]), "contexts.side_a has"),
        (
            lambda g: with_contexts(g, occurrence_pair=g.contexts.occurrence_pair - 1),
            "occurrence_pair names -1",
        ),
        (
            lambda g: replace(g, rails=altered(g.rails, g.contexts.pair[0, 0], 1)),
            "a candidate pair holds a rail",
        ),
    ],
)
def test_what_does_not_fit_is_named(graph: CircuitGraph, change: Callable[..., CircuitGraph], message: str):
    with pytest.raises(DataError, match="the graph of ota is inconsistent: .*" + re.escape(message)):
        change(graph).validate()


def test_a_picture_shows_every_device_and_names_every_signal_net(graph: CircuitGraph):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    axes = graph.plot()
    names = {text.get_text() for text in axes.texts}
    assert names == set(graph.circuit.net_names(graph.signal_nets.tolist()))
    shown = {label: len(dots.get_offsets()) for dots in axes.collections for label in [dots.get_label()]}
    assert {"nmos": 3, "pmos": 2, "resistor": 1, "capacitor": 1}.items() <= shown.items()
    # tail source and capacitor on ground, two loads on the supply
    assert (shown["on ground"], shown["on supply"]) == (2, 2)
    _, given = plt.subplots()
    assert graph.plot(given) is given
    plt.close("all")


def test_large_circuits_are_not_drawn(graph: CircuitGraph, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plotting, "MAX_NODES", 10)
    with pytest.raises(DataError, match="ota has 14 nets and devices; pictures are for up to 10"):
        graph.plot()
