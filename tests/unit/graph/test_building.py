"""The circuit graph and its two views tell one story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from circuitgcl.errors import NetlistError
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.graph.feature_schema import DEVICE_FEATURES, NET_FEATURES, PIN_FEATURES
from circuitgcl.graph.pins import pin_role_codes
from circuitgcl.netlist import FlatCircuit
from circuitgcl.schema import PinRole


@pytest.fixture
def graph(bit_array: Callable[[int, int], FlatCircuit]) -> CircuitGraph:
    return build_graph(bit_array(2, 3))


def test_hetero_holds_every_pin_once(graph: CircuitGraph):
    data, circuit = graph.to_hetero(), graph.circuit
    assert data["net"].x.shape == (circuit.net_count, len(NET_FEATURES))
    assert data["device"].x.shape == (circuit.device_count, len(DEVICE_FEATURES))
    assert data["pin"].x.shape == (circuit.pin_count, len(PIN_FEATURES))
    assert data["rail"].net.tolist() == np.flatnonzero(graph.rails).tolist()
    assert data["rail"].x.argmax(dim=1).tolist() == graph.rails[graph.rails != 0].tolist()
    pin, device = data["pin", "of", "device"].edge_index.numpy()
    assert np.array_equal(pin, np.arange(circuit.pin_count))
    assert np.array_equal(device, circuit.pin_device)
    on_pin, net = data["pin", "on", "net"].edge_index.numpy()
    tied_pin, rail = data["pin", "tied", "rail"].edge_index.numpy()
    assert sorted([*on_pin, *tied_pin]) == list(range(circuit.pin_count))
    assert np.array_equal(circuit.pin_net[on_pin], net)
    assert np.array_equal(circuit.pin_net[tied_pin], data["rail"].net.numpy()[rail])
    assert not graph.rails[net].any()
    data.validate()


def test_networkx_has_the_same_pins(graph: CircuitGraph):
    view, circuit = graph.to_networkx(), graph.circuit
    nets, devices = circuit.net_names(), circuit.device_names()
    assert view.number_of_nodes() == len(nets) + len(devices)
    expected = Counter(
        (devices[device], nets[net], PinRole(role).name)
        for device, net, role in zip(
            circuit.pin_device.tolist(),
            circuit.pin_net.tolist(),
            pin_role_codes(circuit).tolist(),
            strict=True,
        )
    )
    found: Counter[tuple[str, str, str]] = Counter()
    for one, other, role in view.edges(data="role"):
        ends = dict([one, other])
        found[ends["device"], ends["net"], role] += 1
    assert found == expected
    kinds = {name: kind for (node, name), kind in view.nodes(data="kind") if node == "net"}
    assert {name for name, kind in kinds.items() if kind == "rail"} == {"vdd", "gnd"}
    assert view.nodes["device", "xbit_r0_c0/mc"]["device_type"] == "PMOS"


def test_signal_nets_and_rails_complement_each_other(graph: CircuitGraph):
    assert len(graph.signal_nets) == graph.circuit.net_count - 2
    assert not np.isin(graph.contexts.pair, np.flatnonzero(graph.rails)).any()


def test_given_rails_replace_recognised_ones(bit_array: Callable[[int, int], FlatCircuit]):
    circuit = bit_array(2, 2)
    graph = build_graph(circuit, rails=("gnd", "wl_*"))
    names = circuit.net_names()
    assert {names[net] for net in np.flatnonzero(graph.rails)} == {"gnd", "wl_0", "wl_1"}


def test_a_circuit_of_rails_alone_is_refused(flat: Callable[..., FlatCircuit]):
    circuit = flat(".subckt decap vdd gnd\nc1 vdd gnd 1p\n.ends\n")
    with pytest.raises(NetlistError, match=r"deck.sp: all 2 nets of decap are supply rails.*--rails"):
        build_graph(circuit)
