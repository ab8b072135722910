"""Structural classes: the partition of a naive refinement, and the graph between the classes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive_refinement import naive_classes, partition

from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.graph.quotient import QuotientGraph, quotient_graph, structural_colours
from circuitgcl.netlist import FlatCircuit

Flat = Callable[..., FlatCircuit]

CHAIN = """.subckt inv a y vdd gnd
mp y a vdd vdd pmos w=0.4u l=0.05u
mn y a gnd gnd nmos w=0.2u l=0.05u
.ends
.subckt chain in out vdd gnd
xa in n1 vdd gnd inv
xb n1 n2 vdd gnd inv
xc n2 n3 vdd gnd inv
xd n3 n4 vdd gnd inv
xe n4 n5 vdd gnd inv
xf n5 n6 vdd gnd inv
xg n6 out vdd gnd inv
.ends
"""

# a body with devices of its own and children, a diode-connected device, a child whose port is tied to a rail
MIXED = """.subckt inv a y vdd gnd
mp y a vdd vdd pmos w=0.4u l=0.05u
mn y a gnd gnd nmos w=0.2u l=0.05u
.ends
.subckt cell a b y vdd gnd
xi a m vdd gnd inv
xj b gnd vdd gnd inv
mn y m b gnd nmos w=0.3u l=0.05u
md b b gnd gnd nmos w=0.3u l=0.05u
r1 y z 10k
.ends
.subckt top p q r s vdd gnd
x1 p q r vdd gnd cell
x2 q p s vdd gnd cell
x3 p p r vdd gnd cell
c1 r s 5f
xi r s vdd gnd inv
.ends
"""


def quotient(graph: CircuitGraph, rounds: int) -> QuotientGraph:
    colours = structural_colours(graph.circuit, graph.rails, graph.net_features, rounds)
    return quotient_graph(graph.circuit, graph.rails, graph.net_features, colours)


def assert_as_naive(graph: CircuitGraph, rounds: int) -> None:
    found, expected = quotient(graph, rounds), naive_classes(graph, rounds)
    assert partition(found.net_class) == expected["net"]
    assert partition(found.device_class(graph.circuit)) == expected["device"]
    assert partition(found.pin_class(graph.circuit)) == expected["pin"]


@pytest.mark.parametrize("rounds", [0, 1, 2, 3, 4, 7])
@pytest.mark.parametrize("text", [CHAIN, MIXED])
def test_classes_are_those_of_naive_refinement(flat: Flat, text: str, rounds: int):
    assert_as_naive(build_graph(flat(text)), rounds)


@pytest.mark.parametrize("rounds", [1, 4])
def test_classes_of_an_array(bit_array: Callable[[int, int], FlatCircuit], rounds: int):
    assert_as_naive(build_graph(bit_array(4, 5)), rounds)


def test_an_array_has_few_classes(bit_array: Callable[[int, int], FlatCircuit]):
    """All word lines alike, all bit lines alike, and of a bit its two sides alike."""
    found = quotient(build_graph(bit_array(8, 8)), 4)
    circuit_nets = 8 + 8 + 8 + 2 * 64  # word lines, bit lines, their complements, insides
    assert len(found.net_class) == circuit_nets + 2
    # ground and supply are two more: other transistors hang on them
    assert found.net.count == 3 + 2
    assert found.device.count == 3  # access, pull-down, pull-up
    assert found.colours.counts() == {"nets": 5, "devices": 3, "pins": found.pin.count}


def test_each_round_reaches_one_step_further(flat: Flat):
    """Far from the ends all stages of a chain look alike; with rounds enough none do."""
    graph = build_graph(flat(CHAIN))
    counts = [quotient(graph, rounds).net.count for rounds in range(0, 25, 4)]
    assert counts == sorted(counts)
    assert counts[0] < counts[1] < len(graph.rails)
    assert counts[-1] == len(graph.rails)


def test_features_and_multiplicities_are_those_of_the_members(flat: Flat):
    graph = build_graph(flat(MIXED))
    circuit, found = graph.circuit, quotient(graph, 3)
    net, device, pin = found.net_class, found.device_class(circuit), found.pin_class(circuit)
    assert np.array_equal(found.net_features[net], graph.net_features)
    assert np.array_equal(found.device_features[device], graph.device_features)
    assert np.array_equal(found.pin_features[pin], graph.pin_features)
    # the edges of a class are those of its representative in the full graph
    chosen = found.net.representative.tolist()
    expected: Counter[tuple[int, int]] = Counter()
    for p in range(circuit.pin_count):
        if circuit.pin_net[p] in chosen and graph.rails[circuit.pin_net[p]] == 0:
            expected[int(pin[p]), int(net[circuit.pin_net[p]])] += 1
    edges = found.edges["pin", "on", "net"]
    keys = zip(edges.source.tolist(), edges.target.tolist(), strict=True)
    assert dict(zip(keys, edges.multiplicity.tolist(), strict=True)) == expected
    for relation in (("device", "rev_of", "pin"), ("net", "rev_on", "pin")):
        assert (found.edges[relation].multiplicity == 1).all()
    pins_of = np.bincount(
        found.edges["pin", "of", "device"].target, weights=found.edges["pin", "of", "device"].multiplicity
    )
    assert np.array_equal(pins_of[device], np.diff(circuit.pin_offset))


def test_the_order_of_cards_and_instances_does_not_matter(flat: Flat):
    lines = CHAIN.splitlines()
    start = lines.index(".subckt chain in out vdd gnd")
    body = lines[start + 1 : -1]
    random.Random(1).shuffle(body)
    shuffled = "\n".join([*lines[:1], lines[2], lines[1], *lines[3 : start + 1], *body, lines[-1], ""])
    one, other = build_graph(flat(CHAIN)), build_graph(flat(shuffled))
    names = {name: number for number, name in enumerate(other.circuit.net_names())}
    order = [names[name] for name in one.circuit.net_names()]
    first, second = quotient(one, 4), quotient(other, 4)
    assert np.array_equal(first.colours.net, second.colours.net[order])
    assert first.colours.counts() == second.colours.counts()


def test_names_without_index_do_not_matter(flat: Flat):
    renamed = MIXED.replace(" m ", " middle ").replace(" z ", " dangling ").replace("xi ", "xinner ")
    one, other = build_graph(flat(MIXED)), build_graph(flat(renamed))
    assert np.array_equal(quotient(one, 4).colours.net, quotient(other, 4).colours.net)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_hierarchies(flat: Flat, data: st.DataObject):
    nets = ["a", "b", "c", "n1", "n2", "vdd", "gnd"]
    net = st.sampled_from(nets)
    cards = []
    for name in ("leaf", "block"):
        cards.append(f".subckt {name} a b c vdd gnd")
        for number in range(data.draw(st.integers(1, 4))):
            d, g, s = (data.draw(net) for _ in range(3))
            kind, bulk = data.draw(st.sampled_from([("nmos", "gnd"), ("pmos", "vdd")]))
            cards.append(f"m{number} {d} {g} {s} {bulk} {kind} w=1u l=0.1u")
        if name == "block":
            for number in range(data.draw(st.integers(1, 4))):
                ports = " ".join(data.draw(net) for _ in range(3))
                cards.append(f"x{number} {ports} vdd gnd leaf")
        cards.append(".ends")
    cards.append(".subckt top a b c vdd gnd")
    for number in range(data.draw(st.integers(1, 4))):
        ports = " ".join(data.draw(net) for _ in range(3))
        cards.append(f"x{number} {ports} vdd gnd {data.draw(st.sampled_from(['leaf', 'block']))}")
    cards.append(".ends\n")
    assert_as_naive(build_graph(flat("\n".join(cards), "top")), data.draw(st.integers(0, 6)))
